//! The master key: read from its file; the development mode makes one.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::config::Config;
use crate::wiring::ServeError;

/// Reads the master key. Development mode makes one where there is none.
pub(crate) fn master_key(config: &Config, dir: &Path) -> Result<[u8; 32], ServeError> {
    let path = config
        .master_key_file
        .clone()
        .unwrap_or_else(|| dir.join("master.key"));
    let wrong = |problem: String| ServeError::Key {
        path: path.clone(),
        problem,
    };
    let metadata = match fs::metadata(&path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound && config.is_development() => {
            return new_key(&path);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(wrong(
                "is not there. Make it once, keep a copy apart from the store, and let only the service read \
                 it: openssl rand -hex 32 > FILE; chmod 600 FILE"
                    .to_owned(),
            ));
        }
        Err(error) => return Err(wrong(format!("cannot be read: {error}"))),
    };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(wrong(format!(
            "has mode {mode:04o}; others may read it: chmod 600 it"
        )));
    }
    let bytes = fs::read(&path).map_err(|e| wrong(format!("cannot be read: {e}")))?;
    read_key(&bytes).ok_or_else(|| {
        wrong(format!(
            "has {} bytes; it must be 32 bytes or 64 hexadecimal digits",
            bytes.len()
        ))
    })
}

fn read_key(bytes: &[u8]) -> Option<[u8; 32]> {
    if let Ok(key) = bytes.try_into() {
        return Some(key);
    }
    let text = std::str::from_utf8(bytes).ok()?.trim();
    let mut key = [0; 32];
    let fits = text.len() == 64
        && text.is_ascii()
        && key.iter_mut().enumerate().all(|(i, byte)| {
            u8::from_str_radix(&text[2 * i..2 * i + 2], 16)
                .map(|v| *byte = v)
                .is_ok()
        });
    fits.then_some(key)
}

fn new_key(path: &Path) -> Result<[u8; 32], ServeError> {
    let failed = |source| ServeError::Write {
        path: path.to_owned(),
        source,
    };
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|e| failed(io::Error::other(e.to_string())))?;
    let text: String = key.iter().map(|b| format!("{b:02x}")).collect();
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    tracing::warn!("development mode made a master key at {}", path.display());
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_32_bytes_or_their_digits() {
        assert_eq!(read_key(&[7; 32]), Some([7; 32]));
        assert_eq!(
            read_key(format!("{}\n", "07".repeat(32)).as_bytes()),
            Some([7; 32])
        );
        for bad in [&b""[..], &[7; 31], &[b'z'; 64]] {
            assert_eq!(read_key(bad), None);
        }
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("master.key");
        let config = Config {
            master_key_file: Some(path.clone()),
            ..Config::default()
        };
        let made = master_key(&config, dir.path()).expect("a new key");
        assert_eq!(master_key(&config, dir.path()).expect("the same key"), made);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("a mode");
        let error = master_key(&config, dir.path())
            .expect_err("others may read it")
            .to_string();
        assert!(
            error.contains("0640") && error.contains("chmod 600"),
            "{error}"
        );
    }
}
