//! Why an operation failed: a closed list, because the core's next step hangs on it.

use std::fmt;
use std::time::Duration;

/// Why an operation failed.
///
/// For `send` the question behind each kind is whether the contact may have reached the carrier.
/// Every kind but [`Unknown`](Self::Unknown) and [`Panic`](Self::Panic) is the channel's **proof**
/// that it did not; when in doubt, `Unknown` is the only right answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelError {
    /// Nothing was sent, and a later try may work: connection refused, stopped by `not_after`.
    Retryable {
        /// What is wrong and what would be right.
        message: String,
        /// How long to wait; `None` leaves it to the core.
        after: Option<Duration>,
    },
    /// Nothing was sent, and no later try of this request will work.
    Permanent {
        /// What is wrong and what would be right.
        message: String,
    },
    /// Nothing was sent: the carrier refuses this person, by consent or a do-not-contact list.
    Rejected {
        /// What the carrier said.
        message: String,
    },
    /// Nothing was sent: the carrier does not accept our credentials or account.
    Auth {
        /// What the carrier said, and which setting to look at.
        message: String,
    },
    /// Nothing was sent: too many requests.
    RateLimited {
        /// What the carrier said.
        message: String,
        /// How long to wait; `None` leaves it to the core.
        after: Option<Duration>,
    },
    /// It may have been sent. Never sent again by itself.
    Unknown {
        /// What was seen.
        message: String,
    },
    /// The channel has no such operation.
    Unsupported {
        /// Which operation.
        message: String,
    },
    /// The channel's code panicked; its instance is made again. It may have been sent.
    Panic {
        /// What the panic said.
        message: String,
        /// File, line and column; empty where not known.
        location: String,
        /// The stack; empty where not known.
        backtrace: String,
    },
}

impl ChannelError {
    /// Nothing was sent, and a later try may work.
    pub fn retryable(message: impl Into<String>) -> Self {
        Self::Retryable {
            message: message.into(),
            after: None,
        }
    }

    /// Nothing was sent, and no later try of this request will work.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::Permanent {
            message: message.into(),
        }
    }

    /// Nothing was sent: the carrier refuses this person.
    pub fn rejected(message: impl Into<String>) -> Self {
        Self::Rejected {
            message: message.into(),
        }
    }

    /// Nothing was sent: the carrier does not accept our account.
    pub fn auth(message: impl Into<String>) -> Self {
        Self::Auth {
            message: message.into(),
        }
    }

    /// Nothing was sent: too many requests.
    pub fn rate_limited(message: impl Into<String>, after: Option<Duration>) -> Self {
        Self::RateLimited {
            message: message.into(),
            after,
        }
    }

    /// It may have been sent.
    pub fn unknown(message: impl Into<String>) -> Self {
        Self::Unknown {
            message: message.into(),
        }
    }

    /// The channel has no such operation.
    pub fn unsupported(operation: &str) -> Self {
        Self::Unsupported {
            message: format!("the channel has no operation `{operation}`"),
        }
    }

    /// True where this error proves that nothing reached the carrier.
    pub fn proves_not_sent(&self) -> bool {
        match self {
            Self::Retryable { .. }
            | Self::Permanent { .. }
            | Self::Rejected { .. }
            | Self::Auth { .. }
            | Self::RateLimited { .. }
            | Self::Unsupported { .. } => true,
            Self::Unknown { .. } | Self::Panic { .. } => false,
        }
    }

    /// What is wrong, without the kind.
    pub fn message(&self) -> &str {
        match self {
            Self::Retryable { message, .. }
            | Self::Permanent { message }
            | Self::Rejected { message }
            | Self::Auth { message }
            | Self::RateLimited { message, .. }
            | Self::Unknown { message }
            | Self::Unsupported { message }
            | Self::Panic { message, .. } => message,
        }
    }

    /// How long to wait before another contact, where the channel says so.
    pub fn after(&self) -> Option<Duration> {
        match self {
            Self::Retryable { after, .. } | Self::RateLimited { after, .. } => *after,
            _ => None,
        }
    }

    /// The kind in one word, for logs and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Retryable { .. } => "retryable",
            Self::Permanent { .. } => "permanent",
            Self::Rejected { .. } => "rejected",
            Self::Auth { .. } => "auth",
            Self::RateLimited { .. } => "rate_limited",
            Self::Unknown { .. } => "unknown",
            Self::Unsupported { .. } => "unsupported",
            Self::Panic { .. } => "panic",
        }
    }
}

impl fmt::Display for ChannelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind(), self.message())?;
        match self {
            Self::Panic { location, .. } if !location.is_empty() => write!(f, " (at {location})"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for ChannelError {}
