//! The program of a channel's own process, for tests.

use std::process::ExitCode;

fn main() -> ExitCode {
    recoup_channel_host::serve_isolated()
}
