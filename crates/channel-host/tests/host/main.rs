//! Libraries loaded for real: the SMS plugin against a gateway on loopback, and libraries that
//! misbehave.

mod foreign;
mod hostile;
mod loading;
mod sms;
mod support;
mod tls;
