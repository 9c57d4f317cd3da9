/*
 * Reading and writing git's reftables. Made from src/ by build.rs; do not edit.
 *
 * The functions are those of reftable.h in git's series v16 of June 2020.
 *
 * Results: unless something else is said, 0 is success, 1 is "not found" or "at the end", and
 * negative values are errors: see enum reftable_error, reftable_error_str and
 * reftable_error_to_errno. NULL where a value is needed is REFTABLE_API_ERROR. Functions that free
 * something accept NULL.
 *
 * Memory: a record handed out belongs to the caller, each of its pointers being a block of malloc's
 * (see reftable_set_alloc). Pointers described as belonging to a stack or a writer live as long as
 * that does. Strings are bytes in no particular encoding, ended by NUL.
 *
 * Threads: one thread at a time uses an object and what was made from it.
 */

#ifndef REFTABLE_H
#define REFTABLE_H

#include <stddef.h>
#include <stdint.h>

/* The version of this header; reftable_version() is that of the library. */
#define REFTABLE_VERSION "0.1.0"
#define REFTABLE_VERSION_MAJOR 0
#define REFTABLE_VERSION_MINOR 1
#define REFTABLE_VERSION_PATCH 0

/**
 * What can go wrong. Functions return these as `int`; -1 is an error without a name of its own:
 * a record out of order or too large for a block, a lack of memory, or whatever a callback means
 * by it.
 */
enum reftable_error {
        /**
         * Unexpected file system behaviour.
         */
        REFTABLE_IO_ERROR = -2,
        /**
         * A damaged file, a table of another hash than its stack's, or tables whose update indexes
         * overlap.
         */
        REFTABLE_FORMAT_ERROR = -3,
        /**
         * A table does not exist.
         */
        REFTABLE_NOT_EXIST_ERROR = -4,
        /**
         * Somebody else holds the lock, or has changed the stack since it was loaded. Reload and try
         * again.
         */
        REFTABLE_LOCK_ERROR = -5,
        /**
         * Misuse of the API: NULL where a value is needed, calls in the wrong order, a record that
         * contradicts itself.
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
         * A ref would be both a name and a folder of names.
         */
        REFTABLE_NAME_CONFLICT = -9,
        /**
         * A name with an empty component, or a component "." or "..".
         */
        REFTABLE_REFNAME_ERROR = -10,
};

/**
 * A transaction on a stack, which holds the lock of the stack.
 */
struct reftable_addition;

struct reftable_block;

/**
 * Marks an iterator as one of the library's.
 */
struct reftable_iterator_vtable;

/**
 * Several tables seen as one: the newest record of a name counts.
 */
struct reftable_merged_table;

/**
 * One table, open for reading.
 */
struct reftable_reader;

/**
 * A stack of tables in a folder: what a repository has as its refs and their logs. One thread at a
 * time uses it; distinct stacks do not disturb each other.
 */
struct reftable_stack;

/**
 * What can be done with either kind of table.
 */
struct reftable_table_vtable;

/**
 * Writes one table.
 */
struct reftable_writer;

/**
 * One ref. A record without value, target_value and target is a deletion: it hides the name in
 * older tables.
 *
 * Each pointer is a block of its own. The library fills a record that is zeroed or that it filled
 * before; reftable_ref_record_clear frees what it holds. A record passed to a writer is only read.
 */
struct reftable_ref_record {
        /**
         * Full name, ended by NUL.
         */
        char *ref_name;
        /**
         * The transaction that wrote the ref.
         */
        uint64_t update_index;
        /**
         * Object id of 20 or 32 bytes, or NULL.
         */
        uint8_t *value;
        /**
         * The object that an annotated tag in value peels to, or NULL.
         */
        uint8_t *target_value;
        /**
         * Name of the ref that a symbolic ref stands for, or NULL. Excludes value.
         */
        char *target;
};

/**
 * One entry of a reflog, or, without ids, name, email, message, time and tz_offset, a deletion: it
 * hides the entry of the same ref and update index in older tables.
 *
 * Each pointer is a block of its own; see struct reftable_ref_record. In a record to be written,
 * NULL stands for an empty string or an id of zeros. In a record handed out that is no deletion,
 * no pointer is NULL.
 */
struct reftable_log_record {
        /**
         * Full name of the ref, ended by NUL.
         */
        char *ref_name;
        /**
         * The transaction; unique for one ref.
         */
        uint64_t update_index;
        /**
         * Object id after the change, 20 or 32 bytes.
         */
        uint8_t *new_hash;
        /**
         * Object id before the change.
         */
        uint8_t *old_hash;
        /**
         * Who made the change.
         */
        char *name;
        /**
         * Their address, without angle brackets.
         */
        char *email;
        /**
         * When, in seconds since 1970 UTC.
         */
        uint64_t time;
        /**
         * Time zone; git writes the decimal digits, as 230 for +0230.
         */
        int16_t tz_offset;
        /**
         * Why. Stored as it is; git ends it with a newline.
         */
        char *message;
};

/**
 * Goes through refs or through log records, set up by the functions with "seek" or "refs_for" in
 * their names. They want it zeroed. It may be moved by copying it, as long as only one copy is
 * used and destroyed. It keeps what it reads alive: a stack may be changed or destroyed meanwhile.
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
 * The functions of a block source.
 */
struct reftable_block_source_vtable {
        /**
         * Returns the length of the table in bytes, always the same.
         */
        uint64_t (*size)(void *source);
        /**
         * Lends size bytes from position off: sets data and len of the zeroed block dest and returns
         * size, or a negative value, which becomes the result of the call that needed the bytes
         * (REFTABLE_IO_ERROR if that is reftable_new_reader). The library never asks for bytes beyond
         * the length.
         */
        int (*read_block)(void *source,
                          struct reftable_block *dest,
                          uint64_t off,
                          uint32_t size);
        /**
         * Takes back what read_block lent; called once for each block lent, before the call into the
         * library that needed it returns.
         */
        void (*return_block)(void *source, struct reftable_block *blockp);
        /**
         * Ends the use of the source; called once, and nothing after it. A source that has the reader
         * freed from within read_block is closed when that block has come back.
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
 * Stands for a reader or a merged table, of which the caller stays the owner. There is nothing to
 * free.
 */
struct reftable_table {
        /**
         * NULL in a struct that is not set up.
         */
        struct reftable_table_vtable *ops;
        /**
         * The reader or the merged table.
         */
        void *table_arg;
};

/**
 * How tables are written. Zero everywhere is a good choice.
 */
struct reftable_write_options {
        /**
         * Nonzero: blocks follow each other without padding up to block_size.
         */
        int unpadded;
        /**
         * Size in bytes at which a block is full; below 2^24. 0 is 4096.
         */
        uint32_t block_size;
        /**
         * Nonzero: leave out the section that finds refs by object id.
         */
        int skip_index_objects;
        /**
         * Every how many records a name is stored in full. 0 is 16.
         */
        int restart_interval;
        /**
         * The hash of the object ids: 0x73686131 ("sha1") or 0x73323536 ("s256"). 0 is SHA-1.
         */
        uint32_t hash_id;
        /**
         * Nonzero: a stack takes additions without looking for illegal names and directory/file
         * conflicts.
         */
        int skip_name_check;
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
        int restarts;
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
         * Automatic compactions that failed: for a lock, for a changed stack, or with an error.
         */
        int failures;
};

/**
 * Bytes lent by a block source.
 */
struct reftable_block {
        /**
         * The bytes.
         */
        uint8_t *data;
        /**
         * How many they are.
         */
        int len;
        /**
         * Where they come from.
         */
        struct reftable_block_source source;
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
 * Returns the errno value that comes nearest to an error code: EIO, EFAULT, ENOENT, EBUSY, EINVAL
 * and EDOM for -2 to -7, ERANGE for anything else.
 */
int reftable_error_to_errno(int err);

/**
 * Replaces the allocator of everything that the caller may free or keep: the strings and object
 * ids of records, and the blocks of reftable_block_source_from_file. NULL stands for malloc,
 * realloc and free of the C library, which are the default. To be called before anything else,
 * as a block must be freed by the allocator that made it. `re` is accepted for completeness; the
 * library never grows such a block. `dealloc` is never called with NULL.
 */
void reftable_set_alloc(void *(*alloc)(size_t size),
                        void *(*re)(void *block, size_t size),
                        void (*dealloc)(void *block));

/**
 * Whether stacks opened from now on sync what they write to disk, so that a power cut loses
 * nothing that was acknowledged: nonzero for yes, which is the default, 0 for no. Stands above the
 * environment variable REFTABLE_FSYNC, with which users say the same by 0. An extension of this library.
 */
void reftable_set_durability(int on);

/**
 * Whether tables are mapped into memory from now on, where the file system is one of this machine:
 * nonzero for yes, which is the default, 0 for no. Somebody who cuts a mapped table short ends the
 * process by a signal; one that is read gives REFTABLE_IO_ERROR. Stands above the environment
 * variable REFTABLE_MMAP, with which users say the same by 0. An extension of this library.
 */
void reftable_set_mapping(int on);

/**
 * Returns the version of the library in use, as in "1.2.3"; compare with REFTABLE_VERSION. Never
 * freed by the caller. An extension of this library.
 */
const char *reftable_version(void);

/**
 * Returns 1 if the record has neither value nor target_value nor target, else 0; 0 for NULL.
 */
int reftable_ref_record_is_deletion(const struct reftable_ref_record *record);

/**
 * Prints the record and a newline to stdout. Ids are printed as long as the hash of that id makes
 * them; 0 is SHA-1. Does nothing for NULL.
 */
void reftable_ref_record_print(struct reftable_ref_record *record,
                               uint32_t hash_id);

/**
 * Frees what the record holds, and zeroes all of it. Does nothing for NULL or a zeroed record.
 */
void reftable_ref_record_clear(struct reftable_ref_record *record);

/**
 * Returns 1 if all fields of the records are equal, else 0. NULL equals only NULL. hash_size is
 * the length of object ids in bytes; the result is 0 if it is not positive.
 */
int reftable_ref_record_equal(struct reftable_ref_record *a,
                              struct reftable_ref_record *b,
                              int hash_size);

/**
 * Returns 1 if the record has no id, name, email, message, time and tz_offset, else 0; 0 for NULL.
 * An empty string counts as present.
 */
int reftable_log_record_is_deletion(const struct reftable_log_record *record);

/**
 * Frees what the record holds, and zeroes all of it. Does nothing for NULL or a zeroed record.
 */
void reftable_log_record_clear(struct reftable_log_record *record);

/**
 * Returns 1 if all fields but ref_name are equal, else 0. NULL equals an empty string, and an id
 * of zeros. hash_size is the length of object ids in bytes; the result is 0 if it is not positive.
 */
int reftable_log_record_equal(struct reftable_log_record *a,
                              struct reftable_log_record *b,
                              int hash_size);

/**
 * Prints the record, in five lines or more, to stdout. Ids are printed as long as the hash of that
 * id makes them; 0 is SHA-1. Does nothing for NULL.
 */
void reftable_log_record_print(struct reftable_log_record *record,
                               uint32_t hash_id);

/**
 * Reads the next ref.
 *
 * Returns 0 and fills ref, which must be zeroed or filled before (what it holds is freed), 1 at
 * the end, a negative value on failure, which then stays the result. ref is left alone unless the
 * result is 0. Returns REFTABLE_API_ERROR for NULL, and for an iterator that is not set up or
 * that goes through log records.
 */
int reftable_iterator_next_ref(struct reftable_iterator *it,
                               struct reftable_ref_record *ref);

/**
 * Reads the next log record; like reftable_iterator_next_ref.
 */
int reftable_iterator_next_log(struct reftable_iterator *it,
                               struct reftable_log_record *log);

/**
 * Frees what the iterator holds, and zeroes it, so that it may be set up again. Does nothing for
 * NULL or a zeroed iterator.
 */
void reftable_iterator_destroy(struct reftable_iterator *it);

/**
 * Opens a table. name is for messages.
 *
 * The library owns the source from here on, whatever comes of the call; src itself is the
 * caller's. Returns 0 and sets *out to a reader that is freed by reftable_reader_free. On failure
 * the source has been closed, src->ops is NULL, and *out is left alone: REFTABLE_IO_ERROR if the
 * source cannot be read; REFTABLE_FORMAT_ERROR if it is no table; REFTABLE_API_ERROR for NULL or a
 * source that is not set up.
 */
int reftable_new_reader(struct reftable_reader **out,
                        struct reftable_block_source *src,
                        const char *name);

/**
 * Goes to the first ref whose name is name or sorts after it, in bytes; "" or NULL is the first
 * of all. Deletions are among the refs.
 *
 * Returns 0 and sets up it, which must be zeroed; at the end of the table too. Negative on failure,
 * with it left alone; REFTABLE_API_ERROR for NULL or an iterator in use.
 */
int reftable_reader_seek_ref(struct reftable_reader *r,
                             struct reftable_iterator *it,
                             const char *name);

/**
 * Goes to the newest log record of name whose update index is not above update_index, or, if
 * there is none, to the next name; "" or NULL is the first of all. Records of one ref come newest
 * first; deletions are among them. Returns as reftable_reader_seek_ref does.
 */
int reftable_reader_seek_log_at(struct reftable_reader *r,
                                struct reftable_iterator *it,
                                const char *name,
                                uint64_t update_index);

/**
 * Goes to the newest log record of name, as reftable_reader_seek_log_at does.
 */
int reftable_reader_seek_log(struct reftable_reader *r,
                             struct reftable_iterator *it,
                             const char *name);

/**
 * Goes through the refs whose value or target_value is the object id oid (20 or 32 bytes), in
 * order of names. oid is needed during the call only. Returns as reftable_reader_seek_ref does.
 */
int reftable_reader_refs_for(struct reftable_reader *r,
                             struct reftable_iterator *it,
                             uint8_t *oid);

/**
 * Returns the hash of the table: 0x73686131 ("sha1") or 0x73323536 ("s256"); 0 for NULL.
 */
uint32_t reftable_reader_hash_id(struct reftable_reader *r);

/**
 * Returns the largest update index of the table; 0 for NULL.
 */
uint64_t reftable_reader_max_update_index(struct reftable_reader *r);

/**
 * Returns the smallest update index of the table; 0 for NULL.
 */
uint64_t reftable_reader_min_update_index(struct reftable_reader *r);

/**
 * Closes the table's source and frees the reader. Iterators over the table may still be destroyed;
 * what else they give is an error, or what they have in memory. Does nothing for NULL.
 */
void reftable_reader_free(struct reftable_reader *r);

/**
 * Opens a file as a block source, whose functions the caller may use directly.
 *
 * Returns 0 and fills out, which must be zeroed. The source is the caller's until it is given to
 * reftable_new_reader; who never does that calls out->ops->close(out->arg). Returns
 * REFTABLE_NOT_EXIST_ERROR if there is no such file, REFTABLE_IO_ERROR if it cannot be opened,
 * REFTABLE_API_ERROR for NULL or an out that is in use.
 *
 * The source's read_block returns REFTABLE_IO_ERROR for bytes beyond the end of the file.
 */
int reftable_block_source_from_file(struct reftable_block_source *out,
                                    const char *path);

/**
 * Goes to the first ref whose name is name or sorts after it, as reftable_reader_seek_ref or
 * reftable_merged_table_seek_ref does.
 */
int reftable_table_seek_ref(struct reftable_table *tab,
                            struct reftable_iterator *it,
                            const char *name);

/**
 * Makes tab stand for a reader, which must outlive its use. What tab was before does not matter.
 */
void reftable_table_from_reader(struct reftable_table *tab,
                                struct reftable_reader *reader);

/**
 * Makes tab stand for a merged table, which must outlive its use. What tab was before does not
 * matter.
 */
void reftable_table_from_merged_table(struct reftable_table *tab,
                                      struct reftable_merged_table *mt);

/**
 * Looks up the ref of exactly this name.
 *
 * Returns 0 and fills ref, which must be zeroed or filled before (what it holds is freed), 1 if
 * there is no such ref or it is deleted, a negative value on failure; REFTABLE_API_ERROR for NULL.
 * ref is left alone unless the result is 0.
 */
int reftable_table_read_ref(struct reftable_table *tab,
                            const char *name,
                            struct reftable_ref_record *ref);

/**
 * Makes a merged table of n readers, ordered from the oldest to the newest. Deletions are shown.
 *
 * Returns 0 and sets *out. The array, a block of malloc's, then belongs to the library; the
 * readers do when reftable_merged_table_close is called. On failure nothing is taken and *out is
 * left alone: REFTABLE_FORMAT_ERROR if a reader's hash is not hash_id, or its update indexes do
 * not come after those of the reader before it; REFTABLE_API_ERROR for NULL or a negative n.
 */
int reftable_new_merged_table(struct reftable_merged_table **out,
                              struct reftable_reader **readers,
                              int n,
                              uint32_t hash_id);

/**
 * Goes to the first ref whose name is name or sorts after it, in bytes; "" or NULL is the first
 * of all.
 *
 * Returns 0 and sets up it, which must be zeroed; at the end of the table too. Negative on failure,
 * with it left alone; REFTABLE_API_ERROR for NULL or an iterator in use.
 */
int reftable_merged_table_seek_ref(struct reftable_merged_table *mt,
                                   struct reftable_iterator *it,
                                   const char *name);

/**
 * Goes to the newest log record of name whose update index is not above update_index, or, if
 * there is none, to the next name; "" or NULL is the first of all. Records of one ref come newest
 * first. Returns as reftable_merged_table_seek_ref does.
 */
int reftable_merged_table_seek_log_at(struct reftable_merged_table *mt,
                                      struct reftable_iterator *it,
                                      const char *name,
                                      uint64_t update_index);

/**
 * Goes to the newest log record of name, as reftable_merged_table_seek_log_at does.
 */
int reftable_merged_table_seek_log(struct reftable_merged_table *mt,
                                   struct reftable_iterator *it,
                                   const char *name);

/**
 * Returns the largest update index of the tables, after a close too; 0 for none or NULL.
 */
uint64_t reftable_merged_table_max_update_index(struct reftable_merged_table *mt);

/**
 * Returns the smallest update index of the tables, after a close too; 0 for none or NULL.
 */
uint64_t reftable_merged_table_min_update_index(struct reftable_merged_table *mt);

/**
 * Frees the readers, as reftable_reader_free does, and the array. Does nothing for NULL and for the
 * table of a stack. reftable_merged_table_free must follow.
 */
void reftable_merged_table_close(struct reftable_merged_table *mt);

/**
 * Frees the merged table and the array; not the readers, which are the caller's again if the table
 * was not closed. Does nothing for NULL and for the table of a stack.
 */
void reftable_merged_table_free(struct reftable_merged_table *mt);

/**
 * Makes a writer. sink is called with consecutive pieces of the file and returns a negative value
 * on failure, which becomes the result of the call that had something to write.
 *
 * Replaces zeros in opts by the defaults for block_size, restart_interval and hash_id; NULL stands
 * for the defaults. Returns NULL if sink is NULL or an option is out of range. The writer is freed
 * by reftable_writer_free.
 */
struct reftable_writer *reftable_new_writer(int (*sink)(void *sink_arg,
                                                        uint8_t *data,
                                                        size_t size),
                                            void *sink_arg,
                                            struct reftable_write_options *opts);

/**
 * A sink for reftable_new_writer: writes to the file descriptor that the int at fdp holds.
 *
 * Writes everything, however often that takes; returns size, or REFTABLE_IO_ERROR.
 * REFTABLE_API_ERROR for NULL.
 */
int reftable_fd_write(void *fdp,
                      uint8_t *data,
                      size_t size);

/**
 * Sets the range of update indexes of the table, before the first record; 0 to 0 otherwise. Refs
 * must lie within, log records need not. A range that is empty or comes too late is reported by
 * the next call that adds or closes, as REFTABLE_API_ERROR.
 */
void reftable_writer_set_limits(struct reftable_writer *w,
                                uint64_t min,
                                uint64_t max);

/**
 * Adds a ref. Names must ascend, in bytes, and no log record may have been added. The record is
 * read during the call and stays the caller's.
 *
 * Returns 0, -1 if the name is empty, does not come after the last one, or the record fits no
 * block, a negative value of the sink's, or REFTABLE_API_ERROR: for NULL, a record without name or
 * with value and target or with target_value alone, an update index outside the limits, after a log
 * record, and after the writer was closed. Unless the sink failed the writer stays usable.
 */
int reftable_writer_add_ref(struct reftable_writer *w,
                            struct reftable_ref_record *ref);

/**
 * Sorts the n records of the array refs by name, in place, and adds them in that order, up to the
 * first that fails. Returns what reftable_writer_add_ref does; REFTABLE_API_ERROR, before anything
 * is sorted or added, if a record has no name or n is negative.
 */
int reftable_writer_add_refs(struct reftable_writer *w,
                             struct reftable_ref_record *refs,
                             int n);

/**
 * Adds a log record. Names must ascend, in bytes, and update indexes of one name descend; no ref
 * can be added afterwards. The record is read during the call and stays the caller's.
 *
 * Returns 0, -1 if the record does not come after the last one, a negative value of the sink's, or
 * REFTABLE_API_ERROR for NULL, a record without name (which changes nothing: refs may still be
 * added), and after the writer was closed. Unless the sink failed the writer stays usable.
 */
int reftable_writer_add_log(struct reftable_writer *w,
                            struct reftable_log_record *log);

/**
 * Sorts the n records of the array logs by name and descending update index, in place, and adds
 * them in that order, up to the first that fails. Returns what reftable_writer_add_log does;
 * REFTABLE_API_ERROR, before anything is sorted or added, if a record has no name or n is negative.
 */
int reftable_writer_add_logs(struct reftable_writer *w,
                             struct reftable_log_record *logs,
                             int n);

/**
 * Writes what is still to be written. The sink's file is not closed.
 *
 * Returns 0, REFTABLE_EMPTY_TABLE_ERROR if no record was added (the table is complete all the
 * same), a negative value of the sink's, or REFTABLE_API_ERROR: for NULL, the second time, and for
 * the writer of a stack's callback, which the stack closes.
 */
int reftable_writer_close(struct reftable_writer *w);

/**
 * Returns counts of what was written, complete once the writer is closed. They belong to the
 * writer, which frees them, and follow what it does: they are up to date when a call on the writer
 * has returned. NULL for NULL, and from within the sink, as the writer is then at work.
 */
const struct reftable_stats *writer_stats(struct reftable_writer *w);

/**
 * Frees the writer without closing it: the table is complete only after reftable_writer_close.
 * Does nothing for NULL and for the writer of a stack's callback.
 */
void reftable_writer_free(struct reftable_writer *w);

/**
 * Opens the stack in the folder dir, which need not exist yet: it is then an empty one.
 *
 * Returns 0 and sets *out to a stack that is freed by reftable_stack_destroy. On failure *out is
 * NULL: REFTABLE_FORMAT_ERROR for a damaged table, one of another hash than config says, or update
 * indexes out of order; REFTABLE_NOT_EXIST_ERROR if a table is missing; REFTABLE_IO_ERROR;
 * REFTABLE_API_ERROR for NULL or an option out of range.
 */
int reftable_new_stack(struct reftable_stack **out,
                       const char *dir,
                       struct reftable_write_options config);

/**
 * Returns the update index of the next transaction: one more than the largest in the stack, 1 for
 * an empty one. 0 for NULL, and when there is none left.
 */
uint64_t reftable_stack_next_update_index(struct reftable_stack *st);

/**
 * Begins a transaction: takes the lock of the stack.
 *
 * Returns 0 and sets *out to an addition that is ended by reftable_addition_destroy, before the
 * stack is destroyed. On failure *out is NULL and no lock is held: REFTABLE_LOCK_ERROR if somebody
 * else holds the lock or the stack has changed since it was loaded (reload, and try again);
 * REFTABLE_IO_ERROR; REFTABLE_API_ERROR for NULL.
 */
int reftable_stack_new_addition(struct reftable_addition **out,
                                struct reftable_stack *st);

/**
 * Adds a table to a transaction. write_table is called once, with arg and with a writer that is
 * the stack's; it may read the stack, or begin something else on it. Its limits must begin at
 * reftable_stack_next_update_index or above, and above those of a table added before.
 *
 * Returns 0, also if no record was written and hence nothing added, or a negative value, after
 * which the addition stays usable and the lock held: the value that write_table returned;
 * REFTABLE_NAME_CONFLICT and REFTABLE_REFNAME_ERROR for names that cannot be; REFTABLE_API_ERROR
 * for limits too low, after a commit, while another call is writing a table, if write_table
 * destroyed the addition, and for NULL; REFTABLE_IO_ERROR. A positive value from write_table is success.
 */
int reftable_addition_add(struct reftable_addition *add,
                          int (*write_table)(struct reftable_writer *writer,
                                             void *arg),
                          void *arg);

/**
 * Makes the tables that were added part of the stack, and releases the lock.
 *
 * Returns 0, also if nothing was added or all is committed already, and if the compaction that
 * follows fails, which is counted; see reftable_stack_compaction_stats. On failure, as
 * REFTABLE_IO_ERROR, the stack is what it was, unless only loading the new one failed or making
 * sure that it outlasts a power cut. REFTABLE_API_ERROR for NULL and from within write_table.
 */
int reftable_addition_commit(struct reftable_addition *add);

/**
 * Ends a transaction. What was not committed is undone and the lock released. Does nothing for
 * NULL.
 */
void reftable_addition_destroy(struct reftable_addition *add);

/**
 * Adds a table in a transaction of its own, then compacts the stack if that is due. write_table
 * and the result are as for reftable_addition_add and reftable_addition_commit, and
 * REFTABLE_LOCK_ERROR as for reftable_stack_new_addition; in that case the stack has been
 * reloaded.
 */
int reftable_stack_add(struct reftable_stack *st,
                       int (*write_table)(struct reftable_writer *writer,
                                          void *arg),
                       void *arg);

/**
 * Returns the loaded tables as one, without deletions; NULL for NULL. It belongs to the stack. Ask
 * for it again after the stack was reloaded or changed: only then does it show the change.
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
 * Compacts all tables into one. config says which log records to drop meanwhile; NULL drops none.
 *
 * Returns 0, 1 if somebody else holds a lock or has changed the stack, which then stays as it is,
 * a negative value on failure; REFTABLE_API_ERROR for a stack that is NULL.
 */
int reftable_stack_compact_all(struct reftable_stack *st,
                               struct reftable_log_expiry_config *config);

/**
 * Compacts the newest tables if their sizes call for it. Returns as reftable_stack_compact_all
 * does.
 */
int reftable_stack_auto_compact(struct reftable_stack *st);

/**
 * Looks up the ref of exactly this name.
 *
 * Returns 0 and fills ref, which must be zeroed or filled before (what it holds is freed), 1 if
 * there is no such ref or it is deleted, a negative value on failure; REFTABLE_API_ERROR for NULL.
 * ref is left alone unless the result is 0.
 */
int reftable_stack_read_ref(struct reftable_stack *st,
                            const char *name,
                            struct reftable_ref_record *ref);

/**
 * Looks up the newest log record of the ref of exactly this name. Like reftable_stack_read_ref;
 * the result is 1 if there is none.
 */
int reftable_stack_read_log(struct reftable_stack *st,
                            const char *name,
                            struct reftable_log_record *log);

/**
 * Returns counts of what compaction has done through this stack. They belong to the stack and
 * follow what it does. NULL for NULL.
 */
struct reftable_compaction_stats *reftable_stack_compaction_stats(struct reftable_stack *st);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* REFTABLE_H */
