//! The shell around the pure step: claim, decide, intent, dispatch, outcome.
