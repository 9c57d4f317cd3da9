//! `reftable`: looks into, checks and repairs git's reftable storage.
//!
//! One file per command; `target` finds what a path means, `out` prints. Everything goes through
//! the public interface of the library.

mod args;
mod clean;
mod compact;
mod diff;
mod dump;
mod expiry;
mod export;
mod failure;
mod generate;
mod hash;
mod import;
mod interrupt;
mod json;
mod log;
mod lookup;
mod ls;
mod out;
mod owners;
mod places;
mod repair;
mod retry;
mod show;
mod snapshot;
mod stat;
mod target;
mod unlock;
mod verify;
mod watch;

use args::{Cli, Command};
use clap::Parser;
use failure::Failure;
use out::Out;
use std::process::ExitCode;

fn main() -> ExitCode {
    let handler = interrupt::clean_up_on_signals();
    let cli = Cli::parse();
    let mut out = Out::new(cli.color);
    reftable::fs::set_mapping(cli.mapping());
    let result = match handler {
        Ok(()) => run(cli.command, &mut out),
        Err(error) => Err(Failure::message(format!("cannot handle signals: {error}"))),
    };
    match (result, out.flush()) {
        (Ok(_), Err(failure)) if !failure.is_broken_pipe() => failure.report(),
        // Whoever has read enough may still look at the status.
        (Ok(answer), _) => ExitCode::from(answer),
        (Err(failure), _) => failure.report(),
    }
}

/// Runs a command; its exit status unless it fails.
fn run(command: Command, out: &mut Out) -> Result<u8, Failure> {
    match command {
        Command::Ls(args) => ls::run(&args, out),
        Command::Show(args) => show::run(&args, out),
        Command::Log(args) => log::run(&args, out),
        Command::Stat(args) => stat::run(&args, out),
        Command::Dump(args) => dump::run(&args, out),
        Command::Verify(args) => verify::run(&args, out),
        Command::Compact(args) => compact::run(&args, out),
        Command::Clean(args) => clean::run(&args, out),
        Command::Hash(args) => hash::run(&args, out),
        Command::Diff(args) => diff::run(&args, out),
        Command::Snapshot(args) => snapshot::run(&args, out),
        Command::Watch(args) => watch::run(&args, out),
        Command::Unlock(args) => unlock::run(&args, out),
        Command::Repair(args) => repair::run(&args, out),
        Command::Import(args) => import::run(&args, out),
        Command::Export(args) => export::run(&args, out),
        Command::Generate(args) => generate::run(&args),
    }
}
