//! Libraries loaded for real, into this process: the SMS plugin against a gateway on loopback, and
//! libraries that misbehave.

mod foreign;
mod hostile;
mod inline;
mod loading;
mod sms;
mod support;
mod tls;

/// See `support::placement`.
const ISOLATED: bool = false;
