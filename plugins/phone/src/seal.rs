//! The debtor's text on its way through the digit's URL.
//!
//! The provider fetches what comes after the digit from a URL, and the channel keeps nothing between
//! calls. So the text travels in that URL, sealed: the provider's logs and proxies see no debt, and
//! only the contact that it was written for opens it.

use aes_gcm_siv::aead::{Aead, Payload};
use aes_gcm_siv::{Aes256GcmSiv, KeyInit, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

const NONCE_BYTES: usize = 12;

/// Seals and opens texts under a key made of the account's token.
#[derive(Clone)]
pub(crate) struct Seal(Aes256GcmSiv);

impl Seal {
    pub(crate) fn new(auth_token: &str) -> Result<Self, String> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(auth_token.as_bytes())
            .map_err(|error| format!("phone: the token cannot be a key: {error}"))?;
        mac.update(b"recoup-phone text 1");
        let key = mac.finalize().into_bytes();
        Aes256GcmSiv::new_from_slice(&key)
            .map(Self)
            .map_err(|error| format!("phone: the token cannot be a key: {error}"))
    }

    /// The locale and text of one contact, for a URL. `None`: too long for the cipher.
    pub(crate) fn close(&self, contact_id: &str, key: &str, text: &Text) -> Option<String> {
        let hash = Sha256::digest(key.as_bytes());
        let nonce: [u8; NONCE_BYTES] = hash[..NONCE_BYTES].try_into().ok()?;
        let plain = format!("{}\n{}", text.locale.replace('\n', ""), text.body);
        let payload = Payload {
            msg: plain.as_bytes(),
            aad: contact_id.as_bytes(),
        };
        let sealed = self.0.encrypt(&Nonce::from(nonce), payload).ok()?;
        Some(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// The text again; `None` for anything that was not sealed for this contact.
    pub(crate) fn open(&self, contact_id: &str, token: &str) -> Option<Text> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload {
            msg: sealed,
            aad: contact_id.as_bytes(),
        };
        let plain = self.0.decrypt(&Nonce::from(*nonce), payload).ok()?;
        let plain = String::from_utf8(plain).ok()?;
        let (locale, body) = plain.split_once('\n')?;
        Some(Text {
            locale: locale.to_owned(),
            body: body.to_owned(),
        })
    }
}

/// What is said once the person has confirmed who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) locale: String,
    pub(crate) body: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_contact_and_account_open_a_text() {
        let text = Text {
            locale: "zh-Hans-CN".to_owned(),
            body: "您有一笔款项\n逾期".to_owned(),
        };
        let seal = Seal::new("token").expect("a key");
        let token = seal.close("c-1", "key-1", &text).expect("short");
        let url_safe = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        assert!(token.bytes().all(url_safe), "{token}");
        assert_eq!(seal.open("c-1", &token), Some(text));
        assert_eq!(seal.open("c-2", &token), None);
        assert_eq!(Seal::new("other").expect("a key").open("c-1", &token), None);
        for bad in ["", "AAAA", "!", &token[1..]] {
            assert_eq!(seal.open("c-1", bad), None, "{bad}");
        }
    }
}
