//! Names that are looked up.

use std::ops::Deref;

/// Bytes that a name has as a rule at most; longer ones are on the heap.
const INLINE: usize = 128;

/// A name that a function was given, copied.
///
/// A program may look up the target of what it looked up before, and name a string of the very
/// record that is to be filled. Filling frees that string while the lookup still has the name.
pub struct Name {
    inline: [u8; INLINE],
    /// Of the name in `inline`.
    len: usize,
    /// A name that is longer.
    long: Option<Box<[u8]>>,
}

impl Name {
    /// A copy of `text`.
    pub fn new(text: &[u8]) -> Name {
        let (mut inline, len) = ([0; INLINE], text.len());
        let long = match inline.get_mut(..len) {
            Some(room) => {
                room.copy_from_slice(text);
                None
            }
            None => Some(text.into()),
        };
        Name { inline, len, long }
    }
}

impl Deref for Name {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match &self.long {
            Some(long) => long,
            None => self.inline.get(..self.len).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_length_are_copied_whole() {
        for len in [0, 1, INLINE - 1, INLINE, INLINE + 1, 5000] {
            let text: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            assert_eq!(*Name::new(&text), *text, "{len}");
        }
    }
}
