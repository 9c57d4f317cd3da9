//! Moves a branch if it is where it is expected to be, and makes a tag, both or nothing.
//!
//!     cargo run --example transaction REPOSITORY BRANCH OLD-ID NEW-ID TAG

use reftable::transaction::{Committer, Expected};
use reftable::{Edit, Repository, Transaction};
use std::error::Error;
use std::time::{Duration, SystemTime};

/// Moves `branch` from `old` to `new` and makes `tag` there. Ids are hexadecimal, names complete.
pub fn run(
    path: &str,
    branch: &str,
    old: &str,
    new: &str,
    tag: &str,
) -> Result<(), Box<dyn Error>> {
    let repository = Repository::discover(path)?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let committer = Committer::new("Example", "example@example.com", now.as_secs(), 0);
    let mut transaction = Transaction::new();
    transaction.push(
        Edit::update(branch, parse(new)?)
            .expecting(Expected::Object(parse(old)?))
            .logging(committer, "example: moved"),
    );
    transaction.push(Edit::create(tag, parse(new)?));
    // Others wait until this is committed or dropped.
    let prepared = transaction.prepare(&repository, Some(Duration::from_secs(1)))?;
    prepared.commit()?;
    Ok(())
}

fn parse(hex: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let digits = hex.as_bytes().chunks(2);
    let bytes = digits.map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?));
    bytes.collect()
}

#[allow(dead_code, reason = "the tests call `run`")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [path, branch, old, new, tag] => run(path, branch, old, new, tag),
        _ => Err("usage: transaction REPOSITORY BRANCH OLD-ID NEW-ID TAG".into()),
    }
}
