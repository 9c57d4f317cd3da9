//! Writers, readers, compactors and an expirer on one folder, some of them git, killed at random
//! moments and started again. A checker that takes no part holds what is there against the
//! journals of the writers: what was acknowledged is there, in order, and no reader ever saw an
//! error, a part of a transaction, or one that was gone.
//!
//! `STRESS_SECONDS` says how long (a few seconds if not set), `STRESS_SEED` repeats the choice of
//! victims, `STRESS_WRITERS` and `STRESS_READERS` how many there are of them. `GIT` names the git
//! to use; without one that knows reftable, the others are among themselves.

mod arena;
mod check;
mod roles;

use arena::{Arena, journal, to_hex};
use check::Shown;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use reftable::verify::{Severity, verify_stack};
use reftable::{Error, Stack};
use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use test_support::git::Git;
use test_support::helper;
use test_support::rng::Rng;

#[test]
#[ignore = "helper process"]
fn helper_plays_a_role() {
    let Some(args) = helper::args(helper_plays_a_role) else {
        return;
    };
    let arena = Arena::open(args["base"].as_ref());
    let who = &args["who"];
    let writers: Vec<String> = args["writers"].split(' ').map(str::to_owned).collect();
    match who.trim_end_matches(char::is_numeric) {
        "writer" => roles::write(&arena, who),
        "git" => roles::write_with_git(&arena, who),
        "reader" => roles::read(&arena, who, &writers),
        "compactor" => roles::compact(&arena, who),
        "expirer" => roles::expire(&arena, who, &writers),
        "packer" => roles::pack_with_git(&arena, who),
        _ => panic!("{who}: no such role"),
    }
}

fn number(variable: &str, default: u64) -> u64 {
    let value = std::env::var(variable).ok();
    value.map_or(default, |value| value.parse().unwrap())
}

/// A run: who takes part, and what has been counted.
struct Run {
    arena: Arena,
    cast: Vec<String>,
    writers: Vec<String>,
    rng: Rng,
    kills: u64,
    /// What the dead left, by kind.
    left: BTreeMap<&'static str, u64>,
}

impl Run {
    fn new(base: &Path) -> Run {
        let git = Git::new();
        if let Err(reason) = &git {
            println!("without git: {reason}");
        }
        let with_git = git.is_ok();
        if with_git {
            let dir = base.join("repository");
            let program = std::env::var_os("GIT").unwrap_or_else(|| "git".into());
            let mut init = Command::new(program);
            init.args(["init", "-q", "--ref-format=reftable"]).arg(dir);
            assert!(init.status().unwrap().success());
        } else {
            std::fs::create_dir(base.join("stack")).unwrap();
        }
        roles::make_objects(base, with_git);
        let some = |role: &str, count| (0..count).map(|n| format!("{role}{n}")).collect();
        let mut writers: Vec<String> = some("writer", number("STRESS_WRITERS", 3));
        let readers: Vec<String> = some("reader", number("STRESS_READERS", 2));
        let mut others = vec!["compactor".to_owned(), "expirer".to_owned()];
        if with_git {
            writers.push("git0".to_owned());
            others.push("packer".to_owned());
        }
        let seed = number("STRESS_SEED", 1);
        println!("seed {seed}, writers {writers:?}, readers {readers:?}, others {others:?}");
        Run {
            arena: Arena::open(base),
            cast: [writers.clone(), readers, others].concat(),
            writers,
            rng: Rng::new(seed),
            kills: 0,
            left: BTreeMap::new(),
        }
    }

    fn start(&self, who: &str) -> Child {
        let base = self.arena.base.to_str().unwrap();
        let writers = self.writers.join(" ");
        let args = [("base", base), ("who", who), ("writers", &writers)];
        let mut command = helper::command(helper_plays_a_role, &args);
        let log = std::fs::File::create(self.arena.base.join(format!("output-{who}"))).unwrap();
        // A group of its own, so that git is killed with the process that runs it.
        command.process_group(0).stdin(Stdio::null());
        command.stderr(log.try_clone().unwrap()).stdout(log);
        command.spawn().unwrap()
    }

    /// All at work for a while, killed one after the other at random moments. When this returns,
    /// none of them is alive.
    fn round(&mut self, length: Duration) {
        let start = Instant::now();
        let mut children: Vec<Child> = self.cast.iter().map(|who| self.start(who)).collect();
        while start.elapsed() < length {
            let pause = Duration::from_millis(5 + self.rng.next() % 120);
            // The moment of the kill is what is random here; nothing is waited for.
            std::thread::park_timeout(pause);
            let victim = self.rng.below(self.cast.len());
            let who = self.cast[victim].clone();
            kill(&who, &mut children[victim], &self.arena);
            self.kills += 1;
            children[victim] = self.start(&who);
        }
        std::fs::write(self.arena.base.join("stop"), "").unwrap();
        for (who, mut child) in self.cast.iter().zip(children) {
            let status = child.wait().unwrap();
            assert!(status.success(), "{who}: {}", self.output(who));
        }
        std::fs::remove_file(self.arena.base.join("stop")).unwrap();
    }

    fn output(&self, who: &str) -> String {
        std::fs::read_to_string(self.arena.base.join(format!("output-{who}"))).unwrap()
    }

    /// All owners are dead: whatever lock there is, it is nobody's.
    fn check_and_tidy(&mut self) -> u64 {
        let dir = &self.arena.stack;
        let stack = Stack::open(dir, roles::options(true)).unwrap();
        let shown = Shown::read(&stack.merged()).unwrap();
        let checked = shown.check_acknowledged(&self.arena, &self.writers);
        let findings = verify_stack(dir, &roles::options(true));
        let errors = findings
            .iter()
            .filter(|found| found.severity >= Severity::Error);
        assert_eq!(errors.map(ToString::to_string).collect::<Vec<_>>(), [""; 0]);
        self.check_with_git(&shown);
        for name in crate::stack_support::files(dir) {
            let kind = match name.as_str() {
                "tables.list" => continue,
                "tables.list.lock" => "list locks",
                name if name.ends_with(".ref.lock") => "table locks",
                name if name.ends_with(".ref") => continue,
                _ => "temporary files",
            };
            *self.left.entry(kind).or_default() += 1;
            if name.ends_with(".lock") {
                if name == "tables.list.lock" {
                    let error = stack.begin().unwrap_err();
                    assert!(
                        matches!(error, Error::Locked { age: Some(_), .. }),
                        "{error}"
                    );
                }
                std::fs::remove_file(dir.join(name)).unwrap();
            }
        }
        let stray = crate::stack_support::files(dir).len() - stack.table_names().len() - 1;
        stack.clean().unwrap();
        let after = crate::stack_support::files(dir).len() - stack.table_names().len() - 1;
        *self.left.entry("unlisted files").or_default() += (stray - after) as u64;
        checked
    }

    /// git lists the same refs.
    fn check_with_git(&self, shown: &Shown) {
        if !self.arena.has_git() {
            return;
        }
        let format = "--format=%(refname) %(objectname)";
        let listed = roles::git(&self.arena)
            .args(["for-each-ref", format])
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&listed.stderr);
        assert!(listed.status.success() && stderr.is_empty(), "{stderr}");
        let ours = shown.refs.iter().filter_map(|(name, record)| {
            let value = match &record.value {
                reftable::record::RefValueBuf::Object(id) => to_hex(id),
                _ => return None,
            };
            Some(format!("{name} {value}\n"))
        });
        assert_eq!(
            String::from_utf8(listed.stdout).unwrap(),
            ours.collect::<String>()
        );
    }

    fn report(&self, checked: u64, rounds: u64) {
        let counted = |who: &str, word| {
            let journal = journal(&self.arena, who, u64::MAX);
            let is_meant = |line: &&str| line.split(' ').next() == Some(word);
            journal.lines().filter(is_meant).count()
        };
        println!(
            "{rounds} rounds, {} kills, {checked} acknowledged transactions",
            self.kills
        );
        for who in &self.writers {
            println!("  {who}: {} acknowledged", counted(who, "ack"));
        }
        for who in self.cast.iter().filter(|who| who.starts_with("reader")) {
            println!("  {who}: {} looks", 16 * counted(who, "looks"));
        }
        println!(
            "  compactor: {} compactions",
            counted("compactor", "compacted")
        );
        println!("  expirer: {} bounds", counted("expirer", "expire"));
        println!("  packer: {} by git", counted("packer", "packed"));
        println!("  left by the dead: {:?}", self.left);
    }
}

/// Kills a process and what it has started, and waits until nothing of them runs any more.
fn kill(who: &str, child: &mut Child, arena: &Arena) {
    if let Some(status) = child.try_wait().unwrap() {
        let path = arena.base.join(format!("output-{who}"));
        panic!(
            "{who} ended by itself, {status}: {}",
            std::fs::read_to_string(path).unwrap()
        );
    }
    let group = child.id();
    // The group may be gone in between; then there is nobody to kill.
    let _ = killpg(Pid::from_raw(group.try_into().unwrap()), Signal::SIGKILL);
    child.wait().unwrap();
    while is_running(group) {
        std::thread::yield_now();
    }
}

/// Whether a process of the group still runs; where the system does not tell, it has ended.
fn is_running(group: u32) -> bool {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return false;
    };
    let runs = |path: &Path| {
        let stat = std::fs::read_to_string(path.join("stat")).ok()?;
        // After the name: state, parent, group.
        let mut words = stat.rsplit_once(')')?.1.split_whitespace();
        let is_dead = words.next()? == "Z";
        let is_member = words.nth(1)?.parse() == Ok(group);
        (is_member && !is_dead).then_some(())
    };
    processes
        .flatten()
        .any(|entry| runs(&entry.path()).is_some())
}

#[test]
fn nothing_acknowledged_is_lost_while_processes_are_killed() {
    let base = crate::stack_support::scratch();
    let mut run = Run::new(base.path());
    let end = Instant::now() + Duration::from_secs(number("STRESS_SECONDS", 6));
    let (mut checked, mut rounds) = (0, 0);
    while Instant::now() < end {
        let length = Duration::from_millis(600 + run.rng.next() % 1200);
        run.round(length);
        checked = run.check_and_tidy();
        rounds += 1;
    }
    run.report(checked, rounds);
    assert!(checked > 0 && run.kills > 0);
    // What is left is what the stack had yet to get past.
    let stack = Stack::open(&run.arena.stack, roles::options(true)).unwrap();
    for number in 0..3 {
        let name = format!("+refs/stress/after{number}");
        crate::stack_support::add(&stack, &[&name]);
    }
    stack.clean().unwrap();
    crate::stack_support::assert_tidy(&run.arena.stack);
}
