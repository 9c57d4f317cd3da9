/*
 * Reading and writing git's reftables. Made from src/ by build.rs; do not edit.
 *
 * The functions are those that git 2.55 calls: they take the place of the objects of its folder
 * reftable/. Programs written for the headers in that folder need no change.
 *
 * Results: unless something else is said, 0 is success, 1 is "not found" or "at the end", and
 * negative values are errors: see enum reftable_error and reftable_error_str. NULL where a value is
 * needed is REFTABLE_API_ERROR. Functions that free something accept NULL.
 *
 * Memory: a record handed out belongs to the caller, each of its strings being a block of malloc's
 * (see reftable_set_alloc). Pointers described as belonging to a stack or a writer live as long as
 * that does. Strings are bytes in no particular encoding, ended by NUL.
 *
 * Threads: one thread at a time uses an object and what was made from it.
 */

#ifndef REFTABLE_GIT_H
#define REFTABLE_GIT_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

/* The version of this header; reftable_version() is that of the library. */
#define REFTABLE_VERSION "0.1.0"
#define REFTABLE_VERSION_MAJOR 0
#define REFTABLE_VERSION_MINOR 1
#define REFTABLE_VERSION_PATCH 0

/**
 * Length in bytes of the longest object id.
 */
#define REFTABLE_HASH_SIZE_MAX 32

/**
 * Length in bytes of an object id of SHA-1.
 */
#define REFTABLE_HASH_SIZE_SHA1 20

/**
 * Length in bytes of an object id of SHA-256.
 */
#define REFTABLE_HASH_SIZE_SHA256 32

/**
 * Any type of blocks, where one is asked for.
 */
#define REFTABLE_BLOCK_TYPE_ANY 0

/**
 * Blocks of refs.
 */
#define REFTABLE_BLOCK_TYPE_REF 114

/**
 * Blocks of log records.
 */
#define REFTABLE_BLOCK_TYPE_LOG 103

/**
 * Blocks of object ids.
 */
#define REFTABLE_BLOCK_TYPE_OBJ 111

/**
 * Blocks of an index.
 */
#define REFTABLE_BLOCK_TYPE_INDEX 105

/**
 * A flag for new transactions: if the stack has changed since it was loaded, load it again instead
 * of failing.
 */
#define REFTABLE_STACK_NEW_ADDITION_RELOAD 1

/**
 * What a check can find.
 */
enum reftable_fsck_error {
        /**
         * A table with a name that no writer gives.
         */
        REFTABLE_FSCK_ERROR_TABLE_NAME = 0,
        /**
         * How many there are.
         */
        REFTABLE_FSCK_MAX_VALUE,
};

/**
 * What can go wrong. Functions return these as int; -1 is an error without a name of its own.
 */
enum reftable_error {
        /**
         * Unexpected file system behaviour.
         */
        REFTABLE_IO_ERROR = -2,
        /**
         * A damaged file, or a table of another hash than its stack's.
         */
        REFTABLE_FORMAT_ERROR = -3,
        /**
         * A table does not exist.
         */
        REFTABLE_NOT_EXIST_ERROR = -4,
        /**
         * Somebody else holds a lock.
         */
        REFTABLE_LOCK_ERROR = -5,
        /**
         * Misuse of the API: NULL where a value is needed, calls in the wrong order, records out of
         * order or outside the limits, a record that contradicts itself.
         */
        REFTABLE_API_ERROR = -6,
        /**
         * Log records that cannot be inflated.
         */
        REFTABLE_ZLIB_ERROR = -7,
        /**
         * A writer was closed without any record. The table is complete all the same.
         */
        REFTABLE_EMPTY_TABLE_ERROR = -8,
        /**
         * An illegal ref name. Never returned: the program checks names.
         */
        REFTABLE_REFNAME_ERROR = -10,
        /**
         * A record that fits no block.
         */
        REFTABLE_ENTRY_TOO_BIG_ERROR = -11,
        /**
         * The stack has changed since it was loaded. Reload and try again.
         */
        REFTABLE_OUTDATED_ERROR = -12,
        /**
         * No memory for a record.
         */
        REFTABLE_OUT_OF_MEMORY_ERROR = -13,
};

/**
 * The hash functions whose object ids a table can hold.
 */
enum reftable_hash {
        /**
         * SHA-1, ids of 20 bytes.
         */
        REFTABLE_HASH_SHA1 = 89,
        /**
         * SHA-256, ids of 32 bytes.
         */
        REFTABLE_HASH_SHA256 = 247,
};

/**
 * What a ref is.
 */
enum reftable_ref_value_type {
        /**
         * A deletion, which hides the ref in older tables.
         */
        REFTABLE_REF_DELETION = 0,
        /**
         * An object.
         */
        REFTABLE_REF_VAL1 = 1,
        /**
         * A tag and the object it peels to.
         */
        REFTABLE_REF_VAL2 = 2,
        /**
         * A symbolic ref.
         */
        REFTABLE_REF_SYMREF = 3,
};

/**
 * What a log record is.
 */
enum reftable_log_value_type {
        /**
         * A deletion, which hides the entry in older tables.
         */
        REFTABLE_LOG_DELETION = 0,
        /**
         * An entry.
         */
        REFTABLE_LOG_UPDATE = 1,
};

/**
 * A transaction on a stack, which holds the lock of the stack.
 */
struct reftable_addition;

struct reftable_block_data;

/**
 * Marks an iterator as one of the library's.
 */
struct reftable_iterator_vtable;

/**
 * Many tables, seen as one.
 */
struct reftable_merged_table;

/**
 * A stack of tables in a folder: what a repository has as its refs and their logs. One thread at a
 * time uses it; distinct stacks do not disturb each other.
 */
struct reftable_stack;

/**
 * Writes one table.
 */
struct reftable_writer;

struct z_stream_s;

/**
 * The ids of a tag.
 */
struct reftable_ref_val2 {
        /**
         * The tag's id.
         */
        uint8_t value[REFTABLE_HASH_SIZE_MAX];
        /**
         * The id of the object that it peels to.
         */
        uint8_t target_value[REFTABLE_HASH_SIZE_MAX];
};

/**
 * What a ref refers to; value_type says which member counts.
 */
union reftable_ref_value {
        /**
         * An object id.
         */
        uint8_t val1[REFTABLE_HASH_SIZE_MAX];
        /**
         * Two object ids.
         */
        struct reftable_ref_val2 val2;
        /**
         * The name of another ref.
         */
        char *symref;
};

/**
 * A ref. One that was zeroed is a deletion without name.
 */
struct reftable_ref_record {
        /**
         * The full name.
         */
        char *refname;
        /**
         * Bytes that refname has room for. An iterator that gave the string may fill it again.
         */
        size_t refname_cap;
        /**
         * The transaction that wrote the ref.
         */
        uint64_t update_index;
        /**
         * One of enum reftable_ref_value_type.
         */
        uint32_t value_type;
        /**
         * Its value.
         */
        union reftable_ref_value value;
};

/**
 * An entry of a reflog.
 */
struct reftable_log_update {
        /**
         * The object id after the change.
         */
        uint8_t new_hash[REFTABLE_HASH_SIZE_MAX];
        /**
         * The object id before the change.
         */
        uint8_t old_hash[REFTABLE_HASH_SIZE_MAX];
        /**
         * Who made the change.
         */
        char *name;
        /**
         * Their address, without angle brackets.
         */
        char *email;
        /**
         * When, in seconds since 1970.
         */
        uint64_t time;
        /**
         * Time zone, its decimal digits as hours and minutes.
         */
        int16_t tz_offset;
        /**
         * Why.
         */
        char *message;
        /**
         * Bytes that message has room for. An iterator that gave the string may fill it again.
         */
        size_t message_cap;
};

/**
 * What a log record says; value_type says whether that is something.
 */
union reftable_log_value {
        /**
         * An entry.
         */
        struct reftable_log_update update;
};

/**
 * A log record. One that was zeroed is a deletion without name.
 */
struct reftable_log_record {
        /**
         * The ref's full name.
         */
        char *refname;
        /**
         * Bytes that refname has room for. An iterator that gave the string may fill it again.
         */
        size_t refname_cap;
        /**
         * The transaction of the entry; unique for one ref.
         */
        uint64_t update_index;
        /**
         * One of enum reftable_log_value_type. The value counts only if this is an update.
         */
        uint32_t value_type;
        /**
         * Its value.
         */
        union reftable_log_value value;
};

/**
 * How tables are written, and how the stack behaves that writes them. Zero everywhere is a good
 * choice.
 */
struct reftable_write_options {
        /**
         * Blocks follow each other without padding up to block_size.
         *
         */
        unsigned int unpadded: 1;
        /**
         * Size in bytes at which a block is full; below 2^24. 0 is 4096.
         */
        uint32_t block_size;
        /**
         * Leave out the section that finds refs by object id.
         *
         */
        unsigned int skip_index_objects: 1;
        /**
         * Every how many records a name is stored in full. 0 is 16.
         */
        uint16_t restart_interval;
        /**
         * The hash of the object ids, one of enum reftable_hash. 0 is SHA-1.
         */
        uint32_t hash_id;
        /**
         * Mode of new files. 0 leaves tables as private as temporary files are.
         */
        unsigned int default_permissions;
        /**
         * exact_log_message: store messages as they are; otherwise they become one line that ends with
         * a newline, and messages of several lines are refused. disable_auto_compact: never compact
         * tables after a commit.
         *
         */
        unsigned int exact_log_message: 1, disable_auto_compact : 1;
        /**
         * How many times as large as the newer tables together a table should be. 0 is 2.
         */
        uint8_t auto_compaction_factor;
        /**
         * Milliseconds to wait for the lock of a stack: 0 fails at once, a negative number waits for
         * ever.
         */
        long lock_timeout_ms;
        /**
         * Called with on_reload_payload after the stack was loaded, for the first time or again.
         */
        void (*on_reload)(void *payload);
        /**
         * Passed to on_reload.
         */
        void *on_reload_payload;
};

/**
 * Which log records reftable_stack_compact_all drops. 0 drops none.
 */
struct reftable_log_expiry_config {
        /**
         * Those older than this, in seconds since 1970.
         */
        uint64_t time;
        /**
         * Those with a smaller update index.
         */
        uint64_t min_update_index;
};

/**
 * The functions of a block source.
 */
struct reftable_block_source_vtable {
        /**
         * Returns the length of the table in bytes, always the same.
         */
        uint64_t (*size)(void *source);
        /**
         * Lends size bytes from position off: sets data and len of the zeroed dest and returns size, or
         * a negative value. The library never asks for bytes beyond the length.
         */
        ptrdiff_t (*read_data)(void *source,
                               struct reftable_block_data *dest,
                               uint64_t off,
                               uint32_t size);
        /**
         * Takes back what read_data lent; called once for each, before the call into the library that
         * needed it returns.
         */
        void (*release_data)(void *source, struct reftable_block_data *data);
        /**
         * Ends the use of the source; called once, and nothing after it.
         */
        void (*close)(void *source);
};

/**
 * Where the bytes of a table come from: functions of the program's, or a file; see
 * reftable_block_source_from_file.
 */
struct reftable_block_source {
        /**
         * The functions; NULL in a source that is not set up or has been given away.
         */
        struct reftable_block_source_vtable *ops;
        /**
         * Passed to each of them.
         */
        void *arg;
};

/**
 * Bytes lent by a block source.
 */
struct reftable_block_data {
        /**
         * The bytes.
         */
        uint8_t *data;
        /**
         * How many they are.
         */
        size_t len;
        /**
         * Where they come from.
         */
        struct reftable_block_source source;
};

/**
 * A block of a table. The fields are for reading only.
 */
struct reftable_block {
        /**
         * Length of the file header, if the block starts with it, else 0.
         */
        uint32_t header_off;
        /**
         * The block, inflated if it has log records.
         */
        struct reftable_block_data block_data;
        /**
         * Length of object ids in bytes.
         */
        uint32_t hash_size;
        /**
         * Not for programs.
         */
        struct z_stream_s *zstream;
        /**
         * Not for programs.
         */
        uint8_t *uncompressed_data;
        /**
         * Not for programs.
         */
        size_t uncompressed_cap;
        /**
         * How many records are stored in full.
         */
        uint16_t restart_count;
        /**
         * Where the records end, in bytes from the start of the block.
         */
        uint32_t restart_off;
        /**
         * Bytes that the block takes in the file.
         */
        uint32_t full_block_size;
        /**
         * One of REFTABLE_BLOCK_TYPE_….
         */
        uint8_t block_type;
};

/**
 * Goes through refs or through log records, as the function with "init" in its name says that set
 * it up; those want it zeroed. It has no position before it is sought. It may be moved by copying
 * it, as long as only one copy is used and destroyed. It keeps what it reads alive: a stack may be
 * changed or destroyed meanwhile.
 */
struct reftable_iterator {
        /**
         * NULL in an iterator that is not set up.
         */
        struct reftable_iterator_vtable *ops;
        /**
         * The state of the iterator.
         */
        void *iter_arg;
};

/**
 * A buffer of the library's allocator.
 */
struct reftable_buf {
        /**
         * Bytes that buf has room for.
         */
        size_t alloc;
        /**
         * Bytes in use, a NUL behind them not counted.
         */
        size_t len;
        /**
         * The bytes.
         */
        char *buf;
};

/**
 * Where the blocks of one type are.
 */
struct reftable_table_offsets {
        /**
         * Whether there are any.
         */
        int is_present;
        /**
         * Position of the first.
         */
        uint64_t offset;
        /**
         * Position of their index; 0 without.
         */
        uint64_t index_offset;
};

/**
 * One table, open for reading. The fields are for reading only.
 */
struct reftable_table {
        /**
         * The name given when it was opened.
         */
        char *name;
        /**
         * Not for programs.
         */
        struct reftable_block_source source;
        /**
         * Length of the file in bytes, without its footer.
         */
        uint64_t size;
        /**
         * The hash of the object ids, one of enum reftable_hash.
         */
        uint32_t hash_id;
        /**
         * The block size in bytes; 0 if blocks are not aligned.
         */
        uint32_t block_size;
        /**
         * The smallest update index of the refs.
         */
        uint64_t min_update_index;
        /**
         * The largest update index.
         */
        uint64_t max_update_index;
        /**
         * Length in bytes of abbreviated object ids; 0 without object section.
         */
        int object_id_len;
        /**
         * The format version, 1 or 2.
         */
        int version;
        /**
         * The refs.
         */
        struct reftable_table_offsets ref_offsets;
        /**
         * The object ids.
         */
        struct reftable_table_offsets obj_offsets;
        /**
         * The log records.
         */
        struct reftable_table_offsets log_offsets;
        /**
         * How often reftable_table_decref is to be called.
         */
        uint64_t refcount;
};

/**
 * Goes through the blocks of a table, of all types, as they follow each other in the file.
 */
struct reftable_table_iterator {
        /**
         * The state of the iterator.
         */
        void *iter_arg;
};

/**
 * Counts of one kind of block.
 */
struct reftable_block_stats {
        /**
         * Records.
         */
        int entries;
        /**
         * Restart points, where a name is stored in full.
         */
        uint32_t restarts;
        /**
         * Blocks, without those of the index.
         */
        int blocks;
        /**
         * Blocks of the section's index, all levels.
         */
        int index_blocks;
        /**
         * Levels of the section's index; 0 without index.
         */
        int max_index_level;
        /**
         * Position of the section's first block in bytes; 0 if it starts the file.
         */
        uint64_t offset;
        /**
         * Position of the section's index in bytes; 0 without index.
         */
        uint64_t index_offset;
};

/**
 * Counts of one table.
 */
struct reftable_stats {
        /**
         * Blocks of all kinds, those of indexes included.
         */
        int blocks;
        /**
         * The refs.
         */
        struct reftable_block_stats ref_stats;
        /**
         * The object ids.
         */
        struct reftable_block_stats obj_stats;
        /**
         * The indexes of all sections.
         */
        struct reftable_block_stats idx_stats;
        /**
         * The log records.
         */
        struct reftable_block_stats log_stats;
        /**
         * Length of abbreviated object ids in bytes; 0 without objects.
         */
        int object_id_len;
};

/**
 * What was found.
 */
struct reftable_fsck_info {
        /**
         * What it is.
         */
        enum reftable_fsck_error error;
        /**
         * An English text.
         */
        const char *msg;
        /**
         * The file.
         */
        const char *path;
};

/**
 * What compaction has done through one stack.
 */
struct reftable_compaction_stats {
        /**
         * Bytes of the tables that were compacted, without their footers.
         */
        uint64_t bytes;
        /**
         * Records written.
         */
        uint64_t entries_written;
        /**
         * Compactions tried.
         */
        int attempts;
        /**
         * Automatic compactions that found a lock or a changed stack.
         */
        int failures;
};

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Returns an English text for an error code, without newline. It is never freed by the caller.
 * The text for a code that has none of its own lasts until the thread's next call of this
 * function.
 */
const char *reftable_error_str(int err);

/**
 * Replaces the functions by which the library makes, resizes and frees the memory that programs
 * see: strings of records and buffers. NULL stands for the C library's function. Call it before
 * anything else; it holds for the whole process.
 */
void reftable_set_alloc(void *(*malloc)(size_t size),
                        void *(*realloc)(void *block, size_t size),
                        void (*free)(void *block));

/**
 * Returns a block of size bytes, to be freed by reftable_free; NULL if size is 0 or there is no
 * memory.
 */
void *reftable_malloc(size_t size);

/**
 * Resizes a block and returns where it is now; frees it and returns NULL if size is 0. NULL if
 * there is no memory, and the block is as it was.
 */
void *reftable_realloc(void *block,
                       size_t size);

/**
 * Returns a block of nelem times elsize zeros; NULL if that is 0 bytes or more than there is.
 */
void *reftable_calloc(size_t nelem,
                      size_t elsize);

/**
 * Frees a block; leaves errno as it is. Does nothing for NULL.
 */
void reftable_free(void *block);

/**
 * Returns a copy of a string, to be freed by reftable_free; NULL for NULL or without memory.
 */
char *reftable_strdup(const char *text);

/**
 * Sorts the n records of the array refs by name, in place, and adds them in that order, up to the
 * first that fails. Returns what reftable_writer_add_ref does; REFTABLE_API_ERROR, before anything
 * is sorted or added, if a record has no name.
 */
int reftable_writer_add_refs(struct reftable_writer *w,
                             struct reftable_ref_record *refs,
                             size_t n);

/**
 * Sorts the n records of the array logs by name and descending update index, in place, and adds
 * them in that order, up to the first that fails. Returns what reftable_writer_add_log does;
 * REFTABLE_API_ERROR, before anything is sorted or added, if a record has no name.
 */
int reftable_writer_add_logs(struct reftable_writer *w,
                             struct reftable_log_record *logs,
                             size_t n);

/**
 * Opens the stack in the folder dir, which need not exist yet: it is then an empty one. NULL
 * options are zeros.
 *
 * Returns 0 and sets *dest to a stack that is freed by reftable_stack_destroy. On failure *dest is
 * NULL: REFTABLE_FORMAT_ERROR for a damaged table or list, or a table of another hash;
 * REFTABLE_NOT_EXIST_ERROR if a table is missing; REFTABLE_IO_ERROR; REFTABLE_API_ERROR for NULL or
 * an option out of range.
 */
int reftable_new_stack(struct reftable_stack **dest,
                       const char *dir,
                       const struct reftable_write_options *opts);

/**
 * Begins a transaction: takes the lock of the stack. flags are 0 or
 * REFTABLE_STACK_NEW_ADDITION_RELOAD.
 *
 * Returns 0 and sets *dest to an addition that is ended by reftable_addition_destroy, before the
 * stack is destroyed. On failure *dest is NULL and no lock is held: REFTABLE_LOCK_ERROR if somebody
 * else holds the lock; REFTABLE_OUTDATED_ERROR if the stack has changed since it was loaded;
 * REFTABLE_IO_ERROR; REFTABLE_API_ERROR for NULL.
 */
int reftable_stack_new_addition(struct reftable_addition **dest,
                                struct reftable_stack *st,
                                unsigned int flags);

/**
 * Adds a table in a transaction of its own. write_table and the result are as for
 * reftable_addition_add, flags and REFTABLE_LOCK_ERROR as for reftable_stack_new_addition. If the
 * result is REFTABLE_OUTDATED_ERROR, the stack has been loaded again.
 */
int reftable_stack_add(struct reftable_stack *st,
                       int (*write_table)(struct reftable_writer *wr,
                                          void *write_arg),
                       void *write_arg,
                       unsigned int flags);

/**
 * Compacts all tables into one. config says which log records to drop meanwhile; NULL drops none.
 *
 * Returns 0; REFTABLE_LOCK_ERROR if somebody else holds a lock, REFTABLE_OUTDATED_ERROR if somebody
 * else has changed the stack; another negative value on failure. In all these cases the stack is as
 * it was.
 */
int reftable_stack_compact_all(struct reftable_stack *st,
                               struct reftable_log_expiry_config *config);

/**
 * Says by *required whether compaction has something to do: without use_heuristics that is so if
 * there are two tables, with it if reftable_stack_auto_compact would compact some. Returns 0, or
 * REFTABLE_API_ERROR for NULL.
 */
int reftable_stack_compaction_required(struct reftable_stack *st,
                                       bool use_heuristics,
                                       bool *required);

/**
 * Compacts the newest tables if their sizes call for it. Where a table is locked, those above it
 * are compacted, if there are two. Returns as reftable_stack_compact_all does.
 */
int reftable_stack_auto_compact(struct reftable_stack *st);

/**
 * Makes a writer. writer_func is called with consecutive pieces of the file and returns a negative
 * value on failure, which becomes the result of the call that had something to write; flush_func,
 * which may be NULL, when all of it was written.
 *
 * Returns 0 and sets *out to a writer that is freed by reftable_writer_free. NULL options are zeros.
 * REFTABLE_API_ERROR if out or writer_func is NULL or an option is out of range.
 */
int reftable_writer_new(struct reftable_writer **out,
                        ptrdiff_t (*writer_func)(void *arg,
                                                 const void *data,
                                                 size_t len),
                        int (*flush_func)(void *arg),
                        void *writer_arg,
                        const struct reftable_write_options *opts);

/**
 * Returns the object id of a ref (of a tag, the tag's own), or NULL if it has none. It belongs to
 * the record.
 */
const uint8_t *reftable_ref_record_val1(const struct reftable_ref_record *rec);

/**
 * Returns the id of the object that a tag peels to, or NULL for anything but a tag. It belongs to
 * the record.
 */
const uint8_t *reftable_ref_record_val2(const struct reftable_ref_record *rec);

/**
 * Returns 1 if the record is a deletion, else 0; 0 for NULL.
 */
int reftable_ref_record_is_deletion(const struct reftable_ref_record *ref);

/**
 * Frees what the record holds, and zeroes all of it. Does nothing for NULL or a zeroed record.
 */
void reftable_ref_record_release(struct reftable_ref_record *ref);

/**
 * Returns 1 if the records are equal in all fields, else 0. NULL equals only NULL. hash_size is
 * the length of object ids in bytes.
 */
int reftable_ref_record_equal(const struct reftable_ref_record *a,
                              const struct reftable_ref_record *b,
                              uint32_t hash_size);

/**
 * Returns 1 if the record is a deletion, else 0; 0 for NULL.
 */
int reftable_log_record_is_deletion(const struct reftable_log_record *log);

/**
 * Frees what the record holds, and zeroes all of it. Does nothing for NULL or a zeroed record.
 */
void reftable_log_record_release(struct reftable_log_record *log);

/**
 * Returns 1 if the records are equal in all fields, else 0; a string that is NULL equals an empty
 * one in an entry. hash_size is the length of object ids in bytes.
 */
int reftable_log_record_equal(const struct reftable_log_record *a,
                              const struct reftable_log_record *b,
                              uint32_t hash_size);

/**
 * Reads the block at offset of a source, which stays the caller's. header_size is that of the file
 * header if offset is 0, else 0; table_block_size 0 is unknown; hash_size is the length of object
 * ids; want_type is the type of the block, or REFTABLE_BLOCK_TYPE_ANY.
 *
 * Returns 0 and fills b, which must be zeroed or filled before, and is freed by
 * reftable_block_release. 1 if the block is of another type, a negative value on failure;
 * REFTABLE_API_ERROR for NULL or a hash_size that there is not.
 */
int reftable_block_init(struct reftable_block *b,
                        struct reftable_block_source *source,
                        uint32_t offset,
                        uint32_t header_size,
                        uint32_t table_block_size,
                        uint32_t hash_size,
                        uint8_t want_type);

/**
 * Frees what a block holds that reftable_block_init has filled. Does nothing for NULL and for a
 * zeroed block.
 */
void reftable_block_release(struct reftable_block *b);

/**
 * Sets up an iterator over the records of a block of refs or log records, in front of the first.
 * It keeps the block alive. Update indexes of refs are relative to the smallest of their table.
 * Returns 0, or REFTABLE_API_ERROR for NULL, another block, or an iterator in use.
 */
int reftable_block_init_iterator(const struct reftable_block *b,
                                 struct reftable_iterator *it);

/**
 * Returns the type of a block, one of REFTABLE_BLOCK_TYPE_…; 0 for NULL.
 */
uint8_t reftable_block_type(const struct reftable_block *b);

/**
 * Puts the key of the block's first record into key, which must be zeroed or filled before by this
 * library. Returns 0, REFTABLE_FORMAT_ERROR for a damaged block, REFTABLE_API_ERROR for NULL.
 */
int reftable_block_first_key(const struct reftable_block *b,
                             struct reftable_buf *key);

/**
 * Goes in front of the first ref whose name is name or sorts after it, in bytes; "" is the first of
 * all. Can be repeated, in any direction.
 *
 * Returns 0, also at the end, or a negative value; REFTABLE_API_ERROR for NULL and for an iterator
 * over log records.
 */
int reftable_iterator_seek_ref(struct reftable_iterator *it,
                               const char *name);

/**
 * Reads the next ref.
 *
 * Returns 0 and fills ref, which must be zeroed or filled before (what it holds is freed), 1 at the
 * end, a negative value on failure; REFTABLE_API_ERROR for NULL and for an iterator over log
 * records. ref is left alone unless the result is 0.
 */
int reftable_iterator_next_ref(struct reftable_iterator *it,
                               struct reftable_ref_record *ref);

/**
 * Goes in front of the newest log record of name whose update index is not above update_index, or,
 * if there is none, of the next name. Records of one ref come newest first. Returns as
 * reftable_iterator_seek_ref does.
 */
int reftable_iterator_seek_log_at(struct reftable_iterator *it,
                                  const char *name,
                                  uint64_t update_index);

/**
 * Goes in front of the newest log record of name, as reftable_iterator_seek_log_at does; "" is the
 * first of all.
 */
int reftable_iterator_seek_log(struct reftable_iterator *it,
                               const char *name);

/**
 * Reads the next log record; returns as reftable_iterator_next_ref does.
 */
int reftable_iterator_next_log(struct reftable_iterator *it,
                               struct reftable_log_record *log);

/**
 * Frees what the iterator holds, and zeroes it. Does nothing for NULL and for a zeroed iterator.
 */
void reftable_iterator_destroy(struct reftable_iterator *it);

/**
 * Makes one table of n tables, oldest first, with the hash hash_id. Deletions show. The array
 * is needed during the call only, and the tables are kept alive.
 *
 * Returns 0 and sets *dest to a table that is freed by reftable_merged_table_free;
 * REFTABLE_FORMAT_ERROR if a table has another hash; REFTABLE_API_ERROR for NULL.
 */
int reftable_merged_table_new(struct reftable_merged_table **dest,
                              struct reftable_table **tables,
                              size_t n,
                              uint32_t hash_id);

/**
 * Sets up an iterator over the refs. Returns 0, or REFTABLE_API_ERROR for NULL or an iterator in
 * use.
 */
int reftable_merged_table_init_ref_iterator(struct reftable_merged_table *mt,
                                            struct reftable_iterator *it);

/**
 * Sets up an iterator over the log records. Returns 0, or REFTABLE_API_ERROR for NULL or an
 * iterator in use.
 */
int reftable_merged_table_init_log_iterator(struct reftable_merged_table *mt,
                                            struct reftable_iterator *it);

/**
 * Returns the largest update index of the tables; 0 for none or NULL.
 */
uint64_t reftable_merged_table_max_update_index(struct reftable_merged_table *mt);

/**
 * Returns the smallest update index of the tables; 0 for none or NULL.
 */
uint64_t reftable_merged_table_min_update_index(struct reftable_merged_table *mt);

/**
 * Frees the merged table. Does nothing for NULL and for the table of a stack.
 */
void reftable_merged_table_free(struct reftable_merged_table *m);

/**
 * Returns the hash of the tables, one of enum reftable_hash; 0 for NULL.
 */
uint32_t reftable_merged_table_hash_id(struct reftable_merged_table *m);

/**
 * Opens a file as a block source, whose functions the caller may use directly.
 *
 * Returns 0 and fills block_src, which must be zeroed. The source is the caller's until it is given
 * to reftable_table_new; who never does that calls block_src->ops->close(block_src->arg). Returns
 * REFTABLE_NOT_EXIST_ERROR if there is no such file, -1 if it cannot be opened,
 * REFTABLE_API_ERROR for NULL or a source that is in use.
 */
int reftable_block_source_from_file(struct reftable_block_source *block_src,
                                    const char *name);

/**
 * Opens a table. name is for messages.
 *
 * The library owns the source from here on, whatever comes of the call; src itself is the
 * caller's. Returns 0 and sets *out to a table that is freed by reftable_table_decref. On failure
 * the source has been closed, src->ops is NULL, and *out is left alone: REFTABLE_IO_ERROR if the
 * source cannot be read; REFTABLE_FORMAT_ERROR if it is no table; REFTABLE_API_ERROR for NULL or a
 * source that is not set up.
 */
int reftable_table_new(struct reftable_table **out,
                       struct reftable_block_source *src,
                       const char *name);

/**
 * Counts one more user of the table. Does nothing for NULL.
 */
void reftable_table_incref(struct reftable_table *table);

/**
 * Counts one user less, and frees the table if that was the last. Iterators over it stay usable;
 * its source is closed when the last of them is gone. Does nothing for NULL.
 */
void reftable_table_decref(struct reftable_table *table);

/**
 * Sets up an iterator over the refs of the table, deletions among them. Returns 0, or
 * REFTABLE_API_ERROR for NULL or an iterator in use.
 */
int reftable_table_init_ref_iterator(struct reftable_table *t,
                                     struct reftable_iterator *it);

/**
 * Sets up an iterator over the log records of the table, deletions among them. Returns 0, or
 * REFTABLE_API_ERROR for NULL or an iterator in use.
 */
int reftable_table_init_log_iterator(struct reftable_table *t,
                                     struct reftable_iterator *it);

/**
 * Returns the hash of the table, one of enum reftable_hash; 0 for NULL.
 */
uint32_t reftable_table_hash_id(struct reftable_table *t);

/**
 * Sets up an iterator over the refs that mention the object id oid (20 or 32 bytes), in order of
 * names, in front of the first of them. oid is needed during the call only. Returns 0, a negative
 * value on failure, REFTABLE_API_ERROR for NULL or an iterator in use.
 */
int reftable_table_refs_for(struct reftable_table *t,
                            struct reftable_iterator *it,
                            uint8_t *oid);

/**
 * Returns the largest update index of the table; 0 for NULL.
 */
uint64_t reftable_table_max_update_index(struct reftable_table *t);

/**
 * Returns the smallest update index of the table; 0 for NULL.
 */
uint64_t reftable_table_min_update_index(struct reftable_table *t);

/**
 * Sets up an iterator, which must be zeroed. Returns 0, or REFTABLE_API_ERROR for NULL.
 */
int reftable_table_iterator_init(struct reftable_table_iterator *it,
                                 struct reftable_table *t);

/**
 * Frees what the iterator holds, and zeroes it. Does nothing for NULL and for a zeroed iterator.
 */
void reftable_table_iterator_release(struct reftable_table_iterator *it);

/**
 * Reads the next block. Returns 0 and sets *out to it; it belongs to the iterator and lasts until
 * the next call. Returns 1 at the end, a negative value on failure; REFTABLE_API_ERROR for NULL.
 */
int reftable_table_iterator_next(struct reftable_table_iterator *it,
                                 const struct reftable_block **out);

/**
 * Sets the range of update indexes of the table, before the first record; 0 to 0 otherwise. Refs
 * must lie within, log records not above. A range upside down is, for a stack's writer, the one
 * from the stack's next update index on. Returns 0, or REFTABLE_API_ERROR for NULL, for a range
 * upside down of any other writer, and after the first record.
 */
int reftable_writer_set_limits(struct reftable_writer *w,
                               uint64_t min,
                               uint64_t max);

/**
 * Adds a ref. Names must ascend, in bytes, and no log record may have been added. The record is
 * read during the call and stays the caller's.
 *
 * Returns 0; REFTABLE_ENTRY_TOO_BIG_ERROR if the record fits no block; a negative value of
 * writer_func's; REFTABLE_API_ERROR for NULL, a record without name, of an unknown type or with an
 * update index outside the limits, out of order, after a log record, and after the writer was
 * closed. Unless writer_func failed the writer stays usable.
 */
int reftable_writer_add_ref(struct reftable_writer *w,
                            struct reftable_ref_record *ref);

/**
 * Adds a log record. Names must ascend, in bytes, and update indexes of one name descend; no ref
 * can be added afterwards. The record is read during the call and stays the caller's. Unless the
 * options ask for exact messages, the message, if there is one, becomes a line that ends with a newline.
 *
 * Returns 0; REFTABLE_ENTRY_TOO_BIG_ERROR if the record is larger than a block; a negative value of
 * writer_func's; REFTABLE_API_ERROR for NULL, a record without name, with a message of several
 * lines or with an update index above the limits, out of order, and after the writer was closed.
 */
int reftable_writer_add_log(struct reftable_writer *w,
                            struct reftable_log_record *log);

/**
 * Writes what is still to be written, and calls flush_func.
 *
 * Returns 0; REFTABLE_EMPTY_TABLE_ERROR if no record was added (the table is complete all the
 * same); a negative value of writer_func's; REFTABLE_IO_ERROR if flush_func failed;
 * REFTABLE_API_ERROR for NULL, the second time, and for the writer of a stack's callback, which the
 * stack closes.
 */
int reftable_writer_close(struct reftable_writer *w);

/**
 * Returns counts of what was written, complete once the writer is closed. They belong to the
 * writer and follow what it does. NULL for NULL.
 */
const struct reftable_stats *reftable_writer_stats(struct reftable_writer *w);

/**
 * Frees the writer without closing it: the table is complete only after reftable_writer_close.
 * Does nothing for NULL and for the writer of a stack's callback.
 */
void reftable_writer_free(struct reftable_writer *w);

/**
 * Adds a table to a transaction. write_table is called once, with arg and with a writer that is
 * the stack's; it may use the stack. Its limits must begin at reftable_stack_next_update_index or
 * above, and above those of a table added before.
 *
 * Returns 0, also if no record was written and hence nothing added, or a negative value, after
 * which the addition stays usable and the lock held: the value that write_table returned;
 * REFTABLE_API_ERROR for limits too low, after a commit, while another call is writing a table, and
 * for NULL; REFTABLE_IO_ERROR. A positive value from write_table is success.
 */
int reftable_addition_add(struct reftable_addition *add,
                          int (*write_table)(struct reftable_writer *wr,
                                             void *arg),
                          void *arg);

/**
 * Makes the tables that were added part of the stack, releases the lock, and compacts the stack if
 * that is due and the options do not forbid it.
 *
 * Returns 0, also if nothing was added or all is committed already, and if the compaction that
 * follows fails, which is counted; see reftable_stack_compaction_stats. On failure, as
 * REFTABLE_IO_ERROR, the stack is what it was, unless only loading the new one failed.
 * REFTABLE_API_ERROR for NULL and from within write_table.
 */
int reftable_addition_commit(struct reftable_addition *add);

/**
 * Ends a transaction. What was not committed is undone and the lock released. Does nothing for
 * NULL.
 */
void reftable_addition_destroy(struct reftable_addition *add);

/**
 * Checks the names of the loaded tables. verbose_fn, which may be NULL, is called with a text for
 * each table, report_fn for each finding. info and the texts last for the call.
 *
 * Returns 0, or what report_fn returned, the results of several calls or-ed together;
 * REFTABLE_API_ERROR for NULL.
 */
int reftable_fsck_check(struct reftable_stack *stack,
                        int (*report_fn)(struct reftable_fsck_info *info,
                                         void *cb_data),
                        void (*verbose_fn)(const char *msg, void *cb_data),
                        void *cb_data);

/**
 * Returns the update index of the next transaction: one more than the largest in the stack, 1 for
 * an empty one. 0 for NULL, and when there is none left.
 */
uint64_t reftable_stack_next_update_index(struct reftable_stack *st);

/**
 * Sets up an iterator over the refs of the stack as it is loaded now, without deletions. Returns 0,
 * or REFTABLE_API_ERROR for NULL or an iterator in use.
 */
int reftable_stack_init_ref_iterator(struct reftable_stack *st,
                                     struct reftable_iterator *it);

/**
 * Sets up an iterator over the log records of the stack as it is loaded now, without deletions.
 * Returns 0, or REFTABLE_API_ERROR for NULL or an iterator in use.
 */
int reftable_stack_init_log_iterator(struct reftable_stack *st,
                                     struct reftable_iterator *it);

/**
 * Returns the loaded tables as one, without deletions; NULL for NULL. It belongs to the stack and
 * follows what that loads.
 */
struct reftable_merged_table *reftable_stack_merged_table(struct reftable_stack *st);

/**
 * Frees a stack and what it lends; does not touch the folder. Iterators over it stay usable. Does
 * nothing for NULL.
 */
void reftable_stack_destroy(struct reftable_stack *st);

/**
 * Loads the stack again if it has changed. Everything else works on what was loaded last.
 *
 * Returns 0, or a negative value as for reftable_new_stack, after which the stack still shows what
 * it did.
 */
int reftable_stack_reload(struct reftable_stack *st);

/**
 * Removes files that no list names and that no writer can be making: what crashes left. Returns 0;
 * REFTABLE_LOCK_ERROR if somebody else holds the lock; another negative value on failure.
 */
int reftable_stack_clean(struct reftable_stack *st);

/**
 * Looks up the ref of exactly this name.
 *
 * Returns 0 and fills ref, which must be zeroed or filled before (what it holds is freed), 1 if
 * there is no such ref or it is deleted, a negative value on failure; REFTABLE_API_ERROR for NULL.
 * Unless the result is 0, ref is zeroed.
 */
int reftable_stack_read_ref(struct reftable_stack *st,
                            const char *refname,
                            struct reftable_ref_record *ref);

/**
 * Looks up the newest log record of the ref of exactly this name. Like reftable_stack_read_ref;
 * the result is 1 if there is none.
 */
int reftable_stack_read_log(struct reftable_stack *st,
                            const char *refname,
                            struct reftable_log_record *log);

/**
 * Returns counts of what compaction has done through this stack. They belong to the stack and
 * follow what it does. NULL for NULL.
 */
struct reftable_compaction_stats *reftable_stack_compaction_stats(struct reftable_stack *st);

/**
 * Returns the hash of the stack, one of enum reftable_hash; 0 for NULL.
 */
uint32_t reftable_stack_hash_id(struct reftable_stack *st);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* REFTABLE_GIT_H */
