//! Random operations on a stack, through two handles, against plain maps.
//!
//! `STEPS` in the environment asks for more steps per run, `SEED` for other runs.

use reftable::record::{LogRecordBuf, LogValueBuf, RefRecordBuf, RefValueBuf};
use reftable::verify::{Severity, verify_stack};
use reftable::{Durability, Error, HashId, LogExpiry, Stack, StackOptions};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;
use test_support::rng::Rng;
use test_support::{read, records};

/// What the stack must hold.
#[derive(Clone, Debug, Default)]
struct Model {
    refs: BTreeMap<Vec<u8>, RefRecordBuf>,
    logs: BTreeMap<(Vec<u8>, Reverse<u64>), LogRecordBuf>,
}

/// One table to write.
#[derive(Clone, Debug, Default)]
struct Draft {
    limits: (u64, u64),
    refs: BTreeMap<Vec<u8>, RefRecordBuf>,
    logs: BTreeMap<(Vec<u8>, Reverse<u64>), LogRecordBuf>,
}

impl Model {
    fn apply(&mut self, draft: &Draft) {
        for (name, record) in &draft.refs {
            match record.value {
                RefValueBuf::Deletion => drop(self.refs.remove(name)),
                _ => drop(self.refs.insert(name.clone(), record.clone())),
            }
        }
        for (key, record) in &draft.logs {
            match record.value {
                LogValueBuf::Deletion => drop(self.logs.remove(key)),
                LogValueBuf::Update(_) => drop(self.logs.insert(key.clone(), record.clone())),
            }
        }
    }

    fn expire(&mut self, expiry: LogExpiry) {
        self.logs.retain(|_, log| match &log.value {
            LogValueBuf::Update(update) => {
                update.time >= expiry.time && log.update_index >= expiry.min_update_index
            }
            LogValueBuf::Deletion => unreachable!("the model has no tombstones"),
        });
    }

    fn refs(&self) -> Vec<RefRecordBuf> {
        self.refs.values().cloned().collect()
    }

    fn logs(&self) -> Vec<LogRecordBuf> {
        self.logs.values().cloned().collect()
    }
}

impl Draft {
    fn write(&self, writer: &mut reftable::TableWriter<'_>) -> reftable::Result<()> {
        writer.set_limits(self.limits.0, self.limits.1);
        let refs: Vec<_> = self.refs.values().cloned().collect();
        let logs: Vec<_> = self.logs.values().cloned().collect();
        records::add_all(writer, &refs, &logs)
    }
}

struct Run {
    rng: Rng,
    dir: tempfile::TempDir,
    options: StackOptions,
    handles: Vec<Stack>,
    model: Model,
    names: Vec<Vec<u8>>,
    /// Whether each handle has seen the last change of the list.
    fresh: Vec<bool>,
    /// Whether an id and a peeled id fit a block.
    room_for_peeled: bool,
    title: String,
    /// The title and the step.
    what: String,
}

/// Short, so that a record fits a block of 64 bytes; half of them are no UTF-8.
fn name(number: u8) -> Vec<u8> {
    vec![
        b'r',
        b'/',
        b'A' + number % 20,
        if number < 20 { b'0' } else { 0xfe },
    ]
}

impl Run {
    fn new(hash: HashId, block_size: u32, seed: u64) -> Run {
        let dir = tempfile::tempdir().unwrap();
        let mut options = StackOptions::default();
        options.write.hash = hash;
        options.write.block_size = block_size;
        options.write.padded = seed % 3 != 0;
        options.write.object_index = seed % 2 == 0;
        options.write.restart_interval = [1, 2, 16][seed as usize % 3];
        options.compaction_factor = [2, 3, 5][seed as usize % 3];
        options.durability = Durability::Unsynced;
        let handles = (0..2).map(|_| Stack::open(dir.path(), options.clone()).unwrap());
        Run {
            rng: Rng::new(seed),
            handles: handles.collect(),
            options: options.clone(),
            model: Model::default(),
            fresh: vec![true; 2],
            names: (0..40).map(name).collect(),
            room_for_peeled: block_size as usize >= 44 + 2 * hash.len(),
            title: format!("seed {seed}, {hash}, block {block_size}"),
            what: String::new(),
            dir,
        }
    }

    fn name(&mut self) -> Vec<u8> {
        self.rng.pick(&self.names).clone()
    }

    fn id(&mut self) -> Vec<u8> {
        records::id(self.options.write.hash, self.rng.next() % 30)
    }

    fn ref_value(&mut self) -> RefValueBuf {
        match self.rng.below(8) {
            0 | 1 => RefValueBuf::Deletion,
            2 => RefValueBuf::Symref(self.name()),
            3 if self.room_for_peeled => RefValueBuf::Peeled {
                id: self.id(),
                peeled: self.id(),
            },
            _ => RefValueBuf::Object(self.id()),
        }
    }

    /// A table whose update indexes begin at `min`.
    fn draft(&mut self, min: u64) -> Draft {
        let span = self.rng.below(4) as u64;
        let mut draft = Draft {
            limits: (min, min + span),
            ..Draft::default()
        };
        for _ in 0..self.rng.below(7) {
            let (name, value) = (self.name(), self.ref_value());
            let index = min + self.rng.next() % (span + 1);
            draft
                .refs
                .insert(name.clone(), records::ref_record(name, index, value));
        }
        for _ in 0..self.rng.below(6) {
            let log = self.log(min, span);
            draft
                .logs
                .insert((log.name.clone(), Reverse(log.update_index)), log);
        }
        draft
    }

    /// A new entry, or an old one edited or deleted.
    fn log(&mut self, min: u64, span: u64) -> LogRecordBuf {
        let hash = self.options.write.hash;
        let old = match self.model.logs.len() {
            0 => None,
            len => self.model.logs.keys().nth(self.rng.below(len)).cloned(),
        };
        let message = vec![b'm'; self.rng.below(60)];
        match (self.rng.below(6), old) {
            (0, Some((name, Reverse(index)))) => records::log(name, index, hash, "edited\n"),
            (1 | 2, Some((name, Reverse(index)))) => records::log_tombstone(name, index),
            (3, _) => records::log_tombstone(self.name(), self.rng.next() % (min + 1)),
            _ => records::log(
                self.name(),
                min + self.rng.next() % (span + 1),
                hash,
                message,
            ),
        }
    }

    /// The list on disk may have changed: only this handle has surely seen it.
    fn changed_by(&mut self, handle: usize) {
        for (n, fresh) in self.fresh.iter_mut().enumerate() {
            *fresh = n == handle;
        }
    }

    fn reload(&mut self, handle: usize) {
        self.handles[handle].reload().unwrap();
        self.fresh[handle] = true;
    }

    /// An error that only an outdated handle may give; the handle is up to date afterwards.
    fn expect_outdated(&mut self, handle: usize, error: &Error) {
        assert!(
            matches!(error, Error::Outdated { .. }),
            "{}: {error}",
            self.what
        );
        assert!(
            !self.fresh[handle],
            "{}: outdated without a change",
            self.what
        );
        self.reload(handle);
    }

    /// One transaction of one table. An outdated handle writes nothing and reloads itself.
    fn add(&mut self, handle: usize) {
        for _ in 0..2 {
            let draft = self.draft(self.handles[handle].next_update_index().unwrap());
            let mut called = false;
            let result = self.handles[handle].add(|writer| {
                called = true;
                draft.write(writer)
            });
            match result {
                Ok(()) => {
                    self.model.apply(&draft);
                    return self.changed_by(handle);
                }
                Err(error) => {
                    assert!(!called, "{}: {error}", self.what);
                    self.expect_outdated(handle, &error);
                    self.check(handle);
                }
            }
        }
        panic!("{}: outdated after a reload", self.what);
    }

    /// One transaction of several tables, some of which fail, or none that comes to a commit.
    fn add_many(&mut self, handle: usize) {
        self.reload(handle);
        let mut addition = self.handles[handle].begin().unwrap();
        let other = self.handles[1 - handle].begin().map(|_| ());
        assert!(
            matches!(other, Err(Error::Locked { .. })),
            "{}: {other:?}",
            self.what
        );
        let mut next = self.handles[handle].next_update_index().unwrap();
        let mut drafts = Vec::new();
        for _ in 0..=self.rng.below(3) {
            let draft = self.draft(next);
            let fails = self.rng.one_in(3);
            let result = addition.add(|writer| {
                draft.write(writer)?;
                if fails {
                    Err(Error::Callback(-99))
                } else {
                    Ok(())
                }
            });
            if fails {
                assert!(
                    matches!(result, Err(Error::Callback(-99))),
                    "{}: {result:?}",
                    self.what
                );
            } else {
                result.unwrap_or_else(|e| panic!("{}: {e}", self.what));
                next = draft.limits.1 + 1;
                drafts.push(draft);
            }
        }
        if self.rng.one_in(4) {
            drop(addition);
            return;
        }
        addition
            .commit()
            .unwrap_or_else(|e| panic!("{}: {e}", self.what));
        addition.commit().unwrap();
        drop(addition);
        for draft in &drafts {
            self.model.apply(draft);
        }
        self.changed_by(handle);
    }

    /// A transaction whose function fails leaves everything as it was.
    fn fail(&mut self, handle: usize) {
        self.reload(handle);
        let before = listing(self.dir.path());
        let draft = self.draft(self.handles[handle].next_update_index().unwrap());
        let result = self.handles[handle].add(|writer| {
            draft.write(writer)?;
            Err(Error::Callback(7))
        });
        assert!(
            matches!(result, Err(Error::Callback(7))),
            "{}: {result:?}",
            self.what
        );
        assert_eq!(listing(self.dir.path()), before, "{}", self.what);
    }

    /// A ref below or above an existing one is refused, and nothing is written.
    fn conflict(&mut self, handle: usize) {
        self.reload(handle);
        let Some(existing) = self.model.refs.keys().nth(self.rng.below(40)).cloned() else {
            return;
        };
        let before = listing(self.dir.path());
        let below = [&existing[..], b"/x"].concat();
        let name = if self.rng.one_in(2) {
            b"r".to_vec()
        } else {
            below
        };
        let next = self.handles[handle].next_update_index().unwrap();
        let result = self.handles[handle].add(|writer| {
            writer.set_limits(next, next);
            writer.add_ref(&records::symref(&name, next, "r/x").as_record())
        });
        let refused = matches!(&result, Err(Error::NameConflict { name: n, .. }) if *n == name);
        assert!(refused, "{}: {result:?}", self.what);
        assert_eq!(listing(self.dir.path()), before, "{}", self.what);
    }

    fn compact(&mut self, handle: usize) {
        let expiry = match self.rng.below(4) {
            0 => Some(LogExpiry {
                time: 0,
                min_update_index: self.rng.next() % 50,
            }),
            1 => Some(LogExpiry {
                time: 1_700_000_000 + self.rng.next() % 40,
                min_update_index: 0,
            }),
            _ => None,
        };
        // With too few tables in view there is nothing to do, even if there are more by now.
        if self.handles[handle].merged().tables().len() < 2 {
            self.reload(handle);
        }
        if let Err(error) = self.handles[handle].compact_all(expiry) {
            self.expect_outdated(handle, &error);
            self.handles[handle].compact_all(expiry).unwrap();
        }
        if let Some(expiry) = expiry {
            self.model.expire(expiry);
        }
        assert!(
            self.handles[handle].merged().tables().len() <= 1,
            "{}",
            self.what
        );
        self.changed_by(handle);
        self.check(handle);
    }

    fn auto_compact(&mut self, handle: usize) {
        if let Err(error) = self.handles[handle].auto_compact() {
            self.expect_outdated(handle, &error);
            self.handles[handle].auto_compact().unwrap();
        }
        self.changed_by(handle);
        self.reload(handle);
    }

    /// Some lookups, present and absent.
    fn look_up(&mut self, handle: usize) {
        self.reload(handle);
        for _ in 0..10 {
            let name = self.name();
            let stack = &self.handles[handle];
            let found = stack.read_ref(&name, |r| r.to_buf()).unwrap();
            assert_eq!(found.as_ref(), self.model.refs.get(&name), "{}", self.what);
            let newest = self
                .model
                .logs
                .range((name.clone(), Reverse(u64::MAX))..)
                .next();
            let newest = newest.map(|(_, log)| log).filter(|log| log.name == name);
            let found = stack.read_log(&name, |r| r.to_buf()).unwrap();
            assert_eq!(found.as_ref(), newest, "{}", self.what);
        }
    }

    /// Scans from a name, and from a place in a reflog.
    fn scan(&mut self, handle: usize) {
        self.reload(handle);
        let mut from = self.name();
        from.truncate(2 + self.rng.below(3));
        let view = self.handles[handle].merged();
        let wanted: Vec<_> = self
            .model
            .refs
            .range(from.clone()..)
            .map(|(_, r)| r.clone())
            .collect();
        read::assert_same(
            &self.what,
            &read::merged_refs_from(&view, &from).unwrap(),
            &wanted,
        );
        let (name, index) = (self.name(), self.rng.next() % 100);
        let start = (name.clone(), Reverse(index));
        let wanted: Vec<_> = self
            .model
            .logs
            .range(start..)
            .map(|(_, l)| l.clone())
            .collect();
        read::assert_same(
            &self.what,
            &read::merged_logs_from(&view, &name, index).unwrap(),
            &wanted,
        );
    }

    /// A view that was taken before keeps showing what it showed.
    fn old_view(&mut self, handle: usize) {
        self.reload(handle);
        let (view, refs, logs) = (
            self.handles[handle].merged(),
            self.model.refs(),
            self.model.logs(),
        );
        self.add(1 - handle);
        self.compact(1 - handle);
        self.reload(handle);
        read::assert_same(&self.what, &read::merged_refs(&view).unwrap(), &refs);
        read::assert_same(&self.what, &read::merged_logs(&view).unwrap(), &logs);
    }

    fn clean(&mut self, handle: usize) {
        self.reload(handle);
        let stray = self
            .dir
            .path()
            .join("0x000000000001-0x000000000001-5eed5eed.ref");
        let listed =
            std::fs::read_to_string(self.dir.path().join("tables.list")).unwrap_or_default();
        if let Some(first) = listed.lines().next() {
            std::fs::copy(self.dir.path().join(first), &stray).unwrap();
        }
        self.handles[handle].clean().unwrap();
        assert!(!stray.exists(), "{}: a stray table is left", self.what);
    }

    /// Everything, through one handle.
    fn check(&mut self, handle: usize) {
        self.reload(handle);
        let view = self.handles[handle].merged();
        read::assert_same(
            &self.what,
            &read::merged_refs(&view).unwrap(),
            &self.model.refs(),
        );
        read::assert_same(
            &self.what,
            &read::merged_logs(&view).unwrap(),
            &self.model.logs(),
        );
        view.check_ranges().unwrap();
        let tables = view.tables().len();
        assert!(tables < 24, "{}: {tables} tables", self.what);
        if tables > 0 {
            let next = self.handles[handle].next_update_index().unwrap();
            assert_eq!(next, view.max_update_index() + 1, "{}", self.what);
        }
    }

    /// The folder: every table sound, and nothing left behind.
    fn check_folder(&self) {
        let mut findings = verify_stack(self.dir.path(), &self.options);
        findings.retain(|finding| finding.severity > Severity::Note);
        // The names and ids are any that the format allows, git or not.
        findings.retain(|finding| finding.kind.git_id().is_none());
        assert_eq!(findings, [], "{}", self.what);
    }

    fn step(&mut self, number: u64) {
        let handle = self.rng.below(self.handles.len());
        let choice = self.rng.below(32);
        self.what = format!("{}, step {number} ({choice})", self.title);
        match choice {
            0..=13 => self.add(handle),
            14..=17 => self.add_many(handle),
            18 | 19 => self.fail(handle),
            20 | 21 => self.conflict(handle),
            22 => self.compact(handle),
            23 => self.auto_compact(handle),
            24..=26 => self.look_up(handle),
            27 | 28 => self.scan(handle),
            29 => self.old_view(handle),
            30 => self.clean(handle),
            _ => self.handles[handle] = Stack::open(self.dir.path(), self.options.clone()).unwrap(),
        }
    }
}

fn listing(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable)
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(default)
}

fn run(hash: HashId, block_size: u32) {
    let steps = number("STEPS", 1000);
    let mut run = Run::new(
        hash,
        block_size,
        number("SEED", 0) * 1000 + u64::from(block_size) + hash.len() as u64,
    );
    for step in 0..steps {
        run.step(step);
        if step % 10 == 9 {
            run.check((step / 10 % 2) as usize);
        }
        if step % 100 == 99 {
            run.check_folder();
        }
    }
    run.check(0);
    run.check_folder();
}

#[test]
fn stack_of_sha1_tables_behaves_as_a_map() {
    for block_size in [64, 100, 256, 1024, 4096] {
        run(HashId::Sha1, block_size);
    }
}

#[test]
fn stack_of_sha256_tables_behaves_as_a_map() {
    for block_size in [96, 128, 300, 1000, 4096] {
        run(HashId::Sha256, block_size);
    }
}
