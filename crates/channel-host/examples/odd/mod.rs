//! A library whose table is not quite of this host: what all four of them share.

use std::sync::OnceLock;

use recoup_channel::abi::{ABI_MINOR, ChannelV1, TABLE_BYTES_MIN, Table, entry};
use recoup_channel::wire::{ChannelDescriptor, ContactClass, Receipt, SendRequest};
use recoup_channel::{Call, Channel, ChannelError, ChannelFactory, Host};

/// What is odd about it.
#[derive(Clone, Copy)]
#[allow(dead_code, reason = "each library is odd in one way")]
pub(crate) enum Odd {
    /// A later minor's: longer, and with a flag that nobody knows yet.
    Later,
    /// Shorter than any.
    Short,
    /// Another major's.
    Major,
    /// There is none for this host.
    Missing,
}

/// All of the known table, and more behind it.
#[repr(C)]
struct Longer {
    known: ChannelV1,
    _more: [usize; 8],
}

struct Shared(Longer);
// SAFETY: never written after it is made.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

pub(crate) fn table(odd: Odd) -> *const ChannelV1 {
    static KNOWN: OnceLock<Table> = OnceLock::new();
    static TABLE: OnceLock<Shared> = OnceLock::new();
    // SAFETY: the SDK's table is complete and never moves.
    let mut known = unsafe { *entry::<Plain>(&KNOWN, 0) };
    match odd {
        Odd::Missing => return std::ptr::null(),
        Odd::Short => known.struct_size = TABLE_BYTES_MIN as u32 - 8,
        Odd::Major => known.abi_major = 2,
        Odd::Later => {
            known.struct_size = size_of::<Longer>() as u32;
            known.abi_minor = ABI_MINOR + 7;
            known.flags = 1 << 30;
        }
    }
    let _more = [usize::MAX; 8];
    let table = TABLE.get_or_init(|| Shared(Longer { known, _more }));
    (&raw const table.0).cast()
}

/// A channel that accepts everything.
struct Plain;

impl ChannelFactory for Plain {
    fn descriptor() -> ChannelDescriptor {
        ChannelDescriptor {
            id: "org.recoup.odd".into(),
            version: "1.0.0".into(),
            kind: "odd".into(),
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
