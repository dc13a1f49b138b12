//! How streams end: a stream's code comes behind its last message, long after its first answer was counted.

use std::sync::Arc;

use http_body_util::BodyExt;
use tonic::body::Body;
use tonic::{Code, Status};

use super::Meters;
use super::meters::{ABANDONED, name_of};

/// The end of a stream; it is counted when this is dropped with the stream's body.
struct End {
    meters: Arc<Meters>,
    method: Arc<str>,
    code: &'static str,
}

impl End {
    /// The code is known.
    fn is(&mut self, code: Code) {
        self.code = name_of(code);
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let ended = (Arc::clone(&self.method), self.code);
        self.meters.stream_ends.add(ended);
    }
}

/// Counts how the stream in a body ends; `seat` is given back then.
pub(crate) fn watched(
    body: Body,
    meters: Arc<Meters>,
    method: Arc<str>,
    seat: impl Send + Sync + 'static,
) -> Body {
    let mut end = End {
        meters,
        method,
        code: ABANDONED,
    };
    Body::new(body.map_frame(move |frame| {
        let _ = &seat;
        if let Some(status) = frame.trailers_ref().and_then(Status::from_header_map) {
            end.is(status.code());
        }
        frame
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::Full;

    fn ended(meters: &Meters) -> Vec<(&'static str, u64)> {
        let ends = meters.stream_ends.read();
        ends.into_iter().map(|((_, code), n)| (code, n)).collect()
    }

    fn stream(end: Option<Code>) -> Body {
        let trailers = end.map(|code| {
            let head: http::Response<Body> = Status::new(code, "").into_http();
            Ok(head.headers().clone())
        });
        let event = Full::new(bytes::Bytes::from_static(b"an event"));
        Body::new(event.with_trailers(std::future::ready(trailers)))
    }

    #[tokio::test]
    async fn a_stream_counts_by_the_code_behind_its_last_message() {
        for (end, code) in [
            (Some(Code::Ok), "OK"),
            (Some(Code::Unavailable), "UNAVAILABLE"),
            (None, ABANDONED),
        ] {
            let meters = Arc::new(Meters::default());
            let body = watched(stream(end), Arc::clone(&meters), "a".into(), ());
            assert_eq!(ended(&meters), [], "it has not ended");
            let _ = body.collect().await;
            assert_eq!(ended(&meters), [(code, 1)]);
        }
    }

    #[test]
    fn a_stream_that_nobody_reads_to_its_end_is_abandoned() {
        let meters = Arc::new(Meters::default());
        let body = stream(Some(Code::Ok));
        drop(watched(body, Arc::clone(&meters), "a".into(), ()));
        assert_eq!(ended(&meters), [(ABANDONED, 1)]);
    }
}
