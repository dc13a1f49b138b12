//! The coordinator of the stepped clock: it moves the clock to the least next due instant, and only when
//! everybody is quiescent. The line protocol is in docs/formats/stepped-clock.md.

use crate::activity::Activity;
use crate::clock::{SteppedWall, Wall};
use async_trait::async_trait;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// The longest line a party may send, in bytes.
const LINE_MAX: u64 = 128;
/// How many parties may join.
const PARTIES_MAX: usize = 16;
/// How long to wait before asking again where somebody was busy.
const ASK_AGAIN: Duration = Duration::from_millis(1);
/// How long to wait before asking again where nothing is due anywhere.
const STAND_STILL: Duration = Duration::from_millis(20);

/// What the coordinator stands on: the engine.
#[async_trait]
pub trait Ground: Send + Sync + 'static {
    /// Works until nothing is due at the present instant; answers when the next thing is due.
    async fn run_dry(&self) -> Result<Option<Timestamp>, String>;
    /// The newest event position.
    fn position(&self) -> u64;
    /// The run cannot go on: stop dispatch and say why.
    async fn abort(&self, why: &str);
}

/// Moves the stepped clock.
pub struct Coordinator {
    wall: SteppedWall,
    activity: Activity,
    ground: Arc<dyn Ground>,
    /// The parties that must be there before the clock moves.
    required: Vec<String>,
}

enum Said {
    Joined(String, BufReader<OwnedReadHalf>, OwnedWriteHalf),
    Line(String, String),
    Gone(String),
}

struct Party {
    write: OwnedWriteHalf,
    /// The answer to the last question: its number, and when the party is due next; none while busy.
    answer: Option<(u64, Option<Option<Timestamp>>)>,
}

impl Coordinator {
    /// A coordinator of `wall` that waits for the parties in `required` before it moves.
    #[must_use]
    pub fn new(
        wall: SteppedWall,
        activity: Activity,
        ground: Arc<dyn Ground>,
        required: Vec<String>,
    ) -> Self {
        Self {
            wall,
            activity,
            ground,
            required,
        }
    }

    /// Runs until a party dies or the engine cannot go on; answers why.
    pub async fn run(self, listener: TcpListener) -> String {
        let (said, hear) = mpsc::channel(256);
        let accepting = tokio::spawn(accept(listener, said.clone()));
        let why = Run {
            c: &self,
            said,
            hear,
            parties: BTreeMap::new(),
            asked: 0,
        }
        .go()
        .await;
        accepting.abort();
        self.ground.abort(&why).await;
        why
    }
}

struct Run<'a> {
    c: &'a Coordinator,
    said: mpsc::Sender<Said>,
    hear: mpsc::Receiver<Said>,
    parties: BTreeMap<String, Party>,
    asked: u64,
}

impl Run<'_> {
    async fn go(mut self) -> String {
        loop {
            match self.round().await {
                Ok(()) => {}
                Err(why) => return why,
            }
        }
    }

    /// One attempt to move the clock.
    async fn round(&mut self) -> Result<(), String> {
        self.hear_all().await?;
        while !self
            .c
            .required
            .iter()
            .all(|name| self.parties.contains_key(name))
            || self.parties.is_empty()
        {
            self.hear_one().await?;
        }
        let own = self.c.ground.run_dry().await?;
        let begun = self.c.activity.until_quiet().await;
        let Some(theirs) = self.ask().await? else {
            tokio::time::sleep(ASK_AGAIN).await;
            return Ok(());
        };
        // Something happened while the parties were asked: ask again after it.
        if self.c.activity.quiet() != Some(begun) || self.c.ground.run_dry().await? != own {
            return Ok(());
        }
        match own.into_iter().chain(theirs).min() {
            Some(next) if next > self.c.wall.now() => {
                self.c.wall.advance(next);
                self.tell_all(&format!("NOW {}\n", next.as_microsecond()))
                    .await;
                // Who answers has read the new instant: before that nothing may go out to a party, or it
                // would be received at the old one.
                self.ask().await?;
            }
            Some(_) => tokio::time::sleep(ASK_AGAIN).await,
            None => tokio::time::sleep(STAND_STILL).await,
        }
        Ok(())
    }

    /// Asks every party; answers their least next due instant, or none where one is busy.
    async fn ask(&mut self) -> Result<Option<Option<Timestamp>>, String> {
        self.asked += 1;
        let position = self.c.ground.position();
        self.tell_all(&format!("ASK {} {position}\n", self.asked))
            .await;
        let all_answered = |run: &Self| {
            run.parties
                .values()
                .all(|p| p.answer.is_some_and(|(n, _)| n == run.asked))
        };
        while !all_answered(self) {
            self.hear_one().await?;
        }
        let answers = self
            .parties
            .values()
            .map(|p| p.answer.and_then(|(_, next)| next));
        let all_quiet: Option<Vec<Option<Timestamp>>> = answers.collect();
        Ok(all_quiet.map(|next| next.into_iter().flatten().min()))
    }

    async fn tell_all(&mut self, line: &str) {
        for party in self.parties.values_mut() {
            // A party that cannot be written to is found gone by its reader.
            let _ = party.write.write_all(line.as_bytes()).await;
        }
    }

    async fn hear_all(&mut self) -> Result<(), String> {
        while let Ok(said) = self.hear.try_recv() {
            self.take(said).await?;
        }
        Ok(())
    }

    async fn hear_one(&mut self) -> Result<(), String> {
        match self.hear.recv().await {
            Some(said) => self.take(said).await,
            None => Err("the clock's listener ended".to_owned()),
        }
    }

    async fn take(&mut self, said: Said) -> Result<(), String> {
        match said {
            Said::Joined(first, read, write) => self.join(&first, read, write).await,
            Said::Line(name, line) => self.line(&name, line.trim()).await,
            Said::Gone(name) => {
                if self.parties.remove(&name).is_some() {
                    return Err(format!("the clock's party `{name}` is gone without LEAVE"));
                }
                Ok(())
            }
        }
    }

    /// Takes in whoever connected, if its first line is a good JOIN.
    async fn join(
        &mut self,
        first: &str,
        read: BufReader<OwnedReadHalf>,
        mut write: OwnedWriteHalf,
    ) -> Result<(), String> {
        let name = first.trim().strip_prefix("JOIN ").map(str::to_owned);
        let refused = match &name {
            None => Some("the first line must be `JOIN <name>`"),
            Some(n) if !is_name(n) => Some("a name is 1 to 32 of a-z, 0-9 and -"),
            Some(n) if self.parties.contains_key(n) => Some("the name is taken"),
            Some(_) if self.parties.len() >= PARTIES_MAX => Some("too many parties"),
            Some(_) => None,
        };
        if let Some(why) = refused {
            let _ = write.write_all(format!("ERR {why}\n").as_bytes()).await;
            return Ok(());
        }
        let name = name.unwrap_or_default();
        let now = format!("NOW {}\n", self.c.wall.now().as_microsecond());
        let _ = write.write_all(now.as_bytes()).await;
        tokio::spawn(read_lines(read, name.clone(), self.said.clone()));
        self.parties.insert(
            name,
            Party {
                write,
                answer: None,
            },
        );
        Ok(())
    }

    async fn line(&mut self, name: &str, line: &str) -> Result<(), String> {
        if line == "LEAVE" {
            self.parties.remove(name);
            self.note_leave(name);
            return Ok(());
        }
        let Some(party) = self.parties.get_mut(name) else {
            return Ok(());
        };
        match read_answer(line) {
            Some(answer) => party.answer = Some(answer),
            None => {
                let _ = party
                    .write
                    .write_all(b"ERR not QUIET, BUSY or LEAVE\n")
                    .await;
                return Err(format!("the clock's party `{name}` said `{line}`"));
            }
        }
        Ok(())
    }

    /// A required party that leaves in good order leaves the clock standing; nothing to do but say so.
    fn note_leave(&self, name: &str) {
        if self.c.required.iter().any(|r| r == name) {
            tracing::info!(party = name, "the clock stands until the party joins again");
        }
    }
}

fn is_name(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// `QUIET n next` or `BUSY n`.
fn read_answer(line: &str) -> Option<(u64, Option<Option<Timestamp>>)> {
    let mut words = line.split(' ');
    let answer = match (words.next()?, words.next()?.parse().ok()?, words.next()) {
        ("BUSY", n, None) => (n, None),
        ("QUIET", n, Some("never")) => (n, Some(None)),
        ("QUIET", n, Some(next)) => (
            n,
            Some(Some(Timestamp::from_microsecond(next.parse().ok()?).ok()?)),
        ),
        _ => return None,
    };
    words.next().is_none().then_some(answer)
}

async fn accept(listener: TcpListener, said: mpsc::Sender<Said>) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        // On a task of its own: whoever connects and says nothing keeps nobody waiting.
        tokio::spawn(greet(stream, said.clone()));
    }
}

async fn greet(stream: TcpStream, said: mpsc::Sender<Said>) {
    let (read, write) = stream.into_split();
    let mut read = BufReader::new(read);
    if let Ok(Some(first)) = read_line(&mut read).await {
        let _ = said.send(Said::Joined(first, read, write)).await;
    }
}

async fn read_line<R: tokio::io::AsyncBufRead + Unpin>(read: &mut R) -> io::Result<Option<String>> {
    let mut line = String::new();
    let n = tokio::io::AsyncReadExt::take(read, LINE_MAX)
        .read_line(&mut line)
        .await?;
    Ok((n > 0 && line.ends_with('\n')).then_some(line))
}

async fn read_lines<R: tokio::io::AsyncBufRead + Unpin>(
    mut read: R,
    name: String,
    said: mpsc::Sender<Said>,
) {
    while let Ok(Some(line)) = read_line(&mut read).await {
        if said.send(Said::Line(name.clone(), line)).await.is_err() {
            return;
        }
    }
    let _ = said.send(Said::Gone(name)).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    struct Nothing {
        next: Mutex<Option<Timestamp>>,
        aborted: Mutex<Option<String>>,
        wall: SteppedWall,
    }

    #[async_trait]
    impl Ground for Nothing {
        async fn run_dry(&self) -> Result<Option<Timestamp>, String> {
            let mut next = self.next.lock().unwrap();
            if next.is_some_and(|n| n <= self.wall.now()) {
                *next = None;
            }
            Ok(*next)
        }
        fn position(&self) -> u64 {
            7
        }
        async fn abort(&self, why: &str) {
            *self.aborted.lock().unwrap() = Some(why.to_owned());
        }
    }

    fn at(us: i64) -> Timestamp {
        Timestamp::from_microsecond(us).unwrap()
    }

    struct Peer(BufReader<TcpStream>);

    impl Peer {
        async fn join(port: u16, name: &str) -> Self {
            let mut peer = Self(BufReader::new(
                TcpStream::connect(("127.0.0.1", port)).await.unwrap(),
            ));
            peer.say(&format!("JOIN {name}")).await;
            peer
        }
        async fn say(&mut self, line: &str) {
            self.0
                .get_mut()
                .write_all(format!("{line}\n").as_bytes())
                .await
                .unwrap();
        }
        async fn hear(&mut self) -> String {
            let mut line = String::new();
            self.0.read_line(&mut line).await.unwrap();
            line.trim().to_owned()
        }
        /// Answers questions with `answer` until something else is heard.
        async fn until_told(&mut self, answer: &str) -> String {
            loop {
                let line = self.hear().await;
                match line.split(' ').collect::<Vec<_>>()[..] {
                    ["ASK", n, "7"] => {
                        let reply = answer.replace("{n}", n);
                        self.say(&reply).await;
                    }
                    _ => return line,
                }
            }
        }
    }

    #[tokio::test]
    async fn the_clock_moves_to_the_least_due_instant_once_all_are_quiet() {
        let wall = SteppedWall::new(at(100));
        let ground = Arc::new(Nothing {
            next: Mutex::new(Some(at(300))),
            aborted: Mutex::default(),
            wall: wall.clone(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let required = vec!["a".into(), "b".into()];
        let c = Coordinator::new(wall.clone(), Activity::default(), ground.clone(), required);
        let running = tokio::spawn(c.run(listener));
        let mut a = Peer::join(port, "a").await;
        assert_eq!(a.hear().await, "NOW 100");
        let mut twin = Peer::join(port, "a").await;
        assert_eq!(twin.hear().await, "ERR the name is taken");
        let mut b = Peer::join(port, "b").await;
        assert_eq!(b.hear().await, "NOW 100");
        let (to_a, to_b) = tokio::join!(
            a.until_told("QUIET {n} 200"),
            b.until_told("QUIET {n} never")
        );
        assert_eq!((to_a.as_str(), to_b.as_str()), ("NOW 200", "NOW 200"));
        assert_eq!(wall.now(), at(200));
        let (to_a, _) = tokio::join!(
            a.until_told("QUIET {n} never"),
            b.until_told("QUIET {n} never")
        );
        assert_eq!(to_a, "NOW 300", "the engine's own due instant");
        drop(a);
        let why = running.await.unwrap();
        assert!(why.contains("`a` is gone"), "{why}");
        assert_eq!(
            ground.aborted.lock().unwrap().as_deref(),
            Some(why.as_str())
        );
    }

    #[test]
    fn answers_are_read_strictly() {
        assert_eq!(read_answer("BUSY 3"), Some((3, None)));
        assert_eq!(read_answer("QUIET 3 never"), Some((3, Some(None))));
        assert_eq!(read_answer("QUIET 3 50"), Some((3, Some(Some(at(50))))));
        for bad in [
            "",
            "QUIET",
            "QUIET 3",
            "BUSY 3 4",
            "QUIET x never",
            "QUIET 3 5 6",
        ] {
            assert_eq!(read_answer(bad), None, "{bad}");
        }
    }
}
