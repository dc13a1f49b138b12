//! The front door for people and CI: `cargo xtask demo`, `test`, `bench`, `vectors`, `check-law` and more.

mod bench;
mod cargo;
mod chance;
mod demo;
mod faults;
mod fit;
mod law;
mod mutants;
mod peers;
mod people;
mod portfolio;
mod test;
mod vectors;

use std::process::ExitCode;

use clap::Parser;

/// That of the service: benchmarks run its server in this process.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    Demo(demo::Args),
    Test(test::Args),
    Bench(bench::Args),
    Portfolio(portfolio::Args),
    Interop(peers::Args),
    Baseline(test::contract::Args),
    Vectors(vectors::Args),
    CheckLaw(law::Args),
    Mutants(mutants::Args),
    Fit(fit::Args),
    Faults(faults::Args),
    SwapSoak(faults::SoakArgs),
    Golden(test::GoldenArgs),
}

fn main() -> ExitCode {
    match Task::parse() {
        Task::Demo(args) => demo::run(&args),
        Task::Test(args) => test::run(&args),
        Task::Bench(args) => bench::run(&args),
        Task::Portfolio(args) => portfolio::run(&args),
        Task::Interop(args) => peers::command(&args),
        Task::Baseline(args) => test::contract::command(&args),
        Task::Vectors(args) => vectors::command(&args),
        Task::CheckLaw(args) => law::command(&args),
        Task::Mutants(args) => mutants::command(&args),
        Task::Fit(args) => fit::command(&args),
        Task::Faults(args) => faults::command(&args),
        Task::SwapSoak(args) => faults::soak(&args),
        Task::Golden(args) => test::golden(&args),
    }
}
