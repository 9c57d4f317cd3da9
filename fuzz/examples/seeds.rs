//! Fills `corpus/` with first inputs: the tables, lists and folders of the crate's test data.
//! Run it in the folder of the fuzz targets.

use reftable_fuzz::folder::encode;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const DATA: &str = "../crates/test-support/data";
/// Longer inputs slow the fuzzer down.
const LONGEST: usize = 20_000;

fn main() -> io::Result<()> {
    let mut seeds = 0;
    let tables = files(Path::new(DATA), "ref")?;
    for (number, path) in tables.iter().enumerate() {
        let bytes = fs::read(path)?;
        if bytes.len() > LONGEST {
            continue;
        }
        save("table", number, &bytes)?;
        if let Some(payload) = bytes.get(28..bytes.len().saturating_sub(68)) {
            for kind in 0..4_u8 {
                let input = [&[kind, 3], payload].concat();
                save("block", number * 4 + usize::from(kind), &input)?;
            }
        }
        let name = "0x000000000001-0x000000000001-00000001.ref\n";
        save(
            "folder",
            number,
            &encode(&[(0, name.as_bytes()), (1, &bytes)]),
        )?;
        save("roundtrip", number, &bytes)?;
        save("operations", number, &bytes)?;
        seeds += 1;
    }
    for (number, path) in files(Path::new(DATA), "list")?.iter().enumerate() {
        save("list", number, &fs::read(path)?)?;
    }
    let lists: [&[u8]; 5] = [
        b"",
        b"a.ref\n",
        b"a.ref\nb.ref",
        b"\n\nb.ref\n",
        b"../a.ref\n",
    ];
    for (number, list) in lists.iter().enumerate() {
        save("list", 1000 + number, list)?;
    }
    println!("{seeds} tables");
    Ok(())
}

fn files(dir: &Path, extension: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path, extension)?);
        } else if path.extension() == Some(extension.as_ref()) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn save(target: &str, number: usize, bytes: &[u8]) -> io::Result<()> {
    let dir = Path::new("corpus").join(target);
    fs::create_dir_all(&dir)?;
    fs::write(dir.join(format!("seed-{number:04}")), bytes)
}
