/*
 * The binary interface: sizes and offsets of all public structs, the type of every function, the
 * error numbers. Programs compiled against the header of 2020 depend on each of them.
 */
#include "../test.h"
#include <stddef.h>
#include "reftable.h"

#define SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type " has another size")
#define OFFSET(type, field, at)                                                                 \
	_Static_assert(offsetof(struct type, field) == (at), #type "." #field " has moved")
#define FIELD(type, field, at, field_type)                                                      \
	OFFSET(type, field, at);                                                                \
	static inline void check_##type##_##field(struct type *p)                               \
	{                                                                                       \
		field_type *typed = &p->field;                                                  \
		(void)typed;                                                                    \
	}                                                                                       \
	_Static_assert(1, "")

#ifdef __LP64__

SIZE(reftable_ref_record, 40);
FIELD(reftable_ref_record, ref_name, 0, char *);
FIELD(reftable_ref_record, update_index, 8, uint64_t);
FIELD(reftable_ref_record, value, 16, uint8_t *);
FIELD(reftable_ref_record, target_value, 24, uint8_t *);
FIELD(reftable_ref_record, target, 32, char *);

SIZE(reftable_log_record, 72);
FIELD(reftable_log_record, ref_name, 0, char *);
FIELD(reftable_log_record, update_index, 8, uint64_t);
FIELD(reftable_log_record, new_hash, 16, uint8_t *);
FIELD(reftable_log_record, old_hash, 24, uint8_t *);
FIELD(reftable_log_record, name, 32, char *);
FIELD(reftable_log_record, email, 40, char *);
FIELD(reftable_log_record, time, 48, uint64_t);
FIELD(reftable_log_record, tz_offset, 56, int16_t);
FIELD(reftable_log_record, message, 64, char *);

SIZE(reftable_write_options, 24);
FIELD(reftable_write_options, unpadded, 0, int);
FIELD(reftable_write_options, block_size, 4, uint32_t);
FIELD(reftable_write_options, skip_index_objects, 8, int);
FIELD(reftable_write_options, restart_interval, 12, int);
FIELD(reftable_write_options, hash_id, 16, uint32_t);
FIELD(reftable_write_options, skip_name_check, 20, int);

SIZE(reftable_block_stats, 40);
FIELD(reftable_block_stats, entries, 0, int);
FIELD(reftable_block_stats, restarts, 4, int);
FIELD(reftable_block_stats, blocks, 8, int);
FIELD(reftable_block_stats, index_blocks, 12, int);
FIELD(reftable_block_stats, max_index_level, 16, int);
FIELD(reftable_block_stats, offset, 24, uint64_t);
FIELD(reftable_block_stats, index_offset, 32, uint64_t);

SIZE(reftable_stats, 176);
FIELD(reftable_stats, blocks, 0, int);
FIELD(reftable_stats, ref_stats, 8, struct reftable_block_stats);
FIELD(reftable_stats, obj_stats, 48, struct reftable_block_stats);
FIELD(reftable_stats, idx_stats, 88, struct reftable_block_stats);
FIELD(reftable_stats, log_stats, 128, struct reftable_block_stats);
FIELD(reftable_stats, object_id_len, 168, int);

SIZE(reftable_iterator, 16);
FIELD(reftable_iterator, ops, 0, struct reftable_iterator_vtable *);
FIELD(reftable_iterator, iter_arg, 8, void *);

SIZE(reftable_block_source, 16);
FIELD(reftable_block_source, ops, 0, struct reftable_block_source_vtable *);
FIELD(reftable_block_source, arg, 8, void *);

SIZE(reftable_block, 32);
FIELD(reftable_block, data, 0, uint8_t *);
FIELD(reftable_block, len, 8, int);
FIELD(reftable_block, source, 16, struct reftable_block_source);

SIZE(reftable_block_source_vtable, 32);
OFFSET(reftable_block_source_vtable, size, 0);
OFFSET(reftable_block_source_vtable, read_block, 8);
OFFSET(reftable_block_source_vtable, return_block, 16);
OFFSET(reftable_block_source_vtable, close, 24);

SIZE(reftable_table, 16);
FIELD(reftable_table, ops, 0, struct reftable_table_vtable *);
FIELD(reftable_table, table_arg, 8, void *);

SIZE(reftable_log_expiry_config, 16);
FIELD(reftable_log_expiry_config, time, 0, uint64_t);
FIELD(reftable_log_expiry_config, min_update_index, 8, uint64_t);

SIZE(reftable_compaction_stats, 24);
FIELD(reftable_compaction_stats, bytes, 0, uint64_t);
FIELD(reftable_compaction_stats, entries_written, 8, uint64_t);
FIELD(reftable_compaction_stats, attempts, 16, int);
FIELD(reftable_compaction_stats, failures, 20, int);

#endif /* __LP64__ */

_Static_assert(REFTABLE_IO_ERROR == -2, "error numbers");
_Static_assert(REFTABLE_FORMAT_ERROR == -3, "error numbers");
_Static_assert(REFTABLE_NOT_EXIST_ERROR == -4, "error numbers");
_Static_assert(REFTABLE_LOCK_ERROR == -5, "error numbers");
_Static_assert(REFTABLE_API_ERROR == -6, "error numbers");
_Static_assert(REFTABLE_ZLIB_ERROR == -7, "error numbers");
_Static_assert(REFTABLE_EMPTY_TABLE_ERROR == -8, "error numbers");
_Static_assert(REFTABLE_NAME_CONFLICT == -9, "error numbers");
_Static_assert(REFTABLE_REFNAME_ERROR == -10, "error numbers");
_Static_assert(sizeof(enum reftable_error) == sizeof(int), "error numbers");

/* The four functions of a block source. */
static uint64_t (*const size_member)(void *) = NULL;
static int (*const read_member)(void *, struct reftable_block *, uint64_t, uint32_t) = NULL;
static void (*const return_member)(void *, struct reftable_block *) = NULL;
static void (*const close_member)(void *) = NULL;
static const struct reftable_block_source_vtable vtable = {
	size_member,
	read_member,
	return_member,
	close_member,
};

typedef struct reftable_writer writer;
typedef struct reftable_reader reader;
typedef struct reftable_merged_table merged;
typedef struct reftable_stack stack;
typedef struct reftable_addition addition;
typedef struct reftable_iterator iterator;
typedef struct reftable_table table;
typedef struct reftable_ref_record ref;
typedef struct reftable_log_record record_log;
typedef struct reftable_block_source block_source;
typedef struct reftable_write_options options;
typedef int write_table(struct reftable_writer *, void *);
typedef int write_bytes(void *, uint8_t *, size_t);

static int count;
static const void *seen[64];

/* A difference of types is an error of the compiler; a symbol bound twice one of this check. */
static void has_address(const void *address)
{
	int i;

	CHECK(address != NULL);
	for (i = 0; i < count; i++)
		CHECK(seen[i] != address);
	seen[count++] = address;
}

#define TYPED(result, name, arguments)                                                          \
	do {                                                                                    \
		result(*function) arguments = name;                                             \
		const void *address;                                                            \
		memcpy(&address, &function, sizeof(address));                                   \
		has_address(address);                                                           \
	} while (0)

static void records_and_errors_have_the_types_of_2020(void)
{
	TYPED(void, reftable_set_alloc,
	      (void *(*)(size_t), void *(*)(void *, size_t), void (*)(void *)));
	TYPED(int, reftable_ref_record_is_deletion, (const ref *));
	TYPED(void, reftable_ref_record_print, (ref *, uint32_t));
	TYPED(void, reftable_ref_record_clear, (ref *));
	TYPED(int, reftable_ref_record_equal, (ref *, ref *, int));
	TYPED(int, reftable_log_record_is_deletion, (const record_log *));
	TYPED(void, reftable_log_record_clear, (record_log *));
	TYPED(int, reftable_log_record_equal, (record_log *, record_log *, int));
	TYPED(void, reftable_log_record_print, (record_log *, uint32_t));
	TYPED(const char *, reftable_error_str, (int));
	TYPED(int, reftable_error_to_errno, (int));
	CHECK_INT(count, 11);
}

static void writers_and_readers_have_the_types_of_2020(void)
{
	TYPED(writer *, reftable_new_writer, (write_bytes *, void *, options *));
	TYPED(int, reftable_fd_write, (void *, uint8_t *, size_t));
	TYPED(void, reftable_writer_set_limits, (writer *, uint64_t, uint64_t));
	TYPED(int, reftable_writer_add_ref, (writer *, ref *));
	TYPED(int, reftable_writer_add_refs, (writer *, ref *, int));
	TYPED(int, reftable_writer_add_log, (writer *, record_log *));
	TYPED(int, reftable_writer_add_logs, (writer *, record_log *, int));
	TYPED(int, reftable_writer_close, (writer *));
	TYPED(const struct reftable_stats *, writer_stats, (writer *));
	TYPED(void, reftable_writer_free, (writer *));
	TYPED(int, reftable_iterator_next_ref, (iterator *, ref *));
	TYPED(int, reftable_iterator_next_log, (iterator *, record_log *));
	TYPED(void, reftable_iterator_destroy, (iterator *));
	TYPED(int, reftable_block_source_from_file, (block_source *, const char *));
	TYPED(int, reftable_new_reader, (reader **, block_source *, const char *));
	TYPED(int, reftable_reader_seek_ref, (reader *, iterator *, const char *));
	TYPED(int, reftable_reader_seek_log_at, (reader *, iterator *, const char *, uint64_t));
	TYPED(int, reftable_reader_seek_log, (reader *, iterator *, const char *));
	TYPED(int, reftable_reader_refs_for, (reader *, iterator *, uint8_t *));
	TYPED(uint32_t, reftable_reader_hash_id, (reader *));
	TYPED(uint64_t, reftable_reader_max_update_index, (reader *));
	TYPED(uint64_t, reftable_reader_min_update_index, (reader *));
	TYPED(void, reftable_reader_free, (reader *));
	CHECK_INT(count, 34);
}

static void merged_tables_and_stacks_have_the_types_of_2020(void)
{
	TYPED(int, reftable_new_merged_table, (merged **, reader **, int, uint32_t));
	TYPED(int, reftable_merged_table_seek_ref, (merged *, iterator *, const char *));
	TYPED(int, reftable_merged_table_seek_log_at,
	      (merged *, iterator *, const char *, uint64_t));
	TYPED(int, reftable_merged_table_seek_log, (merged *, iterator *, const char *));
	TYPED(uint64_t, reftable_merged_table_max_update_index, (merged *));
	TYPED(uint64_t, reftable_merged_table_min_update_index, (merged *));
	TYPED(void, reftable_merged_table_close, (merged *));
	TYPED(void, reftable_merged_table_free, (merged *));
	TYPED(int, reftable_table_seek_ref, (table *, iterator *, const char *));
	TYPED(void, reftable_table_from_reader, (table *, reader *));
	TYPED(void, reftable_table_from_merged_table, (table *, merged *));
	TYPED(int, reftable_table_read_ref, (table *, const char *, ref *));
	TYPED(int, reftable_new_stack, (stack **, const char *, options));
	TYPED(void, reftable_stack_destroy, (stack *));
	TYPED(int, reftable_stack_reload, (stack *));
	TYPED(merged *, reftable_stack_merged_table, (stack *));
	TYPED(uint64_t, reftable_stack_next_update_index, (stack *));
	TYPED(int, reftable_stack_new_addition, (addition **, stack *));
	TYPED(int, reftable_addition_add, (addition *, write_table *, void *));
	TYPED(int, reftable_addition_commit, (addition *));
	TYPED(void, reftable_addition_destroy, (addition *));
	TYPED(int, reftable_stack_add, (stack *, write_table *, void *));
	TYPED(int, reftable_stack_compact_all, (stack *, struct reftable_log_expiry_config *));
	TYPED(int, reftable_stack_auto_compact, (stack *));
	TYPED(int, reftable_stack_read_ref, (stack *, const char *, ref *));
	TYPED(int, reftable_stack_read_log, (stack *, const char *, record_log *));
	TYPED(struct reftable_compaction_stats *, reftable_stack_compaction_stats, (stack *));
	CHECK_INT(count, 61);
}

static void a_zeroed_vtable_can_be_written_down(void)
{
	CHECK(vtable.size == NULL);
	CHECK(vtable.close == NULL);
}

int main(int argc, char **argv)
{
	TESTS_BEGIN(argc, argv);
	if (argc > 1)
		fprintf(stderr, "abi.c always runs as a whole\n");
	test_state.chosen = NULL;
	RUN(records_and_errors_have_the_types_of_2020);
	RUN(writers_and_readers_have_the_types_of_2020);
	RUN(merged_tables_and_stacks_have_the_types_of_2020);
	RUN(a_zeroed_vtable_can_be_written_down);
	return TESTS_END();
}
