//! Page tokens and cursors: opaque, bound to the lender, the method and the filter by a keyed hash, so
//! that one of another lender or list is refused.

use recoup_domain::ids::TenantId;
use recoup_engine::vault::Vault;

use super::read::Bad;
use crate::api::recoup::v1::ErrorReason;

/// Rows of a page where the caller does not say.
const SIZE_DEFAULT: usize = 50;
/// Most rows of a page.
const SIZE_MAX: i32 = 1000;

/// What tokens are bound to.
pub struct Binding<'a> {
    /// Signs.
    pub vault: &'a Vault,
    /// The lender.
    pub tenant: &'a TenantId,
    /// The method.
    pub method: &'a str,
    /// The other fields of the request.
    pub filter: &'a str,
}

impl Binding<'_> {
    /// A token for the place `after`.
    #[must_use]
    pub fn token(&self, after: &str) -> String {
        let signature = self.signature(after);
        hex(after.as_bytes()) + &hex(&signature)
    }

    /// The place that a token was given for; none where it was given for something else.
    #[must_use]
    pub fn read(&self, token: &str) -> Option<String> {
        let bytes = unhex(token)?;
        let (after, signature) = bytes.split_at_checked(bytes.len().checked_sub(16)?)?;
        let after = String::from_utf8(after.to_vec()).ok()?;
        let good: bool =
            subtle::ConstantTimeEq::ct_eq(&self.signature(&after)[..], signature).into();
        good.then_some(after)
    }

    fn signature(&self, after: &str) -> [u8; 16] {
        let bound = format!("page\0{}\0{}\0{after}", self.method, self.filter);
        self.vault
            .fingerprint(self.tenant, "page token", bound.as_bytes())
    }

    /// Reads a page token; empty is the first page. The outer none was noted.
    pub fn place(&self, bad: &mut Bad, token: &str) -> Option<Option<String>> {
        if token.is_empty() {
            return Some(None);
        }
        let place = self.read(token);
        if place.is_none() {
            let problem = "was not given by this method for this filter; start without it";
            bad.note(ErrorReason::PageTokenInvalid, "page_token", problem);
        }
        place.map(Some)
    }
}

/// A page of rows that are at hand, each with the key it is sorted by: those after `after`, and the key that
/// the next page begins after; none where this is the last.
#[must_use]
pub fn of_rows<T>(
    rows: Vec<(String, T)>,
    after: Option<&str>,
    size: usize,
) -> (Vec<T>, Option<String>) {
    let later = |(key, _): &(String, T)| after.is_none_or(|after| key.as_str() > after);
    let mut rows: Vec<_> = rows.into_iter().filter(later).collect();
    let more = rows.len() > size;
    rows.truncate(size);
    let next = rows.last().filter(|_| more).map(|(key, _)| key.clone());
    (rows.into_iter().map(|(_, row)| row).collect(), next)
}

/// Reads a page size; 0 is the default.
pub fn size(bad: &mut Bad, given: i32) -> usize {
    match given {
        0 => SIZE_DEFAULT,
        n if !(1..=SIZE_MAX).contains(&n) => {
            bad.invalid(
                "page_size",
                format!("is {n}; it goes from 1 to {SIZE_MAX}, or is 0"),
            );
            SIZE_DEFAULT
        }
        n => usize::try_from(n).unwrap_or(SIZE_DEFAULT),
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() || text.len() > 4096 {
        return None;
    }
    (0..text.len() / 2)
        .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_read_back_and_belong_to_one_list_of_one_lender() {
        let vault = Vault::new([7; 32]);
        let (a, b) = (
            TenantId::new("a").expect("a"),
            TenantId::new("b").expect("b"),
        );
        let own = Binding {
            vault: &vault,
            tenant: &a,
            method: "ListCases",
            filter: "dpd > 3",
        };
        let token = own.token("case_x");
        assert_eq!(own.read(&token).as_deref(), Some("case_x"));
        assert_eq!(Binding { tenant: &b, ..own }.read(&token), None);
        let own = Binding {
            vault: &vault,
            tenant: &a,
            method: "ListCases",
            filter: "dpd > 3",
        };
        assert_eq!(Binding { filter: "", ..own }.read(&token), None);
        for wrong in ["", "zz", "00", &token[2..], "é"] {
            let own = Binding {
                vault: &vault,
                tenant: &a,
                method: "ListCases",
                filter: "dpd > 3",
            };
            assert_eq!(own.read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn page_sizes() {
        for (given, size_of, notes) in [
            (0, 50, 0),
            (7, 7, 0),
            (1000, 1000, 0),
            (1001, 50, 1),
            (-1, 50, 1),
        ] {
            let mut bad = Bad::new();
            assert_eq!(
                (size(&mut bad, given), bad.count()),
                (size_of, notes),
                "{given}"
            );
        }
    }
}
