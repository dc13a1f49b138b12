//! The operations of a library's table, by name.

use recoup_channel::abi::{ChannelV1, Op};

/// An operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Method {
    Send = 1,
    Status = 2,
    Cancel = 3,
    Health = 4,
    ParseCallback = 5,
    Poll = 6,
    Validate = 7,
}

impl Method {
    pub(crate) const ALL: [Self; 7] = [
        Self::Send,
        Self::Status,
        Self::Cancel,
        Self::Health,
        Self::ParseCallback,
        Self::Poll,
        Self::Validate,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Status => "status",
            Self::Cancel => "cancel",
            Self::Health => "health",
            Self::ParseCallback => "parse_callback",
            Self::Poll => "poll",
            Self::Validate => "validate",
        }
    }

    /// Its function; `None` where the table has none.
    pub(crate) const fn of(self, table: &ChannelV1) -> Op {
        match self {
            Self::Send => table.send,
            Self::Status => table.status,
            Self::Cancel => table.cancel,
            Self::Health => table.health,
            Self::ParseCallback => table.parse_callback,
            Self::Poll => table.poll,
            Self::Validate => table.validate,
        }
    }

    /// The method of this number.
    pub(crate) fn numbered(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|method| *method as u8 == number)
    }
}

/// Which operations a table holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Methods(u32);

impl Methods {
    pub(crate) fn of(table: &ChannelV1) -> Self {
        let held = Method::ALL.into_iter().filter(|m| m.of(table).is_some());
        Self(held.fold(0, |bits, method| bits | 1 << method as u8))
    }

    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    pub(crate) const fn hold(self, method: Method) -> bool {
        self.0 & (1 << method as u8) != 0
    }

    pub(crate) fn all(self) -> impl Iterator<Item = Method> {
        Method::ALL.into_iter().filter(move |m| self.hold(*m))
    }
}
