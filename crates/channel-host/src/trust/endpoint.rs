//! Where channels connect to.

use std::fmt;
use std::net::IpAddr;

use recoup_channel::wire::ChannelDescriptor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// A name in lower case, or an address without brackets.
    pub host: String,
    /// None where nobody says which: the library has one of its own.
    pub port: Option<u16>,
}

impl Endpoint {
    /// Reads `host:port`, `host`, or a URL.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let problem = || format!("`{text}` is no `host:port`");
        // A URL of a scheme that nobody knows has no port of its own, and reads names as they stand.
        let url = if text.contains("://") {
            text.to_owned()
        } else {
            format!("tcp://{text}")
        };
        let url = url::Url::parse(&url).map_err(|_| problem())?;
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(problem)?;
        let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
        let port = url.port_or_known_default();
        Ok(Self { host, port })
    }

    /// Whether it has to be looked up.
    #[must_use]
    pub fn is_a_name(&self) -> bool {
        self.host.parse::<IpAddr>().is_err()
    }

    /// Whether this grant holds for `wanted`.
    pub(super) fn covers(&self, wanted: &Self) -> bool {
        self.host == wanted.host && (wanted.port.is_none() || wanted.port == self.port)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]", self.host)?,
            false => f.write_str(&self.host)?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let read = Self::parse(&text).map_err(serde::de::Error::custom)?;
        if read.port.is_none() {
            let problem = format!("`{text}` has no port; write `host:port`");
            return Err(serde::de::Error::custom(problem));
        }
        Ok(read)
    }
}

/// Where a library connects to with these settings. What its settings leave out is nowhere.
///
/// # Errors
/// Which word of the descriptor or of the settings cannot be read.
pub fn endpoints_of(
    descriptor: &ChannelDescriptor,
    settings: &str,
) -> Result<Vec<Endpoint>, String> {
    let settings: Value = match settings {
        "" => Value::Null,
        text => serde_json::from_str(text).map_err(|e| format!("its settings are no JSON: {e}"))?,
    };
    let mut all = Vec::new();
    for word in &descriptor.egress {
        all.extend(endpoint(word, &settings)?);
    }
    all.sort();
    all.dedup();
    Ok(all)
}

/// `host:port`; or `config:KEY`, where that key of the settings has a URL, `host:port` or a host; or
/// `config:KEY:PORT-KEY`.
fn endpoint(word: &str, settings: &Value) -> Result<Option<Endpoint>, String> {
    let Some(keys) = word.strip_prefix("config:") else {
        return Endpoint::parse(word).map(Some);
    };
    let (key, port) = keys.split_once(':').unwrap_or((keys, ""));
    let Some(text) = settings.get(key).and_then(Value::as_str) else {
        return Ok(None);
    };
    let mut found =
        Endpoint::parse(text).map_err(|why| format!("`{key}` of its settings: {why}"))?;
    if let Some(number) = settings.get(port).and_then(Value::as_u64) {
        found.port = u16::try_from(number).ok();
    }
    Ok(Some(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        Endpoint::parse(text).map_or_else(|why| why, |e| e.to_string())
    }

    #[test]
    fn hosts_are_read_as_people_write_them() {
        assert_eq!(read("Gateway.example:443"), "gateway.example:443");
        assert_eq!(
            read("https://gateway.example/send?x=1"),
            "gateway.example:443"
        );
        assert_eq!(read("http://10.0.0.1:13013/cgi-bin"), "10.0.0.1:13013");
        assert_eq!(read("[::1]:25"), "[::1]:25");
        assert_eq!(read("https://[2001:DB8::1]/"), "[2001:db8::1]:443");
        assert_eq!(read("mail.example"), "mail.example");
        assert_eq!(read("a:b:c"), "`a:b:c` is no `host:port`");
        assert_eq!(read(""), "`` is no `host:port`");
        assert_eq!(read("host:70000"), "`host:70000` is no `host:port`");
    }

    #[test]
    fn settings_say_where_a_library_connects_to() {
        let of = |egress: &[&str], settings: &str| {
            let descriptor = ChannelDescriptor {
                egress: egress.iter().map(|&e| e.to_owned()).collect(),
                ..ChannelDescriptor::default()
            };
            endpoints_of(&descriptor, settings).map(|all| {
                all.iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" ")
            })
        };
        let told = |text: &str| Ok(text.to_owned());
        assert_eq!(of(&[], "{}"), told(""));
        assert_eq!(
            of(&["carrier.example:443"], ""),
            told("carrier.example:443")
        );
        assert_eq!(of(&["config:url"], r#"{"url":"http://a"}"#), told("a:80"));
        assert_eq!(of(&["config:url"], "{}"), told(""));
        let mail = &["config:host:port"];
        assert_eq!(of(mail, r#"{"host":"a"}"#), told("a"));
        assert_eq!(of(mail, r#"{"host":"a","port":25}"#), told("a:25"));
        let bad = of(&["config:url"], r#"{"url":"http://"}"#);
        assert_eq!(
            bad,
            Err("`url` of its settings: `http://` is no `host:port`".to_owned())
        );
    }
}
