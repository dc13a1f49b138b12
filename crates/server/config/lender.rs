//! The lenders, as the configuration says them: names, licences, and what carriers approved of their texts.

use recoup_compliance::content::{Licence, Marks, Signature};
use serde::Deserialize;

use super::{ConfigError, value_error};
use crate::convert::party::is_region;

/// Letters and digits of a licence number.
const LICENCE_MIN: usize = 4;

/// A lender.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantConfig {
    /// Its id: 1 to 64 of a-z, 0-9 and `-`. Required.
    pub id: String,
    /// Its name in texts to borrowers, with at least one letter or digit. Required.
    pub display_name: String,
    /// Its licences, which texts carry where law asks for them. Default: none.
    #[serde(default)]
    pub licence: Vec<LicenceConfig>,
    /// What carriers approved of its texts by sms. Default: none.
    #[serde(default)]
    pub sms: Vec<SmsConfig>,
}

/// A licence to collect.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LicenceConfig {
    /// Where it holds, by ISO 3166, such as `US-CA`. Required.
    pub region: String,
    /// Its number, as it must be shown, of at least 4 letters or digits; `{{ licence_number }}` in a template.
    /// Required.
    pub number: String,
}

/// A signature of texts by sms that carriers approved, for places such as China.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmsConfig {
    /// The signature, without `【` and `】`. Required.
    pub signature: String,
    /// The provider's ids of the templates that were approved under it. Required.
    pub templates: Vec<String>,
}

impl TenantConfig {
    pub(super) fn demo() -> Self {
        Self {
            id: "demo".into(),
            display_name: "Demo Lender".into(),
            licence: Vec::new(),
            sms: vec![SmsConfig {
                signature: "Demo Lender".into(),
                templates: vec!["demo".into()],
            }],
        }
    }

    /// What its texts can carry.
    #[must_use]
    pub fn marks(&self) -> Marks {
        let licence = |l: &LicenceConfig| Licence {
            region: l.region.clone(),
            number: l.number.clone(),
        };
        let signature = |s: &SmsConfig| Signature {
            signature: s.signature.clone(),
            templates: s.templates.clone(),
        };
        Marks {
            licences: self.licence.iter().map(licence).collect(),
            signatures: self.sms.iter().map(signature).collect(),
        }
    }

    pub(super) fn check(&self, key: &str) -> Result<(), ConfigError> {
        if !self.display_name.chars().any(char::is_alphanumeric) {
            let problem = "has neither letter nor digit; texts name the lender by it";
            return Err(value_error(format!("{key}.display_name"), problem));
        }
        for (i, licence) in self.licence.iter().enumerate() {
            let key = |field| format!("{key}.licence[{i}].{field}");
            if !is_region(&licence.region) {
                let problem = format!("`{}` is not ISO 3166, such as `US-CA`", licence.region);
                return Err(value_error(key("region"), problem));
            }
            let signs = licence.number.chars().filter(|c| c.is_alphanumeric());
            if signs.count() < LICENCE_MIN {
                let problem = format!(
                    "`{}` has fewer than {LICENCE_MIN} letters or digits; texts would carry it by accident",
                    licence.number
                );
                return Err(value_error(key("number"), problem));
            }
        }
        for (i, sms) in self.sms.iter().enumerate() {
            let key = |field| format!("{key}.sms[{i}].{field}");
            if sms.signature.trim().is_empty() || sms.signature.contains(['【', '】']) {
                let problem = "is the text between `【` and `】`, without them";
                return Err(value_error(key("signature"), problem));
            }
            if self.sms[..i].iter().any(|s| s.signature == sms.signature) {
                let problem = format!("`{}` is there twice", sms.signature);
                return Err(value_error(key("signature"), problem));
            }
            if sms.templates.iter().all(|id| id.trim().is_empty()) {
                let problem = "names none; a signature goes with the templates approved under it";
                return Err(value_error(key("templates"), problem));
            }
        }
        Ok(())
    }
}
