//! Operations on a stack against plain maps, with errors, kills and power cuts in between.

use crate::folder::{DIR, open, options};
use crate::read;
use arbitrary::{Result, Unstructured};
use fault_fs::{Action, Fault, FaultFs, Operation, SurvivingBytes, Survivors};
use reftable::record::{LogRecordBuf, LogUpdateBuf, LogValueBuf, RefRecordBuf, RefValueBuf};
use reftable::verify::verify_stack;
use reftable::{Error, LogExpiry, Stack, TableWriter};
use std::collections::BTreeMap;
use std::path::Path;

pub fn check(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let mut world = World::new();
    for _ in 0..40 {
        if u.is_empty() || world.step(&mut u).is_err() {
            break;
        }
    }
    world.settle();
}

/// What a stack should show. Log entries by name and reversed update index, as they are ordered.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    refs: BTreeMap<Vec<u8>, RefRecordBuf>,
    logs: BTreeMap<(Vec<u8>, u64), LogRecordBuf>,
}

impl Model {
    fn apply(&mut self, refs: &[RefRecordBuf], logs: &[LogRecordBuf]) {
        for record in refs {
            match record.value {
                RefValueBuf::Deletion => self.refs.remove(&record.name),
                _ => self.refs.insert(record.name.clone(), record.clone()),
            };
        }
        for record in logs {
            let key = (record.name.clone(), !record.update_index);
            match record.value {
                LogValueBuf::Deletion => self.logs.remove(&key),
                LogValueBuf::Update(_) => self.logs.insert(key, record.clone()),
            };
        }
    }

    fn expire(&mut self, expiry: LogExpiry) {
        self.logs.retain(|_, record| match &record.value {
            LogValueBuf::Update(update) => {
                update.time >= expiry.time && record.update_index >= expiry.min_update_index
            }
            LogValueBuf::Deletion => false,
        });
    }

    fn summary(&self) -> String {
        let refs: Vec<_> = self.refs.values().cloned().collect();
        let logs: Vec<_> = self.logs.values().cloned().collect();
        summary(&refs, &logs)
    }

    fn is_shown_by(&self, stack: &Stack) -> bool {
        let (refs, logs) = read::view(&stack.merged()).expect("a view that can be read");
        refs.iter().eq(self.refs.values()) && logs.iter().eq(self.logs.values())
    }
}

/// For messages.
fn summary(refs: &[RefRecordBuf], logs: &[LogRecordBuf]) -> String {
    let last = |name: &[u8]| char::from(*name.last().unwrap_or(&b'-'));
    let refs = refs
        .iter()
        .map(|r| format!("{}:{}", last(&r.name), r.update_index));
    let logs = logs
        .iter()
        .map(|l| format!("{}@{}", last(&l.name), l.update_index));
    refs.chain(logs).collect::<Vec<_>>().join(" ")
}

struct World {
    fs: FaultFs,
    handles: [Stack; 2],
    model: Model,
    /// What a power cut may bring back: the state before a change whose last sync failed, which
    /// was reported. The next change that succeeds makes it durable.
    fallback: Option<Model>,
}

type Batch = (Vec<RefRecordBuf>, Vec<LogRecordBuf>);

impl World {
    fn new() -> World {
        let fs = FaultFs::new(Path::new(DIR));
        World {
            handles: [open(&fs).unwrap(), open(&fs).unwrap()],
            fs,
            model: Model::default(),
            fallback: None,
        }
    }

    fn step(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let handle: usize = u.int_in_range(0..=1)?;
        let fault = fault(u)?;
        if let Some((after, fault)) = fault {
            let at = self.fs.count() + after;
            self.fs
                .inject(move |operation: &Operation| (operation.number == at).then_some(fault));
        }
        let mut after = self.model.clone();
        let start = self.fs.count();
        let result = self.act(u, handle, &mut after);
        self.fs.clear();
        match result? {
            Ok(()) => {
                if self.has_published_since(start) {
                    self.fallback = None;
                }
                self.model = after;
            }
            // Errors that come from nothing but the state are not hidden by a fault.
            Err(Error::Locked { .. } | Error::Outdated { .. }) if !self.fs.is_stopped() => {
                self.choose(&after);
            }
            Err(error) => {
                assert!(fault.is_some(), "{error}");
                if self.fs.is_stopped() {
                    self.restart(u)?;
                }
                self.choose(&after);
            }
        }
        if self.fs.is_stopped() {
            self.restart(u)?;
        }
        let shown = open(&self.fs).expect("a stack that can be opened");
        assert!(
            self.model.is_shown_by(&shown),
            "another state than expected"
        );
        if fault.is_some() {
            self.remove_locks();
        }
        Ok(())
    }

    fn has_published_since(&self, start: usize) -> bool {
        let list = Path::new(DIR).join("tables.list");
        let mut since = self.fs.operations_since(start).into_iter();
        since.any(|operation| operation.action == Action::Persist && operation.path == list)
    }

    /// The state is the one before or after. Of a change that failed, the one before may come back.
    fn choose(&mut self, after: &Model) {
        let shown = open(&self.fs).expect("a stack that can be opened");
        if !self.model.is_shown_by(&shown) {
            let (refs, logs) = read::view(&shown.merged()).expect("a view that can be read");
            assert!(
                after.is_shown_by(&shown),
                "a state that never was: {}; neither {} nor {}",
                summary(&refs, &logs),
                self.model.summary(),
                after.summary(),
            );
            // It got past the sync that made the one before durable.
            self.fallback = Some(std::mem::replace(&mut self.model, after.clone()));
        }
    }

    /// The state after a power cut: the one before may have come back.
    fn fall_back(&mut self) {
        let Some(fallback) = self.fallback.take() else {
            return;
        };
        if fallback.is_shown_by(&open(&self.fs).expect("a stack that can be opened")) {
            self.model = fallback;
        }
    }

    fn act(
        &mut self,
        u: &mut Unstructured<'_>,
        handle: usize,
        after: &mut Model,
    ) -> Result<reftable::Result<()>> {
        let stack = &self.handles[handle];
        Ok(match u.int_in_range(0..=9)? {
            0..=4 => {
                let tables = u.int_in_range(1..=3)?;
                let reloads = !u.ratio(1, 8)?;
                add(stack, u, tables, reloads, after)?
            }
            5 => stack.reload().and_then(|_| stack.compact_all(None)),
            6 => {
                let expiry = LogExpiry {
                    time: u.int_in_range(0..=20)?,
                    min_update_index: u.int_in_range(0..=40)?,
                };
                let result = stack.reload().and_then(|_| stack.compact_all(Some(expiry)));
                after.expire(expiry);
                result
            }
            7 => stack.auto_compact(),
            8 => stack.clean(),
            _ => stack.reload().map(|_| ()),
        })
    }

    /// The machine comes up again, perhaps after a power cut.
    fn restart(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let power_cut = !u.arbitrary::<bool>()?;
        self.fs = match power_cut {
            false => self.fs.after_kill(),
            true => self.fs.after_power_cut(Survivors {
                names: u.arbitrary()?,
                bytes: SurvivingBytes::Mixed(u.arbitrary()?),
            }),
        };
        self.remove_locks();
        // The death of a process syncs nothing: a later power cut may still bring back what was.
        if power_cut {
            self.fall_back();
        }
        self.handles = [open(&self.fs).unwrap(), open(&self.fs).unwrap()];
        Ok(())
    }

    /// As a person does who knows that their owners are gone.
    fn remove_locks(&self) {
        for path in self.fs.files().keys() {
            if path.extension() == Some("lock".as_ref()) {
                self.fs.take_away(path).unwrap();
            }
        }
    }

    fn settle(&self) {
        let stack = open(&self.fs).unwrap();
        assert!(self.model.is_shown_by(&stack));
        stack.compact_all(None).unwrap();
        assert!(self.model.is_shown_by(&open(&self.fs).unwrap()));
        let findings = verify_stack(DIR, &options(&self.fs));
        assert!(read::is_sound(&findings), "{}", findings[0]);
    }
}

/// How many operations from now, and what.
fn fault(u: &mut Unstructured<'_>) -> Result<Option<(usize, Fault)>> {
    if u.ratio(1, 2)? {
        return Ok(None);
    }
    let after = u.int_in_range(0..=40)?;
    let fault = match u.int_in_range(0..=5)? {
        0 => Fault::Error(5),
        1 => Fault::Error(28),
        2 => Fault::ShortWrite(28),
        _ => Fault::Stop,
    };
    Ok(Some((after, fault)))
}

fn add(
    stack: &Stack,
    u: &mut Unstructured<'_>,
    tables: usize,
    reloads: bool,
    after: &mut Model,
) -> Result<reftable::Result<()>> {
    let begun = match reloads {
        true => stack.begin_reloaded(),
        false => stack.begin(),
    };
    let mut addition = match begun {
        Ok(addition) => addition,
        Err(error) => return Ok(Err(error)),
    };
    let mut failed = None;
    for _ in 0..tables {
        let at = match addition.next_update_index() {
            Ok(at) => at,
            Err(error) => return Ok(Err(error)),
        };
        let (refs, logs) = batch(u, at)?;
        match addition.add(|writer| write(writer, at, &refs, &logs)) {
            Ok(()) => after.apply(&refs, &logs),
            Err(error @ Error::Io { .. }) => failed = Some(error),
            Err(_) => {}
        }
    }
    // What failed is not part of it, the rest is.
    let committed = addition.commit();
    Ok(match failed {
        Some(error) if committed.is_ok() => Err(error),
        _ => committed,
    })
}

fn write(
    writer: &mut TableWriter<'_>,
    at: u64,
    refs: &[RefRecordBuf],
    logs: &[LogRecordBuf],
) -> reftable::Result<()> {
    writer.set_limits(at, at);
    for record in refs {
        writer.add_ref(&record.as_record())?;
    }
    for record in logs {
        writer.add_log(&record.as_record())?;
    }
    Ok(())
}

fn batch(u: &mut Unstructured<'_>, at: u64) -> Result<Batch> {
    let mut refs = BTreeMap::new();
    let mut logs = BTreeMap::new();
    for _ in 0..u.int_in_range(0..=6)? {
        let name = format!("refs/heads/{}", u.int_in_range(b'a'..=b'h')? as char).into_bytes();
        let value = match u.int_in_range(0..=3)? {
            0 => RefValueBuf::Deletion,
            1 => RefValueBuf::Symref(b"refs/heads/a".to_vec()),
            2 => RefValueBuf::Symref(vec![b's'; 1500]),
            _ => RefValueBuf::Object(vec![u.arbitrary()?; 20]),
        };
        let old = at.saturating_sub(u.int_in_range(0..=3)?);
        let log = match u.ratio(1, 4)? {
            true => LogRecordBuf {
                name: name.clone(),
                update_index: old,
                value: LogValueBuf::Deletion,
            },
            false => log(name.clone(), at),
        };
        logs.insert((name.clone(), !log.update_index), log);
        refs.insert(
            name.clone(),
            RefRecordBuf {
                name,
                update_index: at,
                value,
            },
        );
    }
    Ok((refs.into_values().collect(), logs.into_values().collect()))
}

fn log(name: Vec<u8>, update_index: u64) -> LogRecordBuf {
    LogRecordBuf {
        name,
        update_index,
        value: LogValueBuf::Update(LogUpdateBuf {
            old_id: vec![1; 20],
            new_id: vec![2; 20],
            name: b"A U Thor".to_vec(),
            email: b"author@example.com".to_vec(),
            time: update_index,
            tz_offset: 100,
            message: b"message\n".to_vec(),
        }),
    }
}
