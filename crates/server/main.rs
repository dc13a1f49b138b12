//! The recoup binary: reads the command line and leaves with a documented exit code.

use std::process::ExitCode;

/// Opening a case takes some hundred small allocations: this one makes them in a tenth less processor time
/// (docs/benchmarks.md). Channels bring their own: nothing that one side allocated is freed by the other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    recoup::cli::main()
}
