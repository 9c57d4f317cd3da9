//! What the C interfaces share: pointers, ownership and return codes of C around the core, and no
//! logic beyond that.
//!
//! The package `libreftable` exports the functions of `reftable.h` as git's series v16 of June 2020
//! declares them, `libreftable-git` those that git itself calls today. Here is the mechanism:
//!
//! - [`guard`] keeps panics on this side; [`error`] maps errors to codes, and codes to texts.
//! - [`handle`] turns pointers into Rust values and back; `shared!`, `text!` and the like give the
//!   body of a function what it was given.
//! - [`shape`] pins the layout of structs; [`counts`](mod@counts) fills those that count.
//! - [`alloc`] makes memory that C may free; [`name`](mod@name) keeps what is looked up away from it.
//! - [`callback`] makes functions of C look like the core's traits, [`source`] block sources.
//! - [`cursor`] is what gives records; [`arrays`] sorts those to be written, and [`held_table`] is
//!   what is behind a writer.
//!
//! # The contract of all pointers
//!
//! A C program calls these functions; the compiler checks nothing of what it passes. Every
//! `unsafe` block below rests on the following rules, by number. The library checks for NULL
//! itself; everything else is up to the caller.
//!
//! 1. A pointer to a struct that C sees (a record, an iterator, options, …) is NULL, or aligned
//!    and valid for reads and, where the function writes it, for writes, for the whole call. What
//!    it points at is initialised; nobody else changes it during the call, other than through a
//!    call into this library that names the same struct.
//! 2. A string is NULL or ends with a NUL byte. It stays unchanged during the call.
//! 3. A handle (stack, addition, writer, reader, merged table) is NULL or came from this library,
//!    for this type, and has not been freed. One thread at a time uses it or what was made from it;
//!    which thread that is may change. A call may come from a callback of a call that is under way
//!    on the same handle; see [`handle`] for how that is kept sound.
//! 4. A pointer field of a record is NULL or a block of the library's allocator (`malloc` unless
//!    [`alloc`] was told otherwise): a string that ends with NUL, or an object id of as many bytes
//!    as the hash has. If the record has a field for the room of a string, the block has that many
//!    bytes. Where the library only reads a record, the memory may come from anywhere.
//! 5. An array of *n* elements is valid for *n* elements; a buffer of *n* bytes for *n* bytes.
//! 6. A function pointer is NULL or a function of the declared type that returns in the normal way
//!    or ends the process. Its `void *` argument is passed on and never looked at. One that
//!    allocates or frees memory does not call this library.
//! 7. A block source that C supplies is used from one thread at a time, until it is closed.
#![expect(
    unsafe_code,
    reason = "the boundary to C; the contract is above, the core stays safe"
)]

#[cfg(not(unix))]
compile_error!("the C ABI passes paths as bytes and files as descriptors, which only Unix has");

mod access;
pub mod alloc;
pub mod arrays;
pub mod callback;
pub mod counts;
pub mod cursor;
pub mod error;
pub mod guard;
pub mod handle;
pub mod held_table;
pub mod mapping;
pub mod name;
pub mod shape;
pub mod source;
