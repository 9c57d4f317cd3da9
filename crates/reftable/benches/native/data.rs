//! What the benchmarks write and read. Every record is a function of its number, so that this
//! program and `benches/c/data.c` have the same data without exchanging any.

use reftable::{LogRecord, LogUpdate, LogValue, RefRecord, RefValue};

/// The target of the one symbolic ref, which is HEAD, ref 0.
pub(crate) const SYMREF_TARGET: &str = "refs/heads/main";

const BRANCHES_WITH_LOGS: u64 = 20_000;

const PEOPLE: [&str; 32] = [
    "ada",
    "alan",
    "anita",
    "barbara",
    "claude",
    "dennis",
    "donald",
    "edsger",
    "edith",
    "emmy",
    "evelyn",
    "frances",
    "grace",
    "hedy",
    "ida",
    "jean",
    "john",
    "joan",
    "kathleen",
    "ken",
    "leslie",
    "lynn",
    "margaret",
    "mary",
    "niklaus",
    "radia",
    "robin",
    "ruth",
    "sophie",
    "stephanie",
    "tony",
    "yukihiro",
];

const TOPICS: [&str; 48] = [
    "abort", "backup", "badge", "batch", "border", "branch", "budget", "calendar", "camera",
    "chart", "clock", "colour", "commit", "cursor", "delta", "disk", "editor", "email", "export",
    "filter", "font", "gateway", "graph", "history", "import", "invoice", "journal", "keyboard",
    "layer", "ledger", "map", "menu", "metrics", "mirror", "network", "notes", "parser", "payment",
    "printer", "quota", "report", "router", "schedule", "sensor", "signup", "storage", "ticket",
    "webhook",
];

pub(crate) type Id = [u8; 20];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefKind {
    Tombstone,
    Object,
    Peeled,
    Symref,
}

#[derive(Clone, Debug)]
pub(crate) struct Ref {
    pub(crate) name: String,
    pub(crate) update_index: u64,
    pub(crate) kind: RefKind,
    pub(crate) id: Id,
    peeled: Id,
}

impl Ref {
    /// The `generation`-th version of a ref.
    pub(crate) fn new(number: u64, generation: u64) -> Ref {
        let mut new = Ref {
            name: ref_name(number),
            update_index: 1 + draw(number, 6) % 1000,
            kind: RefKind::Object,
            id: [0; 20],
            peeled: [0; 20],
        };
        if number == 0 {
            new.kind = RefKind::Symref;
            return new;
        }
        new.id = ref_id(number, generation);
        if (85..96).contains(&(number % 100)) && draw(number, 7) % 2 == 0 {
            new.kind = RefKind::Peeled;
            new.peeled = object_id(number + (1 << 60));
        }
        new
    }

    /// As a record of the transaction `update_index`, or of its own.
    pub(crate) fn record(&self, update_index: Option<u64>) -> RefRecord<'_> {
        RefRecord {
            name: self.name.as_bytes(),
            update_index: update_index.unwrap_or(self.update_index),
            value: match self.kind {
                RefKind::Tombstone => RefValue::Deletion,
                RefKind::Object => RefValue::Object(&self.id),
                RefKind::Peeled => RefValue::Peeled {
                    id: &self.id,
                    peeled: &self.peeled,
                },
                RefKind::Symref => RefValue::Symref(SYMREF_TARGET.as_bytes()),
            },
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub(crate) name: String,
    pub(crate) update_index: u64,
    pub(crate) old_id: Id,
    new_id: Id,
    who: String,
    email: String,
    time: u64,
    zone: i16,
    message: String,
}

impl Log {
    pub(crate) fn new(name: String, update_index: u64, number: u64) -> Log {
        const ZONES: [i16; 8] = [0, 100, 200, -800, -500, 530, 900, -330];
        let drawn = draw(number, 23);
        let (given, family) = (pick(&PEOPLE, drawn), pick(&PEOPLE, drawn >> 8));
        Log {
            name,
            update_index,
            old_id: [0; 20],
            new_id: object_id(number + (1 << 50)),
            who: format!("{given} van {family}"),
            email: format!("{given}.{family}@example.org"),
            time: 1_500_000_000 + number * 97,
            zone: ZONES[(drawn >> 16 & 7) as usize],
            message: message(number),
        }
    }

    /// As a record of the transaction `update_index`, or of its own.
    pub(crate) fn record(&self, update_index: Option<u64>) -> LogRecord<'_> {
        LogRecord {
            name: self.name.as_bytes(),
            update_index: update_index.unwrap_or(self.update_index),
            value: LogValue::Update(LogUpdate {
                old_id: &self.old_id,
                new_id: &self.new_id,
                name: self.who.as_bytes(),
                email: self.email.as_bytes(),
                time: self.time,
                tz_offset: self.zone,
                message: self.message.as_bytes(),
            }),
        }
    }
}

/// A number that depends on both arguments as if drawn by chance.
pub(crate) fn draw(number: u64, stream: u64) -> u64 {
    let mut x = number
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add((stream + 1).wrapping_mul(0xd1b5_4a32_d192_ed03));
    for _ in 0..2 {
        x ^= x >> 32;
        x = x.wrapping_mul(0xd6e8_feb8_6659_fd93);
    }
    x ^ x >> 32
}

fn pick(words: &[&'static str], drawn: u64) -> &'static str {
    words[(drawn % words.len() as u64) as usize]
}

pub(crate) fn ref_name(number: u64) -> String {
    let topic = pick(&TOPICS, draw(number, 2));
    match number % 100 {
        _ if number == 0 => "HEAD".to_owned(),
        0..40 => format!("refs/pull/{number}/head"),
        40..55 => format!("refs/pull/{number}/merge"),
        55..85 => format!(
            "refs/heads/{}/{topic}-{}-{number}",
            pick(&PEOPLE, draw(number, 1)),
            pick(&TOPICS, draw(number, 3)),
        ),
        85..96 => format!(
            "refs/tags/v{}.{}.{}",
            number / 1000,
            number / 20 % 50,
            number % 20
        ),
        _ => format!("refs/remotes/origin/{topic}-{number}"),
    }
}

pub(crate) fn object_id(number: u64) -> Id {
    std::array::from_fn(|i| (draw(number, 10 + i as u64 / 8) >> (i % 8 * 8)) as u8)
}

/// The id of the object that a ref names.
pub(crate) fn ref_id(number: u64, generation: u64) -> Id {
    // Three of ten refs stand where another one does.
    let object = if number > 0 && draw(number, 4) % 10 < 3 {
        draw(number, 5) % number
    } else {
        number
    };
    object_id(object + (generation << 40))
}

fn message(number: u64) -> String {
    let x = draw(number, 20);
    let (a, b, c) = (
        pick(&TOPICS, x),
        pick(&TOPICS, x >> 8),
        pick(&TOPICS, x >> 16),
    );
    let small = x >> 24 & 0xfff;
    match x >> 40 & 7 {
        0..=3 => format!("commit: {a}: let the {b} keep its {c}\n"),
        4 => format!("commit (amend): {a} without {b}, see #{small}\n"),
        5 => format!("pull origin {a}: Fast-forward\n"),
        6 => format!(
            "checkout: moving from {a}-{small} to {:016x}{:016x}\n",
            draw(number, 21),
            draw(number, 22)
        ),
        _ => format!("reset: moving to HEAD~{}\n", small % 20),
    }
}

/// The refs of these numbers in the order of names.
pub(crate) fn make_refs(numbers: impl Iterator<Item = u64>, generation: u64) -> Vec<Ref> {
    let mut refs: Vec<Ref> = numbers.map(|number| Ref::new(number, generation)).collect();
    refs.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    refs
}

/// A branch: the smaller its number the more often it is drawn.
fn branch_of(number: u64) -> u64 {
    if number % 50 == 0 {
        return BRANCHES_WITH_LOGS;
    }
    let drawn = (30..33).map(|stream| draw(number, stream) % BRANCHES_WITH_LOGS);
    drawn.min().unwrap_or_default()
}

/// `count` entries of the reflogs of some thousand branches, in the order of a table.
pub(crate) fn make_logs(count: u64) -> Vec<Log> {
    let mut last = vec![0; BRANCHES_WITH_LOGS as usize + 1];
    let mut logs = Vec::new();
    for number in 1..=count {
        let branch = branch_of(number);
        let name = match branch {
            BRANCHES_WITH_LOGS => SYMREF_TARGET.to_owned(),
            _ => ref_name(branch / 30 * 100 + 55 + branch % 30),
        };
        let mut log = Log::new(name, number, number);
        let last = &mut last[branch as usize];
        if *last != 0 {
            log.old_id = object_id(*last + (1 << 50));
        }
        *last = number;
        logs.push(log);
    }
    sort_logs(&mut logs);
    logs
}

/// Into the order of a table: by name, newest first.
pub(crate) fn sort_logs(logs: &mut [Log]) {
    logs.sort_unstable_by(|a, b| {
        let newest_first = || b.update_index.cmp(&a.update_index);
        a.name.cmp(&b.name).then_with(newest_first)
    });
}
