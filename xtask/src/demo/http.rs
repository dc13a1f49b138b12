//! Plain requests to the sandbox, which listens on loopback.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::DemoError;

/// Sends one request to `base` (`http://host:port`) and gives the answer's body.
pub(crate) async fn call(
    base: &str,
    method: &str,
    path: &str,
    body: &str,
) -> Result<String, DemoError> {
    let about = |what: String| DemoError::Failed(format!("ask the sandbox for {path}: {what}"));
    let io = |error: std::io::Error| about(error.to_string());
    let host = base.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(host).await.map_err(io)?;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.map_err(io)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.map_err(io)?;
    read_answer(&String::from_utf8_lossy(&answer)).map_err(about)
}

/// The body of an answer that is neither chunked nor a refusal.
fn read_answer(answer: &str) -> Result<String, String> {
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or_else(|| "the answer has no end of its head".to_owned())?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    if !status.starts_with('2') {
        return Err(format!("it answered {status}: {body}"));
    }
    if head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked")
    {
        return Err("it answered in chunks, which this reader does not take".to_owned());
    }
    Ok(body.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        assert_eq!(
            read_answer("HTTP/1.1 200 OK\r\na: b\r\n\r\n[]").as_deref(),
            Ok("[]")
        );
        assert!(
            read_answer("HTTP/1.1 404 No\r\n\r\nnothing")
                .unwrap_err()
                .contains("404: nothing")
        );
        assert!(read_answer("HTTP/1.1 200 OK\r\n").is_err());
        assert!(read_answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0").is_err());
    }
}
