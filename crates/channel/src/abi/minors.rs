//! A library of this minor in hosts of other minors, by hand over the C table.

use std::ffi::{c_char, c_void};
use std::sync::OnceLock;

use super::{ABI_MAJOR, ABI_MINOR, Bytes, HOST_BYTES_MIN, HostV1, Sink, Table, code, entry};
use crate::wire::{ChannelDescriptor, ContactClass, Receipt, SendRequest};
use crate::{Call, Channel, ChannelError, ChannelFactory, Host};

struct Plain;

impl ChannelFactory for Plain {
    fn descriptor() -> ChannelDescriptor {
        ChannelDescriptor {
            id: "org.recoup.plain".into(),
            version: "1.0.0".into(),
            kind: "plain".into(),
            contact_class: ContactClass::Sms.into(),
            ..ChannelDescriptor::default()
        }
    }

    fn create(_config_json: &str, _host: Host) -> Result<Self, String> {
        Ok(Self)
    }
}

impl Channel for Plain {
    async fn send(&self, _cx: &Call, _request: SendRequest) -> Result<Receipt, ChannelError> {
        Ok(Receipt::default())
    }
}

/// A later minor's host: all of this one, and more behind it.
#[repr(C)]
struct Later {
    known: HostV1,
    more: [usize; 8],
}

fn host(size: usize, major: u16, minor: u16) -> Later {
    unsafe extern "C" fn complete(_: *mut c_void, _: u64, _: i32, _: Bytes) -> i32 {
        code::OK
    }
    unsafe extern "C" fn began(_: *mut c_void, _: u64) -> i32 {
        code::OK
    }
    unsafe extern "C" fn event(_: *mut c_void, _: Bytes) -> u64 {
        0
    }
    unsafe extern "C" fn log(_: *mut c_void, _: i32, _: Bytes) {}
    unsafe extern "C" fn metric(_: *mut c_void, _: u32, _: f64) {}
    unsafe extern "C" fn secret(_: *mut c_void, _: Bytes, _: *mut c_void, _: Sink) -> i32 {
        code::NOT_FOUND
    }
    unsafe extern "C" fn now(_: *mut c_void, _: *mut i64, _: *mut u64) {}
    // A host without any extension.
    unsafe extern "C" fn get_extension(_: *mut c_void, _: *const c_char) -> *const c_void {
        std::ptr::null()
    }
    Later {
        known: HostV1 {
            struct_size: size as u32,
            abi_major: major,
            abi_minor: minor,
            ctx: std::ptr::null_mut(),
            complete,
            began,
            event,
            log,
            metric,
            secret,
            now,
            get_extension,
        },
        more: [usize::MAX; 8],
    }
}

/// What `create` says in such a host; nothing where it makes an instance.
fn created_in(host: &Later) -> Option<String> {
    unsafe extern "C" fn collect(user: *mut c_void, bytes: Bytes) {
        // SAFETY: `user` is the text below, and the bytes live during this call.
        unsafe {
            let text = &mut *user.cast::<String>();
            text.push_str(&String::from_utf8_lossy(bytes.as_slice()));
        }
    }
    static TABLE: OnceLock<Table> = OnceLock::new();
    assert_eq!(host.more.len(), 8);
    let (mut instance, mut why) = (std::ptr::null_mut(), String::new());
    // SAFETY: the table's functions, with what they may expect of a host.
    unsafe {
        let table = &*entry::<Plain>(&TABLE, 0);
        let create = table.create.expect("every table has it");
        let made = create(
            &raw const host.known,
            Bytes::of(b"{}"),
            &raw mut instance,
            (&raw mut why).cast(),
            Some(collect),
        );
        if made < 0 {
            return Some(why);
        }
        table.destroy.expect("every table has it")(instance);
    }
    None
}

#[test]
fn hosts_of_this_major_serve_whatever_their_minor() {
    let own = host(HOST_BYTES_MIN, ABI_MAJOR, ABI_MINOR);
    assert_eq!(created_in(&own), None);
    let later = host(size_of::<Later>(), ABI_MAJOR, ABI_MINOR + 9);
    assert_eq!(created_in(&later), None);
}

#[test]
fn a_host_that_cannot_serve_is_told_what_differs() {
    let said = created_in(&host(HOST_BYTES_MIN, ABI_MAJOR + 1, 0)).expect("another major");
    assert!(said.contains("speaks ABI 2.0, this library 1.0"), "{said}");
    let said = created_in(&host(HOST_BYTES_MIN - 8, ABI_MAJOR, 0)).expect("too short");
    assert!(said.contains("has 72 bytes"), "{said}");
}
