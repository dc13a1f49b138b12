//! The mail server: enough of SMTP (RFC 5321, with PIPELINING) to take mail.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::http;
use crate::hub::{self, Draft, Hub, Received, Response, Verdict};
use crate::log::{Lost, Op};
use crate::mime;
use crate::options::{Channel, Outcome};
use crate::schedule::Due;

/// The code that a busy mail server answers with, having taken nothing.
pub(crate) const BUSY: u16 = 452;

/// How long a mail that bounces is on its way.
const BOUNCE_SPAN_US: (i64, i64) = (60_000_000, 600_000_000);
const LINE_BYTES_MAX: u64 = 64 << 10;
const MAIL_BYTES_MAX: usize = 10 << 20;
const RECIPIENTS_MAX: usize = 100;
const CONNECTIONS_MAX: usize = 1_024;

/// A mail that was taken and will not arrive.
#[derive(Debug)]
pub(crate) struct Bounce {
    dest: String,
    key: Option<String>,
}

/// Serves until the sandbox stops.
pub(crate) async fn serve(hub: Arc<Hub>, listener: TcpListener) {
    let seats = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Ok(seat) = Arc::clone(&seats).acquire_owned().await {
        let stream = http::accept(&listener).await;
        let hub = Arc::clone(&hub);
        tokio::spawn(async move {
            let mut stopped = hub.stop.subscribe();
            // How a connection ends is the peer's affair or our own cut.
            tokio::select! {
                _ = Session::new(Arc::clone(&hub)).run(stream) => {}
                _ = stopped.wait_for(|stop| *stop) => {}
            }
            drop(seat);
        });
    }
}

struct Session {
    hub: Arc<Hub>,
    sender: Option<String>,
    recipients: Vec<String>,
}

/// What follows a command.
enum Next {
    Say(String),
    ReadMail,
    Cut,
    Quit,
}

fn say(line: &str) -> Next {
    Next::Say(line.to_owned())
}

impl Session {
    fn new(hub: Arc<Hub>) -> Session {
        Session {
            hub,
            sender: None,
            recipients: Vec::new(),
        }
    }

    async fn run(mut self, stream: TcpStream) -> io::Result<()> {
        let (reader, mut writer) = stream.into_split();
        let mut reader = BufReader::new(reader);
        writer.write_all(b"220 sandbox ESMTP\r\n").await?;
        while let Some(line) = read_line(&mut reader).await? {
            let hub = Arc::clone(&self.hub);
            let mut under_way = hub.begin();
            let mut next = self.command(&String::from_utf8_lossy(&line)).await;
            if let Next::ReadMail = next {
                writer.write_all(b"354 go ahead\r\n").await?;
                // What the peer has not sent yet is the peer's work, not ours.
                drop(under_way);
                let mail = read_mail(&mut reader).await?;
                under_way = hub.begin();
                next = match mail {
                    Some(mail) => self.take(&mail).await,
                    None => say("552 5.3.4 the mail is too big"),
                };
                self.reset();
            }
            match next {
                Next::Say(line) => writer.write_all(format!("{line}\r\n").as_bytes()).await?,
                Next::Quit => return writer.write_all(b"221 2.0.0 bye\r\n").await,
                Next::Cut | Next::ReadMail => return Ok(()),
            }
            drop(under_way);
        }
        Ok(())
    }

    fn reset(&mut self) {
        self.sender = None;
        self.recipients.clear();
    }

    async fn command(&mut self, line: &str) -> Next {
        self.hub.time.known().await;
        let line = line.trim_end();
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => {
                self.reset();
                let size = format!("250-SIZE {MAIL_BYTES_MAX}");
                let extensions = [
                    "250-sandbox",
                    "250-PIPELINING",
                    "250-8BITMIME",
                    "250-SMTPUTF8",
                    &size,
                ];
                Next::Say(extensions.join("\r\n") + "\r\n250 ENHANCEDSTATUSCODES")
            }
            "HELO" => {
                self.reset();
                say("250 sandbox")
            }
            "MAIL" if self.sender.is_some() => say("503 5.5.1 one MAIL at a time"),
            "MAIL" => match address(rest, "FROM:") {
                Some(sender) => {
                    self.sender = Some(sender.to_owned());
                    say("250 2.1.0 sender ok")
                }
                None => say("501 5.5.4 it should be MAIL FROM:<address>"),
            },
            "RCPT" => self.recipient(rest).await,
            "DATA" if self.recipients.is_empty() => say("503 5.5.1 RCPT comes first"),
            "DATA" => Next::ReadMail,
            "RSET" => {
                self.reset();
                say("250 2.0.0 forgotten")
            }
            "NOOP" => say("250 2.0.0 ok"),
            "VRFY" => say("252 2.5.2 send and see"),
            "QUIT" => Next::Quit,
            _ => say("502 5.5.2 no such command here"),
        }
    }

    async fn recipient(&mut self, rest: &str) -> Next {
        if self.sender.is_none() {
            return say("503 5.5.1 MAIL comes first");
        }
        let Some(dest) = address(rest, "TO:").filter(|dest| !dest.is_empty()) else {
            return say("501 5.5.4 it should be RCPT TO:<address>");
        };
        if self.recipients.len() >= RECIPIENTS_MAX {
            return say("452 4.5.3 too many recipients");
        }
        // Whether an address is dead does not depend on the ordinal.
        if self.hub.outcome(Channel::Email, dest, 0) != Outcome::InvalidAddress {
            self.recipients.push(dest.to_owned());
            return say("250 2.1.5 recipient ok");
        }
        let draft = draft(dest, None, hub::sha256_hex(rest.as_bytes()), None);
        let received = self
            .hub
            .receive(draft, |_, _| Verdict::without_effect(550, ()));
        answer(received, "550 5.1.1 no such user here")
            .await
            .unwrap_or_else(|next| next)
    }

    /// Takes the mail for each recipient; the answer is the first that is not a plain yes.
    async fn take(&mut self, mail: &[u8]) -> Next {
        let read = mime::read(mail);
        let key = read.message_id.as_deref().map(key_of);
        let sha256 = hub::sha256_hex(mail);
        for dest in std::mem::take(&mut self.recipients) {
            let draft = draft(&dest, key, sha256.clone(), Some(read.text.clone()));
            let received = self.hub.receive(draft, |world, ticket| {
                let outcome = match self.hub.outcome(Channel::Email, &dest, ticket.ordinal) {
                    Outcome::Delivered => Outcome::Delivered,
                    _ => Outcome::Undelivered,
                };
                if outcome == Outcome::Undelivered {
                    let (ordinal, now_us) = (ticket.ordinal, ticket.now_us);
                    let at_us = self
                        .hub
                        .later_us("bounce", &dest, ordinal, now_us, BOUNCE_SPAN_US);
                    let bounce = Bounce {
                        dest: dest.clone(),
                        key: key.map(str::to_owned),
                    };
                    world.schedule.at(at_us, Due::Bounce(bounce));
                }
                Verdict::accepted(250, outcome, (outcome, ticket.now_us))
            });
            if let Some((Outcome::Delivered, at_us)) = received.value {
                let outcome = Outcome::Delivered;
                let written = self
                    .hub
                    .log_outcome(Channel::Email, &dest, key, outcome, at_us);
                if let Err(Lost) = written.wait().await {
                    return Next::Cut;
                }
            }
            if let Err(next) = answer(received, "").await {
                return next;
            }
        }
        say("250 2.0.0 taken")
    }
}

fn draft(dest: &str, key: Option<&str>, payload_sha256: String, text: Option<String>) -> Draft {
    Draft {
        channel: Channel::Email,
        op: Op::Send,
        dest: dest.to_owned(),
        key: key.map(str::to_owned),
        payload_sha256,
        text,
        window_us: None,
        reject: 550,
    }
}

/// Ok with the plain answer, Err with what misbehaviour makes of it.
async fn answer<T>(received: Received<T>, plain: &str) -> Result<Next, Next> {
    match received.settle().await {
        Response::Normal(_) => Ok(say(plain)),
        Response::Cut => Err(Next::Cut),
        Response::Error => Err(Next::Say(format!("{BUSY} 4.3.1 no room now, come again"))),
        Response::Garbage => Err(say("<<%&{]")),
        Response::Reject => Err(say("550 5.7.1 refused")),
    }
}

/// The address in `FROM:<address> PARAMETERS`.
fn address<'a>(rest: &'a str, word: &str) -> Option<&'a str> {
    let (head, tail) = rest.split_at_checked(word.len())?;
    let tail = tail.trim_start().strip_prefix('<')?;
    let (address, _) = tail.split_once('>')?;
    head.eq_ignore_ascii_case(word).then_some(address)
}

/// `<key@host>` without the host.
fn key_of(message_id: &str) -> &str {
    let id = message_id
        .trim()
        .trim_start_matches('<')
        .trim_end_matches('>');
    id.rsplit_once('@').map_or(id, |(key, _)| key)
}

/// A line without its end; None at the end of the stream or for a line without end.
async fn read_line<R: AsyncBufRead + Unpin>(reader: &mut R) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    reader
        .take(LINE_BYTES_MAX)
        .read_until(b'\n', &mut line)
        .await?;
    if line.pop() != Some(b'\n') {
        return Ok(None);
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(Some(line))
}

/// The mail up to the lonely dot, with doubled dots made single; None if it is too big.
async fn read_mail<R: AsyncBufRead + Unpin>(reader: &mut R) -> io::Result<Option<Vec<u8>>> {
    let mut mail = Vec::new();
    let mut fits = true;
    loop {
        let Some(line) = read_line(reader).await? else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        if line == b"." {
            return Ok(fits.then_some(mail));
        }
        fits &= mail.len() + line.len() + 2 <= MAIL_BYTES_MAX;
        if fits {
            mail.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            mail.extend_from_slice(b"\r\n");
        }
    }
}

/// The mail is given up. There is no call-back: a bounce would be a mail to the sender.
pub(crate) async fn bounce(hub: &Arc<Hub>, bounce: Bounce, at_us: i64) -> Result<(), Lost> {
    let (dest, key) = (&bounce.dest, bounce.key.as_deref());
    hub.log_outcome(Channel::Email, dest, key, Outcome::Undelivered, at_us)
        .wait()
        .await
}
