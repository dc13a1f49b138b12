//! Attachments as sealed files in memory, opened by hash.

use std::io::{self, Write};
use std::os::fd::OwnedFd;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use sha2::{Digest, Sha256};

use crate::BlobSource;

/// Opens the attachment of this hash: a descriptor for `pread`, and its size in bytes.
pub(crate) fn open(source: &dyn BlobSource, sha256: &[u8; 32]) -> io::Result<(OwnedFd, u64)> {
    let Some(bytes) = source.read(sha256)? else {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "no attachment of this SHA-256",
        ));
    };
    if <[u8; 32]>::from(Sha256::digest(&bytes)) != *sha256 {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the stored attachment is not the one that the request names",
        ));
    }
    let fd = memfd_create(
        "recoup-blob",
        MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING,
    )?;
    let mut file = std::fs::File::from(fd);
    file.write_all(&bytes)?;
    // Every reader shares the pages, so nobody may change them.
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    fcntl_add_seals(&file, seals)?;
    Ok((OwnedFd::from(file), bytes.len() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    struct One(Vec<u8>);
    impl BlobSource for One {
        fn read(&self, _sha256: &[u8; 32]) -> io::Result<Option<Vec<u8>>> {
            Ok(Some(self.0.clone()))
        }
    }

    #[test]
    fn a_blob_is_read_in_place_and_cannot_be_changed() {
        let bytes: Vec<u8> = (0..20 * 1024 * 1024u32).map(|n| (n % 251) as u8).collect();
        let sha256 = Sha256::digest(&bytes).into();
        let (fd, size) = open(&One(bytes.clone()), &sha256).expect("it opens");
        assert_eq!(size, bytes.len() as u64);
        let file = std::fs::File::from(fd);
        let mut tail = [0; 16];
        file.read_exact_at(&mut tail, size - 16).expect("pread");
        assert_eq!(tail, bytes[bytes.len() - 16..]);
        assert!(file.write_at(b"x", 0).is_err(), "sealed");
    }

    #[test]
    fn bytes_of_another_hash_are_refused() {
        let error = open(&One(b"other".to_vec()), &[7; 32]).expect_err("not those bytes");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
