/* Merged tables made from readers, and the handle that stands for either. */
#include "../test.h"
#include "reftable.h"
#include "memory.h"
#include "transactions.h"
#include "writing.h"

#define MOST 4

/* A merged table of up to four tables, oldest first, with the sources under it. */
struct pile {
	int count;
	struct sink sinks[MOST];
	struct source sources[MOST];
	struct reftable_merged_table *merged;
};

static void pile_add(struct pile *pile, uint64_t min, uint64_t max, struct reftable_ref_record *refs,
		     int ref_count, struct reftable_log_record *logs, int log_count)
{
	struct reftable_write_options options = { 0 };

	options.block_size = 256;
	make_table(&pile->sinks[pile->count], &options, min, max, refs, ref_count, logs, log_count);
	source_of_sink(&pile->sources[pile->count], &pile->sinks[pile->count]);
	pile->count++;
}

static struct reftable_reader **pile_readers(struct pile *pile)
{
	struct reftable_reader **readers = calloc((size_t)pile->count + 1, sizeof(*readers));
	int i;

	for (i = 0; i < pile->count; i++) {
		readers[i] = source_reader(&pile->sources[i]);
		REQUIRE(readers[i] != NULL);
	}
	return readers;
}

static void pile_merge(struct pile *pile)
{
	struct reftable_reader **readers = pile_readers(pile);

	CHECK_INT(reftable_new_merged_table(&pile->merged, readers, pile->count, SHA1_ID), 0);
}

static void pile_free(struct pile *pile)
{
	int i;

	reftable_merged_table_close(pile->merged);
	for (i = 0; i < pile->count; i++)
		CHECK(source_is_settled(&pile->sources[i]));
	reftable_merged_table_free(pile->merged);
	for (i = 0; i < pile->count; i++)
		sink_clear(&pile->sinks[i]);
}

static void null_arguments_are_misuse(void)
{
	struct reftable_merged_table *merged = NULL;
	struct reftable_reader *readers[1] = { NULL };
	struct reftable_iterator it = { 0 };
	struct reftable_table table = { 0 };
	struct reftable_ref_record ref = { 0 };

	CHECK_INT(reftable_new_merged_table(NULL, readers, 0, SHA1_ID), -6);
	CHECK_INT(reftable_new_merged_table(&merged, NULL, 1, SHA1_ID), -6);
	CHECK_INT(reftable_new_merged_table(&merged, readers, 1, SHA1_ID), -6);
	CHECK_INT(reftable_new_merged_table(&merged, readers, -1, SHA1_ID), -6);
	CHECK(merged == NULL);
	CHECK_INT(reftable_merged_table_seek_ref(NULL, &it, ""), -6);
	CHECK_INT(reftable_merged_table_seek_log(NULL, &it, ""), -6);
	CHECK_INT(reftable_merged_table_seek_log_at(NULL, &it, "", 1), -6);
	CHECK_INT(reftable_merged_table_min_update_index(NULL), 0);
	CHECK_INT(reftable_merged_table_max_update_index(NULL), 0);
	reftable_merged_table_close(NULL);
	reftable_merged_table_free(NULL);
	reftable_table_from_reader(NULL, NULL);
	reftable_table_from_reader(&table, NULL);
	CHECK_INT(reftable_table_seek_ref(&table, &it, ""), -6);
	CHECK_INT(reftable_table_read_ref(&table, "a", &ref), -6);
	reftable_table_from_merged_table(NULL, NULL);
	reftable_table_from_merged_table(&table, NULL);
	CHECK_INT(reftable_table_seek_ref(&table, &it, ""), -6);
	CHECK_INT(reftable_table_read_ref(&table, "a", &ref), -6);
	memset(&table, 0, sizeof(table));
	CHECK_INT(reftable_table_seek_ref(&table, &it, ""), -6);
	CHECK_INT(reftable_table_read_ref(&table, "a", &ref), -6);
	CHECK_INT(reftable_table_seek_ref(NULL, &it, ""), -6);
	CHECK_INT(reftable_table_read_ref(NULL, "a", &ref), -6);
}

static void a_merged_table_of_none_is_empty(void)
{
	struct reftable_merged_table *merged = NULL;
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record ref = { 0 };
	struct reftable_log_record log = { 0 };
	int with_array;

	for (with_array = 0; with_array < 2; with_array++) {
		struct reftable_reader **readers = with_array ? calloc(1, sizeof(*readers)) : NULL;

		CHECK_INT(reftable_new_merged_table(&merged, readers, 0, SHA1_ID), 0);
		CHECK_INT(reftable_merged_table_min_update_index(merged), 0);
		CHECK_INT(reftable_merged_table_max_update_index(merged), 0);
		CHECK_INT(reftable_merged_table_seek_ref(merged, &it, ""), 0);
		CHECK_INT(reftable_iterator_next_ref(&it, &ref), 1);
		reftable_iterator_destroy(&it);
		CHECK_INT(reftable_merged_table_seek_log(merged, &it, ""), 0);
		CHECK_INT(reftable_iterator_next_log(&it, &log), 1);
		reftable_iterator_destroy(&it);
		reftable_merged_table_close(merged);
		reftable_merged_table_free(merged);
	}
}

/* On failure neither the array nor the readers are taken: the caller can still use both. */
static void check_not_taken(struct pile *pile, uint32_t hash)
{
	struct reftable_reader **readers = pile_readers(pile);
	struct reftable_merged_table *merged = NULL;
	int i;

	CHECK_INT(reftable_new_merged_table(&merged, readers, pile->count, hash), -3);
	CHECK(merged == NULL);
	for (i = 0; i < pile->count; i++) {
		struct reftable_iterator it = { 0 };

		CHECK_INT(pile->sources[i].closes, 0);
		CHECK_INT(reftable_reader_seek_ref(readers[i], &it, ""), 0);
		reftable_iterator_destroy(&it);
		reftable_reader_free(readers[i]);
		CHECK(source_is_settled(&pile->sources[i]));
		sink_clear(&pile->sinks[i]);
	}
	free(readers);
}

static void another_hash_is_refused(void)
{
	struct reftable_ref_record ref = a_ref("a", 1, 1);
	uint32_t hashes[] = { SHA256_ID, 0, 12345 };
	size_t i;

	for (i = 0; i < COUNT(hashes); i++) {
		struct pile pile = { 0 };
		pile_add(&pile, 1, 1, &ref, 1, NULL, 0);
		check_not_taken(&pile, hashes[i]);
	}
}

/* Each table's smallest index must lie above the largest of the one before. */
static void overlapping_and_descending_ranges_are_refused(void)
{
	static const uint64_t ranges[][4] = { { 1, 1, 1, 1 }, { 1, 3, 3, 4 }, { 5, 6, 1, 2 } };
	size_t i;

	for (i = 0; i < COUNT(ranges); i++) {
		struct pile pile = { 0 };
		struct reftable_ref_record one = a_ref("a", ranges[i][0], 1);
		struct reftable_ref_record two = a_ref("a", ranges[i][2], 1);

		pile_add(&pile, ranges[i][0], ranges[i][1], &one, 1, NULL, 0);
		pile_add(&pile, ranges[i][2], ranges[i][3], &two, 1, NULL, 0);
		check_not_taken(&pile, SHA1_ID);
	}
}

/* The newest table wins for each name; tombstones are shown on this level. */
static void the_newest_ref_wins_and_tombstones_show(void)
{
	struct pile pile = { 0 };
	struct reftable_ref_record old[3], newer[2], newest[2], got = { 0 }, expected[4];
	struct reftable_iterator it = { 0 };
	int i;

	old[0] = a_ref("a", 1, 1);
	old[1] = a_ref("b", 1, 1);
	old[2] = a_ref("c", 1, 1);
	newer[0] = a_tombstone("a", 2);
	newer[1] = a_ref("b", 2, 2);
	newest[0] = a_ref("a", 5, 3);
	newest[1] = a_tombstone("d", 6);
	pile_add(&pile, 1, 1, old, 3, NULL, 0);
	pile_add(&pile, 2, 2, newer, 2, NULL, 0);
	pile_add(&pile, 5, 6, newest, 2, NULL, 0);
	pile_merge(&pile);
	CHECK_INT(reftable_merged_table_min_update_index(pile.merged), 1);
	CHECK_INT(reftable_merged_table_max_update_index(pile.merged), 6);
	expected[0] = newest[0];
	expected[1] = newer[1];
	expected[2] = old[2];
	expected[3] = newest[1];
	CHECK_INT(reftable_merged_table_seek_ref(pile.merged, &it, NULL), 0);
	for (i = 0; i < 4; i++) {
		CHECK_INT(reftable_iterator_next_ref(&it, &got), 0);
		CHECK(reftable_ref_record_equal(&got, &expected[i], 20));
	}
	CHECK_INT(reftable_iterator_next_ref(&it, &got), 1);
	reftable_iterator_destroy(&it);
	CHECK_INT(reftable_merged_table_seek_ref(pile.merged, &it, "b0"), 0);
	CHECK_INT(reftable_iterator_next_ref(&it, &got), 0);
	CHECK_STR(got.ref_name, "c");
	reftable_iterator_destroy(&it);
	/* Nothing there is no error and no 1: git's loops take anything else for the end. */
	CHECK_INT(reftable_merged_table_seek_ref(pile.merged, &it, "zzz"), 0);
	CHECK_INT(reftable_iterator_next_ref(&it, &got), 1);
	reftable_iterator_destroy(&it);
	reftable_ref_record_clear(&got);
	pile_free(&pile);
}

/* Entries of all tables interleave; only one of the same name and index hides another. */
static void logs_interleave_by_index(void)
{
	struct pile pile = { 0 };
	struct reftable_log_record old[3], newer[3], got = { 0 };
	struct reftable_iterator it = { 0 };
	static const struct {
		uint64_t index;
		const char *message;
	} expected[] = { { 9, "new9" }, { 4, "old4" }, { 3, "new3" }, { 2, NULL }, { 1, "old1" } };
	size_t i;

	old[0] = a_log("a", 4, "old4");
	old[1] = a_log("a", 2, "old2");
	old[2] = a_log("a", 1, "old1");
	newer[0] = a_log("a", 9, "new9");
	newer[1] = a_log("a", 3, "new3");
	newer[2] = a_log_tombstone("a", 2);
	pile_add(&pile, 1, 4, NULL, 0, old, 3);
	pile_add(&pile, 5, 9, NULL, 0, newer, 3);
	pile_merge(&pile);
	CHECK_INT(reftable_merged_table_seek_log(pile.merged, &it, "a"), 0);
	for (i = 0; i < COUNT(expected); i++) {
		CHECK_INT(reftable_iterator_next_log(&it, &got), 0);
		CHECK_INT(got.update_index, expected[i].index);
		CHECK_STR(got.message, expected[i].message);
		CHECK_INT(reftable_log_record_is_deletion(&got), expected[i].message == NULL);
	}
	CHECK_INT(reftable_iterator_next_log(&it, &got), 1);
	reftable_iterator_destroy(&it);
	CHECK_INT(reftable_merged_table_seek_log_at(pile.merged, &it, "a", 3), 0);
	CHECK_INT(reftable_iterator_next_log(&it, &got), 0);
	CHECK_STR(got.message, "new3");
	reftable_iterator_destroy(&it);
	reftable_log_record_clear(&got);
	pile_free(&pile);
}

/* Indexes 2^31 and more apart: compared as 64 bits, in both tables' order. */
static void logs_far_apart_keep_their_order(void)
{
	struct pile pile = { 0 };
	struct reftable_log_record old = a_log("a", 1, "m"), newer = a_log("a", (1ull << 31) + 2, "m");
	struct reftable_log_record got = { 0 };
	struct reftable_iterator it = { 0 };

	pile_add(&pile, 1, 1, NULL, 0, &old, 1);
	pile_add(&pile, (1ull << 31) + 2, (1ull << 31) + 2, NULL, 0, &newer, 1);
	pile_merge(&pile);
	CHECK_INT(reftable_merged_table_seek_log(pile.merged, &it, ""), 0);
	CHECK_INT(reftable_iterator_next_log(&it, &got), 0);
	CHECK_INT(got.update_index, (1ll << 31) + 2);
	CHECK_INT(reftable_iterator_next_log(&it, &got), 0);
	CHECK_INT(got.update_index, 1);
	reftable_iterator_destroy(&it);
	reftable_log_record_clear(&got);
	pile_free(&pile);
}

/* close gives up the readers, free the table; limits stay as they were at the start. */
static void close_leaves_the_limits(void)
{
	struct pile pile = { 0 };
	struct reftable_ref_record ref = a_ref("a", 3, 1), got = { 0 };
	struct reftable_iterator it = { 0 };
	int i;

	pile_add(&pile, 2, 4, &ref, 1, NULL, 0);
	pile_merge(&pile);
	for (i = 0; i < 2; i++) {
		reftable_merged_table_close(pile.merged);
		CHECK(source_is_settled(&pile.sources[0]));
		CHECK_INT(reftable_merged_table_min_update_index(pile.merged), 2);
		CHECK_INT(reftable_merged_table_max_update_index(pile.merged), 4);
	}
	/* A closed table has nothing more to show, and must not read of a closed source. */
	if (reftable_merged_table_seek_ref(pile.merged, &it, "") == 0)
		CHECK(reftable_iterator_next_ref(&it, &got) != 0);
	reftable_iterator_destroy(&it);
	pile_free(&pile);
}

/* free alone hands the readers back to the caller. */
static void free_without_close_leaves_the_readers_to_the_caller(void)
{
	struct pile pile = { 0 };
	struct reftable_ref_record ref = a_ref("a", 1, 1), got = { 0 };
	struct reftable_reader **readers, *reader;
	struct reftable_iterator it = { 0 };

	pile_add(&pile, 1, 1, &ref, 1, NULL, 0);
	readers = pile_readers(&pile);
	reader = readers[0];
	CHECK_INT(reftable_new_merged_table(&pile.merged, readers, 1, SHA1_ID), 0);
	reftable_merged_table_free(pile.merged);
	CHECK_INT(pile.sources[0].closes, 0);
	CHECK_INT(reftable_reader_seek_ref(reader, &it, ""), 0);
	CHECK_INT(reftable_iterator_next_ref(&it, &got), 0);
	reftable_iterator_destroy(&it);
	reftable_ref_record_clear(&got);
	reftable_reader_free(reader);
	CHECK(source_is_settled(&pile.sources[0]));
	sink_clear(&pile.sinks[0]);
}

/* Lookup and seek through the handle; C ended the process if the handle had been used before. */
static void a_table_handle_stands_for_a_reader_or_a_merged_table(void)
{
	struct pile pile = { 0 };
	struct reftable_ref_record refs[3], got = { 0 };
	struct reftable_table table = { 0 };
	struct source source;
	struct reftable_reader *reader;
	struct reftable_iterator it = { 0 };
	int i;

	refs[0] = a_ref("a", 1, 1);
	refs[1] = a_tombstone("b", 1);
	refs[2] = a_symref("c", 1, "a");
	pile_add(&pile, 1, 1, refs, 3, NULL, 0);
	pile_merge(&pile);
	source_of_sink(&source, &pile.sinks[0]);
	reader = source_reader(&source);
	for (i = 0; i < 4; i++) {
		if (i % 2)
			reftable_table_from_merged_table(&table, pile.merged);
		else
			reftable_table_from_reader(&table, reader);
		CHECK(table.ops != NULL);
		CHECK_INT(reftable_table_read_ref(&table, "c", &got), 0);
		CHECK_STR(got.target, "a");
		CHECK_INT(reftable_table_seek_ref(&table, &it, "b"), 0);
		CHECK_INT(reftable_iterator_next_ref(&it, &got), 0);
		CHECK_STR(got.ref_name, "b");
		CHECK_INT(reftable_ref_record_is_deletion(&got), 1);
		reftable_iterator_destroy(&it);
		CHECK_INT(reftable_table_read_ref(&table, NULL, &got), -6);
		CHECK_INT(reftable_table_read_ref(&table, "a", NULL), -6);
		CHECK_INT(reftable_table_seek_ref(&table, NULL, "a"), -6);
	}
	reftable_ref_record_clear(&got);
	reftable_reader_free(reader);
	pile_free(&pile);
}

/* C overwrote or cleared the record of a lookup that found nothing: git then lost branches. */
static void a_lookup_that_finds_nothing_leaves_the_record(void)
{
	static const char *const missing[] = { "", "aa", "b", "d", "a/" };
	struct pile pile = { 0 };
	struct reftable_ref_record refs[3], got = { 0 }, before;
	struct reftable_table table = { 0 };
	size_t i;

	refs[0] = a_ref("a", 1, 1);
	refs[1] = a_tombstone("b", 1);
	refs[2] = a_ref("c", 1, 3);
	pile_add(&pile, 1, 1, refs, 3, NULL, 0);
	pile_merge(&pile);
	reftable_table_from_merged_table(&table, pile.merged);
	CHECK_INT(reftable_table_read_ref(&table, "a", &got), 0);
	before = got;
	for (i = 0; i < COUNT(missing); i++) {
		CHECK_INT(reftable_table_read_ref(&table, missing[i], &got), 1);
		CHECK_MEM(&got, &before, sizeof(got));
		CHECK_STR(got.ref_name, "a");
		CHECK_INT(got.value[0], 1);
	}
	reftable_ref_record_clear(&got);
	pile_free(&pile);
}

/*
 * After an error of one table C went on without it: its refs were missing from what followed, and
 * the deleted ones of older tables came back.
 */
static void an_error_of_one_table_stays_an_error(void)
{
	struct pile pile = { 0 };
	struct reftable_ref_record old[60], newer[60], got = { 0 };
	struct reftable_iterator it = { 0 };
	char names[60][32];
	int i, total, fail_at, later;

	for (i = 0; i < 60; i++) {
		snprintf(names[i], sizeof(names[i]), "refs/heads/branch%02d", i);
		old[i] = a_ref(names[i], 1, 1);
		newer[i] = a_tombstone(names[i], 2);
	}
	pile_add(&pile, 1, 1, old, 60, NULL, 0);
	pile_add(&pile, 2, 2, newer, 60, NULL, 0);
	pile_merge(&pile);
	for (fail_at = 1, total = 1; total; fail_at++) {
		int err, count = 0;

		pile.sources[1].reads = 0;
		pile.sources[1].fault = SOURCE_FAILS;
		pile.sources[1].fail_at = fail_at;
		pile.sources[1].once = 1;
		err = reftable_merged_table_seek_ref(pile.merged, &it, "");
		while (err == 0 && (err = reftable_iterator_next_ref(&it, &got)) == 0) {
			CHECK_INT(reftable_ref_record_is_deletion(&got), 1);
			count++;
		}
		total = pile.sources[1].reads >= fail_at;
		CHECK_INT(err, total ? -1 : 1);
		if (!total)
			CHECK_INT(count, 60);
		if (it.ops) {
			later = reftable_iterator_next_ref(&it, &got);
			CHECK(total ? later < 0 : later == 1);
		}
		reftable_iterator_destroy(&it);
	}
	CHECK(fail_at > 3);
	pile.sources[1].fault = SOURCE_GOOD;
	reftable_ref_record_clear(&got);
	pile_free(&pile);
}

int main(int argc, char **argv)
{
	TESTS_BEGIN(argc, argv);
	RUN(null_arguments_are_misuse);
	RUN(a_merged_table_of_none_is_empty);
	RUN(another_hash_is_refused);
	RUN(overlapping_and_descending_ranges_are_refused);
	RUN(the_newest_ref_wins_and_tombstones_show);
	RUN(logs_interleave_by_index);
	RUN(logs_far_apart_keep_their_order);
	RUN(close_leaves_the_limits);
	RUN(free_without_close_leaves_the_readers_to_the_caller);
	RUN(a_table_handle_stands_for_a_reader_or_a_merged_table);
	RUN(a_lookup_that_finds_nothing_leaves_the_record);
	RUN(an_error_of_one_table_stays_an_error);
	return TESTS_END();
}
