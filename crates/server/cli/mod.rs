//! The commands of `recoup`. Those that reach a server do so by gRPC only, as any client does.
//!
//! Exit codes: 0 done; 1 the server refused, or a policy has errors; 2 the command line, configuration or a file is wrong;
//! 3 the server cannot be reached or broke off; 4 some rows of the input are bad; 5 what was previewed changes cases, or
//! policies that were compared differ.

mod audit;
mod borrower;
mod case;
mod channel;
mod channel_new;
mod channel_test;
mod channel_trust;
mod client;
mod clock;
mod collector;
mod contact;
mod dispatch;
#[cfg(test)]
mod documented;
mod events;
mod given;
pub mod import;
mod law;
mod output;
mod policy;
mod report;
mod sandbox;
mod serve;
mod status;
mod store;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use client::ClientArgs;

use crate::wiring::Seams;

/// The server refused.
pub const EXIT_REFUSED: u8 = 1;
/// The command line, configuration or a file is wrong.
pub const EXIT_USAGE: u8 = 2;
/// The server cannot be reached or broke off.
pub const EXIT_UNREACHED: u8 = 3;
/// Some rows of the input are bad.
pub const EXIT_BAD_INPUT: u8 = 4;
/// What was previewed would change cases, or what was compared differs.
pub const EXIT_CHANGES: u8 = 5;

/// Runs the ladder of contacts for overdue loans: SMS, phone, visit, legal referral.
#[derive(Debug, Parser)]
#[command(
    name = "recoup",
    version,
    after_help = "Exit codes: 0 done, 1 the server refused or a policy has errors, \
    2 wrong usage, configuration or file, 3 server not reached, 4 the input has bad rows, 5 a preview changes \
    cases, or policies that were compared differ."
)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve(serve::Args),
    /// Serve one channel's library to the server that started this process. Not for people.
    #[command(hide = true)]
    ChannelHost,
    /// Run a stand-in for SMS gateway, voice provider, mail, calendar and law firm.
    Sandbox(sandbox::Args),
    /// Open the cases of a file.
    Import {
        #[command(flatten)]
        client: ClientArgs,
        #[command(flatten)]
        args: import::Args,
    },
    /// Look at cases; tell what the lender's ledger, an agent or the borrower says of one.
    #[command(subcommand)]
    Case(case::Command),
    /// Look at people; tell what they want and are.
    #[command(subcommand)]
    Borrower(borrower::Command),
    /// Look at contacts, ask for one, approve and cancel them, say what came of them.
    #[command(subcommand)]
    Contact(contact::Command),
    /// Check, compare, create and activate policies; move cases from one to another; register templates.
    #[command(subcommand)]
    Policy(policy::Command),
    /// Look at channels.
    #[command(subcommand)]
    Channel(channel::Command),
    /// Look at the people who call and visit, and write them.
    #[command(subcommand)]
    Collector(collector::Command),
    /// Follow what happens.
    Events(events::Args),
    /// The packs of law and house rules that contacts are judged by.
    Law(law::Args),
    /// What waits for a person.
    #[command(subcommand)]
    Report(report::Command),
    /// Stop and start everything, a lender or a channel.
    #[command(subcommand)]
    Dispatch(dispatch::Command),
    /// Say that the server's clock is right after it leapt.
    #[command(subcommand)]
    Clock(clock::Command),
    /// What is due, what is blocked, and what each channel does.
    Status(status::Args),
    /// Copy the store; confirm after a restore.
    #[command(subcommand)]
    Store(store::Command),
    /// Export proof.
    #[command(subcommand)]
    Audit(audit::Command),
}

/// Why a command was not done.
#[derive(Debug)]
pub struct Failure {
    /// For the person at the terminal.
    pub message: String,
    /// The process's exit code.
    pub code: u8,
}

impl Failure {
    fn usage(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: EXIT_USAGE,
        }
    }
}

/// The result of a command: its exit code, or why it was not done.
pub type Outcome = Result<u8, Failure>;

/// Runs the command of the command line.
#[must_use]
pub fn main() -> ExitCode {
    main_with(&Seams::default())
}

/// Runs the command of the command line, a server with `seams`.
#[must_use]
pub fn main_with(seams: &Seams) -> ExitCode {
    let args = Args::parse();
    if matches!(args.command, Command::ChannelHost) {
        // Before there is any thread: the fence that it puts up has to hold for all.
        return recoup_channel_host::serve_isolated();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("recoup: the system gives no threads: {error}");
            return ExitCode::from(EXIT_UNREACHED);
        }
    };
    let outcome = runtime.block_on(run(args.command, seams));
    // A call that hangs in a library must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            eprintln!("recoup: {}", failure.message);
            ExitCode::from(failure.code)
        }
    }
}

async fn run(command: Command, seams: &Seams) -> Outcome {
    match command {
        // `main_with` has taken it.
        Command::ChannelHost => Ok(EXIT_USAGE),
        Command::Serve(args) => serve::run(args, seams).await,
        Command::Sandbox(args) => sandbox::run(args).await,
        Command::Import { client, args } => run_import(client, args).await,
        Command::Case(command) => case::run(command).await,
        Command::Borrower(command) => borrower::run(command).await,
        Command::Collector(command) => collector::run(command).await,
        Command::Events(args) => events::run(args).await,
        Command::Law(args) => law::run(args).await,
        Command::Report(command) => report::run(command).await,
        Command::Contact(command) => contact::run(command).await,
        Command::Policy(command) => policy::run(command).await,
        Command::Channel(command) => channel::run(command).await,
        Command::Dispatch(command) => dispatch::run(command).await,
        Command::Clock(command) => clock::run(command).await,
        Command::Status(args) => status::run(args).await,
        Command::Store(command) => store::run(command).await,
        Command::Audit(command) => audit::run(command).await,
    }
}

async fn run_import(client: ClientArgs, args: import::Args) -> Outcome {
    let done = if args.dry_run {
        import::dry_run(&args).await
    } else {
        let token = client.token.clone().unwrap_or_default();
        import::run(&args, client.connect().await?, &token).await
    };
    let summary = done.map_err(|e| Failure {
        message: e.to_string(),
        code: e.exit_code(),
    })?;
    if args.json {
        let text = serde_json::to_string(&summary);
        output::say(text.map_err(|e| Failure::usage(e.to_string()))?);
    } else {
        output::say(summary.text());
    }
    Ok(summary.exit_code())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }
}
