//! Lists the branches of a repository as a prompt would: the one that is checked out is marked.
//!
//!     cargo run --example list_refs [PATH]

use reftable::record::RefValueBuf;
use reftable::{Head, Repository};
use std::error::Error;
use std::io::{self, Write};

/// The branches of the repository around `path`.
pub fn run(path: &str, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let repository = Repository::discover(path)?;
    let view = repository.view();
    let current = match view.head()? {
        Head::Branch { name, .. } => Some(name),
        Head::Unborn { name } => {
            writeln!(out, "* {} (no commits)", String::from_utf8_lossy(&name))?;
            None
        }
        Head::Detached { id } => {
            writeln!(out, "* (detached at {})", short(&id))?;
            None
        }
        _ => None,
    };
    for record in view.refs(b"refs/heads/")? {
        let record = record?;
        let mark = if current.as_ref() == Some(&record.name) {
            '*'
        } else {
            ' '
        };
        let name = String::from_utf8_lossy(&record.name).into_owned();
        match &record.value {
            RefValueBuf::Symref(target) => {
                writeln!(out, "{mark} {name} -> {}", String::from_utf8_lossy(target))?;
            }
            RefValueBuf::Object(id) | RefValueBuf::Peeled { id, .. } => {
                writeln!(out, "{mark} {name} {}", short(id))?;
            }
            RefValueBuf::Deletion => {}
        }
    }
    Ok(())
}

fn short(id: &[u8]) -> String {
    id.iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[allow(dead_code, reason = "the tests call `run`")]
fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    run(&path, &mut io::stdout().lock())
}
