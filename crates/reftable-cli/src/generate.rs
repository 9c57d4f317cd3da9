//! `reftable generate`: man pages and completions, made from the same definitions as the help.

use crate::args::{Cli, Generate, Generated};
use crate::failure::Failure;
use clap::{CommandFactory, ValueEnum};
use clap_complete::Shell;

pub(crate) fn run(args: &Generate) -> Result<u8, Failure> {
    let failed =
        |error| Failure::message(format!("cannot write to {}: {error}", args.dir.display()));
    let mut command = Cli::command();
    match args.what {
        Generated::Man => clap_mangen::generate_to(command, &args.dir).map_err(failed)?,
        Generated::Completions => {
            for shell in Shell::value_variants() {
                clap_complete::generate_to(*shell, &mut command, "reftable", &args.dir)
                    .map_err(failed)?;
            }
        }
    }
    Ok(0)
}
