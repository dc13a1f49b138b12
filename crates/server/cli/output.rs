//! What commands print: tables for people, JSON of the contract's messages for programs.

use std::io::Write;

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{ContentArrangement, Table};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};

use super::Failure;
use crate::api::FILE_DESCRIPTOR_SET;
use crate::api::google::r#type as google;

/// Prints a line. A reader that has seen enough and closed the pipe is no fault.
pub(super) fn say(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A table with a head.
pub(super) fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(head.iter().copied());
    table
}

/// Shows a list page by page until `limit` rows were shown. `page` takes size and token of the next page, shows
/// it, and answers how many rows it had and the token of the one after it.
pub(super) async fn pages(
    limit: usize,
    mut page: impl AsyncFnMut(i32, String) -> Result<(usize, String), Failure>,
) -> Result<(), Failure> {
    let (mut token, mut shown) = (String::new(), 0);
    while shown < limit {
        let size = i32::try_from((limit - shown).min(500)).unwrap_or(500);
        let (rows, next) = page(size, token).await?;
        if next.is_empty() {
            break;
        }
        shown += rows;
        token = next;
    }
    Ok(())
}

/// Prints a message of the contract as one JSON object.
pub(super) fn json<M: Message>(name: &str, message: &M) -> Result<(), Failure> {
    let broken = |e: String| Failure::usage(format!("the answer cannot be shown as JSON: {e}"));
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).map_err(|e| broken(e.to_string()))?;
    let kind = pool
        .get_message_by_name(&format!("recoup.v1.{name}"))
        .ok_or_else(|| broken(format!("the contract has no {name}")))?;
    let bytes = message.encode_to_vec();
    let message = DynamicMessage::decode(kind, &bytes[..]).map_err(|e| broken(e.to_string()))?;
    let text = serde_json::to_string(&message).map_err(|e| broken(e.to_string()))?;
    say(text);
    Ok(())
}

/// An amount for people, such as `CNY 12.34`.
pub(super) fn money(amount: Option<&google::Money>) -> String {
    let Some(m) = amount else {
        return String::new();
    };
    let exponent = crate::convert::value::exponent(&m.currency_code).unwrap_or(2) as usize;
    let nanos = format!("{:09}", m.nanos.unsigned_abs());
    match exponent {
        0 => format!("{} {}", m.currency_code, m.units),
        places => format!(
            "{} {}.{}",
            m.currency_code,
            m.units,
            &nanos[..places.min(9)]
        ),
    }
}

/// An instant for people, in UTC.
pub(super) fn instant(at: Option<&prost_types::Timestamp>) -> String {
    let read = |t: &prost_types::Timestamp| jiff::Timestamp::new(t.seconds, t.nanos).ok();
    at.and_then(read)
        .map_or_else(String::new, |t| t.strftime("%Y-%m-%d %H:%M").to_string())
}

/// An enum value without its prefix, in lower case.
pub(super) fn word(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_for_people() {
        let m = |code: &str, units, nanos| google::Money {
            currency_code: code.into(),
            units,
            nanos,
        };
        assert_eq!(money(Some(&m("CNY", 12, 340_000_000))), "CNY 12.34");
        assert_eq!(money(Some(&m("JPY", 12, 0))), "JPY 12");
        assert_eq!(money(None), "");
    }

    #[test]
    fn every_answer_can_be_shown_as_json() {
        let answer = crate::api::recoup::v1::GetStatusResponse::default();
        assert!(json("GetStatusResponse", &answer).is_ok());
        assert!(json("NoSuchMessage", &answer).is_err());
    }
}
