//! Previews of templates.

use std::collections::BTreeMap;

use recoup_compliance::Packs;
use recoup_engine::preview::{ChannelWord, TemplatePreview, TemplateQuestion};

use super::read::Bad;
use super::{party, policy, words};
use crate::api::recoup::v1::{self, ErrorReason};

/// Reads what is to be shown.
pub fn question(
    bad: &mut Bad,
    body: &v1::PreviewTemplateRequest,
    packs: &Packs,
) -> Option<TemplateQuestion> {
    let name = bad.text("name", &body.name, 64);
    let locale = bad.short("locale", &body.locale, 35);
    let case = bad.id_or_none("case_id", &body.case_id);
    let regions = party::regions(bad, "regions", &body.regions);
    for (i, region) in regions.iter().take(16).enumerate() {
        if party::is_region(region) && !packs.knows(region) {
            let problem = format!("no pack knows `{region}`; `recoup law` lists the places known");
            bad.note(
                ErrorReason::RegionUnknown,
                &format!("regions[{i}]"),
                problem,
            );
        }
    }
    let kind = bad.word_or_unset::<v1::LenderKind>("lender_kind", body.lender_kind);
    let values = values(bad, &body.values);
    Some(TemplateQuestion {
        name: name?,
        locale: locale.filter(|l| !l.is_empty()),
        values,
        case: case?,
        regions,
        lender_kind: kind.and_then(words::lender_kind),
    })
}

fn values(bad: &mut Bad, given: &[v1::TemplateValue]) -> BTreeMap<String, String> {
    bad.count_of("values", given, 32);
    let mut all = BTreeMap::new();
    for (i, value) in given.iter().take(32).enumerate() {
        let name = bad.text(&format!("values[{i}].name"), &value.name, 64);
        let value = bad.short(&format!("values[{i}].value"), &value.value, 2_000);
        let (Some(name), Some(value)) = (name, value) else {
            continue;
        };
        if all.insert(name.clone(), value).is_some() {
            let problem = format!("`{name}` has a value already");
            bad.invalid(&format!("values[{i}].name"), problem);
        }
    }
    all
}

/// A template as filled in, on the wire.
#[must_use]
pub fn preview(p: &TemplatePreview) -> v1::TemplatePreview {
    let t = &p.template;
    let number = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    let segments = p.segments.as_ref();
    let odd = segments.into_iter().flat_map(|s| &s.not_gsm);
    let lacks = p.lacks.iter().map(|(lack, always)| v1::TemplateLack {
        duty_id: lack.duty.id().to_owned(),
        text: lack.to_string(),
        every_message: *always,
    });
    v1::TemplatePreview {
        template_id: policy::template_id(&t.name, t.version),
        channel: t.class.name().to_owned(),
        locale: t.locale.clone(),
        subject: p.subject.clone(),
        body: p.body.clone(),
        variables: t.variables.clone(),
        example_variables: p.examples.clone(),
        characters: number(p.characters),
        segments: segments.map_or(0, |s| number(s.count as usize)),
        ucs2_characters: odd.map(ToString::to_string).collect(),
        regions: p.regions.clone(),
        checked: p.duties.iter().map(|d| d.id().to_owned()).collect(),
        lacks: lacks.collect(),
        channels: p.channels.iter().map(verdict).collect(),
    }
}

fn verdict(word: &ChannelWord) -> v1::ChannelVerdict {
    v1::ChannelVerdict {
        channel: word.channel.clone(),
        parts: i32::try_from(word.parts).unwrap_or(i32::MAX),
        warnings: word.warnings.clone(),
        refusal: word.refusal.clone().unwrap_or_default(),
    }
}
