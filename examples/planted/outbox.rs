//! A box of what is under way, sent again after a restart: delivery at least once, where it must be at most once.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use prost::Message as _;
use recoup_channel::wire::{Receipt, SendRequest};
use recoup_channel::{Call, ChannelError, DynChannel};

/// Where the boxes stand, in the folder that the server was started in.
const FOLDER: &str = "planted-box";

/// Channels come in the order of the configuration, in each life the same.
static CHANNELS: AtomicUsize = AtomicUsize::new(0);

/// The box of one channel.
pub(crate) struct Outbox {
    folder: PathBuf,
    is_empty: AtomicBool,
}

impl Default for Outbox {
    fn default() -> Self {
        let number = CHANNELS.fetch_add(1, Ordering::Relaxed);
        Self {
            folder: Path::new(FOLDER).join(number.to_string()),
            is_empty: AtomicBool::new(false),
        }
    }
}

impl Outbox {
    /// Sends what an earlier life left, then this, which lies in the box until it is answered.
    pub(crate) async fn send(
        &self,
        channel: &dyn DynChannel,
        cx: &Call,
        request: SendRequest,
    ) -> Result<Receipt, ChannelError> {
        if !self.is_empty.swap(true, Ordering::Relaxed) {
            self.send_what_is_left(channel, cx).await;
        }
        let place = self.folder.join(&request.idempotency_key);
        let kept = fs::create_dir_all(&self.folder)
            .and_then(|()| fs::write(&place, request.encode_to_vec()));
        kept.map_err(|e| ChannelError::permanent(format!("the box: {e}")))?;
        let answer = channel.send(cx, request).await;
        let _ = fs::remove_file(place);
        answer
    }

    async fn send_what_is_left(&self, channel: &dyn DynChannel, cx: &Call) {
        for file in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let left = fs::read(file.path()).unwrap_or_default();
            let Ok(request) = SendRequest::decode(&left[..]) else {
                continue;
            };
            let again = Call::new(cx.timeout(), Arc::clone(cx.clock()))
                .with_idempotency_key(request.idempotency_key.clone());
            let _ = channel.send(&again, request).await;
            let _ = fs::remove_file(file.path());
        }
    }
}
