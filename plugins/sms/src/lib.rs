//! The sms channel.
#[path = "../../shared/http.rs"]
mod http;
