//! Which refs every worktree has for itself.

/// Folders of refs that every worktree has for itself.
const FOLDERS: [&[u8]; 3] = [b"refs/bisect/", b"refs/worktree/", b"refs/rewritten/"];

/// Whether every worktree has a ref of this name for itself: `HEAD` and other refs outside of
/// `refs/`, and those of a few folders.
///
/// ```
/// use reftable::view::is_per_worktree;
///
/// assert!(is_per_worktree(b"HEAD"));
/// assert!(is_per_worktree(b"refs/bisect/bad"));
/// assert!(!is_per_worktree(b"refs/heads/main"));
/// ```
pub fn is_per_worktree(name: &[u8]) -> bool {
    match name.starts_with(b"refs/") {
        true => FOLDERS.iter().any(|folder| name.starts_with(folder)),
        false => !name.contains(&b'/'),
    }
}

/// The main worktree's own ref that a name as `main-worktree/HEAD` stands for. Refs that all
/// worktrees share have no such name.
pub(crate) fn of_main_worktree(name: &[u8]) -> Option<&[u8]> {
    let own = name.strip_prefix(b"main-worktree/")?;
    is_per_worktree(own).then_some(own)
}
