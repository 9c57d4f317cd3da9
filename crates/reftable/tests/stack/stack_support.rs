//! Scratch stacks, hand-made folders, and a file system that can be watched and disturbed.

use reftable::fs::{Fs, Mode, OsFs, PendingFile};
use reftable::table::BlockSource;
use reftable::{
    Durability, LogRecord, LogUpdate, LogValue, RefRecord, RefValue, Result, Stack, StackOptions,
    TableWriter, WriteOptions,
};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, SystemTime};

pub const ID: [u8; 20] = [0x11; 20];
pub const OTHER_ID: [u8; 20] = [0x22; 20];

/// A scratch folder, removed at the end of the test.
pub fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

pub fn options() -> StackOptions {
    StackOptions::default()
}

/// Without syncing, where nobody looks.
pub fn quick() -> StackOptions {
    let mut options = options();
    options.durability = Durability::Unsynced;
    options
}

pub fn open(dir: &Path) -> Stack {
    Stack::open(dir, quick()).unwrap()
}

pub fn open_with(dir: &Path, fs: &HookFs) -> Stack {
    let mut options = options();
    options.fs = Arc::new(fs.clone());
    Stack::open(dir, options).unwrap()
}

pub fn object(name: &[u8], update_index: u64) -> RefRecord<'_> {
    RefRecord {
        name,
        update_index,
        value: RefValue::Object(&ID),
    }
}

pub fn tombstone(name: &[u8], update_index: u64) -> RefRecord<'_> {
    RefRecord {
        name,
        update_index,
        value: RefValue::Deletion,
    }
}

pub fn symref<'a>(name: &'a [u8], update_index: u64, target: &'a [u8]) -> RefRecord<'a> {
    RefRecord {
        name,
        update_index,
        value: RefValue::Symref(target),
    }
}

pub fn log(name: &[u8], update_index: u64, time: u64) -> LogRecord<'_> {
    LogRecord {
        name,
        update_index,
        value: LogValue::Update(LogUpdate {
            old_id: &ID,
            new_id: &OTHER_ID,
            name: b"A U Thor",
            email: b"author@example.com",
            time,
            tz_offset: 100,
            message: b"message\n",
        }),
    }
}

pub fn log_tombstone(name: &[u8], update_index: u64) -> LogRecord<'_> {
    LogRecord {
        name,
        update_index,
        value: LogValue::Deletion,
    }
}

/// A closure for `Stack::add` that writes `names`, each `+name` or `-name`, with the stack's next
/// update index.
pub fn refs<'s>(
    stack: &'s Stack,
    names: &'s [&str],
) -> impl FnOnce(&mut TableWriter<'_>) -> Result<()> + 's {
    move |writer| {
        let next = stack.next_update_index()?;
        writer.set_limits(next, next);
        for name in names {
            let (sign, name) = name.split_at(1);
            match sign {
                "+" => writer.add_ref(&object(name.as_bytes(), next))?,
                "-" => writer.add_ref(&tombstone(name.as_bytes(), next))?,
                _ => panic!("{name}: neither + nor -"),
            }
        }
        Ok(())
    }
}

/// A closure for `Stack::add` that writes 3000 refs, a table too long to be held in memory.
pub fn many_refs<'s>(
    stack: &'s Stack,
    prefix: &'s str,
) -> impl FnOnce(&mut TableWriter<'_>) -> Result<()> + 's {
    move |writer| many_refs_at(stack.next_update_index()?, prefix)(writer)
}

pub fn many_refs_at(
    update_index: u64,
    prefix: &str,
) -> impl FnOnce(&mut TableWriter<'_>) -> Result<()> + '_ {
    move |writer| {
        writer.set_limits(update_index, update_index);
        for number in 0..3000 {
            let name = format!("{prefix}{number:06}");
            writer.add_ref(&object(name.as_bytes(), update_index))?;
        }
        Ok(())
    }
}

pub fn add(stack: &Stack, names: &[&str]) {
    stack.add(refs(stack, names)).unwrap();
}

/// A table to be put into a folder by hand.
#[derive(Default)]
pub struct TableFile<'a> {
    pub min: u64,
    pub max: u64,
    pub refs: Vec<RefRecord<'a>>,
    pub logs: Vec<LogRecord<'a>>,
}

impl TableFile<'_> {
    pub fn bytes(&self, options: WriteOptions) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = TableWriter::new(&mut bytes, options).unwrap();
        writer.set_limits(self.min, self.max);
        for record in &self.refs {
            writer.add_ref(record).unwrap();
        }
        for record in &self.logs {
            writer.add_log(record).unwrap();
        }
        writer.finish().unwrap();
        drop(writer);
        bytes
    }

    pub fn write(&self, dir: &Path, name: &str) {
        std::fs::write(dir.join(name), self.bytes(WriteOptions::default())).unwrap();
    }
}

/// Makes a stack of these tables, oldest first, whatever their sizes; returns their names.
pub fn build(dir: &Path, tables: &[TableFile<'_>]) -> Vec<String> {
    let name = |table: &TableFile<'_>| format!("0x{:012x}-0x{:012x}.ref", table.min, table.max);
    let names: Vec<String> = tables.iter().map(name).collect();
    for (table, name) in tables.iter().zip(&names) {
        table.write(dir, name);
    }
    write_list(dir, &names);
    names
}

/// A table with one ref for each name, all at `update_index`.
pub fn table<'a>(update_index: u64, names: &[&'a str]) -> TableFile<'a> {
    TableFile {
        min: update_index,
        max: update_index,
        refs: names
            .iter()
            .map(|name| match name.strip_prefix('-') {
                Some(name) => tombstone(name.as_bytes(), update_index),
                None => object(name.as_bytes(), update_index),
            })
            .collect(),
        logs: Vec::new(),
    }
}

/// Replaces the list as a writer would.
pub fn write_list<N: AsRef<str>>(dir: &Path, names: &[N]) {
    let lines: String = names
        .iter()
        .map(|name| format!("{}\n", name.as_ref()))
        .collect();
    let new = dir.join("new-list");
    std::fs::write(&new, lines).unwrap();
    std::fs::rename(new, dir.join("tables.list")).unwrap();
}

pub fn list(dir: &Path) -> Vec<String> {
    let list = std::fs::read_to_string(dir.join("tables.list")).unwrap_or_default();
    assert!(list.is_empty() || list.ends_with('\n'), "{list:?}");
    list.lines().map(str::to_owned).collect()
}

/// Names of all files in the folder, sorted.
pub fn files(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The folder has the list, the tables it names, and nothing else.
#[track_caller]
pub fn assert_tidy(dir: &Path) {
    let mut expected = list(dir);
    if dir.join("tables.list").exists() {
        expected.push("tables.list".to_owned());
    }
    expected.sort();
    assert_eq!(files(dir), expected);
}

/// Names of the refs that a stack shows.
pub fn names(stack: &Stack) -> Vec<String> {
    let mut refs = stack.merged().refs_from(b"").unwrap();
    let mut names = Vec::new();
    while let Some(record) = refs.next().unwrap() {
        names.push(String::from_utf8(record.name.to_vec()).unwrap());
    }
    names
}

/// (name, update index) of the log entries that a stack shows.
pub fn logs(stack: &Stack) -> Vec<(String, u64)> {
    let mut logs = stack.merged().logs_from(b"", u64::MAX).unwrap();
    let mut found = Vec::new();
    while let Some(record) = logs.next().unwrap() {
        let name = String::from_utf8(record.name.to_vec()).unwrap();
        found.push((name, record.update_index));
    }
    found
}

pub fn has(stack: &Stack, name: &str) -> bool {
    stack.read_ref(name.as_bytes(), |_| ()).unwrap().is_some()
}

/// What a stack asked of its file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    Read(PathBuf),
    Open(PathBuf),
    Create(PathBuf),
    Write(PathBuf),
    Sync(PathBuf),
    Persist(PathBuf, PathBuf),
    Remove(PathBuf),
    Entries,
    Modified(PathBuf),
    SyncDir,
    Sleep(Duration),
}

impl Call {
    /// Whether the call changes the folder or makes a change durable.
    pub fn is_change(&self) -> bool {
        use Call::{Create, Persist, Remove, Sync, SyncDir, Write};
        matches!(
            self,
            Create(_) | Write(_) | Sync(_) | Persist(..) | Remove(_) | SyncDir
        )
    }

    /// The call in short, with random parts of names left out.
    pub fn describe(&self) -> String {
        let kind = |path: &Path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            match () {
                () if name.contains(".temp.") => "temp".to_owned(),
                () if name.ends_with(".ref") => "table".to_owned(),
                () if name.ends_with(".ref.lock") => "table.lock".to_owned(),
                () => name,
            }
        };
        match self {
            Call::Read(path) => format!("read {}", kind(path)),
            Call::Open(path) => format!("open {}", kind(path)),
            Call::Create(path) => format!("create {}", kind(path)),
            Call::Write(path) => format!("write {}", kind(path)),
            Call::Sync(path) => format!("sync {}", kind(path)),
            Call::Persist(from, to) => format!("rename {} to {}", kind(from), kind(to)),
            Call::Remove(path) => format!("remove {}", kind(path)),
            Call::Entries => "entries".to_owned(),
            Call::Modified(path) => format!("look for {}", kind(path)),
            Call::SyncDir => "sync folder".to_owned(),
            Call::Sleep(_) => "sleep".to_owned(),
        }
    }
}

type Hook = Box<dyn FnMut(&Call) -> io::Result<()> + Send>;
type Gate = Arc<dyn Fn(&Call) + Send + Sync>;

/// The real file system with a virtual clock: sleeping only advances it. Calls are recorded, and
/// given to a hook first, which may fail them or change the folder behind the stack's back.
#[derive(Clone, Default)]
pub struct HookFs(Arc<HookState>);

#[derive(Default)]
struct HookState {
    calls: Mutex<Vec<Call>>,
    hook: Mutex<Option<Hook>>,
    gate: Mutex<Option<Gate>>,
    slept: Mutex<Duration>,
}

impl std::fmt::Debug for HookFs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HookFs")
    }
}

impl HookFs {
    pub fn new() -> HookFs {
        HookFs::default()
    }

    /// From now on `hook` is called before each call. While it runs, calls are not hooked.
    pub fn set_hook(&self, hook: impl FnMut(&Call) -> io::Result<()> + Send + 'static) {
        *self.0.hook.lock().unwrap() = Some(Box::new(hook));
    }

    /// From now on every call of every thread passes through `gate` first, which may hold it up.
    pub fn set_gate(&self, gate: impl Fn(&Call) + Send + Sync + 'static) {
        *self.0.gate.lock().unwrap() = Some(Arc::new(gate));
    }

    /// Does something once, before the first call that `when` picks.
    pub fn once(
        &self,
        when: impl Fn(&Call) -> bool + Send + 'static,
        act: impl FnOnce() + Send + 'static,
    ) {
        let mut act = Some(act);
        self.set_hook(move |call| {
            if when(call) {
                if let Some(act) = act.take() {
                    act();
                }
            }
            Ok(())
        });
    }

    pub fn clear_hook(&self) {
        *self.0.hook.lock().unwrap() = None;
    }

    /// The calls since the last time.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.0.calls.lock().unwrap())
    }

    pub fn slept(&self) -> Duration {
        *self.0.slept.lock().unwrap()
    }

    fn call(&self, call: Call) -> io::Result<()> {
        let gate = self.0.gate.lock().unwrap().clone();
        if let Some(gate) = gate {
            gate(&call);
        }
        let hook = self.0.hook.lock().unwrap().take();
        let result = match hook {
            None => Ok(()),
            Some(mut hook) => {
                let result = hook(&call);
                self.0.hook.lock().unwrap().get_or_insert(hook);
                result
            }
        };
        self.0.calls.lock().unwrap().push(call);
        result
    }
}

impl Fs for HookFs {
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        self.call(Call::Read(path.into()))?;
        OsFs.read(path, limit)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn BlockSource>> {
        self.call(Call::Open(path.into()))?;
        OsFs.open(path)
    }

    fn create(&self, path: &Path, mode: Mode) -> io::Result<Box<dyn PendingFile>> {
        self.call(Call::Create(path.into()))?;
        Ok(Box::new(HookFile {
            fs: self.clone(),
            file: Some(OsFs.create(path, mode)?),
        }))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call(Call::Remove(path.into()))?;
        OsFs.remove(path)
    }

    fn entries(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        self.call(Call::Entries)?;
        OsFs.entries(dir)
    }

    fn modified(&self, path: &Path) -> io::Result<SystemTime> {
        self.call(Call::Modified(path.into()))?;
        OsFs.modified(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.call(Call::SyncDir)?;
        OsFs.sync_dir(dir)
    }

    fn now(&self) -> Duration {
        OsFs.now() + self.slept()
    }

    fn sleep(&self, time: Duration) {
        *self.0.slept.lock().unwrap() += time;
        self.call(Call::Sleep(time)).unwrap();
    }

    fn random(&self) -> u32 {
        OsFs.random()
    }
}

#[derive(Debug)]
struct HookFile {
    fs: HookFs,
    file: Option<Box<dyn PendingFile>>,
}

impl HookFile {
    fn file(&mut self) -> &mut dyn PendingFile {
        &mut **self.file.as_mut().unwrap()
    }
}

impl PendingFile for HookFile {
    fn path(&self) -> &Path {
        self.file.as_ref().unwrap().path()
    }

    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        self.fs.call(Call::Write(self.path().into()))?;
        self.file().write_all(data)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.fs.call(Call::Sync(self.path().into()))?;
        self.file().sync()
    }

    fn close(&mut self) {
        self.file().close();
    }

    fn persist(&mut self, to: &Path) -> io::Result<()> {
        self.fs.call(Call::Persist(self.path().into(), to.into()))?;
        self.file().persist(to)
    }
}

/// Fails the call with this number, counting changes from 0; tells whether it came to that.
pub fn fail_change(fs: &HookFs, number: usize) -> Arc<Mutex<bool>> {
    let failed = Arc::new(Mutex::new(false));
    let flag = Arc::clone(&failed);
    let mut seen = 0;
    fs.set_hook(move |call| {
        if !call.is_change() {
            return Ok(());
        }
        seen += 1;
        if seen == number + 1 {
            *flag.lock().unwrap() = true;
            return Err(io::Error::other(format!(
                "injected into {}",
                call.describe()
            )));
        }
        Ok(())
    });
    failed
}

/// Steps of an order in which threads are to do things.
#[derive(Clone, Default)]
pub struct Steps(Arc<(Mutex<u32>, Condvar)>);

impl Steps {
    pub fn now(&self) -> u32 {
        *self.0.0.lock().unwrap()
    }

    /// Says that the step is done.
    pub fn reach(&self, step: u32) {
        *self.0.0.lock().unwrap() = step;
        self.0.1.notify_all();
    }

    /// Waits until the step is done.
    pub fn wait_for(&self, step: u32) {
        let mut now = self.0.0.lock().unwrap();
        while *now < step {
            now = self.0.1.wait(now).unwrap();
        }
    }
}
