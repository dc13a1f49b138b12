//! An answer that may carry an open file, over a line between two processes.

use std::io::{self, IoSlice, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use super::frame::{Frame, HEAD_BYTES};

/// Writes a frame, with a file's descriptor where there is one.
pub(super) fn send(
    line: &mut UnixStream,
    frame: &Frame,
    file: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let Some(file) = file else {
        return frame.write_to(line);
    };
    let head = frame.head();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let files = [file];
    if !ancillary.push(SendAncillaryMessage::ScmRights(&files)) {
        return Err(io::Error::other("no room for the descriptor"));
    }
    let sent = sendmsg(
        &*line,
        &[IoSlice::new(&head)],
        &mut ancillary,
        SendFlags::NOSIGNAL,
    )?;
    // A stream takes at least one byte, and with it the descriptor.
    io::Write::write_all(line, &head[sent..])?;
    io::Write::write_all(line, &frame.bytes)
}

/// Reads a frame, and the file that came with its head.
pub(super) fn receive(line: &mut UnixStream) -> io::Result<(Frame, Option<OwnedFd>)> {
    let mut head = [0; HEAD_BYTES];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let got = recvmsg(
        &*line,
        &mut [IoSliceMut::new(&mut head)],
        &mut ancillary,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    if got.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut file = None;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(files) = message {
            file = files.last();
        }
    }
    line.read_exact(&mut head[got.bytes..])?;
    Ok((Frame::read_body(&head, line)?, file))
}
