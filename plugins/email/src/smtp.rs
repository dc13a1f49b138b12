//! The dialogue with the mail server, and what its end proves.
//!
//! Until the mail's text goes out, nothing has reached anybody: whatever fails before is proven
//! unsent. From the first byte of the text on, only the server's own word about the whole mail
//! proves anything.

use std::error::Error as _;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::response::Severity;
use recoup_channel::{Call, ChannelError};
use tokio::net::TcpStream;

use crate::config::{Config, Tls};
use crate::mail::Mail;

/// How far the dialogue has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Connect, TLS, greeting: nothing about the person.
    Hello,
    /// Credentials.
    Login,
    /// The sender's address.
    Sender,
    /// The recipient's address.
    Recipient,
    /// The server is asked to take the text.
    Data,
    /// The text is going out, or has gone.
    Text,
}

/// Sends the mail, within the call's time. Returns the server's last line.
pub(crate) async fn deliver(
    config: &Config,
    password: Option<String>,
    cx: &Call,
    mail: &Mail,
) -> Result<String, ChannelError> {
    let mut stage = Stage::Hello;
    let dialogue = talk(config, password, cx, mail, &mut stage);
    match tokio::time::timeout(cx.remaining(), dialogue).await {
        Ok(done) => done,
        Err(_) => {
            let what = format!("{} did not answer in time", config.host);
            Err(match stage {
                Stage::Text => ChannelError::unknown(what),
                _ => ChannelError::retryable(format!("not sent: {what}")),
            })
        }
    }
}

async fn talk(
    config: &Config,
    password: Option<String>,
    cx: &Call,
    mail: &Mail,
    stage: &mut Stage,
) -> Result<String, ChannelError> {
    let mut server = connect(config, cx, mail).await?;
    if let (Some((user, _)), Some(password)) = (&config.login, password) {
        *stage = Stage::Login;
        let credentials = Credentials::new(user.clone(), password);
        let known = server.auth(DEFAULT_MECHANISMS, &credentials).await;
        known.map_err(|error| failed(*stage, &error, mail))?;
    }
    let parameters = parameters(&server, mail)?;

    // From here on it is about the person: checks `not_after`, and tells the core.
    cx.began()?;
    *stage = Stage::Sender;
    let command = MailFrom::new(Some(mail.from.clone()), parameters);
    server
        .command(command)
        .await
        .map_err(|error| failed(*stage, &error, mail))?;
    *stage = Stage::Recipient;
    let command = Rcpt::new(mail.to.clone(), Vec::new());
    server
        .command(command)
        .await
        .map_err(|error| failed(*stage, &error, mail))?;
    *stage = Stage::Data;
    server
        .command(Data)
        .await
        .map_err(|error| failed(*stage, &error, mail))?;

    // The server may have been slow: the last moment at which nothing has been said.
    cx.check_not_after()?;
    *stage = Stage::Text;
    let taken = server.message(&mail.bytes).await;
    let taken = taken.map_err(|error| failed(*stage, &error, mail))?;
    Ok(taken.first_line().unwrap_or_default().to_owned())
}

/// Connects, says hello and encrypts, as the configuration has it.
async fn connect(
    config: &Config,
    cx: &Call,
    mail: &Mail,
) -> Result<AsyncSmtpConnection, ChannelError> {
    let hello = ClientId::Domain(config.hello_name.clone());
    let place = (config.host.as_str(), config.port);
    let refused = |error: Error| failed(Stage::Hello, &error, mail);
    if config.tls_kind == Tls::Implicit {
        let (time, tls) = (Some(cx.remaining()), config.tls.clone());
        return AsyncSmtpConnection::connect_tokio1(place, time, &hello, tls, None)
            .await
            .map_err(refused);
    }
    // The stream is ours, because lettre leaves Nagle's delay on: the text and the dot that ends it are two
    // writes, and the second would wait for the acknowledgement of the first.
    let stream = TcpStream::connect(place).await.map_err(|error| {
        let (host, port) = place;
        ChannelError::retryable(format!("not sent: connect to {host}:{port}: {error}"))
    })?;
    let _ = stream.set_nodelay(true);
    let server = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &hello).await;
    let mut server = server.map_err(refused)?;
    if let (Tls::Starttls, Some(tls)) = (config.tls_kind, config.tls.clone()) {
        server.starttls(tls, &hello).await.map_err(refused)?;
    }
    Ok(server)
}

fn parameters(
    server: &AsyncSmtpConnection,
    mail: &Mail,
) -> Result<Vec<MailParameter>, ChannelError> {
    let ascii = |address: &lettre::Address| address.to_string().is_ascii();
    if ascii(&mail.from) && ascii(&mail.to) {
        return Ok(Vec::new());
    }
    if server
        .server_info()
        .supports_feature(Extension::SmtpUtfEight)
    {
        return Ok(vec![MailParameter::SmtpUtfEight]);
    }
    Err(ChannelError::permanent(
        "not sent: the address has letters beyond ASCII, and the mail server takes none (SMTPUTF8)",
    ))
}

/// What an error at a stage proves.
fn failed(stage: Stage, error: &Error, mail: &Mail) -> ChannelError {
    // Servers like to repeat the address, and errors end in logs.
    let said = told(error).replace(&mail.to.to_string(), "the recipient");
    let Some(code) = error.status() else {
        // Cut, not understood, or refused by our own side: no word of the server.
        return match stage {
            Stage::Text => ChannelError::unknown(format!("after the text: {said}")),
            _ if error.is_client() => ChannelError::permanent(format!("not sent: {said}")),
            _ => ChannelError::retryable(format!("not sent: {said}")),
        };
    };
    let number: u16 = code.to_string().parse().unwrap_or_default();
    let transient = code.severity == Severity::TransientNegativeCompletion;
    judged(stage, number, transient, said)
}

/// The table from the server's refusals to errors.
fn judged(stage: Stage, code: u16, transient: bool, said: String) -> ChannelError {
    let said = format!("the mail server said at {stage:?}: {said}");
    let after_text = stage == Stage::Text;
    match code {
        // It closes: after the text that says nothing about the mail.
        421 if after_text => ChannelError::unknown(said),
        432 | 454 | 530 | 534 | 535 | 538 => ChannelError::auth(format!(
            "{said}; check `username`, the secret of `password_secret` and `tls`"
        )),
        _ if transient => ChannelError::retryable(said),
        500..=599 if stage == Stage::Hello || stage == Stage::Login => ChannelError::auth(said),
        // The sender is refused: our account or our domain.
        500..=599 if stage == Stage::Sender => ChannelError::auth(said),
        // No such mailbox; a mailbox that is full or too small is a fact of today.
        552 => ChannelError::permanent(said),
        550 | 551 | 553 | 556 if !by_policy(&said) => {
            ChannelError::rejected(format!("invalid_address: {said}"))
        }
        550..=559 if stage == Stage::Recipient || by_policy(&said) => ChannelError::rejected(said),
        500..=599 => ChannelError::permanent(said),
        // Neither yes nor no.
        _ if after_text => ChannelError::unknown(said),
        _ => ChannelError::retryable(said),
    }
}

/// An enhanced status of class 7: security or policy, not the address.
fn by_policy(said: &str) -> bool {
    said.split_whitespace().any(|word| word.starts_with("5.7."))
}

/// The error and its causes, in one line.
fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let line = next.to_string();
        if !text.contains(&line) {
            text = format!("{text}: {line}");
        }
        cause = next.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_says_proves_what_it_can() {
        use Stage as S;
        let cases = [
            (S::Hello, 554, "no service", "auth"),
            (S::Hello, 421, "busy", "retryable"),
            (S::Login, 535, "5.7.8 wrong", "auth"),
            (S::Sender, 553, "5.7.1 not your domain", "auth"),
            (S::Recipient, 550, "5.1.1 no such user", "rejected"),
            (S::Recipient, 550, "5.7.1 refused", "rejected"),
            (S::Recipient, 552, "5.2.2 full", "permanent"),
            (S::Recipient, 450, "4.2.0 greylisted", "retryable"),
            (S::Recipient, 421, "closing", "retryable"),
            (S::Data, 554, "5.5.1 no valid recipients", "permanent"),
            (S::Text, 452, "4.3.1 no room", "retryable"),
            (S::Text, 421, "closing", "unknown"),
            (S::Text, 550, "5.7.1 refused", "rejected"),
            (S::Text, 554, "5.6.0 bad", "permanent"),
            (S::Text, 354, "again", "unknown"),
        ];
        for (stage, code, text, want) in cases {
            let transient = (400..500).contains(&code);
            let got = judged(stage, code, transient, text.to_owned());
            assert_eq!(got.kind(), want, "{stage:?} {code} {text}: {got}");
        }
        let dead = judged(S::Recipient, 550, false, "5.1.1 no such user".to_owned());
        assert!(dead.message().starts_with("invalid_address"), "{dead}");
        let policy = judged(S::Recipient, 550, false, "5.7.1 refused".to_owned());
        assert!(!policy.message().contains("invalid_address"), "{policy}");
    }
}
