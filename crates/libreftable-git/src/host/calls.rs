//! The functions of git's that [`HostFs`](super::HostFs) calls.
//!
//! | | 2.47 | 2.53 | 2.55 and master |
//! |---|---|---|---|
//! | temporary files, locks | git's own, adapted here | `tmpfile_*`, `flock_*` | same |
//! | random numbers | `git_rand` | `reftable_rand` | same |
//! | syncing | `fsync_component` | the options' function | `reftable_fsync` |
//! | clock | ours | ours | `reftable_time_ms` |
//!
//! `reftable_mmap` is not called: a command that looks up one ref reads some blocks faster than
//! it maps the file.

#[cfg(not(git_api = "2.47"))]
use super::HostFile;
#[cfg(not(git_api = "2.47"))]
use std::ffi::{c_char, c_int, c_long};

#[cfg(not(git_api = "2.47"))]
unsafe extern "C" {
    pub(super) safe fn reftable_rand() -> u32;
    pub(super) fn tmpfile_from_pattern(out: *mut HostFile, pattern: *const c_char) -> c_int;
    pub(super) fn tmpfile_close(file: *mut HostFile) -> c_int;
    pub(super) fn tmpfile_delete(file: *mut HostFile) -> c_int;
    pub(super) fn tmpfile_rename(file: *mut HostFile, path: *const c_char) -> c_int;
    pub(super) fn flock_acquire(
        lock: *mut HostFile,
        target: *const c_char,
        timeout_ms: c_long,
    ) -> c_int;
    pub(super) fn flock_close(lock: *mut HostFile) -> c_int;
    pub(super) fn flock_release(lock: *mut HostFile) -> c_int;
    pub(super) fn flock_commit(lock: *mut HostFile) -> c_int;
}

#[cfg(any(git_api = "2.55", git_api = "master"))]
unsafe extern "C" {
    pub(super) safe fn reftable_time_ms() -> u64;
    pub(super) safe fn reftable_fsync(fd: c_int) -> c_int;
}

#[cfg(git_api = "2.47")]
pub(super) use of_2_47::*;

/// git 2.47 has no functions for this purpose; these are made of those that its own library calls.
#[cfg(git_api = "2.47")]
mod of_2_47 {
    use super::super::{HostFile, LOCKED};
    use std::ffi::{c_char, c_int, c_long, c_void};
    use std::io;
    use std::ptr::null_mut;

    /// A lock of git's.
    #[repr(C)]
    struct LockFile {
        tempfile: *mut c_void,
    }

    const LOCK_NO_DEREF: c_int = 2;
    const FSYNC_COMPONENT_REFERENCE: c_int = 1 << 5;

    unsafe extern "C" {
        safe fn git_rand() -> u32;
        safe fn fsync_component(component: c_int, fd: c_int) -> c_int;
        fn mks_tempfile_sm(template: *const c_char, suffix: c_int, mode: c_int) -> *mut c_void;
        fn get_tempfile_path(file: *mut c_void) -> *const c_char;
        fn get_tempfile_fd(file: *mut c_void) -> c_int;
        fn close_tempfile_gently(file: *mut c_void) -> c_int;
        fn delete_tempfile(file: *mut *mut c_void) -> c_int;
        fn rename_tempfile(file: *mut *mut c_void, path: *const c_char) -> c_int;
        fn hold_lock_file_for_update_timeout_mode(
            lock: *mut LockFile,
            path: *const c_char,
            flags: c_int,
            timeout_ms: c_long,
            mode: c_int,
        ) -> c_int;
        fn commit_lock_file(lock: *mut LockFile) -> c_int;
    }

    pub(in crate::host) fn reftable_rand() -> u32 {
        git_rand()
    }

    pub(in crate::host) fn reftable_fsync(fd: c_int) -> c_int {
        fsync_component(FSYNC_COMPONENT_REFERENCE, fd)
    }

    /// # Safety
    ///
    /// `out` is an idle file, `tempfile` one that git has just made.
    unsafe fn hold(out: *mut HostFile, tempfile: *mut c_void) {
        // SAFETY: a file of git's.
        let path = unsafe { get_tempfile_path(tempfile) };
        // SAFETY: a file of git's.
        let fd = unsafe { get_tempfile_fd(tempfile) };
        let held = HostFile {
            path,
            fd,
            priv_: tempfile,
        };
        // SAFETY: the caller's, for the call.
        unsafe { out.write(held) };
    }

    /// The file of git's, which `file` does not hold any more.
    ///
    /// # Safety
    ///
    /// `file` is one that is held.
    unsafe fn let_go(file: *mut HostFile) -> *mut c_void {
        let idle = HostFile {
            path: std::ptr::null(),
            fd: -1,
            priv_: null_mut(),
        };
        // SAFETY: the caller's, for the call.
        unsafe { file.replace(idle) }.priv_
    }

    pub(in crate::host) unsafe fn tmpfile_from_pattern(
        out: *mut HostFile,
        pattern: *const c_char,
    ) -> c_int {
        // SAFETY: a string for the call.
        let tempfile = unsafe { mks_tempfile_sm(pattern, 0, 0o600) };
        if tempfile.is_null() {
            return -1;
        }
        // SAFETY: just made.
        unsafe { hold(out, tempfile) };
        0
    }

    pub(in crate::host) unsafe fn tmpfile_close(file: *mut HostFile) -> c_int {
        // SAFETY: the caller's, for the call.
        let Some(file) = (unsafe { file.as_mut() }) else {
            return -1;
        };
        file.fd = -1;
        // SAFETY: a file that is held.
        unsafe { close_tempfile_gently(file.priv_) }
    }

    pub(in crate::host) unsafe fn tmpfile_delete(file: *mut HostFile) -> c_int {
        // SAFETY: a file that is held.
        let mut tempfile = unsafe { let_go(file) };
        // SAFETY: git's, and not used again.
        unsafe { delete_tempfile(&raw mut tempfile) }
    }

    pub(in crate::host) unsafe fn tmpfile_rename(
        file: *mut HostFile,
        path: *const c_char,
    ) -> c_int {
        // SAFETY: a file that is held.
        let mut tempfile = unsafe { let_go(file) };
        // SAFETY: git's, and not used again; a string for the call.
        unsafe { rename_tempfile(&raw mut tempfile, path) }
    }

    pub(in crate::host) unsafe fn flock_acquire(
        lock: *mut HostFile,
        target: *const c_char,
        timeout_ms: c_long,
    ) -> c_int {
        let mut held = LockFile {
            tempfile: null_mut(),
        };
        let (out, mode) = (&raw mut held, 0o666);
        // SAFETY: an idle lock and a string, for the call.
        let fd = unsafe {
            hold_lock_file_for_update_timeout_mode(out, target, LOCK_NO_DEREF, timeout_ms, mode)
        };
        if fd < 0 {
            let error = io::Error::last_os_error();
            return match error.kind() {
                io::ErrorKind::AlreadyExists => LOCKED,
                _ => -1,
            };
        }
        // SAFETY: just made.
        unsafe { hold(lock, held.tempfile) };
        0
    }

    pub(in crate::host) unsafe fn flock_close(lock: *mut HostFile) -> c_int {
        // SAFETY: a lock is a temporary file.
        unsafe { tmpfile_close(lock) }
    }

    pub(in crate::host) unsafe fn flock_release(lock: *mut HostFile) -> c_int {
        // SAFETY: a lock is a temporary file.
        unsafe { tmpfile_delete(lock) }
    }

    pub(in crate::host) unsafe fn flock_commit(lock: *mut HostFile) -> c_int {
        // SAFETY: a lock that is held.
        let tempfile = unsafe { let_go(lock) };
        let mut held = LockFile { tempfile };
        // SAFETY: git's, and not used again.
        unsafe { commit_lock_file(&raw mut held) }
    }
}
