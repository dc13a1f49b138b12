//! Escalation policies: parse, check, compile, evaluate.
