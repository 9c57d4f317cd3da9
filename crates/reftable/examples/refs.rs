//! Lists all refs of the repository around the current folder.
#![expect(clippy::print_stdout, reason = "a program may print")]

use reftable::Repository;

fn main() -> reftable::Result<()> {
    let repository = Repository::discover(".")?;
    for record in repository.view().refs(b"refs/")? {
        println!("{}", String::from_utf8_lossy(&record?.name));
    }
    Ok(())
}
