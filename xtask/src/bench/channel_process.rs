//! The process of an isolated channel, for `bench`.

use std::process::ExitCode;

fn main() -> ExitCode {
    recoup_channel_host::serve_isolated()
}
