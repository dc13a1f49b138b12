//! A library of another major of the ABI.
#![expect(unsafe_code, reason = "it exports the entry symbol by hand")]

use recoup_channel::abi::ChannelV1;

mod odd;

/// The library's table.
#[unsafe(no_mangle)]
pub extern "C" fn recoup_channel_entry_v1(_host_minor: u32) -> *const ChannelV1 {
    odd::table(odd::Odd::Major)
}
