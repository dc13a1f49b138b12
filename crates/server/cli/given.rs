//! What is given on the command line: amounts, days, people, evidence, words of the contract.

use std::path::Path;

use jiff::Timestamp;
use jiff::civil::Date;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use sha2::{Digest, Sha256};

use super::Failure;
use super::client::{ClientArgs, request_id};
use super::import::values;
use super::output::json;
use crate::api::FILE_DESCRIPTOR_SET;
use crate::api::google::r#type as google;
use crate::api::recoup::v1;

/// What every command that writes takes.
#[derive(Debug, clap::Args)]
pub(super) struct Write {
    #[command(flatten)]
    pub(super) client: ClientArgs,
    /// The request's id. Said again with the same id, the command is done once and answers the same.
    /// Without it each run is a request of its own.
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    /// JSON.
    #[arg(long)]
    json: bool,
}

impl Write {
    /// The id of this request.
    pub(super) fn id(&self) -> String {
        self.request_id.clone().unwrap_or_else(request_id)
    }

    /// Prints the answer: as JSON where that was asked for, else in words.
    pub(super) fn answer<M: Message>(
        &self,
        name: &str,
        answer: &M,
        in_words: impl FnOnce(&M),
    ) -> super::Outcome {
        if self.json {
            json(name, answer)?;
        } else {
            in_words(answer);
        }
        Ok(0)
    }
}

/// An amount such as `CNY 600.50` or `600.50 CNY`.
pub(super) fn money(text: &str) -> Result<google::Money, String> {
    let wanted = "say amount and currency, such as `600.50 CNY`";
    let (first, second) = text.trim().split_once(' ').ok_or(wanted)?;
    let (amount, code) = match first.starts_with(|c: char| c.is_ascii_alphabetic()) {
        true => (second, first),
        false => (first, second),
    };
    let digits = values::minor_digits(code)
        .ok_or_else(|| format!("`{code}` is no currency of ISO 4217; {wanted}"))?;
    let minor = values::minor_units(amount.trim(), digits)?;
    Ok(values::money(minor, code, digits))
}

/// A day such as 2026-03-31.
pub(super) fn day(text: &str) -> Result<google::Date, String> {
    let read: Result<Date, _> = text.parse();
    read.map(values::date)
        .map_err(|_| format!("`{text}` is no day; write it as 2026-03-31"))
}

/// An instant such as 2026-03-01T10:00:00Z.
pub(super) fn instant(text: &str) -> Result<prost_types::Timestamp, String> {
    let read: Result<Timestamp, _> = text.parse();
    read.map(crate::convert::value::to_instant)
        .map_err(|_| format!("`{text}` is no instant; write it as 2026-03-01T10:00:00+08:00"))
}

/// The instant it is here, for what happens as it is told.
#[expect(
    clippy::disallowed_methods,
    reason = "the person at the terminal lives on the wall clock"
)]
pub(super) fn now() -> prost_types::Timestamp {
    crate::convert::value::to_instant(Timestamp::now())
}

/// The day it is in UTC, for what begins today.
#[expect(
    clippy::disallowed_methods,
    reason = "the person at the terminal lives on the wall clock"
)]
pub(super) fn today() -> jiff::civil::Date {
    Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// A party: `party_…`, or the lender's own reference.
#[expect(clippy::unnecessary_wraps, reason = "clap asks for a result")]
pub(super) fn party(text: &str) -> Result<v1::PartyRef, String> {
    use v1::party_ref::Ref;
    let name = match text.starts_with("party_") {
        true => Ref::PartyId(text.to_owned()),
        false => Ref::LenderRef(text.to_owned()),
    };
    Ok(v1::PartyRef { r#ref: Some(name) })
}

/// Evidence as given: a file, whose hash is taken when it is needed, or `REFERENCE=SHA256` of one that lies elsewhere.
#[derive(Clone, Debug)]
pub(super) struct Proof(String);

impl From<String> for Proof {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Proof {
    /// Reference and hash.
    pub(super) fn read(&self) -> Result<v1::Evidence, Failure> {
        let text = &self.0;
        let is_hash = |h: &str| h.len() == 64 && h.bytes().all(|b| b.is_ascii_hexdigit());
        if let Some((reference, sha256)) = text.rsplit_once('=').filter(|(_, h)| is_hash(h)) {
            return Ok(v1::Evidence {
                reference: reference.to_owned(),
                sha256: sha256.to_ascii_lowercase(),
            });
        }
        let bytes = std::fs::read(text).map_err(|e| {
            let problem = format!("neither REFERENCE=SHA256 nor a file that can be read: {e}");
            Failure::usage(format!("`{text}` is {problem}"))
        })?;
        let hash = Sha256::digest(bytes);
        Ok(v1::Evidence {
            reference: text.clone(),
            sha256: hash.iter().map(|b| format!("{b:02x}")).collect(),
        })
    }
}

/// Hours such as `09:00-12:00`, with days of the week before them where they are not every day: `1,2 09:00-12:00`.
pub(super) fn hours(text: &str) -> Result<v1::InconvenientTime, String> {
    let wanted = "write hours as `09:00-12:00`, or with ISO days before them, as `6,7 09:00-12:00`";
    let (days, hours) = text.trim().split_once(' ').unwrap_or(("", text.trim()));
    let (start, end) = hours.split_once('-').ok_or(wanted)?;
    let days: Result<Vec<i32>, _> = days
        .split(',')
        .filter(|d| !d.is_empty())
        .map(str::parse)
        .collect();
    Ok(v1::InconvenientTime {
        days: days.map_err(|_| wanted)?,
        start: start.to_owned(),
        end: end.to_owned(),
    })
}

/// A member of an enum of the contract by its name without the prefix, in any case: `written_off`, `NO_ANSWER`.
pub(super) fn word<E: TryFrom<i32>>(
    text: &str,
    prefix: &str,
    name: impl Fn(&E) -> &'static str,
) -> Result<i32, String> {
    let wanted = format!("{prefix}{}", text.to_ascii_uppercase().replace('-', "_"));
    let members = || (1..64).filter_map(|n| E::try_from(n).ok().map(|e| (n, name(&e))));
    let found = members().find(|(_, name)| *name == wanted);
    found.map(|(n, _)| n).ok_or_else(|| {
        let known: Vec<String> = members()
            .map(|(_, name)| super::output::word(name, prefix))
            .collect();
        format!("`{text}` is none of: {}", known.join(", "))
    })
}

/// Reads a message of the contract from a file of JSON.
pub(super) fn message<M: Message + Default>(name: &str, path: &Path) -> Result<M, Failure> {
    let bad = |e: String| Failure::usage(format!("{}: {e}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| bad(e.to_string()))?;
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).map_err(|e| bad(e.to_string()))?;
    let kind = pool
        .get_message_by_name(&format!("recoup.v1.{name}"))
        .ok_or_else(|| bad(format!("the contract has no {name}")))?;
    let mut reader = serde_json::Deserializer::from_str(&text);
    let read = DynamicMessage::deserialize(kind, &mut reader)
        .and_then(|message| reader.end().map(|()| message))
        .map_err(|e| bad(format!("this is no {name} in JSON: {e}")))?;
    M::decode(&read.encode_to_vec()[..]).map_err(|e| bad(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_take_their_currency_before_or_behind() {
        let want = google::Money {
            currency_code: "CNY".into(),
            units: 600,
            nanos: 500_000_000,
        };
        assert_eq!(money("CNY 600.50"), Ok(want.clone()));
        assert_eq!(money("600.5 CNY"), Ok(want));
        for bad in ["600", "600 YUAN", "600.001 CNY", "1.5 JPY", "", " "] {
            assert!(money(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn words_are_found_and_a_wrong_one_is_told_what_there_is() {
        let read = |text: &str| word(text, "CLOSE_REASON_", v1::CloseReason::as_str_name);
        assert_eq!(read("written-off"), Ok(v1::CloseReason::WrittenOff.into()));
        assert_eq!(read("PAID"), Ok(v1::CloseReason::Paid.into()));
        let told = read("done").unwrap_err();
        assert!(told.contains("paid, settled, cured"), "{told}");
    }

    #[test]
    fn evidence_is_a_hash_or_a_file() {
        let hash = "AB".repeat(32);
        let read = |text: &str| Proof::from(text.to_owned()).read();
        let told = read(&format!("scan=7={hash}")).unwrap();
        assert_eq!(
            (told.reference.as_str(), told.sha256),
            ("scan=7", "ab".repeat(32))
        );
        let told = read("Cargo.toml").unwrap();
        assert_eq!(
            (told.reference.as_str(), told.sha256.len()),
            ("Cargo.toml", 64)
        );
        let told = read("no/such/file").unwrap_err().message;
        assert!(told.contains("REFERENCE=SHA256"), "{told}");
    }

    #[test]
    fn hours_have_days_or_are_daily() {
        let h = hours("6,7 09:00-12:00").unwrap();
        assert_eq!(
            (h.days, h.start.as_str(), h.end.as_str()),
            (vec![6, 7], "09:00", "12:00")
        );
        assert_eq!(hours("09:00-12:00").unwrap().days, Vec::<i32>::new());
        assert!(hours("morning").is_err() && hours("x 09:00-12:00").is_err());
    }
}
