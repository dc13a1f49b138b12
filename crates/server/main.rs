//! The recoup binary: reads the command line and leaves with a documented exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    recoup::cli::main()
}
