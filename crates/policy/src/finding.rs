//! What is wrong with a policy, where, and what would be right.

use std::fmt;

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Severity {
    /// The policy cannot be used.
    Error,
    /// The policy can be used, but likely does not say what was meant.
    Warning,
}

impl Severity {
    /// The name in output and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing wrong with a policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Stable code, such as `RCP-POL-012`; listed in docs/policy-language.md.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Line in the policy's text, from 1.
    pub line: u32,
    /// Column in that line in characters, from 1.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What would be right; empty where nothing can be said.
    pub hint: String,
    /// A timeline that shows it, one line each; empty where none is needed.
    pub example: Vec<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            code,
            line,
            column,
            message,
            hint,
            ..
        } = self;
        write!(
            f,
            "{line}:{column}: {}: {code}: {message}",
            self.severity.name()
        )?;
        if hint.is_empty() {
            Ok(())
        } else {
            write!(f, " ({hint})")
        }
    }
}

/// The codes of findings. A code is never given a second meaning.
pub(crate) mod code {
    pub(crate) const TOO_LARGE: &str = "RCP-POL-001";
    pub(crate) const NOT_YAML: &str = "RCP-POL-002";
    pub(crate) const UNKNOWN_KEY: &str = "RCP-POL-003";
    pub(crate) const MISSING_KEY: &str = "RCP-POL-004";
    pub(crate) const WRONG_KIND: &str = "RCP-POL-005";
    pub(crate) const COUNT: &str = "RCP-POL-006";
    pub(crate) const DUPLICATE: &str = "RCP-POL-007";
    pub(crate) const NAME: &str = "RCP-POL-008";
    pub(crate) const DURATION: &str = "RCP-POL-009";
    pub(crate) const TIME_OF_DAY: &str = "RCP-POL-010";
    pub(crate) const RANGE: &str = "RCP-POL-011";
    pub(crate) const CHANNEL: &str = "RCP-POL-012";
    pub(crate) const TEMPLATE: &str = "RCP-POL-013";
    pub(crate) const ACTION: &str = "RCP-POL-014";
    pub(crate) const OUTCOME: &str = "RCP-POL-015";
    pub(crate) const ARMS: &str = "RCP-POL-016";
    pub(crate) const CURRENCY: &str = "RCP-POL-017";
    pub(crate) const MISPLACED: &str = "RCP-POL-018";
    pub(crate) const SYNTAX: &str = "RCP-POL-020";
    pub(crate) const TOO_BIG: &str = "RCP-POL-021";
    pub(crate) const UNKNOWN_NAME: &str = "RCP-POL-022";
    pub(crate) const UNKNOWN_FUNCTION: &str = "RCP-POL-023";
    pub(crate) const TYPE: &str = "RCP-POL-024";
    pub(crate) const MEMBER: &str = "RCP-POL-025";
    pub(crate) const STAGE: &str = "RCP-POL-026";
    pub(crate) const ARGUMENTS: &str = "RCP-POL-027";
    pub(crate) const OUTSIDE: &str = "RCP-POL-028";
    pub(crate) const NO_SPACING: &str = "RCP-POL-030";
    pub(crate) const NEVER_COMES: &str = "RCP-POL-031";
}
