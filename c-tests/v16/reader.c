/* The reader of a single table: opening, seeking, what records come back. */
#include "../test.h"
#include "reftable.h"
#include "memory.h"
#include "transactions.h"
#include "writing.h"

static void null_arguments_are_misuse(void)
{
	struct sink sink;
	struct source source;
	struct reftable_block_source block_source;
	struct reftable_reader *reader = NULL;
	struct reftable_iterator it = { 0 };

	make_big_table(&sink, 2, 0, 1);
	source_of_sink(&source, &sink);
	block_source = source_block_source(&source);
	CHECK_INT(reftable_new_reader(NULL, &block_source, "n"), -6);
	CHECK(source_is_settled(&source));
	sink_clear(&sink);
	CHECK_INT(reftable_new_reader(&reader, NULL, "n"), -6);
	CHECK(reader == NULL);
	CHECK_INT(reftable_reader_seek_ref(NULL, &it, "a"), -6);
	CHECK_INT(reftable_reader_seek_log(NULL, &it, "a"), -6);
	CHECK_INT(reftable_reader_seek_log_at(NULL, &it, "a", 1), -6);
	CHECK_INT(reftable_reader_refs_for(NULL, &it, id_of(1)), -6);
	CHECK(it.ops == NULL && it.iter_arg == NULL);
	CHECK_INT(reftable_reader_hash_id(NULL), 0);
	CHECK_INT(reftable_reader_min_update_index(NULL), 0);
	CHECK_INT(reftable_reader_max_update_index(NULL), 0);
	reftable_reader_free(NULL);
}

static void null_iterators_and_ids_are_misuse(void)
{
	struct sink sink;
	struct source source;
	struct reftable_reader *reader;
	struct reftable_iterator it = { 0 };

	make_big_table(&sink, 2, 0, 1);
	source_of_sink(&source, &sink);
	reader = source_reader(&source);
	CHECK_INT(reftable_reader_seek_ref(reader, NULL, "a"), -6);
	CHECK_INT(reftable_reader_seek_log(reader, NULL, "a"), -6);
	CHECK_INT(reftable_reader_seek_log_at(reader, NULL, "a", 1), -6);
	CHECK_INT(reftable_reader_refs_for(reader, NULL, id_of(1)), -6);
	CHECK_INT(reftable_reader_refs_for(reader, &it, NULL), -6);
	CHECK(it.ops == NULL);
	reftable_reader_free(reader);
	CHECK(source_is_settled(&source));
	sink_clear(&sink);
}

/* The name is for messages only, and copied. */
static void a_reader_may_be_nameless(void)
{
	struct sink sink;
	struct source source;
	struct reftable_block_source block_source;
	struct reftable_reader *reader = NULL;

	make_big_table(&sink, 2, 0, 1);
	source_of_sink(&source, &sink);
	block_source = source_block_source(&source);
	if (reftable_new_reader(&reader, &block_source, NULL) == 0)
		reftable_reader_free(reader);
	CHECK(source_is_settled(&source));
	sink_clear(&sink);
}

static void opening_takes_the_source_and_leaves_the_callers_copy(void)
{
	struct sink sink;
	struct source source;
	struct reftable_block_source block_source;
	struct reftable_reader *reader = NULL;

	make_big_table(&sink, 2, 0, 1);
	source_of_sink(&source, &sink);
	block_source = source_block_source(&source);
	CHECK_INT(reftable_new_reader(&reader, &block_source, "n"), 0);
	CHECK(block_source.ops == &source_vtable);
	CHECK(block_source.arg == &source);
	CHECK_INT(source.closes, 0);
	reftable_reader_free(reader);
	CHECK(source_is_settled(&source));
	sink_clear(&sink);
}

/* Seeks, and gives the name of the ref that comes next; "" at the end, "!" on an error. */
static const char *ref_after(struct reftable_reader *reader, const char *name)
{
	static char found[64];
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record ref = { 0 };
	int err = reftable_reader_seek_ref(reader, &it, name);

	if (err == 0)
		err = reftable_iterator_next_ref(&it, &ref);
	snprintf(found, sizeof(found), "%s", err ? err < 0 ? "!" : "" : ref.ref_name);
	reftable_ref_record_clear(&ref);
	reftable_iterator_destroy(&it);
	return found;
}

/* A seek is no lookup: it goes to the first name that is not smaller, by bytes. */
static void seek_ref_goes_to_the_first_name_not_smaller(void)
{
	static const char *const names[] = { "a", "a-b", "a.b", "a/b", "a0", "b", "b\x80", "b\xff" };
	struct reftable_ref_record refs[COUNT(names)];
	struct sink sink;
	struct source source;
	struct reftable_reader *reader;
	size_t i;

	for (i = 0; i < COUNT(names); i++)
		refs[i] = a_ref(names[i], 1, 1);
	make_table(&sink, NULL, 1, 1, refs, COUNT(names), NULL, 0);
	source_of_sink(&source, &sink);
	reader = source_reader(&source);
	for (i = 0; i < COUNT(names); i++)
		CHECK_STR(ref_after(reader, names[i]), names[i]);
	CHECK_STR(ref_after(reader, ""), "a");
	CHECK_STR(ref_after(reader, NULL), "a");
	CHECK_STR(ref_after(reader, "a "), "a-b");
	CHECK_STR(ref_after(reader, "a/"), "a/b");
	CHECK_STR(ref_after(reader, "a/c"), "a0");
	CHECK_STR(ref_after(reader, "b\x7f"), "b\x80");
	CHECK_STR(ref_after(reader, "b\xff\xff"), "");
	reftable_reader_free(reader);
	sink_clear(&sink);
}

/* With an index C gave 1 and no iterator, without one 0. */
static void seeking_beyond_the_end_gives_an_empty_iterator(void)
{
	static const int counts[] = { 2, 300 };
	struct reftable_ref_record ref = { 0 };
	struct reftable_log_record log = { 0 };
	size_t i;

	for (i = 0; i < COUNT(counts); i++) {
		struct sink sink;
		struct source source;
		struct reftable_reader *reader;
		struct reftable_iterator it = { 0 };

		make_big_table(&sink, counts[i], 256, 1);
		source_of_sink(&source, &sink);
		reader = source_reader(&source);
		CHECK_INT(reftable_reader_seek_ref(reader, &it, "refs/zzz"), 0);
		CHECK_INT(reftable_iterator_next_ref(&it, &ref), 1);
		CHECK_INT(reftable_iterator_next_ref(&it, &ref), 1);
		reftable_iterator_destroy(&it);
		CHECK_INT(reftable_reader_seek_log(reader, &it, "refs/zzz"), 0);
		CHECK_INT(reftable_iterator_next_log(&it, &log), 1);
		CHECK_INT(reftable_iterator_next_log(&it, &log), 1);
		reftable_iterator_destroy(&it);
		reftable_reader_free(reader);
		CHECK(source_is_settled(&source));
		sink_clear(&sink);
	}
}

static void a_missing_section_is_an_empty_one(void)
{
	struct reftable_ref_record ref = a_ref("a", 1, 1), got = { 0 };
	struct reftable_log_record log = a_log("a", 1, "m"), got_log = { 0 };
	struct reftable_iterator it = { 0 };
	struct source source;
	struct reftable_reader *reader;
	struct sink sink;
	int kind;

	for (kind = 0; kind < 3; kind++) { /* no records; no refs; no logs */
		make_table(&sink, NULL, 1, 1, &ref, kind == 2, &log, kind == 1);
		source_of_sink(&source, &sink);
		reader = source_reader(&source);
		CHECK_INT(reftable_reader_seek_ref(reader, &it, ""), 0);
		CHECK_INT(reftable_iterator_next_ref(&it, &got), kind != 2);
		reftable_iterator_destroy(&it);
		CHECK_INT(reftable_reader_seek_ref(reader, &it, "b"), 0);
		CHECK_INT(reftable_iterator_next_ref(&it, &got), 1);
		reftable_iterator_destroy(&it);
		CHECK_INT(reftable_reader_seek_log(reader, &it, ""), 0);
		CHECK_INT(reftable_iterator_next_log(&it, &got_log), kind != 1);
		reftable_iterator_destroy(&it);
		reftable_reader_free(reader);
		CHECK(source_is_settled(&source));
		sink_clear(&sink);
	}
	reftable_ref_record_clear(&got);
	reftable_log_record_clear(&got_log);
}

/* Entries of a name go from new to old; an index between two leads to the older one. */
static void seek_log_at_goes_to_the_newest_entry_not_newer(void)
{
	static const struct {
		uint64_t at;
		const char *name;
		uint64_t index;
	} cases[] = {
		{ 0, "c", 7 }, { 2, "c", 7 }, { 3, "a", 3 }, { 4, "a", 3 },	    { 5, "a", 5 },
		{ 6, "a", 5 }, { 7, "a", 7 }, { 8, "a", 7 }, { UINT64_MAX, "a", 7 },
	};
	struct reftable_log_record logs[4], log = { 0 };
	struct reftable_iterator it = { 0 };
	struct source source;
	struct reftable_reader *reader;
	struct sink sink;
	size_t i;

	logs[0] = a_log("a", 7, "m");
	logs[1] = a_log("a", 5, "m");
	logs[2] = a_log("a", 3, "m");
	logs[3] = a_log("c", 7, "m");
	make_table(&sink, NULL, 1, 7, NULL, 0, logs, 4);
	source_of_sink(&source, &sink);
	reader = source_reader(&source);
	for (i = 0; i < COUNT(cases); i++) {
		CHECK_INT(reftable_reader_seek_log_at(reader, &it, "a", cases[i].at), 0);
		CHECK_INT(reftable_iterator_next_log(&it, &log), 0);
		CHECK_STR(log.ref_name, cases[i].name);
		CHECK_INT(log.update_index, cases[i].index);
		reftable_iterator_destroy(&it);
		/* The empty name is the very first entry, whatever the index. */
		CHECK_INT(reftable_reader_seek_log_at(reader, &it, i % 2 ? "" : NULL, cases[i].at), 0);
		CHECK_INT(reftable_iterator_next_log(&it, &log), 0);
		CHECK_INT(log.update_index, 7);
		CHECK_STR(log.ref_name, "a");
		reftable_iterator_destroy(&it);
	}
	CHECK_INT(reftable_reader_seek_log(reader, &it, "b"), 0);
	CHECK_INT(reftable_iterator_next_log(&it, &log), 0);
	CHECK_STR(log.ref_name, "c");
	reftable_iterator_destroy(&it);
	reftable_log_record_clear(&log);
	reftable_reader_free(reader);
	sink_clear(&sink);
}

static void refs_of_all_kinds_read_back(void)
{
	struct reftable_ref_record refs[4], got = { 0 };
	struct reftable_iterator it = { 0 };
	struct source source;
	struct reftable_reader *reader;
	struct sink sink;
	int i;

	refs[0] = a_tombstone("a", 5);
	refs[1] = a_ref("b", 6, 1);
	refs[2] = a_ref("c", 7, 2);
	refs[2].target_value = id_of(3);
	refs[3] = a_symref("d", 5, "refs/heads/main");
	make_table(&sink, NULL, 5, 7, refs, 4, NULL, 0);
	source_of_sink(&source, &sink);
	reader = source_reader(&source);
	CHECK_INT(reftable_reader_seek_ref(reader, &it, ""), 0);
	for (i = 0; i < 4; i++) {
		CHECK_INT(reftable_iterator_next_ref(&it, &got), 0);
		CHECK(reftable_ref_record_equal(&got, &refs[i], 20));
		CHECK_INT(reftable_ref_record_is_deletion(&got), i == 0);
		CHECK_INT(got.value != NULL, i == 1 || i == 2);
		CHECK_INT(got.target_value != NULL, i == 2);
		CHECK_INT(got.target != NULL, i == 3);
	}
	reftable_iterator_destroy(&it);
	reftable_ref_record_clear(&got);
	reftable_reader_free(reader);
	sink_clear(&sink);
}

/* git follows all six pointers of an entry; what was NULL comes back as "" or as zeros. */
static void entries_of_a_log_have_no_null_pointers(void)
{
	struct reftable_log_record logs[2], got = { 0 };
	struct reftable_iterator it = { 0 };
	struct source source;
	struct reftable_reader *reader;
	struct sink sink;

	logs[0] = a_log_tombstone("a", 1);
	logs[0].time = 77;
	logs[1] = a_log("b", 1, "two\nlines\n");
	logs[1].tz_offset = -32768;
	logs[1].time = UINT64_MAX;
	make_table(&sink, NULL, 1, 1, NULL, 0, logs, 2);
	source_of_sink(&source, &sink);
	reader = source_reader(&source);
	CHECK_INT(reftable_reader_seek_log(reader, &it, ""), 0);
	CHECK_INT(reftable_iterator_next_log(&it, &got), 0);
	CHECK_STR(got.name, "");
	CHECK_STR(got.email, "");
	CHECK_STR(got.message, "");
	CHECK_MEM(got.old_hash, id_of(0), 20);
	CHECK_MEM(got.new_hash, id_of(0), 20);
	CHECK_INT(got.time, 77);
	CHECK_INT(reftable_iterator_next_log(&it, &got), 0);
	CHECK_STR(got.message, "two\nlines\n");
	CHECK_INT(got.tz_offset, -32768);
	CHECK(got.time == UINT64_MAX);
	CHECK(reftable_log_record_equal(&got, &logs[1], 20));
	reftable_iterator_destroy(&it);
	reftable_log_record_clear(&got);
	reftable_reader_free(reader);
	sink_clear(&sink);
}

/* C kept time and zone of the entry before, and the tombstone then was none. */
static void a_log_tombstone_is_one_in_a_used_record_too(void)
{
	struct reftable_log_record logs[2], got = { 0 };
	struct reftable_iterator it = { 0 };
	struct source source;
	struct reftable_reader *reader;
	struct sink sink;

	logs[0] = a_log("a", 9, "m");
	logs[1] = a_log_tombstone("a", 8);
	make_table(&sink, NULL, 9, 9, NULL, 0, logs, 2);
	source_of_sink(&source, &sink);
	reader = source_reader(&source);
	CHECK_INT(reftable_reader_seek_log(reader, &it, "a"), 0);
	CHECK_INT(reftable_iterator_next_log(&it, &got), 0);
	CHECK_INT(reftable_log_record_is_deletion(&got), 0);
	CHECK_INT(reftable_iterator_next_log(&it, &got), 0);
	CHECK_INT(reftable_log_record_is_deletion(&got), 1);
	CHECK_INT(got.update_index, 8);
	CHECK_INT(got.time, 0);
	CHECK_INT(got.tz_offset, 0);
	reftable_iterator_destroy(&it);
	reftable_log_record_clear(&got);
	reftable_reader_free(reader);
	sink_clear(&sink);
}

/* Times of a log sort as 64 bit numbers, newest first. */
static void log_indexes_use_all_64_bits(void)
{
	static const uint64_t indexes[] = { UINT64_MAX, 1ull << 63, (1ull << 32) + 1, 1ull << 31, 1, 0 };
	struct reftable_log_record logs[COUNT(indexes)], got = { 0 };
	struct reftable_iterator it = { 0 };
	struct source source;
	struct reftable_reader *reader;
	struct sink sink;
	size_t i;

	for (i = 0; i < COUNT(indexes); i++)
		logs[i] = a_log("a", indexes[i], "m");
	make_table(&sink, NULL, 1, 1, NULL, 0, logs, COUNT(indexes));
	source_of_sink(&source, &sink);
	reader = source_reader(&source);
	CHECK_INT(reftable_reader_seek_log(reader, &it, ""), 0);
	for (i = 0; i < COUNT(indexes); i++) {
		CHECK_INT(reftable_iterator_next_log(&it, &got), 0);
		CHECK(got.update_index == indexes[i]);
	}
	CHECK_INT(reftable_iterator_next_log(&it, &got), 1);
	reftable_iterator_destroy(&it);
	reftable_log_record_clear(&got);
	reftable_reader_free(reader);
	sink_clear(&sink);
}

int main(int argc, char **argv)
{
	TESTS_BEGIN(argc, argv);
	RUN(null_arguments_are_misuse);
	RUN(null_iterators_and_ids_are_misuse);
	RUN(a_reader_may_be_nameless);
	RUN(opening_takes_the_source_and_leaves_the_callers_copy);
	RUN(seek_ref_goes_to_the_first_name_not_smaller);
	RUN(seeking_beyond_the_end_gives_an_empty_iterator);
	RUN(a_missing_section_is_an_empty_one);
	RUN(seek_log_at_goes_to_the_newest_entry_not_newer);
	RUN(refs_of_all_kinds_read_back);
	RUN(entries_of_a_log_have_no_null_pointers);
	RUN(a_log_tombstone_is_one_in_a_used_record_too);
	RUN(log_indexes_use_all_64_bits);
	return TESTS_END();
}
