//! The lines of a list, as far as they can be made out.
//!
//! A line that names a file is taken as it is. One that does not may be damaged: it stands for the one
//! unlisted table whose name differs least from it, if there is a single such one and its update
//! indexes fit between those of the lines around it. What else is there stands for a table that
//! is missing.

use super::inventory::{File, Inventory, Range};
use crate::stack::file_name::range_of;
use crate::stack::list::shown;

/// A line of a list may differ from the name that it stands for by at most this many bytes.
const MOST_DIFFERENCES: usize = 2;

/// What a line stands for.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// What stands in it, as text.
    pub(super) text: String,
    /// The number of the file in the inventory; `None` if it is missing.
    pub(super) file: Option<usize>,
    /// The update indexes of the table, as far as they are known.
    pub(super) range: Option<Range>,
    /// Whether the line is not the name of its file.
    pub(super) is_damaged: bool,
}

/// The lines of a list, oldest table first.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) lines: Vec<Line>,
    /// What is wrong with the list itself, beyond its names.
    pub(super) flaws: Vec<String>,
}

struct Piece {
    bytes: Vec<u8>,
    file: Option<usize>,
    is_damaged: bool,
}

impl Lines {
    /// Reads the bytes of a list.
    pub(super) fn read(bytes: &[u8], inventory: &Inventory) -> Lines {
        let mut flaws = Vec::new();
        let is_cut = bytes.last().is_some_and(|byte| *byte != b'\n');
        if is_cut {
            flaws.push("it does not end with a newline".to_owned());
        }
        let lines = bytes.split(|byte| *byte == b'\n');
        let lines = lines.filter(|line| !line.is_empty()).map(<[u8]>::to_vec);
        let parsed: Vec<Vec<u8>> = lines.collect();
        let lines = join_torn(split_run_together(parsed.clone(), inventory), inventory);
        if lines != parsed {
            flaws.push("two names stand in one line, or one name in two".to_owned());
        }
        let mut pieces: Vec<Piece> = lines
            .into_iter()
            .map(|bytes| Piece {
                file: inventory.find(&bytes),
                bytes,
                is_damaged: false,
            })
            .collect();
        drop_repeated(&mut pieces, inventory, &mut flaws);
        match_damaged(&mut pieces, inventory, is_cut);
        let lines = finish(&pieces, inventory);
        Lines { lines, flaws }
    }

    /// Whether any line says something about a table.
    pub(super) fn are_usable(&self) -> bool {
        let tells = |line: &Line| line.file.is_some() || range_of(&line.text).is_some();
        self.lines.iter().any(tells)
    }
}

/// Where a newline became another byte, two names stand in one line.
fn split_run_together(lines: Vec<Vec<u8>>, inventory: &Inventory) -> Vec<Vec<u8>> {
    let mut split = Vec::new();
    for mut line in lines {
        let mut behind = Vec::new();
        while inventory.find(&line).is_none() {
            let named = |file: &&File| {
                let name = file.name.as_bytes();
                line.len() > name.len() + 1 && line.ends_with(name)
            };
            let leading = |file: &&File| {
                let name = file.name.as_bytes();
                line.len() > name.len() + 1 && line.starts_with(name)
            };
            if let Some(file) = inventory.files.iter().find(named) {
                behind.push(file.name.clone().into_bytes());
                line.truncate(line.len() - file.name.len() - 1);
            } else if let Some(file) = inventory.files.iter().find(leading) {
                split.push(file.name.clone().into_bytes());
                line.drain(..file.name.len() + 1);
            } else {
                break;
            }
        }
        split.push(line);
        split.extend(behind.into_iter().rev());
    }
    split
}

/// Where a byte became a newline, a name stands in two lines.
fn join_torn(lines: Vec<Vec<u8>>, inventory: &Inventory) -> Vec<Vec<u8>> {
    let mut joined: Vec<Vec<u8>> = Vec::new();
    for line in lines {
        if let Some(before) = joined.last_mut() {
            let whole = [before.as_slice(), b"\n", &line].concat();
            let is_torn = |file: &File| {
                let name = file.name.as_bytes();
                name.len() == whole.len()
                    && name.iter().zip(&whole).filter(|(a, b)| a != b).count() == 1
            };
            if inventory.find(before).is_none()
                && inventory.find(&line).is_none()
                && inventory.files.iter().any(is_torn)
            {
                *before = whole;
                continue;
            }
        }
        joined.push(line);
    }
    joined
}

/// A name that stands in two lines: the one that does not fit its neighbours is damaged.
fn drop_repeated(pieces: &mut Vec<Piece>, inventory: &Inventory, flaws: &mut Vec<String>) {
    let mut number = 0;
    while number < pieces.len() {
        let this = pieces.get(number).and_then(|piece| piece.file);
        let other = pieces
            .iter()
            .take(number)
            .position(|piece| piece.file.is_some() && piece.file == this);
        let (Some(other), Some(this)) = (other, this) else {
            number += 1;
            continue;
        };
        let name = inventory.get(this).map_or("", |file| &file.name);
        flaws.push(format!("it names {name} twice"));
        // The other one, should neither fit.
        let wrong = match fits(pieces, inventory, other, this) {
            true => number,
            false if fits(pieces, inventory, number, this) => other,
            false => number,
        };
        let neighbours = wrong.abs_diff(other.max(number) + other.min(number) - wrong);
        if neighbours == 1 {
            // The line was written twice.
            pieces.remove(wrong);
            continue;
        }
        if let Some(piece) = pieces.get_mut(wrong) {
            piece.file = None;
            piece.is_damaged = true;
        }
        number += 1;
    }
}

/// Whether a file's update indexes lie between those of the lines around line `number`.
fn fits(pieces: &[Piece], inventory: &Inventory, number: usize, file: usize) -> bool {
    let Some(range) = inventory.get(file).and_then(File::range) else {
        return false;
    };
    let known = |piece: &Piece| inventory.get(piece.file?)?.range();
    let before = pieces.iter().take(number).rev().find_map(known);
    let after = pieces.iter().skip(number + 1).find_map(known);
    before.is_none_or(|before| before.1 < range.0) && after.is_none_or(|after| range.1 < after.0)
}

/// Matches lines that name no file with unlisted ones, the closest first.
fn match_damaged(pieces: &mut Vec<Piece>, inventory: &Inventory, is_cut: bool) {
    loop {
        let mut best: Option<(usize, usize, usize)> = None;
        for (number, piece) in pieces.iter().enumerate() {
            if piece.file.is_some() {
                continue;
            }
            let is_last = is_cut && number + 1 == pieces.len();
            if let Some((distance, file)) = closest(pieces, inventory, number, is_last) {
                if best.is_none_or(|best| distance < best.0) {
                    best = Some((distance, number, file));
                }
            }
        }
        let Some((_, number, file)) = best else {
            return;
        };
        let line = pieces
            .get(number)
            .map_or(Vec::new(), |piece| piece.bytes.clone());
        // A line at a place where it does not fit is a second one for the same table.
        pieces.retain(|piece| piece.file != Some(file));
        let same = |piece: &&mut Piece| piece.bytes == line;
        if let Some(piece) = pieces.iter_mut().find(same) {
            piece.file = Some(file);
            piece.is_damaged = true;
        }
    }
}

/// The unlisted table whose name differs least from a line, if there is a single such one, and by how
/// many bytes.
fn closest(
    pieces: &[Piece],
    inventory: &Inventory,
    number: usize,
    is_cut: bool,
) -> Option<(usize, usize)> {
    let line = &pieces.get(number)?.bytes;
    let is_listed = |file: usize| {
        let place = pieces.iter().position(|piece| piece.file == Some(file));
        place.is_some_and(|place| fits(pieces, inventory, place, file))
    };
    let mut near: Vec<(usize, usize)> = Vec::new();
    for (file, found) in inventory.files.iter().enumerate() {
        let name = found.name.as_bytes();
        let cut = name
            .get(..line.len())
            .filter(|_| is_cut && line.len() < name.len());
        let cut = cut.map(|front| differences(front, line));
        let distance = distance(line, name).min(cut.unwrap_or(usize::MAX));
        if distance <= MOST_DIFFERENCES && !is_listed(file) && fits(pieces, inventory, number, file)
        {
            near.push((distance, file));
        }
    }
    near.sort_unstable();
    match near.as_slice() {
        [only] => Some(*only),
        [best, second, ..] if best.0 < second.0 => Some(*best),
        _ => None,
    }
}

fn differences(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).filter(|(a, b)| a != b).count()
}

/// How many bytes have to be changed, added or removed to make one text of the other; more than
/// [`MOST_DIFFERENCES`] is not told apart.
fn distance(one: &[u8], other: &[u8]) -> usize {
    if one.len().abs_diff(other.len()) > MOST_DIFFERENCES {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (done, a) in one.iter().enumerate() {
        let mut diagonal = done;
        let mut left = done + 1;
        let mut next = vec![left];
        for (b, above) in other.iter().zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(a != b))
                .min(above + 1)
                .min(left + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

/// Gives each line its range: that of its file, else that of its name if it fits, else what the lines
/// around it leave.
fn finish(pieces: &[Piece], inventory: &Inventory) -> Vec<Line> {
    let of_file = |piece: &Piece| inventory.get(piece.file?)?.range();
    let named = |piece: &Piece| range_of(std::str::from_utf8(&piece.bytes).ok()?);
    let known = |piece: &Piece| of_file(piece).or_else(|| named(piece));
    let lines = pieces.iter().enumerate().map(|(number, piece)| {
        let before = pieces.iter().take(number).rev().find_map(of_file);
        let after = pieces.iter().skip(number + 1).find_map(known);
        let is_between = |range: &Range| {
            before.is_none_or(|before| before.1 < range.0)
                && after.is_none_or(|after| range.1 < after.0 || piece.file.is_some())
        };
        let left = match (before, after) {
            (Some(before), Some(after)) if before.1 + 1 < after.0 => {
                Some((before.1 + 1, after.0 - 1))
            }
            _ => None,
        };
        let range = of_file(piece).or_else(|| named(piece).filter(is_between).or(left));
        Line {
            text: shown(&piece.bytes),
            file: piece.file,
            range,
            is_damaged: piece.is_damaged,
        }
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn distances_count_changed_added_and_removed_bytes() {
        assert_eq!(distance(b"table", b"table"), 0);
        assert_eq!(distance(b"table", b"tabla"), 1);
        assert_eq!(distance(b"table", b"tble"), 1);
        assert_eq!(distance(b"table", b"xtablle"), 2);
        assert_eq!(distance(b"table", b"elbat"), 4);
        assert_eq!(distance(b"table", b"ta"), usize::MAX);
    }
}
