//! A shared library that is no channel.
#![expect(unsafe_code, reason = "it exports a symbol, only not the right one")]

/// Something else.
#[unsafe(no_mangle)]
pub extern "C" fn recoup_channel_entry() -> u32 {
    7
}
