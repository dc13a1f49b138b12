//! The sandbox from outside: raw clients, a recorder of call-backs and a small coordinator.

mod clock;
mod legal;
mod log;
mod mail;
mod phone;
mod sms;
mod support;
mod visit;
