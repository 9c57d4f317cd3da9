//! The index of a section against the blocks it stands for (format section 8).
//!
//! Each level lists all blocks of the level below, in order, with their last keys; the lowest level
//! lists the section's own blocks. The root level is written last.

use super::table::Walked;
use crate::error::Defect;
use std::collections::HashMap;

/// A block of an index: last key and position of each block below.
#[derive(Debug)]
pub(super) struct IndexBlock {
    pub(super) position: u64,
    pub(super) entries: Vec<(Vec<u8>, u64)>,
}

/// What is wrong with an index.
#[derive(Debug)]
pub(super) struct BadIndex {
    pub(super) offset: u64,
    pub(super) defect: Defect,
    pub(super) detail: String,
}

fn bad(offset: u64, detail: impl Into<String>) -> BadIndex {
    BadIndex {
        offset,
        defect: Defect::BadIndex,
        detail: detail.into(),
    }
}

/// Checks an index from its root level, at `root` according to the footer, down to the blocks of the
/// section. The first thing wrong is all that can be said.
pub(super) fn check(walked: &Walked, root: Option<u64>) -> Result<(), BadIndex> {
    let Some(root) = root else {
        return match walked.index.first() {
            None => Ok(()),
            Some(block) => Err(bad(block.position, "the footer names no such index")),
        };
    };
    let mut level: Vec<&IndexBlock> = Vec::new();
    // Each block is reached once: that bounds the work, whatever the index says.
    let mut unreached: HashMap<u64, &IndexBlock> = HashMap::new();
    for block in &walked.index {
        match block.position >= root {
            true => level.push(block),
            false => drop(unreached.insert(block.position, block)),
        }
    }
    if level.first().is_none_or(|block| block.position != root) {
        return Err(BadIndex {
            offset: root,
            defect: Defect::BadPosition,
            detail: "the footer's index is no index block of the section".to_owned(),
        });
    }
    loop {
        check_level(&level)?;
        let mut targets = level.iter().flat_map(|block| &block.entries);
        if targets.all(|(_, position)| !unreached.contains_key(position)) {
            break check_leaves(&level, walked)?;
        }
        let below = level_below(&level, &mut unreached)?;
        // Writers add levels because each has fewer blocks than the one below.
        if let (Some(block), true) = (level.first(), below.len() <= level.len()) {
            let detail = format!(
                "level of {} blocks above one of {}",
                level.len(),
                below.len()
            );
            return Err(bad(block.position, detail));
        }
        level = below;
    }
    match unreached.is_empty() {
        true => Ok(()),
        false => Err(bad(root, "index blocks that the root does not lead to")),
    }
}

/// Keys of a level ascend, and it points back.
fn check_level(level: &[&IndexBlock]) -> Result<(), BadIndex> {
    let mut last: Option<&[u8]> = None;
    for block in level {
        for (key, position) in &block.entries {
            if *position >= block.position {
                return Err(bad(
                    block.position,
                    format!("points forward, to {position}"),
                ));
            }
            if last.is_some_and(|last| last >= key.as_slice()) {
                return Err(BadIndex {
                    offset: block.position,
                    defect: Defect::KeyOrder,
                    detail: "keys of a level of the index".to_owned(),
                });
            }
            last = Some(key);
        }
    }
    Ok(())
}

/// The index blocks that a level names. They lie before it, so going down ends.
fn level_below<'a>(
    level: &[&IndexBlock],
    unreached: &mut HashMap<u64, &'a IndexBlock>,
) -> Result<Vec<&'a IndexBlock>, BadIndex> {
    let mut below = Vec::new();
    for block in level {
        for (key, position) in &block.entries {
            let Some(target) = unreached.remove(position) else {
                let detail = format!("leads to {position}, where no block of the index starts");
                return Err(bad(block.position, detail));
            };
            if target.entries.last().map(|(last, _)| last) != Some(key) {
                let detail = format!("key is not the last one of the index block at {position}");
                return Err(bad(block.position, detail));
            }
            below.push(target);
        }
    }
    Ok(below)
}

/// The lowest level names exactly the blocks of the section.
fn check_leaves(level: &[&IndexBlock], walked: &Walked) -> Result<(), BadIndex> {
    let mut leaves = walked.leaves.iter();
    for block in level {
        for (key, position) in &block.entries {
            match leaves.next() {
                Some((last, at)) if last == key && at == position => {}
                Some((_, at)) if at == position => {
                    let detail = format!("key is not the last one of the block at {position}");
                    return Err(bad(block.position, detail));
                }
                Some((_, at)) => {
                    let detail = format!("leads to {position} instead of the block at {at}");
                    return Err(bad(block.position, detail));
                }
                None => return Err(bad(block.position, "more entries than blocks")),
            }
        }
    }
    match (leaves.next(), level.last()) {
        (Some((_, at)), Some(block)) => Err(bad(
            block.position,
            format!("block at {at} and later ones are missing"),
        )),
        _ => Ok(()),
    }
}
