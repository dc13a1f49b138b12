//! What a sandbox is started with, and where it then listens.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::misbehave::Misbehave;

/// The contact channels that the sandbox stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// The SMS gateway.
    Sms,
    /// The voice provider.
    Phone,
    /// The mail server.
    Email,
    /// The calendar server and field app.
    Visit,
    /// The law firm's desk.
    Legal,
}

impl Channel {
    /// All channels, in the order of the log format.
    pub const ALL: [Channel; 5] = [
        Channel::Sms,
        Channel::Phone,
        Channel::Email,
        Channel::Visit,
        Channel::Legal,
    ];

    /// The name in the log and in `--misbehave`.
    pub fn name(self) -> &'static str {
        match self {
            Channel::Sms => "sms",
            Channel::Phone => "phone",
            Channel::Email => "email",
            Channel::Visit => "visit",
            Channel::Legal => "legal",
        }
    }

    /// The channel of that name.
    pub fn from_name(name: &str) -> Option<Channel> {
        Channel::ALL.into_iter().find(|c| c.name() == name)
    }
}

/// What became of a contact in the sandbox's world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The message reached the handset or mailbox.
    Delivered,
    /// The message was taken and then not delivered.
    Undelivered,
    /// The phone rang and nobody took it.
    NoAnswer,
    /// The line was busy.
    Busy,
    /// The call was refused by hand.
    Declined,
    /// The number does not exist any more.
    NotInService,
    /// The address is not one that the provider takes.
    InvalidAddress,
    /// A machine answered.
    Voicemail,
    /// A human answered and confirmed nothing.
    AnsweredUnconfirmed,
    /// The person answered and confirmed who they are.
    Conversation,
    /// Another person answered.
    ThirdPartyAnswered,
    /// A stranger answered who has nothing to do with the case.
    WrongNumber,
    /// The collectors met the person.
    Visited,
    /// The collectors met nobody.
    NobodyContacted,
    /// The law firm filed the referral.
    Filed,
    /// The contact was called back in time.
    Cancelled,
}

/// Forces the outcome at destinations that begin with `prefix`; the first rule that fits wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Beginning of the number, address, collection or desk; empty fits all.
    pub prefix: String,
    /// The channel it is for.
    pub channel: Channel,
    /// What happens there.
    pub outcome: Outcome,
}

/// A text that is no [`Rule`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("read rule {text:?}: {reason}; right would be for example `phone:+86138=conversation`")]
pub struct RuleError {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// `channel:prefix=outcome`, as in `phone:+86138=conversation`; an empty prefix fits all.
impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Rule, RuleError> {
        let about = |reason| RuleError {
            text: text.to_owned(),
            reason,
        };
        let (channel, rest) = text
            .split_once(':')
            .ok_or_else(|| about("it has no `:` after the channel"))?;
        // The last one: an address may hold `=` itself.
        let (prefix, outcome) = rest
            .rsplit_once('=')
            .ok_or_else(|| about("it has no `=` before the outcome"))?;
        let channel = Channel::from_name(channel)
            .ok_or_else(|| about("the channel is none of sms, phone, email, visit, legal"))?;
        let outcome = serde_json::from_value(outcome.into())
            .map_err(|_| about("there is no such outcome"))?;
        Ok(Rule {
            prefix: prefix.to_owned(),
            channel,
            outcome,
        })
    }
}

/// What a sandbox is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The log; must not exist yet or be empty, since a log is one run.
    pub log: PathBuf,
    /// Everything that chance decides is a pure function of this and of what comes in.
    pub seed: u64,
    /// The address to listen on.
    pub bind: IpAddr,
    /// Port of the SMS gateway; 0 takes a free one. The same holds for the other ports.
    pub sms_port: u16,
    /// Port of the voice provider.
    pub voice_port: u16,
    /// Port of the mail server.
    pub smtp_port: u16,
    /// Port of the calendar server.
    pub caldav_port: u16,
    /// Port of the law firm's desk.
    pub legal_port: u16,
    /// Port of the control interface (field app reports, statistics, misbehaviour).
    pub control_port: u16,
    /// User of the SMS gateway.
    pub sms_username: String,
    /// Password of the SMS gateway.
    pub sms_password: String,
    /// Account of the voice provider; also its Basic user.
    pub voice_account_sid: String,
    /// Basic password of the voice provider and key of its call-back signatures.
    pub voice_auth_token: String,
    /// The stepped clock's coordinator. None: the sandbox lives on real time.
    pub clock: Option<SocketAddr>,
    /// The name under which the sandbox joins the coordinator, `[a-z0-9-]{1,32}`.
    pub party: String,
    /// Real time in ms to go on trying to reach the coordinator, at the start and when it is lost.
    pub clock_wait_ms: u64,
    /// What to do wrong, and how often.
    pub misbehave: Misbehave,
    /// Whether the field app queues visit reports for `GET /control/visit-reports`.
    pub field_app: bool,
    /// On real time, the longest delay in ms to an outcome (a visit keeps its appointment).
    pub live_delay_ms_max: u64,
    /// How often a call-back is tried before it is given up, backing off from 0.1 s to 5 s.
    pub callback_tries_max: u32,
    /// Destinations whose outcome is forced.
    pub rules: Vec<Rule>,
}

impl Options {
    /// The defaults, for a log at `log`: seed 42, loopback, free ports, real time, no misbehaviour.
    pub fn new(log: impl Into<PathBuf>) -> Options {
        Options {
            log: log.into(),
            seed: 42,
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            sms_port: 0,
            voice_port: 0,
            smtp_port: 0,
            caldav_port: 0,
            legal_port: 0,
            control_port: 0,
            sms_username: "recoup".into(),
            sms_password: "sandbox".into(),
            voice_account_sid: "ACsandbox".into(),
            voice_auth_token: "sandbox-token".into(),
            clock: None,
            party: "sandbox".into(),
            clock_wait_ms: 60_000,
            misbehave: Misbehave::default(),
            field_app: false,
            live_delay_ms_max: 200,
            callback_tries_max: 8,
            rules: Vec::new(),
        }
    }
}

/// Where a running sandbox listens: base URLs without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// `http://host:port`; messages go to `/cgi-bin/sendsms`.
    pub sms: String,
    /// `http://host:port`; calls go to `/2010-04-01/Accounts/{Sid}/Calls.json`.
    pub voice: String,
    /// `smtp://host:port`.
    pub smtp: String,
    /// `http://host:port`; events go to `/{collection}/{uid}.ics`.
    pub caldav: String,
    /// `http://host:port`; referrals go to `/v1/referrals`.
    pub legal: String,
    /// `http://host:port`; see the crate's documentation for the paths under `/control`.
    pub control: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read() {
        let rule = |channel, prefix: &str, outcome| {
            Ok(Rule {
                prefix: prefix.to_owned(),
                channel,
                outcome,
            })
        };
        let cases = [
            (
                "phone:+86138=conversation",
                rule(Channel::Phone, "+86138", Outcome::Conversation),
            ),
            (
                "sms:=not_in_service",
                rule(Channel::Sms, "", Outcome::NotInService),
            ),
            (
                "email:a=b@x=undelivered",
                rule(Channel::Email, "a=b@x", Outcome::Undelivered),
            ),
            ("phone", Err("no `:`")),
            ("phone:+86", Err("no `=`")),
            ("fax:+86=busy", Err("channel is none of")),
            ("phone:+86=Busy", Err("no such outcome")),
        ];
        for (text, want) in cases {
            match (text.parse::<Rule>(), want) {
                (Ok(got), Ok(want)) => assert_eq!(got, want, "{text}"),
                (Err(got), Err(want)) => assert!(got.to_string().contains(want), "{text}: {got}"),
                (got, want) => panic!("{text}: got {got:?}, want {want:?}"),
            }
        }
    }
}
