//! How the example clients, and the test beside them, prove who they are.

use std::fmt;
use std::path::Path;

use crate::demo::client::Client;
use crate::people::{People, Person};

/// What a client reads of its environment.
pub(super) const VARIABLES: [&str; 5] = [
    "RECOUP_SERVER",
    "RECOUP_TOKEN",
    "RECOUP_CA",
    "RECOUP_CERT",
    "RECOUP_KEY",
];

/// What a caller shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// The token of the development mode, in plain text.
    Development,
    /// A key, over TLS.
    Key,
    /// A certificate, over mutual TLS.
    Certificate,
}

impl Proof {
    /// Each of them.
    pub(super) const ALL: [Self; 3] = [Self::Development, Self::Key, Self::Certificate];
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Development => "plain text",
            Self::Key => "TLS and a key",
            Self::Certificate => "mutual TLS",
        })
    }
}

/// A server's door, and the two who may pass it: ana, as whom the client calls, and ben.
pub(super) struct Door {
    proof: Proof,
    /// Nobody in particular in the development mode.
    people: Option<People>,
}

impl Door {
    /// Makes keys and certificates, where there are to be any.
    pub(super) fn new(proof: Proof, folder: &Path) -> Result<Self, String> {
        let people = match proof {
            Proof::Development => None,
            Proof::Key | Proof::Certificate => {
                let both = [("ana", "demo"), ("ben", "demo")];
                Some(People::new(folder, &both).map_err(|e| e.to_string())?)
            }
        };
        Ok(Self { proof, people })
    }

    /// What the server's configuration says of it: at its top, and tables.
    pub(super) fn configuration(&self) -> [String; 2] {
        let people = self.people.as_ref().map(People::configuration);
        people.unwrap_or_default()
    }

    /// What the client is told, as ana. It is told nothing of the development mode's token: that is what it
    /// shows of itself.
    pub(super) fn environment(&self, api: &str) -> Vec<(&'static str, String)> {
        let mut told = vec![("RECOUP_SERVER", api.to_owned())];
        let Some(people) = &self.people else {
            return told;
        };
        let ana = people.who(0);
        told.push(("RECOUP_CA", people.root_file().display().to_string()));
        if self.proof == Proof::Key {
            told.push(("RECOUP_TOKEN", ana.key.clone()));
        } else {
            told.push(("RECOUP_CERT", ana.cert_file.display().to_string()));
            told.push(("RECOUP_KEY", ana.key_file.display().to_string()));
        }
        told
    }

    /// One of the two, by the same proof as the client.
    pub(super) async fn client(&self, api: &str, place: usize) -> Result<Client, String> {
        let Some(people) = &self.people else {
            let token = ["dev-ana", "dev-ben"][place];
            let client = Client::connect(&format!("http://{api}"), token).await;
            return client.map_err(|e| e.to_string());
        };
        let person = people.who(place);
        let shown: (Option<&Person>, Option<&str>) = match self.proof {
            Proof::Certificate => (Some(person), None),
            Proof::Development | Proof::Key => (None, Some(&person.key)),
        };
        let channel = people.connect(api, shown.0).await;
        let channel = channel.map_err(|e| e.to_string())?;
        Client::over(channel, shown.1).map_err(|e| e.to_string())
    }
}
