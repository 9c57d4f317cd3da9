//! Whether a file is on a file system of this machine alone.
#![cfg_attr(
    any(target_os = "linux", target_os = "android", target_vendor = "apple"),
    expect(unsafe_code, reason = "std does not tell the kind of a file system")
)]

use std::fs::File;

/// The numbers by which Linux knows file systems whose files other machines, or a program that
/// serves them, can take away: NFS, SMB and CIFS, FUSE, 9P, AFS, Ceph, Coda, NCP, Lustre, GPFS,
/// OCFS2, GFS2, OrangeFS, BeeGFS, PanFS, and the shared folders of VirtualBox, VMware and
/// Parallels.
#[cfg(any(target_os = "linux", target_os = "android"))]
const REMOTE: [u32; 21] = [
    0x6969,
    0x517b,
    0xff53_4d42,
    0xfe53_4d42,
    0x6573_5546,
    0x0102_1997,
    0x5346_414f,
    0x6b41_4653,
    0x00c3_6400,
    0x7375_7245,
    0x564c,
    0x0bd0_0bd0,
    0x4750_4653,
    0x7461_636f,
    0x0116_1970,
    0x2003_0528,
    0x1983_0326,
    0xaad7_aaea,
    0x786f_4256,
    0xbacb_acbc,
    0x7c7c_6673,
];

/// Whether it is; what the system does not tell counts as no.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(in crate::fs) fn is_local(file: &File) -> bool {
    status_of(file).is_some_and(|status| is_local_type(status.f_type as u32))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_local_type(number: u32) -> bool {
    !REMOTE.contains(&number)
}

/// Whether it is; what the system does not tell counts as no.
#[cfg(target_vendor = "apple")]
pub(in crate::fs) fn is_local(file: &File) -> bool {
    let local = libc::MNT_LOCAL as u32;
    status_of(file).is_some_and(|status| status.f_flags & local != 0)
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn status_of(file: &File) -> Option<libc::statfs> {
    use std::os::fd::AsRawFd;
    let mut status = std::mem::MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: an open descriptor, and room for what the system says.
    let result = unsafe { libc::fstatfs(file.as_raw_fd(), status.as_mut_ptr()) };
    // SAFETY: the system has filled it.
    (result == 0).then(|| unsafe { status.assume_init() })
}

/// Nobody tells.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub(in crate::fs) fn is_local(_file: &File) -> bool {
    true
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn file_systems_of_other_machines_are_told_from_local_ones() {
        let numbers = [
            libc::NFS_SUPER_MAGIC,
            libc::SMB_SUPER_MAGIC,
            libc::FUSE_SUPER_MAGIC,
            libc::CODA_SUPER_MAGIC,
            libc::NCP_SUPER_MAGIC,
            libc::AFS_SUPER_MAGIC,
        ];
        for number in numbers {
            assert!(!is_local_type(number as u32), "{number:#x}");
        }
        let numbers = [
            libc::EXT4_SUPER_MAGIC,
            libc::TMPFS_MAGIC,
            libc::BTRFS_SUPER_MAGIC,
            libc::XFS_SUPER_MAGIC,
            libc::OVERLAYFS_SUPER_MAGIC,
        ];
        for number in numbers {
            assert!(is_local_type(number as u32), "{number:#x}");
        }
    }

    /// The system is asked, whatever is here.
    #[test]
    fn the_folder_of_processes_is_local() {
        assert!(File::open("/proc/self/status").is_ok_and(|file| is_local(&file)));
    }
}
