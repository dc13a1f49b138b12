//! What a library makes of a carrier's answers.

use recoup_channel::ChannelError;
use recoup_channel::wire::Receipt;

use super::carrier::{has_sample, recorder_for, said, send, unread};
use super::recorder::Recorder;
use super::{Bench, Verdict};

/// A carrier's answer to a whole request, which says nothing that its documents could have told.
struct Answer {
    /// In words.
    name: &'static str,
    bytes: &'static [u8],
    /// What may be claimed besides doubt.
    also: Also,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Also {
    Nothing,
    /// Some carriers say no more than 200 where they took it.
    Taken,
    /// Who is sent elsewhere was not served.
    Refused,
}

const ANSWERS: [Answer; 11] = [
    Answer {
        name: "a 500",
        bytes: b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 5\r\nConnection: close\r\n\r\nerror",
        also: Also::Nothing,
    },
    Answer {
        name: "a proxy's 502",
        bytes: b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 33\r\nConnection: close\r\n\r\n\
                 <html><h1>Bad Gateway</h1></html>",
        also: Also::Nothing,
    },
    Answer {
        name: "a 503 that names a time",
        bytes: b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        also: Also::Nothing,
    },
    Answer {
        name: "a 504",
        bytes: b"HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        also: Also::Nothing,
    },
    Answer {
        name: "a page in HTML with 200",
        bytes: b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 42\r\nConnection: close\r\n\r\n\
                 <html><title>Please sign in</title></html>",
        also: Also::Nothing,
    },
    Answer {
        name: "a 200 without a word",
        bytes: b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        also: Also::Taken,
    },
    Answer {
        name: "a 200 whose words break off",
        bytes: b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 400\r\nConnection: close\r\n\r\n{\"sta",
        also: Also::Taken,
    },
    Answer {
        name: "a redirect",
        bytes: b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        also: Also::Refused,
    },
    Answer {
        name: "half a status line",
        bytes: b"HTTP/1.1 20",
        also: Also::Nothing,
    },
    Answer {
        name: "words that are no HTTP",
        bytes: b"ERR 4711 try again\r\n",
        also: Also::Nothing,
    },
    Answer {
        name: "nothing and the connection's end",
        bytes: b"",
        also: Also::Nothing,
    },
];

impl Answer {
    /// What is wrong about an end after this answer.
    fn wrong(&self, end: &Result<Receipt, ChannelError>) -> Option<String> {
        match end {
            Ok(_) if self.also == Also::Taken => None,
            Ok(_) => Some("a receipt".to_owned()),
            Err(error) if !error.proves_not_sent() || self.also == Also::Refused => None,
            Err(error) => Some(format!("`{error}`")),
        }
    }
}

/// A send to a carrier that answers.
struct Asked {
    end: Result<Receipt, ChannelError>,
    /// How many requests held the contact.
    requests: usize,
}

async fn ask(bench: &Bench, answer: &Answer) -> Result<Asked, Verdict> {
    let recorder = recorder_for(bench, Recorder::answering(answer.bytes)).await?;
    let sent = send(bench, &recorder, u32::MAX)
        .await
        .map_err(Verdict::Fail)?;
    match recorder.answered(|request| has_sample(bench, request)) {
        0 => Err(unread(&said(&sent.answer))),
        requests => Ok(Asked {
            end: sent.answer,
            requests,
        }),
    }
}

/// Tries all answers, and says what is wrong after which.
async fn over_all(bench: &Bench, wrong: impl Fn(&Answer, &Asked) -> Option<String>) -> Verdict {
    let mut seen = Vec::new();
    for answer in &ANSWERS {
        match ask(bench, answer).await {
            Ok(asked) => {
                seen.extend(wrong(answer, &asked).map(|w| format!("after {}: {w}", answer.name)))
            }
            Err(verdict) => return verdict,
        }
    }
    if seen.is_empty() {
        Verdict::Pass
    } else {
        Verdict::Fail(seen.join("; "))
    }
}

pub(super) async fn doubt(bench: &Bench) -> Verdict {
    let wrong = |answer: &Answer, asked: &Asked| answer.wrong(&asked.end);
    match over_all(bench, wrong).await {
        Verdict::Fail(seen) => Verdict::Fail(format!(
            "{seen}: the carrier may have taken the whole request, and does not say so"
        )),
        other => other,
    }
}

pub(super) async fn once(bench: &Bench) -> Verdict {
    let wrong = |_: &Answer, asked: &Asked| {
        (asked.requests > 1).then(|| format!("{} requests", asked.requests))
    };
    match over_all(bench, wrong).await {
        Verdict::Fail(seen) => Verdict::Fail(format!(
            "{seen}: whether a contact is tried again is not for a channel to say"
        )),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::ANSWERS;

    /// The kit must not be at fault where a library finds an answer broken.
    #[test]
    fn answers_are_whole_where_they_are_to_be() {
        let whole = ANSWERS.iter().filter(|answer| {
            let mut headers = [httparse::EMPTY_HEADER; 8];
            let mut read = httparse::Response::new(&mut headers);
            let Ok(httparse::Status::Complete(head)) = read.parse(answer.bytes) else {
                return false;
            };
            let said = read.headers.iter().find(|h| h.name == "Content-Length");
            let said = said.and_then(|h| std::str::from_utf8(h.value).ok()?.parse().ok());
            said == Some(answer.bytes.len() - head)
        });
        let names: Vec<&str> = whole.map(|answer| answer.name).collect();
        let wanted = [
            "a 500",
            "a proxy's 502",
            "a 503 that names a time",
            "a 504",
            "a page in HTML with 200",
            "a 200 without a word",
            "a redirect",
        ];
        assert_eq!(names, wanted);
    }
}
