//! Block sources, whose structs have another shape in each interface: those of C for the core, and
//! the functions of a source for a file.

use crate::alloc::{Block, release};
use crate::callback::{BlockCalls, ForeignSource, ReadFailure};
use crate::error::{Code, IO, Interface, Misuse, status};
use crate::guard::guard;
use crate::handle::{self, Handle};
use crate::mapping;
use crate::shape::Zeroed;
use reftable::table::{BlockSource, FileSource};
use std::ffi::{c_int, c_void};
use std::io;
use std::path::Path;
use std::ptr::null_mut;
use std::sync::Arc;

/// The structs of an interface's block sources.
pub trait Shape: Copy + 'static {
    /// The interface.
    type Interface: Interface;
    /// What a source lends.
    type Block: Zeroed;
    /// Stands for the block in the types of the functions.
    type Stand;
    /// How many bytes were lent, or a negative value.
    type Count: Copy + Zeroed + PartialOrd + TryInto<c_int> + TryInto<usize> + TryFrom<u32>;

    /// The functions of the source; `None` if it is not set up.
    ///
    /// # Safety
    ///
    /// The source follows contract 1.
    unsafe fn calls(&self) -> Option<Calls<Self>>;

    /// Whether its functions are those of a file's source.
    fn is_file(&self) -> bool;

    /// The bytes that a block has.
    fn bytes(block: &Self::Block) -> (*mut u8, usize);
    /// Lets a block have these bytes.
    fn fill(block: &mut Self::Block, data: *mut u8, len: usize);
    /// Says in a block where it is from.
    fn set_source(block: &mut Self::Block, source: Self);
    /// A code in the place of a count.
    fn failed(code: c_int) -> Self::Count;
}

/// The functions of a source and their argument.
pub struct Calls<S: Shape> {
    /// Passed to each of them.
    pub arg: *mut c_void,
    /// Length of the table.
    pub size: Option<unsafe extern "C" fn(*mut c_void) -> u64>,
    /// Lends bytes.
    pub read: Option<unsafe extern "C" fn(*mut c_void, *mut S::Stand, u64, u32) -> S::Count>,
    /// Takes them back.
    pub give_back: Option<unsafe extern "C" fn(*mut c_void, *mut S::Stand)>,
    /// Ends the use of the source.
    pub close: Option<unsafe extern "C" fn(*mut c_void)>,
}

/// A source that C supplies.
pub struct ForeignBlocks<S: Shape> {
    source: S,
    calls: Calls<S>,
    /// Whether the source is closed along with the value.
    owned: bool,
}

// SAFETY: the pointers are passed back to C only, which uses them from one thread at a time (contract 7).
unsafe impl<S: Shape> Send for ForeignBlocks<S> {}
// SAFETY: see above.
unsafe impl<S: Shape> Sync for ForeignBlocks<S> {}

impl<S: Shape> ForeignBlocks<S> {
    /// Has a block lent, with the count that the source announces.
    fn borrow(&self, offset: u64, len: u32) -> Result<(S::Block, S::Count), ReadFailure> {
        let read = self.calls.read.ok_or(ReadFailure::WrongLength)?;
        let mut block = S::Block::ZERO;
        let dest = (&raw mut block).cast();
        // SAFETY: contract 6; `dest` is a zeroed block.
        let count = unsafe { read(self.calls.arg, dest, offset, len) };
        S::set_source(&mut block, self.source);
        if count < S::Count::ZERO {
            return Err(ReadFailure::Refused(count.try_into().unwrap_or(IO)));
        }
        match S::bytes(&block).0.is_null() {
            true => Err(ReadFailure::WrongLength),
            false => Ok((block, count)),
        }
    }
}

impl<S: Shape> BlockCalls for ForeignBlocks<S> {
    fn size(&self) -> u64 {
        match self.calls.size {
            // SAFETY: contract 6.
            Some(size) => unsafe { size(self.calls.arg) },
            None => 0,
        }
    }

    fn read(&self, offset: u64, len: u32) -> Result<Vec<u8>, ReadFailure> {
        let (mut block, count) = self.borrow(offset, len)?;
        let (wanted, announced) = (len as usize, count.try_into());
        let (data, lent) = S::bytes(&block);
        let complete = announced.is_ok_and(|count: usize| count == wanted) && lent >= wanted;
        let bytes = complete.then(|| {
            // SAFETY: lent with at least `wanted` bytes, and given back below.
            unsafe { std::slice::from_raw_parts(data, wanted) }.to_vec()
        });
        if let Some(give_back) = self.calls.give_back {
            let lent = (&raw mut block).cast();
            // SAFETY: contract 6; lent by this source, and given back once.
            unsafe { give_back(self.calls.arg, lent) };
        }
        bytes.ok_or(ReadFailure::WrongLength)
    }

    fn close(&self) {
        // By its own copy of the functions: the program's table of them need not exist any more.
        if let (true, Some(close)) = (self.owned, self.calls.close) {
            // SAFETY: contract 6; taken over, and closed once.
            unsafe { close(self.calls.arg) };
        }
    }
}

/// Ends the use of a source, if it is set up.
///
/// # Safety
///
/// It follows contracts 1 and 6, and was not closed.
pub unsafe fn close<S: Shape>(source: &S) {
    // SAFETY: contract 1.
    let calls = unsafe { source.calls() };
    if let Some((close, arg)) = calls.and_then(|calls| Some((calls.close?, calls.arg))) {
        // SAFETY: contract 6.
        unsafe { close(arg) };
    }
}

/// A source that can be read.
pub enum Readable<S: Shape> {
    /// One that C supplies.
    Foreign(Arc<ForeignSource<ForeignBlocks<S>>>),
    /// A file, which the core reads without going through C.
    File(Arc<FileSource>),
}

impl<S: Shape> Readable<S> {
    /// The source for the core. One of C's that is `owned` is closed when its last user is gone,
    /// and otherwise not at all.
    ///
    /// # Errors
    ///
    /// Misuse, if it is not set up or lacks a function.
    ///
    /// # Safety
    ///
    /// `source` follows contracts 1, 6 and 7.
    pub unsafe fn new(source: S, name: &str, owned: bool) -> Result<Readable<S>, Misuse> {
        // SAFETY: contract 1.
        let calls = unsafe { source.calls() }.ok_or(Misuse)?;
        if source.is_file() {
            return Ok(Readable::File(Arc::clone(&*file(calls.arg)?)));
        }
        if calls.size.is_none() || calls.read.is_none() {
            return Err(Misuse);
        }
        let blocks = ForeignBlocks {
            source,
            calls,
            owned,
        };
        Ok(Readable::Foreign(Arc::new(ForeignSource::new(
            blocks, name,
        ))))
    }

    /// Its bytes.
    pub fn bytes(&self) -> Arc<dyn BlockSource> {
        match self {
            Readable::Foreign(source) => Arc::clone(source) as Arc<dyn BlockSource>,
            Readable::File(file) => Arc::clone(file) as Arc<dyn BlockSource>,
        }
    }
}

/// What the argument of a file's source points at.
struct OpenFile;

impl Handle for OpenFile {
    type Value = Arc<FileSource>;
}

/// Opens a file; the argument for the functions below.
///
/// # Errors
///
/// If that fails.
pub fn open_file(path: &Path) -> io::Result<*mut c_void> {
    mapping::obey_environment();
    Ok(handle::make::<OpenFile>(Arc::new(FileSource::open(path)?)).cast())
}

fn file(arg: *mut c_void) -> Result<handle::Shared<OpenFile>, Misuse> {
    crate::shared!(arg.cast::<OpenFile>())
}

/// The size of a file.
///
/// # Safety
///
/// `arg` was made by [`open_file`].
pub unsafe extern "C" fn file_size(arg: *mut c_void) -> u64 {
    guard(0, || file(arg).map_or(0, |file| file.len()))
}

/// Lends bytes of a file.
///
/// # Safety
///
/// `arg` was made by [`open_file`]; `dest` is a block and follows contract 1.
pub unsafe extern "C" fn read_file<S: Shape>(
    arg: *mut c_void,
    dest: *mut S::Stand,
    offset: u64,
    size: u32,
) -> S::Count {
    let mut lent = None;
    let failed = status::<S::Interface>(|| {
        let file = file(arg)?;
        let dest = crate::borrowed_mut!(dest.cast::<S::Block>())?;
        let count = S::Count::try_from(size).map_err(|_| Code::new(IO))?;
        let end = offset.checked_add(size.into());
        if end.is_none_or(|end| end > file.len()) {
            return Err(Code::new(IO));
        }
        let bytes = file.read(offset, size as usize)?;
        let block = Block::bytes(&bytes).ok_or(Code::OUT_OF_MEMORY)?;
        S::fill(dest, block.into_raw(), bytes.len());
        lent = Some(count);
        Ok(0)
    });
    lent.unwrap_or_else(|| S::failed(failed))
}

/// Takes back what [`read_file`] lent.
///
/// # Safety
///
/// `block` is such a block, or zeroed.
pub unsafe extern "C" fn give_back_to_file<S: Shape>(_arg: *mut c_void, block: *mut S::Stand) {
    guard((), || {
        if let Ok(block) = crate::borrowed_mut!(block.cast::<S::Block>()) {
            let (data, _) = S::bytes(block);
            S::fill(block, null_mut(), 0);
            // SAFETY: NULL, or made by `read_file`; the pointer to it is gone.
            unsafe { release(data) };
        }
    });
}

/// Closes a file.
///
/// # Safety
///
/// `arg` was made by [`open_file`], and is not used again.
pub unsafe extern "C" fn close_file(arg: *mut c_void) {
    guard((), || crate::free!(arg.cast::<OpenFile>()));
}
