//! Tells when refs change.
//!
//!     cargo run --example watch [PATH]

use reftable::{Repository, StateToken, View};
use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;

/// Looks for changes, and tells which refs they concern.
pub struct Watch {
    repository: Repository,
    token: StateToken,
    view: View,
}

impl Watch {
    /// Begins with the refs of the repository around `path` as they are now.
    pub fn new(path: &str) -> Result<Watch, Box<dyn Error>> {
        let repository = Repository::discover(path)?;
        Ok(Watch {
            token: repository.state_on_disk()?,
            view: repository.view(),
            repository,
        })
    }

    /// Writes the names of refs that changed since the last call.
    pub fn look(&mut self, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
        // Cheap: reads a small file. Only if it differs, tables are opened and refs compared.
        let token = self.repository.state_on_disk()?;
        if token == self.token {
            return Ok(());
        }
        self.repository.reload()?;
        let view = self.repository.view();
        for change in view.diff(&self.view, b"")? {
            let change = change?;
            let what = match (change.old, change.new) {
                (None, _) => "created",
                (_, None) => "deleted",
                _ => "changed",
            };
            writeln!(out, "{what} {}", String::from_utf8_lossy(&change.name))?;
        }
        (self.token, self.view) = (token, view);
        Ok(())
    }
}

#[allow(dead_code, reason = "the tests make a `Watch`")]
fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let mut watch = Watch::new(&path)?;
    loop {
        watch.look(&mut io::stdout().lock())?;
        std::thread::sleep(Duration::from_millis(200));
    }
}
