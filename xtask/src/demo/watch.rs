//! Every event of the service, in order, nothing missed: a stream that breaks is taken up where it ended.

use recoup::api::recoup::v1 as pb;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tonic::{Code, Status};

use super::DemoError;
use super::client::Client;

/// The events as they come.
pub(crate) struct Watch {
    events: mpsc::UnboundedReceiver<Result<pb::Event, DemoError>>,
    task: JoinHandle<()>,
}

impl Watch {
    /// Watches from the first event there is.
    pub(crate) fn start(client: Client) -> Self {
        let (to, events) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            let mut cursor = String::new();
            let mut failures = 0;
            loop {
                let before = cursor.clone();
                let status = follow(&client, &mut cursor, &to).await;
                failures = if cursor == before { failures + 1 } else { 0 };
                // Ended as a slow reader: go on after the last one. Anything else is a fault.
                if status.code() != Code::Unavailable || failures > 3 {
                    let _ = to.send(Err(DemoError::rpc("watch the events", &status)));
                    return;
                }
            }
        });
        Self { events, task }
    }

    /// The next event. Cancel safe.
    pub(crate) async fn next(&mut self) -> Result<pb::Event, DemoError> {
        let ended = || DemoError::Failed("watch the events: the watcher ended".to_owned());
        self.events.recv().await.ok_or_else(ended)?
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn follow(
    client: &Client,
    cursor: &mut String,
    to: &mpsc::UnboundedSender<Result<pb::Event, DemoError>>,
) -> Status {
    let request = pb::WatchEventsRequest {
        cursor: cursor.clone(),
        ..pb::WatchEventsRequest::default()
    };
    let mut stream = match client.events().watch_events(request).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => return status,
    };
    loop {
        match stream.message().await {
            Ok(Some(message)) => {
                cursor.clone_from(&message.cursor);
                if let Some(event) = message.event
                    && to.send(Ok(event)).is_err()
                {
                    return Status::cancelled("nobody listens any more");
                }
            }
            Ok(None) => return Status::unavailable("the stream ended"),
            Err(status) => return status,
        }
    }
}
