//! The sms channel.
#[path = "../../http.rs"]
mod http;
