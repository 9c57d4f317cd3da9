//! Sound tables with a bit flipped, a byte changed or the end cut off: reading them ends in an error
//! or in records, and what a deep check finds nothing wrong with is all there.

use reftable::Result;
use reftable::record::{LogRecordBuf, RefRecordBuf};
use test_support::corpus;
use test_support::damaged::{Outcome, defects, read_by_all_means};
use test_support::encode;
use test_support::rng::Rng;

/// Tables up to this size are damaged in every bit, larger ones in some that a seed picks.
const SMALL: usize = 420;
/// How many bytes are changed in a larger table, and in one of more than a few blocks.
const SAMPLES: (usize, usize) = (20, 3);

/// Where the parts of a table lie.
struct Parts {
    header: usize,
    footer: usize,
}

fn parts(bytes: &[u8]) -> Parts {
    Parts {
        header: if bytes[4] == 2 { 28 } else { 24 },
        footer: bytes.len() - encode::footer_len(bytes),
    }
}

/// The tables that their own writer did not damage.
fn sound_tables() -> Vec<(String, Vec<u8>)> {
    let sound = corpus::tables()
        .into_iter()
        .filter(|t| t.columns[1] == "ok");
    sound.map(|t| (t.name.clone(), t.bytes())).collect()
}

/// Offsets of the changes to try on a table: all, or some.
fn offsets(bytes: &[u8], rng: &mut Rng) -> Vec<usize> {
    if bytes.len() <= SMALL {
        return (0..bytes.len()).collect();
    }
    let samples = if bytes.len() < 4096 {
        SAMPLES.0
    } else {
        SAMPLES.1
    };
    (0..samples).map(|_| rng.below(bytes.len())).collect()
}

/// What holds for every table, whatever was done to it.
fn check(what: &str, bytes: &[u8]) -> Result<Outcome> {
    let outcome = read_by_all_means(what, bytes);
    let findings = defects(what, bytes);
    match &outcome {
        Err(error) => assert!(!findings.is_empty(), "{what}: deep check missed {error}"),
        Ok(outcome) => {
            if let Ok(refs) = &outcome.refs {
                assert_refs_sound(what, refs);
            }
            if let Ok(logs) = &outcome.logs {
                assert_logs_sound(what, logs);
            }
            if findings.is_empty() {
                assert!(
                    outcome.errors().is_empty(),
                    "{what}: no finding, but {:?}",
                    outcome.errors()
                );
                assert!(
                    outcome.missed.is_empty(),
                    "{what}: no finding, but {:?} missed",
                    outcome.missed
                );
            }
        }
    }
    outcome
}

fn assert_refs_sound(what: &str, refs: &[RefRecordBuf]) {
    assert!(
        refs.windows(2).all(|w| w[0].name < w[1].name),
        "{what}: refs out of order"
    );
    assert!(
        refs.iter()
            .all(|r| !r.name.is_empty() && !r.name.contains(&0)),
        "{what}: bad name"
    );
}

fn assert_logs_sound(what: &str, logs: &[LogRecordBuf]) {
    let key = |log: &LogRecordBuf| (log.name.clone(), !log.update_index);
    assert!(
        logs.windows(2).all(|w| key(&w[0]) < key(&w[1])),
        "{what}: logs out of order"
    );
}

#[test]
fn every_flipped_bit_gives_an_error_or_records() {
    let mut rng = Rng::new(1);
    for (name, bytes) in sound_tables() {
        for at in offsets(&bytes, &mut rng) {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                let what = format!("{name}: bit {bit} of byte {at}");
                let outcome = check(&what, &damaged);
                let Parts { header, footer } = parts(&bytes);
                if at < header || at >= footer {
                    assert!(
                        outcome.is_err(),
                        "{what}: header and footer are protected, but it opened"
                    );
                }
            }
        }
    }
}

/// The checksum protects the footer from accidents, not from a writer that errs.
#[test]
fn every_flipped_bit_of_a_footer_with_a_right_checksum_gives_an_error_or_records() {
    for (name, bytes) in sound_tables() {
        let Parts { header, footer } = parts(&bytes);
        for at in footer..bytes.len() - 4 {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                if at < footer + header {
                    damaged[at - footer] ^= 1 << bit;
                }
                if damaged[4] == bytes[4] {
                    encode::seal(&mut damaged);
                }
                // What is left to see in larger tables is seen at every eighth bit.
                if bytes.len() <= SMALL || (bytes.len() < 10_000 && bit == at % 8) {
                    let _ = check(&format!("{name}: bit {bit} of byte {at}, sealed"), &damaged);
                }
            }
        }
    }
}

#[test]
fn every_byte_set_to_an_extreme_gives_an_error_or_records() {
    let mut rng = Rng::new(2);
    for (name, bytes) in sound_tables() {
        for at in offsets(&bytes, &mut rng) {
            for value in [
                0x00,
                0xff,
                0x80,
                bytes[at].wrapping_add(1),
                bytes[at].wrapping_sub(1),
            ] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                let _ = check(&format!("{name}: byte {at} set to {value:#04x}"), &damaged);
            }
        }
    }
}

#[test]
fn every_truncated_table_is_refused() {
    let mut rng = Rng::new(3);
    for (name, bytes) in sound_tables() {
        for len in offsets(&bytes, &mut rng) {
            let what = format!("{name} cut to {len} bytes");
            assert!(check(&what, &bytes[..len]).is_err(), "{what}: opened");
        }
    }
}

/// The Adler-32 of the stream: a changed bit of a log block is an error, or changes nothing.
#[test]
fn damaged_log_block_never_gives_other_log_records() {
    for name in [
        "ex2-log-only-c.ref",
        "ex2b-log-only-jgit.ref",
        "log-values.ref",
        "log-stored-deflate.ref",
    ] {
        let table = corpus::tables()
            .into_iter()
            .find(|t| t.name == name)
            .unwrap();
        let (bytes, wanted) = (table.bytes(), table.expected().logs);
        let Parts { header, footer } = parts(&bytes);
        for at in header + 4..footer {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                let what = format!("{name}: bit {bit} of byte {at}");
                let outcome = check(&what, &damaged).unwrap();
                if let Ok(logs) = outcome.logs {
                    assert_eq!(logs, wanted, "{what}");
                }
            }
        }
    }
}

/// One random change: of a byte, a few bytes, a piece doubled or taken out.
fn mutate(bytes: &mut Vec<u8>, rng: &mut Rng) {
    if bytes.is_empty() {
        return;
    }
    let at = rng.below(bytes.len());
    let piece = at..(at + 1 + rng.below(16)).min(bytes.len());
    match rng.below(6) {
        0 => bytes[at] = rng.next() as u8,
        1 => bytes[at] ^= 1 << rng.below(8),
        2 => bytes[piece].fill([0, 0xff][rng.below(2)]),
        3 => {
            let copy = bytes[piece].to_vec();
            bytes.splice(at..at, copy);
        }
        4 => drop(bytes.drain(piece)),
        _ => {
            let other = rng.below(bytes.len());
            bytes.swap(at, other);
        }
    }
}

/// Random damage between header and footer, which stay right.
#[test]
fn random_damage_of_blocks_gives_an_error_or_records() {
    let tables = sound_tables();
    let seeds = std::env::var("SEEDS").ok().and_then(|n| n.parse().ok());
    for seed in 0..seeds.unwrap_or(4_000) {
        let mut rng = Rng::new(seed);
        let (name, bytes) = rng.pick(&tables);
        if bytes.len() > 6_000 {
            continue;
        }
        let Parts { header, footer } = parts(bytes);
        let mut body = bytes[header..footer].to_vec();
        for _ in 0..=rng.below(4) {
            mutate(&mut body, &mut rng);
        }
        let mut damaged = [&bytes[..header], &body, &bytes[footer..]].concat();
        if rng.one_in(3) {
            // Another position in a field of the footer.
            let field = damaged.len() - 44 + 8 * rng.below(5) + rng.below(8);
            damaged[field] = rng.next() as u8;
            encode::seal(&mut damaged);
        }
        let _ = check(&format!("{name}, seed {seed}"), &damaged);
    }
}
