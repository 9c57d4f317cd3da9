/* Stacks and transactions: locks, outdated views, what is reported to whom, iterators that last. */
#include "../test.h"
#include "../scratch.h"
#include "reftable-git.h"
#include "transactions.h"
#include <sys/resource.h>

static void null_is_misuse_and_freeing_it_is_not(void)
{
	struct reftable_stack *stack = open_stack(scratch_dir(), NULL);
	struct reftable_ref_record ref = { 0 };

	CHECK_INT(reftable_new_stack(NULL, "x", NULL), REFTABLE_API_ERROR);
	CHECK_INT(reftable_stack_reload(NULL), REFTABLE_API_ERROR);
	CHECK_INT(reftable_stack_read_ref(stack, NULL, &ref), REFTABLE_API_ERROR);
	CHECK_INT(reftable_stack_add(stack, NULL, NULL, 0), REFTABLE_API_ERROR);
	reftable_stack_destroy(NULL);
	reftable_addition_destroy(NULL);
	reftable_iterator_destroy(NULL);
	reftable_ref_record_release(NULL);
	reftable_stack_destroy(stack);
}

static void a_missing_folder_is_an_empty_stack(void)
{
	struct reftable_stack *stack = open_stack(scratch_path("missing"), NULL);

	CHECK_INT(reftable_stack_next_update_index(stack), 1);
	CHECK_INT(reftable_stack_hash_id(stack), REFTABLE_HASH_SHA1);
	CHECK_INT(value_of(stack, "HEAD"), 0);
	reftable_stack_destroy(stack);
}

static void a_locked_stack_and_an_outdated_one_are_told_apart(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *one = open_stack(dir, NULL);
	struct reftable_stack *two = open_stack(dir, NULL);
	struct reftable_addition *addition = NULL;

	CHECK_INT(reftable_stack_new_addition(&addition, one, 0), 0);
	CHECK_INT(commit_ref(two, a_ref("a", 0, 1)), REFTABLE_LOCK_ERROR);
	reftable_addition_destroy(addition);
	CHECK(!exists(dir, "tables.list.lock"));

	CHECK_INT(commit_ref(one, a_ref("a", 0, 1)), 0);
	CHECK_INT(reftable_stack_new_addition(&addition, two, 0), REFTABLE_OUTDATED_ERROR);
	CHECK(addition == NULL);
	CHECK(!exists(dir, "tables.list.lock"));
	CHECK_INT(commit_ref(two, a_ref("b", 0, 2)), REFTABLE_OUTDATED_ERROR);
	/* That has loaded the stack again. */
	CHECK_INT(value_of(two, "a"), 1);
	CHECK_INT(commit_ref(two, a_ref("b", 0, 2)), 0);
	CHECK_INT(reftable_stack_new_addition(&addition, one, REFTABLE_STACK_NEW_ADDITION_RELOAD), 0);
	CHECK_INT(value_of(one, "b"), 2);
	reftable_addition_destroy(addition);
	reftable_stack_destroy(one);
	reftable_stack_destroy(two);
}

static int return_value(struct reftable_writer *writer, void *arg)
{
	(void)writer;
	return *(int *)arg;
}

static void the_value_of_a_callback_comes_back_and_nothing_is_left(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir, NULL);
	int value;

	for (value = -20; value < 0; value++)
		CHECK_INT(reftable_stack_add(stack, return_value, &value, 0), value);
	CHECK_INT(reftable_stack_add(stack, return_value, &value, 0), 0);
	value = 3;
	CHECK_INT(reftable_stack_add(stack, return_value, &value, 0), 0);
	CHECK_INT(entries_with(dir, ""), 0);
	reftable_stack_destroy(stack);
}

static void an_empty_stack_has_nothing_to_do(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir, NULL);
	struct reftable_addition *addition = NULL;
	struct reftable_ref_record ref = { 0 };
	struct reftable_log_record log = { 0 };
	bool required = true;

	CHECK_INT(reftable_stack_compact_all(stack, NULL), 0);
	CHECK_INT(reftable_stack_auto_compact(stack), 0);
	CHECK_INT(reftable_stack_compaction_required(stack, true, &required), 0);
	CHECK(!required);
	CHECK_INT(reftable_stack_clean(stack), 0);
	CHECK_INT(reftable_stack_read_ref(stack, "HEAD", &ref), 1);
	CHECK_INT(reftable_stack_read_log(stack, "HEAD", &log), 1);
	CHECK_INT(reftable_stack_new_addition(&addition, stack, 0), 0);
	CHECK_INT(reftable_addition_commit(addition), 0);
	CHECK_INT(reftable_addition_commit(addition), 0);
	reftable_addition_destroy(addition);
	CHECK_INT(entries_with(dir, ""), 0);
	reftable_stack_destroy(stack);
}

static void a_missing_folder_cannot_be_written_to(void)
{
	struct reftable_stack *stack = open_stack(scratch_path("missing"), NULL);

	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), REFTABLE_IO_ERROR);
	CHECK_INT(reftable_stack_next_update_index(stack), 1);
	reftable_stack_destroy(stack);
}

struct ending {
	struct reftable_stack *stack;
	int value;
};

/* Writes a ref, and then returns what it is told to. */
static int write_and_return(struct reftable_writer *writer, void *arg)
{
	struct ending *ending = arg;
	uint64_t next = reftable_stack_next_update_index(ending->stack);
	struct reftable_ref_record ref = a_ref("a", next, (uint8_t)next);

	CHECK_INT(reftable_writer_set_limits(writer, next, next), 0);
	CHECK_INT(reftable_writer_add_ref(writer, &ref), 0);
	return ending->value;
}

static void what_a_callback_wrote_counts_unless_it_fails(void)
{
	const char *dir = scratch_dir();
	struct ending ending = { open_stack(dir, NULL), 5 };
	struct reftable_addition *addition = NULL;
	struct reftable_stack *stack = ending.stack;

	CHECK_INT(reftable_stack_add(stack, write_and_return, &ending, 0), 0);
	CHECK_INT(value_of(stack, "a"), 1);
	ending.value = -42;
	CHECK_INT(reftable_stack_add(stack, write_and_return, &ending, 0), -42);
	CHECK_INT(value_of(stack, "a"), 1);
	CHECK_INT(entries_with(dir, ""), 2);

	/* An addition goes on after a table that failed. */
	CHECK_INT(reftable_stack_new_addition(&addition, stack, 0), 0);
	CHECK_INT(reftable_addition_add(addition, write_and_return, &ending), -42);
	ending.value = 0;
	CHECK_INT(reftable_addition_add(addition, write_and_return, &ending), 0);
	CHECK_INT(reftable_addition_commit(addition), 0);
	CHECK_INT(reftable_addition_commit(addition), 0);
	CHECK_INT(value_of(stack, "a"), 2);
	reftable_addition_destroy(addition);
	CHECK(!exists(dir, "tables.list.lock"));
	CHECK_INT(entries_with(dir, ".temp."), 0);
	reftable_stack_destroy(stack);
}

static int forget_the_limits(struct reftable_writer *writer, void *arg)
{
	struct reftable_ref_record ref = a_ref("a", 0, 1);

	(void)arg;
	return reftable_writer_add_ref(writer, &ref);
}

static void a_table_without_limits_is_misuse(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir, NULL);

	CHECK_INT(reftable_stack_add(stack, forget_the_limits, NULL, 0), REFTABLE_API_ERROR);
	CHECK_INT(entries_with(dir, ""), 0);
	reftable_stack_destroy(stack);
}

static int low_index(struct reftable_writer *writer, void *arg)
{
	struct reftable_ref_record ref = a_ref("c", 1, 1);

	(void)arg;
	CHECK_INT(reftable_writer_set_limits(writer, 1, 1), 0);
	return reftable_writer_add_ref(writer, &ref);
}

static void an_update_index_of_the_past_is_misuse(void)
{
	struct reftable_stack *stack = open_stack(scratch_dir(), NULL);

	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	CHECK_INT(reftable_stack_add(stack, low_index, NULL, 0), REFTABLE_API_ERROR);
	CHECK_INT(value_of(stack, "c"), 0);
	reftable_stack_destroy(stack);
}

static int write_upside_down(struct reftable_writer *writer, void *arg)
{
	struct reftable_log_record log = a_log("a", 1, "rewritten");

	CHECK_INT(reftable_writer_set_limits(writer, UINT64_MAX, *(uint64_t *)arg), 0);
	return reftable_writer_add_log(writer, &log);
}

/*
 * libgit2 rewrites a reflog in a table with the limits 2^64-1 and, say, 2, which git's library takes
 * and makes a table of that stands for no update index.
 */
static void limits_upside_down_are_those_of_the_next_table(void)
{
	uint64_t max;

	for (max = 1; max < 10; max += 4) {
		struct reftable_stack *stack = open_stack(scratch_dir(), NULL);
		struct reftable_log_record log = { 0 };

		CHECK_INT(commit_log(stack, a_log("a", 1, "old")), 0);
		CHECK_INT(commit_ref(stack, a_ref("b", 0, 1)), 0);
		CHECK_INT(reftable_stack_add(stack, write_upside_down, &max, 0), 0);
		CHECK_INT(reftable_stack_read_log(stack, "a", &log), 0);
		CHECK_STR(log.value.update.message, "rewritten\n");
		reftable_log_record_release(&log);
		/* No number comes twice, whatever the upper limit was. */
		CHECK_INT(reftable_stack_next_update_index(stack), max < 3 ? 4 : max + 1);
		CHECK_INT(commit_ref(stack, a_ref("b", 0, 2)), 0);
		CHECK_INT(value_of(stack, "b"), 2);
		reftable_stack_destroy(stack);
	}
}

struct cache {
	struct reftable_iterator it;
	int calls;
};

static void forget(void *payload)
{
	struct cache *cache = payload;

	cache->calls++;
	reftable_iterator_destroy(&cache->it);
	CHECK(cache->it.ops == NULL);
}

struct visit {
	struct reftable_stack *stack;
	struct reftable_stack *other;
	int calls;
};

/* What git does inside its callbacks: it reads the stack, and loads it again. */
static int look_around(struct reftable_writer *writer, void *arg)
{
	struct visit *visit = arg;
	struct reftable_iterator it = { 0 };
	struct reftable_log_record log = { 0 };
	struct reftable_ref_record ref = a_ref("d", reftable_stack_next_update_index(visit->stack), 4);

	visit->calls++;
	CHECK_INT(value_of(visit->stack, "a"), 1);
	CHECK_INT(reftable_stack_reload(visit->stack), 0);
	CHECK_INT(reftable_stack_init_log_iterator(visit->stack, &it), 0);
	CHECK_INT(reftable_iterator_seek_log(&it, "a"), 0);
	CHECK_INT(reftable_iterator_next_log(&it, &log), 1);
	reftable_iterator_destroy(&it);
	CHECK_INT(reftable_writer_set_limits(writer, ref.update_index, ref.update_index), 0);
	return reftable_writer_add_ref(writer, &ref);
}

static void reloads_are_told_and_callbacks_may_come_back(void)
{
	const char *dir = scratch_dir();
	struct cache cache = { { 0 }, 0 };
	struct reftable_write_options options = { 0 };
	struct reftable_stack *stack, *other;
	struct visit visit = { 0 };
	int before;

	options.on_reload = forget;
	options.on_reload_payload = &cache;
	stack = open_stack(dir, &options);
	other = open_stack(dir, NULL);
	CHECK_INT(cache.calls, 1);
	CHECK_INT(commit_ref(other, a_ref("a", 0, 1)), 0);
	CHECK_INT(reftable_stack_init_ref_iterator(stack, &cache.it), 0);
	CHECK_INT(reftable_stack_reload(stack), 0);
	CHECK(cache.it.ops == NULL);
	before = cache.calls;
	CHECK_INT(before > 1, 1);
	CHECK_INT(reftable_stack_init_ref_iterator(stack, &cache.it), 0);
	CHECK_INT(reftable_stack_reload(stack), 0);
	/* Nothing has changed, so what is cached stays. */
	CHECK(cache.it.ops != NULL);

	visit.stack = stack;
	CHECK_INT(reftable_stack_add(stack, look_around, &visit, 0), 0);
	CHECK_INT(visit.calls, 1);
	CHECK(cache.it.ops == NULL && cache.calls > before);
	CHECK_INT(value_of(stack, "d"), 4);
	before = cache.calls;
	reftable_stack_destroy(stack);
	CHECK_INT(cache.calls, before);
	reftable_stack_destroy(other);
}

static void iterators_outlive_compaction_and_the_stack(void)
{
	const char *dir = scratch_dir();
	struct reftable_write_options options = { 0 };
	struct reftable_stack *stack;
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record ref = { 0 };
	struct reftable_log_record log = { 0 };
	struct reftable_log_expiry_config expiry = { 0 };

	options.disable_auto_compact = 1;
	stack = open_stack(dir, &options);
	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	CHECK_INT(commit_ref(stack, a_ref("b", 0, 2)), 0);
	CHECK_INT(commit_ref(stack, a_tombstone("a", 0)), 0);
	CHECK_INT(listed_tables(dir), 3);
	CHECK_INT(reftable_stack_init_ref_iterator(stack, &it), 0);
	CHECK_INT(reftable_iterator_next_ref(&it, &ref), 1);
	CHECK_INT(reftable_iterator_seek_ref(&it, ""), 0);
	CHECK_INT(reftable_stack_compact_all(stack, &expiry), 0);
	CHECK_INT(listed_tables(dir), 1);
	reftable_stack_destroy(stack);
	CHECK_INT(reftable_iterator_next_ref(&it, &ref), 0);
	CHECK_STR(ref.refname, "b");
	CHECK_INT(reftable_iterator_next_ref(&it, &ref), 1);
	CHECK_STR(ref.refname, "b");
	/* Backwards again. What is refused takes no ref away. */
	CHECK_INT(reftable_iterator_seek_ref(&it, "a"), 0);
	CHECK_INT(reftable_iterator_next_ref(&it, NULL), REFTABLE_API_ERROR);
	CHECK_INT(reftable_iterator_next_ref(&it, &ref), 0);
	CHECK_STR(ref.refname, "b");
	CHECK_INT(reftable_iterator_seek_log(&it, "a"), REFTABLE_API_ERROR);
	CHECK_INT(reftable_iterator_next_log(&it, &log), REFTABLE_API_ERROR);
	reftable_iterator_destroy(&it);
	reftable_iterator_destroy(&it);
	reftable_ref_record_release(&ref);
}

/*
 * An entry without message has an empty one, until git's library compacts it: then it is a line like
 * all others. libgit2 frees empty messages twice, and has come to depend on that.
 */
static void compaction_ends_messages_unless_they_are_to_be_exact(void)
{
	int exact, i;

	for (exact = 0; exact < 2; exact++) {
		struct reftable_write_options options = { 0 };
		struct reftable_stack *stack;
		struct reftable_log_record log = { 0 };

		options.disable_auto_compact = 1;
		options.exact_log_message = (unsigned)exact & 1;
		stack = open_stack(scratch_dir(), &options);
		CHECK_INT(commit_log(stack, a_log("a", 1, NULL)), 0);
		CHECK_INT(commit_log(stack, a_log("b", 2, "line\n")), 0);
		for (i = 0; i < 2; i++) {
			CHECK_INT(reftable_stack_read_log(stack, "a", &log), 0);
			CHECK_STR(log.value.update.message, i && !exact ? "\n" : "");
			CHECK_INT(reftable_stack_read_log(stack, "b", &log), 0);
			CHECK_STR(log.value.update.message, "line\n");
			CHECK_INT(reftable_stack_compact_all(stack, NULL), 0);
		}
		reftable_log_record_release(&log);
		reftable_stack_destroy(stack);
	}
}

static void auto_compaction_obeys_the_options(void)
{
	const char *dirs[2];
	int disabled, i;

	for (disabled = 0; disabled < 2; disabled++) {
		struct reftable_write_options options = { 0 };
		struct reftable_stack *stack;
		bool required = true;

		dirs[disabled] = scratch_dir();
		options.disable_auto_compact = (unsigned)disabled & 1;
		stack = open_stack(dirs[disabled], &options);
		CHECK_INT(reftable_stack_compaction_required(stack, false, &required), 0);
		CHECK(!required);
		for (i = 0; i < 10; i++)
			CHECK_INT(commit_ref(stack, a_ref("a", 0, (uint8_t)(i + 1))), 0);
		CHECK_INT(reftable_stack_compaction_required(stack, true, &required), 0);
		CHECK_INT(required, disabled);
		CHECK_INT(listed_tables(dirs[disabled]) == 10, disabled);
		CHECK_INT(reftable_stack_auto_compact(stack), 0);
		CHECK(listed_tables(dirs[disabled]) < 3);
		CHECK(reftable_stack_compaction_stats(stack)->attempts > 0);
		CHECK_INT(value_of(stack, "a"), 10);
		reftable_stack_destroy(stack);
	}
}

/*
 * git's library reads a list without its last newline as one that was cut short. Whoever takes it
 * for whole shows refs of the past, and the next commit makes that permanent.
 */
static void a_list_that_was_cut_short_is_refused(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir, NULL);
	struct reftable_stack *refused = stack;
	char list[256];

	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	snprintf(list, sizeof(list), "%s", listed_table(dir, 0));
	REQUIRE(write_text(dir, "tables.list", list) == 0);
	CHECK_INT(reftable_new_stack(&refused, dir, NULL), REFTABLE_FORMAT_ERROR);
	CHECK(refused == NULL);
	CHECK_INT(reftable_stack_reload(stack), REFTABLE_FORMAT_ERROR);
	CHECK_INT(commit_ref(stack, a_ref("b", 0, 2)), REFTABLE_FORMAT_ERROR);
	/* The handle still shows what it did. */
	CHECK_INT(value_of(stack, "a"), 1);
	CHECK(!exists(dir, "tables.list.lock"));
	REQUIRE(write_text(dir, "tables.list", "") == 0);
	CHECK_INT(reftable_stack_reload(stack), 0);
	CHECK_INT(value_of(stack, "a"), 0);
	reftable_stack_destroy(stack);
}

static int count_finding(struct reftable_fsck_info *info, void *arg)
{
	CHECK_INT(info->error, REFTABLE_FSCK_ERROR_TABLE_NAME);
	CHECK_STR(info->msg, "invalid reftable table name");
	CHECK_STR(info->path, "odd.ref");
	++*(int *)arg;
	return 6;
}

static void count_text(const char *text, void *arg)
{
	CHECK(strncmp(text, "Checking table: ", 16) == 0);
	++*(int *)arg;
}

static void a_check_reports_odd_names(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir, NULL);
	char name[256];
	int calls = 0;

	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	CHECK_INT(reftable_fsck_check(stack, count_finding, count_text, &calls), 0);
	CHECK_INT(calls, 1);
	snprintf(name, sizeof(name), "%s", listed_table(dir, 0));
	REQUIRE(rename(in_dir(dir, name), in_dir(dir, "odd.ref")) == 0);
	REQUIRE(write_text(dir, "tables.list", "odd.ref\n") == 0);
	CHECK_INT(reftable_stack_reload(stack), 0);
	CHECK_INT(reftable_fsck_check(stack, count_finding, count_text, &calls), 6);
	CHECK_INT(calls, 3);
	reftable_stack_destroy(stack);
}

static void files_have_the_permissions_that_the_options_say(void)
{
	const char *dir = scratch_dir();
	struct reftable_write_options options = { 0 };
	struct reftable_stack *stack;
	struct stat st;

	options.default_permissions = 0660;
	stack = open_stack(dir, &options);
	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	REQUIRE(stat(in_dir(dir, "tables.list"), &st) == 0);
	CHECK_INT(st.st_mode & 0777, 0660);
	REQUIRE(stat(in_dir(dir, listed_table(dir, 0)), &st) == 0);
	CHECK_INT(st.st_mode & 0777, 0660);
	reftable_stack_destroy(stack);
}

static int hundreds_of_refs(struct reftable_writer *writer, void *arg)
{
	uint64_t index = *(uint64_t *)arg;
	int i, err = reftable_writer_set_limits(writer, index, index);

	for (i = 0; !err && i < 400; i++) {
		char name[32];
		struct reftable_ref_record ref = a_ref(name, index, (uint8_t)i);

		snprintf(name, sizeof(name), "refs/heads/%d-%06d", (int)index, i);
		err = reftable_writer_add_ref(writer, &ref);
	}
	return err;
}

/* The disk was full after the commit: a ref that was there was reported as not written. */
static void a_commit_is_no_failure_because_the_compaction_after_it_fails(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir, NULL);
	struct rlimit before, limit;
	uint64_t index = 1;

	CHECK_INT(reftable_stack_add(stack, hundreds_of_refs, &index, 0), 0);
	CHECK_INT(reftable_stack_compaction_stats(stack)->failures, 0);
	/* A table of this kind can be written, two in one cannot. */
	REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
	REQUIRE(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	limit = before;
	limit.rlim_cur = 20 << 10;
	REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	index = 2;
	CHECK_INT(reftable_stack_add(stack, hundreds_of_refs, &index, 0), 0);
	REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
	CHECK_INT(reftable_stack_compaction_stats(stack)->failures, 1);
	CHECK_INT(entries_with(dir, ".ref"), 2);
	CHECK_INT(value_of(stack, "refs/heads/2-000007"), 7);
	CHECK(is_tidy(dir));
	reftable_stack_destroy(stack);
}

int main(int argc, char **argv)
{
	TESTS_BEGIN(argc, argv);
	RUN(null_is_misuse_and_freeing_it_is_not);
	RUN(a_missing_folder_is_an_empty_stack);
	RUN(a_locked_stack_and_an_outdated_one_are_told_apart);
	RUN(the_value_of_a_callback_comes_back_and_nothing_is_left);
	RUN(an_empty_stack_has_nothing_to_do);
	RUN(a_missing_folder_cannot_be_written_to);
	RUN(what_a_callback_wrote_counts_unless_it_fails);
	RUN(a_table_without_limits_is_misuse);
	RUN(an_update_index_of_the_past_is_misuse);
	RUN(limits_upside_down_are_those_of_the_next_table);
	RUN(reloads_are_told_and_callbacks_may_come_back);
	RUN(iterators_outlive_compaction_and_the_stack);
	RUN(compaction_ends_messages_unless_they_are_to_be_exact);
	RUN(auto_compaction_obeys_the_options);
	RUN(a_list_that_was_cut_short_is_refused);
	RUN(a_check_reports_odd_names);
	RUN(files_have_the_permissions_that_the_options_say);
	RUN(a_commit_is_no_failure_because_the_compaction_after_it_fails);
	return TESTS_END();
}
