/* Compaction: what it keeps and drops, when it runs by itself, what it leaves on disk. */
#include "../test.h"
#include "../scratch.h"
#include "reftable.h"
#include "memory.h"
#include "transactions.h"
#include "writing.h"

static void everything_visible_survives_and_nothing_else(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);
	struct reftable_ref_record ref = { 0 };
	struct reftable_log_record log = { 0 };
	struct stat before, after;

	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	CHECK_INT(commit_ref(stack, a_ref("b", 0, 2)), 0);
	CHECK_INT(commit_ref(stack, a_ref("a", 0, 3)), 0);
	CHECK_INT(commit_ref(stack, a_tombstone("b", 0)), 0);
	CHECK_INT(commit_ref(stack, a_symref("c", 0, "a")), 0);
	CHECK_INT(commit_log(stack, a_log("a", 1, "first")), 0);
	CHECK_INT(commit_log(stack, a_log("a", 2, "second")), 0);
	CHECK_INT(commit_log(stack, a_log_tombstone("a", 1)), 0);
	CHECK_INT(reftable_stack_compact_all(stack, NULL), 0);
	CHECK_INT(listed_tables(dir), 1);
	CHECK(is_tidy(dir));
	CHECK_INT(count_refs(stack), 2);
	CHECK_INT(count_logs(stack), 1);
	/* Refs keep the update index of the transaction that wrote them. */
	CHECK_INT(reftable_stack_read_ref(stack, "a", &ref), 0);
	CHECK_INT(ref.update_index, 3);
	CHECK_INT(ref.value[0], 3);
	CHECK_INT(reftable_stack_read_ref(stack, "c", &ref), 0);
	CHECK_INT(ref.update_index, 5);
	CHECK_INT(reftable_stack_read_log(stack, "a", &log), 0);
	CHECK_STR(log.message, "second");
	CHECK_INT(log.tz_offset, -330);
	CHECK_INT(reftable_stack_next_update_index(stack), 9);
	/* One table and no expiry: nothing to do, and no new file. */
	CHECK_INT(stat(in_dir(dir, listed_table(dir, 0)), &before), 0);
	CHECK_INT(reftable_stack_compact_all(stack, NULL), 0);
	CHECK_INT(reftable_stack_auto_compact(stack), 0);
	CHECK_INT(stat(in_dir(dir, listed_table(dir, 0)), &after), 0);
	CHECK(before.st_ino == after.st_ino);
	reftable_ref_record_clear(&ref);
	reftable_log_record_clear(&log);
	reftable_stack_destroy(stack);
	stack = open_stack(dir);
	CHECK_INT(count_refs(stack), 2);
	reftable_stack_destroy(stack);
}

/* A stack in which everything is deleted becomes an empty one, without a table. */
static void nothing_left_means_no_table(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir), *other;
	size_t size = 1;
	char *list;

	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	CHECK_INT(commit_ref(stack, a_tombstone("a", 0)), 0);
	CHECK_INT(reftable_stack_compact_all(stack, NULL), 0);
	list = read_file(in_dir(dir, "tables.list"), &size);
	CHECK(list != NULL);
	CHECK_INT(size, 0);
	free(list);
	CHECK_INT(entries_with(dir, ".ref"), 0);
	CHECK(is_tidy(dir));
	CHECK_INT(reftable_stack_next_update_index(stack), 1);
	CHECK_INT(reftable_stack_compact_all(stack, NULL), 0);
	other = open_stack(dir);
	CHECK_INT(count_refs(other), 0);
	CHECK_INT(commit_ref(other, a_ref("b", 0, 1)), 0);
	reftable_stack_destroy(other);
	CHECK_INT(reftable_stack_reload(stack), 0);
	CHECK_INT(value_of(stack, "b"), 1);
	reftable_stack_destroy(stack);
}

static void log_entries_expire_by_time_and_by_index(void)
{
	struct reftable_log_expiry_config expiry = { 0 };
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);
	struct reftable_log_record log;
	uint64_t i;

	for (i = 1; i < 20; i++) {
		char name[16];
		snprintf(name, sizeof(name), "r%02d", (int)i);
		log = a_log(name, i, "m");
		log.time = i;
		CHECK_INT(commit_log(stack, log), 0);
	}
	CHECK_INT(count_logs(stack), 19);
	CHECK_INT(reftable_stack_compact_all(stack, &expiry), 0);
	CHECK_INT(count_logs(stack), 19);
	expiry.time = 10;
	CHECK_INT(reftable_stack_compact_all(stack, &expiry), 0);
	CHECK_INT(newest_log_of(stack, "r09"), 0);
	CHECK_INT(newest_log_of(stack, "r10"), 10);
	CHECK_INT(newest_log_of(stack, "r11"), 11);
	/* Again, on the one table that is left. */
	expiry.min_update_index = 15;
	CHECK_INT(reftable_stack_compact_all(stack, &expiry), 0);
	CHECK_INT(newest_log_of(stack, "r14"), 0);
	CHECK_INT(newest_log_of(stack, "r15"), 15);
	CHECK_INT(newest_log_of(stack, "r16"), 16);
	CHECK_INT(count_logs(stack), 5);
	CHECK(is_tidy(dir));
	expiry.time = UINT64_MAX;
	CHECK_INT(reftable_stack_compact_all(stack, &expiry), 0);
	CHECK_INT(count_logs(stack), 0);
	CHECK_INT(listed_tables(dir), 0);
	CHECK(is_tidy(dir));
	reftable_stack_destroy(stack);
}

/* Refs are no logs: expiry leaves them. */
static void expiry_leaves_refs(void)
{
	struct reftable_log_expiry_config expiry = { UINT64_MAX, UINT64_MAX };
	struct reftable_stack *stack = open_stack(scratch_dir());

	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	CHECK_INT(commit_log(stack, a_log("a", 0, "m")), 0);
	CHECK_INT(reftable_stack_compact_all(stack, &expiry), 0);
	CHECK_INT(value_of(stack, "a"), 1);
	CHECK_INT(count_logs(stack), 0);
	reftable_stack_destroy(stack);
}

/*
 * Expiry in a stack of one table: C wrote the new one under the old name, and processes that
 * compare names never noticed.
 */
static void a_rewritten_table_gets_a_new_name(void)
{
	struct reftable_log_expiry_config expiry = { 0 };
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir), *other;
	char before[300];

	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	CHECK_INT(commit_log(stack, a_log("a", 0, "m")), 0);
	CHECK_INT(reftable_stack_compact_all(stack, NULL), 0);
	CHECK_INT(listed_tables(dir), 1);
	other = open_stack(dir);
	CHECK_INT(count_logs(other), 1);
	snprintf(before, sizeof(before), "%s", listed_table(dir, 0));
	expiry.min_update_index = 100;
	CHECK_INT(reftable_stack_compact_all(stack, &expiry), 0);
	CHECK_INT(listed_tables(dir), 1);
	CHECK(strcmp(before, listed_table(dir, 0)) != 0);
	CHECK(is_tidy(dir));
	CHECK_INT(reftable_stack_reload(other), 0);
	CHECK_INT(count_logs(other), 0);
	reftable_stack_destroy(stack);
	reftable_stack_destroy(other);
}

/* Somebody else has changed the stack: come again, and everything is kept. */
static void an_outdated_handle_does_not_compact(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *one = open_stack(dir), *two;

	CHECK_INT(commit_ref(one, a_ref("a", 0, 1)), 0);
	CHECK_INT(commit_ref(one, a_ref("b", 0, 1)), 0);
	two = open_stack(dir);
	CHECK_INT(commit_ref(one, a_ref("c", 0, 1)), 0);
	if (listed_tables(dir) > 1)
		CHECK(reftable_stack_compact_all(one, NULL) == 0);
	CHECK_INT(commit_ref(one, a_ref("d", 0, 1)), 0);
	{
		struct reftable_log_expiry_config expiry = { 1, 0 };
		CHECK_INT(reftable_stack_compact_all(two, &expiry), 1);
	}
	CHECK_INT(reftable_stack_reload(two), 0);
	CHECK_INT(count_refs(two), 4);
	CHECK_INT(reftable_stack_compact_all(two, NULL), 0);
	CHECK_INT(count_refs(two), 4);
	CHECK(is_tidy(dir));
	reftable_stack_destroy(one);
	reftable_stack_destroy(two);
}

static int log2_of(unsigned value)
{
	int result = 0;

	while (value >>= 1)
		result++;
	return result;
}

/* The stack stays small by itself, and without rewriting everything at each step. */
static void a_hundred_transactions_stay_few_tables(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);
	const struct reftable_compaction_stats *stats;
	char name[32];
	int i;

	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "branch%04d", i);
		CHECK_INT(commit_ref(stack, a_symref(name, 0, "master")), 0);
		if (i >= 3)
			CHECK(listed_tables(dir) < 2 * log2_of((unsigned)i));
	}
	stats = reftable_stack_compaction_stats(stack);
	CHECK(stats != NULL);
	CHECK(stats->entries_written < 600);
	CHECK(stats->attempts > 0);
	CHECK(stats->bytes > 0);
	CHECK_INT(stats->failures, 0);
	CHECK_INT(count_refs(stack), 100);
	CHECK(is_tidy(dir));
	reftable_stack_destroy(stack);
}

/* Sizes that take turns: C's policy never compacted these, until files ran out. */
static void alternating_sizes_stay_few_tables_too(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);
	int i, most = 0;

	for (i = 0; i < 100; i++) {
		CHECK_INT(commit_ref(stack, a_ref("refs/heads/a-branch-of-some-length", 0, 1)), 0);
		CHECK_INT(commit_ref(stack, a_tombstone("refs/heads/a-branch-of-some-length", 0)), 0);
		most = listed_tables(dir) > most ? listed_tables(dir) : most;
	}
	CHECK(most < 20);
	CHECK_INT(count_refs(stack), 0);
	CHECK(is_tidy(dir));
	reftable_stack_destroy(stack);
}

/* A deletion must hold until the table with the ref itself takes part. */
static void a_deleted_ref_stays_deleted_when_upper_tables_merge(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);
	struct reftable_ref_record *refs = calloc(3000, sizeof(*refs));
	char(*names)[32] = calloc(3000, sizeof(*names));
	struct change change = { 0 };
	char name[32];
	int i;

	for (i = 0; i < 3000; i++) {
		snprintf(names[i], sizeof(names[i]), "refs/heads/%05d", i);
		refs[i] = a_ref(names[i], 0, (uint8_t)i);
	}
	change.stack = stack;
	change.refs = refs;
	change.ref_count = 3000;
	CHECK_INT(reftable_stack_add(stack, write_change, &change), 0);
	CHECK_INT(commit_ref(stack, a_tombstone("refs/heads/01500", 0)), 0);
	for (i = 0; i < 16; i++) {
		snprintf(name, sizeof(name), "refs/tags/%d", i);
		CHECK_INT(commit_ref(stack, a_ref(name, 0, 1)), 0);
		CHECK_INT(value_of(stack, "refs/heads/01500"), 0);
		CHECK_INT(value_of(stack, "refs/heads/01499"), (uint8_t)1499);
	}
	CHECK(listed_tables(dir) < 16);
	CHECK_INT(count_refs(stack), 3015);
	CHECK_INT(reftable_stack_compact_all(stack, NULL), 0);
	CHECK_INT(count_refs(stack), 3015);
	CHECK_INT(value_of(stack, "refs/heads/01500"), 0);
	reftable_stack_destroy(stack);
	free(refs);
	free(names);
}

/* With this many refs and logs, stacks written by C could never be compacted again. */
static void large_tables_compact(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack;
	struct sink sink;
	char name[40];
	int i, wrong = 0;

	make_big_table(&sink, 2000, 256, 1);
	CHECK_INT(write_file(in_dir(dir, "big.ref"), sink.data, sink.size), 0);
	CHECK_INT(write_text(dir, "tables.list", "big.ref\n"), 0);
	sink_clear(&sink);
	stack = open_stack(dir);
	CHECK_INT(commit_ref(stack, a_tombstone("refs/heads/branch-0007", 0)), 0);
	CHECK_INT(reftable_stack_compact_all(stack, NULL), 0);
	CHECK_INT(listed_tables(dir), 1);
	CHECK_INT(count_refs(stack), 1999);
	CHECK_INT(count_logs(stack), 2000);
	for (i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "refs/heads/branch-%04d", i);
		wrong += value_of(stack, name) != (i == 7 ? 0 : i % 200 + 1);
		wrong += newest_log_of(stack, name) != 1;
	}
	CHECK_INT(wrong, 0);
	CHECK(is_tidy(dir));
	reftable_stack_destroy(stack);
}

/*
 * A table with a damaged block: C dropped its refs, reported success and deleted the original. Now
 * it is an error, and everything stays as it was.
 */
static void a_damaged_table_stops_compaction_and_is_kept(void)
{
	const char *dir = scratch_dir();
	struct reftable_write_options options = { 0 };
	struct reftable_stack *stack = NULL;
	struct reftable_ref_record refs[2];
	char before[2][300], *list, *list_after;
	struct sink sink;
	size_t end;

	refs[0] = a_ref("a", 1, 1);
	refs[1] = a_ref("b", 1, 2);
	make_table(&sink, NULL, 1, 1, refs, 2, NULL, 0);
	end = ((size_t)sink.data[26] << 8) + sink.data[27];
	sink.data[end - 1] = sink.data[end - 2] = 0xff; /* number of restarts */
	CHECK_INT(write_file(in_dir(dir, "damaged.ref"), sink.data, sink.size), 0);
	CHECK_INT(write_text(dir, "tables.list", "damaged.ref\n"), 0);
	options.skip_name_check = 1; /* which would read the table */
	CHECK_INT(reftable_new_stack(&stack, dir, options), 0);
	CHECK_INT(value_of(stack, "a"), -3);
	/* The transaction itself is good, so the compaction that failed with it is only counted. */
	CHECK_INT(commit_ref(stack, a_ref("c", 0, 3)), 0);
	CHECK_INT(reftable_stack_compaction_stats(stack)->failures, 1);
	CHECK_INT(value_of(stack, "c"), 3);
	list = read_file(in_dir(dir, "tables.list"), NULL);
	snprintf(before[0], sizeof(before[0]), "%s", listed_table(dir, 0));
	snprintf(before[1], sizeof(before[1]), "%s", listed_table(dir, 1));
	CHECK_STR(before[0], "damaged.ref");
	CHECK_INT(reftable_stack_compact_all(stack, NULL), -3);
	list_after = read_file(in_dir(dir, "tables.list"), NULL);
	CHECK_STR(list_after, list);
	CHECK(exists(dir, before[0]) && exists(dir, before[1]));
	CHECK(is_tidy(dir));
	CHECK_INT(value_of(stack, "c"), 3);
	free(list);
	free(list_after);
	sink_clear(&sink);
	reftable_stack_destroy(stack);
}

/* What is not even tried is not counted. */
static void stats_count_attempts_only(void)
{
	struct reftable_stack *stack = open_stack(scratch_dir());
	struct reftable_compaction_stats *stats = reftable_stack_compaction_stats(stack);

	CHECK(stats != NULL);
	CHECK_INT(stats->attempts, 0);
	CHECK_INT(reftable_stack_compact_all(stack, NULL), 0);
	CHECK_INT(reftable_stack_auto_compact(stack), 0);
	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	CHECK_INT(reftable_stack_compact_all(stack, NULL), 0);
	stats = reftable_stack_compaction_stats(stack);
	CHECK_INT(stats->attempts, 0);
	CHECK_INT(stats->failures, 0);
	CHECK_INT(stats->entries_written, 0);
	reftable_stack_destroy(stack);
}

/* A pointer that was asked for once shows what the stack has done since, until it is destroyed. */
static void stats_belong_to_the_stack_and_follow_it(void)
{
	struct reftable_stack *stack = open_stack(scratch_dir());
	const struct reftable_compaction_stats *stats = reftable_stack_compaction_stats(stack);
	struct reftable_addition *addition = NULL;
	int before;

	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	CHECK_INT(commit_ref(stack, a_ref("b", 0, 1)), 0);
	CHECK_INT(commit_ref(stack, a_ref("c", 0, 1)), 0);
	before = stats->attempts;
	CHECK(before > 0);
	CHECK(stats->entries_written > 0 && stats->bytes > 0);
	CHECK_INT(reftable_stack_new_addition(&addition, stack), 0);
	CHECK_INT(reftable_stack_auto_compact(stack), 0);
	reftable_addition_destroy(addition);
	CHECK(stats == reftable_stack_compaction_stats(stack));
	CHECK_INT(stats->failures, 0);
	reftable_stack_destroy(stack);
}

/* The table written by a compaction has the layout that the stack was opened with. */
static void sha256_stacks_compact(void)
{
	struct reftable_write_options options = { 0 };
	struct reftable_stack *stack = NULL;
	const char *dir = scratch_dir();
	char name[16];
	int i;

	options.hash_id = SHA256_ID;
	options.block_size = 256;
	CHECK_INT(reftable_new_stack(&stack, dir, options), 0);
	for (i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "r%02d", i);
		CHECK_INT(commit_ref(stack, a_ref(name, 0, (uint8_t)(i + 1))), 0);
	}
	CHECK_INT(reftable_stack_compact_all(stack, NULL), 0);
	CHECK_INT(listed_tables(dir), 1);
	CHECK_INT(count_refs(stack), 30);
	CHECK_INT(value_of(stack, "r29"), 30);
	reftable_stack_destroy(stack);
}

int main(int argc, char **argv)
{
	TESTS_BEGIN(argc, argv);
	RUN(everything_visible_survives_and_nothing_else);
	RUN(nothing_left_means_no_table);
	RUN(log_entries_expire_by_time_and_by_index);
	RUN(expiry_leaves_refs);
	RUN(a_rewritten_table_gets_a_new_name);
	RUN(an_outdated_handle_does_not_compact);
	RUN(a_hundred_transactions_stay_few_tables);
	RUN(alternating_sizes_stay_few_tables_too);
	RUN(a_deleted_ref_stays_deleted_when_upper_tables_merge);
	RUN(large_tables_compact);
	RUN(a_damaged_table_stops_compaction_and_is_kept);
	RUN(stats_count_attempts_only);
	RUN(stats_belong_to_the_stack_and_follow_it);
	RUN(sha256_stacks_compact);
	return TESTS_END();
}
