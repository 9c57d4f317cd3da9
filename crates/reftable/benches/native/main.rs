//! The workloads on the Rust interface. Names, data and what is counted are those of
//! `benches/c/workloads.c`; `docs/performance.md` says what each is.
//!
//! ```text
//! native FIXTURES MEMORY DISK REFS prepare       make the stacks that are read
//! native FIXTURES MEMORY DISK REFS WORKLOAD...   a line for each
//! native FIXTURES MEMORY DISK REFS growth        tables of the cost of operations, up to REFS refs
//! ```
//!
//! `BENCH_LAPS` in the environment is how often a workload is run, instead of its own number.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that prints what it measured"
)]

mod data;
mod growth;
mod measure;
mod read;
mod stacks;
mod write;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

type Outcome = Result<String, Box<dyn Error>>;

/// Where things are, and how many refs there are in the large table.
#[derive(Debug)]
struct Places {
    fixtures: PathBuf,
    /// A folder on a file system in memory.
    memory: PathBuf,
    disk: PathBuf,
    refs: u64,
}

impl Places {
    fn stack(&self, workload: &Workload) -> PathBuf {
        self.fixtures.join(workload.stack)
    }
}

#[derive(Clone, Copy, Debug)]
struct Workload {
    name: &'static str,
    run: fn(&Workload, &Places) -> Outcome,
    laps: u32,
    /// Which of the stacks, if any.
    stack: &'static str,
    /// How many operations, or the part of all refs.
    count: u64,
    /// What is different from the workload of the same function.
    variants: &'static [&'static str],
}

impl Workload {
    fn has(&self, variant: &str) -> bool {
        self.variants.contains(&variant)
    }
}

macro_rules! workloads {
    ($($name:literal: $run:path, $laps:literal, $stack:literal, $count:literal, $variants:expr;)*) => {
        &[$(Workload {
            name: $name,
            run: $run,
            laps: $laps,
            stack: $stack,
            count: $count,
            variants: &$variants,
        }),*]
    };
}

const WORKLOADS: &[Workload] = workloads! {
    "write_refs": write::write_refs, 1, "", 1, [];
    "write_refs_tenth": write::write_refs, 3, "", 10, [];
    "write_logs": write::write_logs, 1, "", 2, [];
    "scan": read::scan_table, 5, "one", 0, [];
    "scan_stack": read::scan_stack, 5, "one", 0, [];
    "scan_stack_6": read::scan_stack, 3, "six", 0, [];
    "lookup_hit": read::lookups, 2, "one", 20, [];
    "lookup_warm": read::lookups, 2, "one", 20, ["again"];
    "lookup_reused": read::lookups, 2, "one", 20, ["reused"];
    "lookup_reused_warm": read::lookups, 2, "one", 20, ["reused", "again"];
    "lookup_hit_6": read::lookups, 1, "six", 20, [];
    "lookup_reused_6": read::lookups, 1, "six", 20, ["reused"];
    "lookup_miss": read::lookups, 2, "one", 20, ["misses"];
    "lookup_miss_6": read::lookups, 1, "six", 20, ["misses"];
    "prefix": read::prefixes, 3, "one", 1000, [];
    "prefix_6": read::prefixes, 2, "six", 1000, [];
    "commit": write::commits, 2, "", 2000, [];
    "commit_disk": write::commits, 1, "", 2000, ["disk"];
    "commit_sync": write::commits, 1, "", 500, ["disk", "sync"];
    "commit_log": write::commits, 2, "", 2000, ["logs"];
    "commit_batch": write::commits, 20, "", 5000, ["batch"];
    "commit_batch_log": write::commits, 10, "", 5000, ["batch", "logs"];
    "commit_large": write::commits, 3, "one", 200, [];
    "compact": write::compact_all, 1, "parts", 0, ["all"];
    "cold_open": read::cold_open, 2, "one", 10000, [];
    "cold_open_10": read::cold_open, 1, "ten", 10000, [];
    "reflog": read::reflogs, 2, "logs", 10, [];
    "scan_logs": read::reflogs, 1, "logs", 1, ["all"];
    "by_id": read::by_id, 3, "one", 5000, [];
    "memory_scan": read::scan_stack, 1, "six", 0, [];
    "memory_compact": write::compact_all, 1, "parts", 0, [];
};

fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let [fixtures, memory, disk, refs, workloads @ ..] = arguments else {
        return Err("usage: native FIXTURES MEMORY DISK REFS prepare|growth|WORKLOAD...".into());
    };
    let places = Places {
        fixtures: fixtures.into(),
        memory: memory.into(),
        disk: disk.into(),
        refs: refs.parse()?,
    };
    let laps: Option<u32> = match std::env::var("BENCH_LAPS") {
        Ok(laps) => Some(laps.parse()?),
        Err(_) => None,
    };
    for wanted in workloads {
        if wanted == "prepare" {
            stacks::prepare(&places.fixtures, places.refs)?;
            continue;
        }
        if wanted == "growth" {
            growth::print_all(&places.memory.join("growth"), places.refs)?;
            continue;
        }
        let workload = WORKLOADS.iter().find(|known| known.name == wanted);
        let workload = workload.ok_or_else(|| format!("no such workload: {wanted}"))?;
        let workload = Workload {
            laps: laps.unwrap_or(workload.laps),
            ..*workload
        };
        println!("{}", (workload.run)(&workload, &places)?);
    }
    Ok(())
}

fn main() -> ExitCode {
    // `cargo bench` adds an option that means its own harness.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("native: {error}");
            ExitCode::FAILURE
        }
    }
}
