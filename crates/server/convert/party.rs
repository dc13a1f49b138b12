//! Parties, their numbers and addresses, and what they said about being contacted.

use recoup_domain::ids::{KeyedHash, PartyId};
use recoup_domain::party::{BorrowerKind, PointKind, PointOwner};
use recoup_domain::regions::{is_no_part, zones_of};
use recoup_domain::time::Zone;
use recoup_engine::types::{PartyInput, PartyName, PartyView, PointInput};

use super::read::Bad;
use super::value;
use super::words;
use crate::api::recoup::v1::{self, ErrorReason};

const POINTS_MAX: usize = 32;
/// The most paths of a mask; a path said twice is taken once.
const PATHS_MAX: usize = 64;
const POINT_PREFIX: &str = "point_";

/// The fields of a party that UpsertBorrower writes.
pub const WRITABLE: [&str; 7] = [
    "display_name",
    "kind",
    "regions",
    "time_zones",
    "locale",
    "contact_points",
    "tags",
];

/// Reads a party to write. `borrower` asks for its kind.
pub fn input(bad: &mut Bad, at: &str, party: &v1::Party, borrower: bool) -> Option<PartyInput> {
    let before = bad.count();
    let lender_ref = bad.text(&join(at, "lender_ref"), &party.lender_ref, 128);
    let display_name = bad.short(&join(at, "display_name"), &party.display_name, 200);
    let kind = bad.word_or_unset::<v1::BorrowerKind>(&join(at, "kind"), party.kind);
    if borrower && party.kind == 0 {
        bad.missing(&join(at, "kind"));
    }
    let regions = regions(bad, &join(at, "regions"), &party.regions);
    let zones = zones(bad, &join(at, "time_zones"), &party.time_zones);
    let locale = bad.short(&join(at, "locale"), &party.locale, 35);
    let points = points(bad, &join(at, "contact_points"), &party.contact_points);
    let tags = bad.tags(&join(at, "tags"), &party.tags);
    let input = PartyInput {
        lender_ref: lender_ref?,
        display_name: display_name?,
        kind: words::borrower_kind(kind?).unwrap_or(BorrowerKind::Individual),
        regions,
        zones,
        locale: locale?,
        points,
        tags,
    };
    (bad.count() == before).then_some(input)
}

fn join(at: &str, field: &str) -> String {
    if at.is_empty() {
        field.to_owned()
    } else {
        format!("{at}.{field}")
    }
}

/// Regions, at most 16; each that is none is noted.
pub fn regions(bad: &mut Bad, field: &str, given: &[String]) -> Vec<String> {
    bad.count_of(field, given, 16);
    for (i, region) in given.iter().take(16).enumerate() {
        if !is_region(region) {
            let problem = format!("`{region}` is not ISO 3166, such as `CN` or `US-NY`");
            bad.note(
                ErrorReason::RegionUnknown,
                &format!("{field}[{i}]"),
                problem,
            );
        }
    }
    given.to_vec()
}

/// Whether a text is an ISO 3166 code as far as is known here: the form of a country, or of a part of one, and
/// one of its parts where a country's parts are known.
#[must_use]
pub fn is_region(text: &str) -> bool {
    let (country, part) = text
        .split_once('-')
        .map_or((text, None), |(c, p)| (c, Some(p)));
    let upper = |s: &str| s.bytes().all(|b| b.is_ascii_uppercase());
    let alnum = |s: &str| {
        s.bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    country.len() == 2
        && upper(country)
        && part.is_none_or(|p| (1..=3).contains(&p.len()) && alnum(p))
        && !is_no_part(text)
}

/// Time zones, at most 16; each that is none is noted.
pub fn zones(bad: &mut Bad, field: &str, given: &[String]) -> Vec<Zone> {
    bad.count_of(field, given, 16);
    let mut all = Vec::with_capacity(given.len().min(16));
    for (i, name) in given.iter().take(16).enumerate() {
        all.extend(zone(bad, &format!("{field}[{i}]"), name));
    }
    all
}

/// A time zone; `None` was noted.
pub fn zone(bad: &mut Bad, field: &str, name: &str) -> Option<Zone> {
    match Zone::new(name) {
        Ok(zone) => Some(zone),
        Err(error) => {
            bad.note(ErrorReason::TimeZoneUnknown, field, error.to_string());
            None
        }
    }
}

/// Whether zones of the party can be told from what is given; the case's jurisdiction may help.
#[must_use]
pub fn has_zone(party: &PartyInput, jurisdiction: Option<&str>) -> bool {
    !party.zones.is_empty()
        || party.points.iter().any(|p| p.zone.is_some())
        || party.regions.iter().any(|r| zones_of(r).is_some())
        || jurisdiction.is_some_and(|j| zones_of(j).is_some())
}

fn points(bad: &mut Bad, field: &str, given: &[v1::ContactPoint]) -> Vec<PointInput> {
    bad.count_of(field, given, POINTS_MAX);
    let mut all = Vec::with_capacity(given.len().min(POINTS_MAX));
    for (i, p) in given.iter().take(POINTS_MAX).enumerate() {
        all.extend(point(bad, &format!("{field}[{i}]"), p));
    }
    all
}

fn point(bad: &mut Bad, at: &str, given: &v1::ContactPoint) -> Option<PointInput> {
    let kind = bad.word::<v1::ContactPointKind>(&join(at, "kind"), given.kind);
    let owner = bad.word_or_unset::<v1::ContactPointOwner>(&join(at, "owner"), given.owner);
    let source = bad.short(&join(at, "source"), &given.source, 64);
    let id_field = join(at, "contact_point_id");
    let named = point_key(bad, &id_field, &given.contact_point_id);
    let state = bad.word_or_unset::<v1::ContactPointState>(&join(at, "state"), given.state);
    let zone = match given.time_zone.as_str() {
        "" => None,
        name => zone(bad, &join(at, "time_zone"), name),
    };
    let kind = words::point_kind(kind?)?;
    let named = named?.map(|key| (key, id_field));
    let value = match (&named, given.value.as_str()) {
        // The id says which number it is.
        (Some(_), "") => String::new(),
        (_, value) => point_value(bad, &join(at, "value"), kind, value)?,
    };
    Some(PointInput {
        state: words::point_state(state?),
        named,
        kind,
        value,
        owner: words::point_owner(owner?).unwrap_or(PointOwner::Own),
        zone,
        verified: given.verified,
        source: source?,
    })
}

fn point_value(bad: &mut Bad, field: &str, kind: PointKind, value: &str) -> Option<String> {
    let value = value.trim();
    let problem = match kind {
        _ if value.is_empty() => "is required",
        PointKind::Mobile | PointKind::Landline if !is_e164(value) => {
            "is not E.164: `+` and 8 to 15 digits, such as `+8613800138000`"
        }
        PointKind::Email if !is_mailbox(value) => "is not an e-mail address",
        PointKind::Postal if value.chars().count() > 500 => "is longer than 500 characters",
        PointKind::Postal if value.contains(is_odd) => "holds control characters",
        _ => return Some(value.to_owned()),
    };
    bad.note(ErrorReason::ContactPointInvalid, field, problem);
    None
}

fn is_odd(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\r' | '\t')
}

fn is_e164(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (8..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

fn is_mailbox(text: &str) -> bool {
    let bad = |c: char| c.is_whitespace() || c.is_control() || "<>(),;:\"\\[]".contains(c);
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    text.len() <= 254
        && (1..=64).contains(&local.len())
        && domain.len() >= 3
        && domain.contains('.')
        && domain.split('.').all(|label| !label.is_empty())
        && !text.contains(bad)
        && !local.contains('@')
}

/// Reads which party is meant.
pub fn reference(bad: &mut Bad, field: &str, given: Option<&v1::PartyRef>) -> Option<PartyName> {
    use v1::party_ref::Ref;
    match given.and_then(|r| r.r#ref.as_ref()) {
        None => {
            bad.missing(field);
            None
        }
        Some(Ref::PartyId(id)) => bad
            .id::<PartyId>(&format!("{field}.party_id"), id)
            .map(PartyName::Id),
        Some(Ref::LenderRef(text)) => bad
            .text(&format!("{field}.lender_ref"), text, 128)
            .map(PartyName::Reference),
    }
}

/// Reads a party to write along with a case. What guards a single write cannot guard this one.
pub fn told(bad: &mut Bad, at: &str, party: &v1::Party, borrower: bool) -> Option<PartyName> {
    if !party.etag.is_empty() {
        let problem = "an etag is taken by UpsertBorrower alone; leave it out";
        bad.invalid(&join(at, "etag"), problem);
    }
    input(bad, at, party, borrower).map(|told| PartyName::Told(Box::new(told)))
}

/// A contact point's id on the wire.
#[must_use]
pub fn point_id(key: KeyedHash) -> String {
    format!("{POINT_PREFIX}{key}")
}

/// Reads a contact point's id. The outer none: it is there and cannot be read.
pub fn point_key(bad: &mut Bad, field: &str, given: &str) -> Option<Option<KeyedHash>> {
    if given.is_empty() {
        return Some(None);
    }
    let key = given
        .strip_prefix(POINT_PREFIX)
        .and_then(|hex| hex.parse().ok());
    if key.is_none() {
        let problem = "is not an id of the form point_ and 32 hexadecimal digits";
        bad.note(ErrorReason::IdInvalid, field, problem);
    }
    key.map(Some)
}

/// A party as it is written now, to change some of its fields.
#[must_use]
pub fn as_input(view: &PartyView) -> PartyInput {
    let party = &view.party;
    let points = party
        .points
        .iter()
        .zip(&view.plain.points)
        .map(|(p, value)| PointInput {
            kind: p.kind,
            value: value.clone(),
            owner: p.owner,
            zone: p.zone.clone(),
            verified: p.verified,
            source: p.source.clone(),
            state: Some(p.state),
            named: None,
        });
    PartyInput {
        lender_ref: view.plain.lender_ref.clone(),
        display_name: view.plain.display_name.clone(),
        kind: party.kind,
        regions: party.regions.clone(),
        zones: party.zones.clone(),
        locale: party.locale.clone(),
        points: points.collect(),
        tags: party.tags.clone(),
    }
}

/// Takes over the fields that a mask names.
pub fn overlay(stored: &mut PartyInput, told: PartyInput, paths: &[String]) {
    for path in paths {
        match path.as_str() {
            "display_name" => stored.display_name.clone_from(&told.display_name),
            "kind" => stored.kind = told.kind,
            "regions" => stored.regions.clone_from(&told.regions),
            "time_zones" => stored.zones.clone_from(&told.zones),
            "locale" => stored.locale.clone_from(&told.locale),
            "contact_points" => stored.points.clone_from(&told.points),
            "tags" => stored.tags.clone_from(&told.tags),
            _ => {}
        }
    }
}

/// Reads a mask: paths that `allowed` names, each noted that it does not.
pub fn mask(bad: &mut Bad, given: Option<&prost_types::FieldMask>, allowed: &[&str]) {
    let paths = given.map_or(&[][..], |m| &m.paths);
    bad.count_of("update_mask", paths, PATHS_MAX);
    for path in paths.iter().take(PATHS_MAX) {
        if !allowed.contains(&path.as_str()) {
            let problem = format!(
                "`{path}` cannot be changed here; paths are {}",
                allowed.join(", ")
            );
            bad.note(ErrorReason::FieldMaskInvalid, "update_mask", problem);
        }
    }
}

/// What `Party.etag` covers: the fields that UpsertBorrower writes.
#[must_use]
pub fn etag_text(view: &PartyView) -> String {
    let i = as_input(view);
    let zones: Vec<&str> = i.zones.iter().map(Zone::name).collect();
    format!(
        "{:?}|{:?}|{}|{:?}|{zones:?}|{:?}|{:?}|{:?}",
        i.lender_ref,
        i.display_name,
        i.kind.name(),
        i.regions,
        i.locale,
        i.points,
        i.tags
    )
}

/// A party on the wire.
#[must_use]
pub fn render(view: &PartyView, etag: String) -> v1::Party {
    let party = &view.party;
    v1::Party {
        party_id: party.id.to_string(),
        lender_ref: view.plain.lender_ref.clone(),
        display_name: view.plain.display_name.clone(),
        kind: words::to_borrower_kind(party.kind).into(),
        regions: party.regions.clone(),
        time_zones: party.zones.iter().map(|z| z.name().to_owned()).collect(),
        locale: party.locale.clone(),
        contact_points: render_points(view),
        tags: party.tags.clone(),
        opt_outs: party.opt_outs.iter().map(render_opt_out).collect(),
        ceases: party.ceases.iter().map(render_cease).collect(),
        circumstances: circumstances(&view.party),
        version: i64::try_from(party.version).unwrap_or(i64::MAX),
        etag,
        create_time: Some(value::to_instant(party.created_at)),
        update_time: Some(value::to_instant(party.updated_at)),
        erased: false,
        consents: consents(party),
    }
}

/// The consents that were not taken back, each with its id.
fn consents(party: &recoup_domain::Party) -> Vec<v1::Consent> {
    let all = party.consents.iter().zip(&party.consent_ids);
    all.filter(|(consent, _)| consent.revoked_at.is_none())
        .map(|(consent, id)| v1::Consent {
            consent_id: id.to_string(),
            kind: words::to_consent_kind(consent.kind).into(),
            case_id: consent.case.map_or_else(String::new, |c| c.to_string()),
            contact_point_id: consent.point.map_or_else(String::new, point_id),
            source: consent.proof.source.clone(),
            has_evidence: consent.proof.paper,
            received_time: consent.received_at.map(value::to_instant),
            expire_time: consent.expires_at.map(value::to_instant),
        })
        .collect()
}

fn render_points(view: &PartyView) -> Vec<v1::ContactPoint> {
    let party = &view.party;
    let points = party
        .points
        .iter()
        .zip(&view.plain.points)
        .map(|(p, value)| v1::ContactPoint {
            contact_point_id: point_id(p.key),
            kind: words::to_point_kind(p.kind).into(),
            value: value.clone(),
            owner: words::to_point_owner(p.owner).into(),
            time_zone: p
                .zone
                .as_ref()
                .map_or_else(String::new, |z| z.name().to_owned()),
            verified: p.verified,
            source: p.source.clone(),
            state: words::to_point_state(p.state).into(),
            opted_out: party.opt_outs.iter().any(|o| o.point == Some(p.key)),
        });
    points.collect()
}

fn render_opt_out(opt_out: &recoup_domain::party::OptOut) -> v1::OptOut {
    v1::OptOut {
        opt_out_id: opt_out.id.to_string(),
        channel: opt_out
            .class
            .map_or_else(String::new, |c| c.name().to_owned()),
        contact_point_id: opt_out.point.map_or_else(String::new, point_id),
        received_via: opt_out.via.clone(),
        received_time: Some(value::to_instant(opt_out.at)),
    }
}

fn render_cease(cease: &recoup_domain::party::Cease) -> v1::Cease {
    v1::Cease {
        case_id: cease.case.map_or_else(String::new, |c| c.to_string()),
        written: cease.written,
        received_time: Some(value::to_instant(cease.at)),
    }
}

fn circumstances(party: &recoup_domain::Party) -> Vec<v1::Circumstance> {
    use v1::CircumstanceKind as K;
    let moratorium = party.moratorium_until;
    let holds = [
        (K::Attorney, !party.attorneys.is_empty()),
        (K::InconvenientTime, !party.inconvenient.is_empty()),
        (K::InconvenientPlace, !party.declined_points.is_empty()),
        (K::EmployerBan, party.employer_prohibits),
        (K::Moratorium, moratorium.is_some()),
        (K::Deceased, party.deceased),
        (K::Hardship, party.hardship_until.is_some()),
    ];
    let all = holds
        .into_iter()
        .filter(|(_, holds)| *holds)
        .map(|(kind, _)| v1::Circumstance {
            kind: kind.into(),
            last_date: moratorium
                .filter(|_| kind == K::Moratorium)
                .map(value::to_date),
            record_time: None,
        });
    all.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mobile(value: &str) -> v1::ContactPoint {
        let kind = v1::ContactPointKind::Mobile.into();
        v1::ContactPoint {
            kind,
            value: value.into(),
            ..v1::ContactPoint::default()
        }
    }

    #[test]
    fn every_bad_field_of_a_party_is_named() {
        let party = v1::Party {
            regions: vec!["China".into()],
            time_zones: vec!["Mars/Base".into()],
            contact_points: vec![mobile("138"), mobile("+8613800138000")],
            ..v1::Party::default()
        };
        let mut bad = Bad::new();
        assert_eq!(input(&mut bad, "borrower", &party, true), None);
        assert_eq!(bad.count(), 5, "{bad:?}");
    }

    #[test]
    fn numbers_and_mailboxes() {
        for good in ["+8613800138000", "+12025550123"] {
            assert!(is_e164(good), "{good}");
        }
        for bad in [
            "",
            "+",
            "8613800138000",
            "+0123456789",
            "+1 202 555",
            "+1234567890123456",
        ] {
            assert!(!is_e164(bad), "{bad}");
        }
        for good in ["a@b.cn", "zhang.san+1@mail.example.com"] {
            assert!(is_mailbox(good), "{good}");
        }
        for bad in [
            "a@b", "@b.cn", "a b@c.cn", "a@b..cn", "a@b@c.cn", "<a@b.cn>",
        ] {
            assert!(!is_mailbox(bad), "{bad}");
        }
    }

    #[test]
    fn regions_have_the_form_of_iso_3166() {
        for good in ["CN", "US-NY", "CN-31", "GB-ENG"] {
            assert!(is_region(good), "{good}");
        }
        for bad in ["", "C", "cn", "CHN", "US-", "US-NEWYORK", "US-ZZ", "CN-ZZ"] {
            assert!(!is_region(bad), "{bad}");
        }
    }

    #[test]
    fn point_ids_read_back() {
        let key = KeyedHash([7; 16]);
        let mut bad = Bad::new();
        assert_eq!(point_key(&mut bad, "p", &point_id(key)), Some(Some(key)));
        assert_eq!(point_key(&mut bad, "p", ""), Some(None));
        assert_eq!(point_key(&mut bad, "p", "point_7"), None);
    }
}
