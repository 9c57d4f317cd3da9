/* Transactions: stack_add and additions, what they refuse, what they leave behind. */
#include "../test.h"
#include "../scratch.h"
#include "reftable.h"
#include "transactions.h"

static int return_value(struct reftable_writer *writer, void *arg)
{
	int *value = arg;

	reftable_writer_set_limits(writer, 1, 1);
	return *value;
}

/* A change of one ref with these limits, for an addition that is already open. */
static int add_to(struct reftable_addition *addition, struct reftable_stack *stack,
		  struct reftable_ref_record ref, uint64_t min, uint64_t max)
{
	struct change change = { 0 };

	change.stack = stack;
	change.refs = &ref;
	change.ref_count = 1;
	change.min = min;
	change.max = max;
	return reftable_addition_add(addition, write_change, &change);
}

static void null_arguments_are_misuse(void)
{
	struct reftable_stack *stack = open_stack(scratch_dir());
	struct reftable_addition *addition = NULL;

	CHECK_INT(reftable_addition_add(NULL, write_nothing, NULL), -6);
	CHECK_INT(reftable_addition_commit(NULL), -6);
	reftable_addition_destroy(NULL);
	CHECK_INT(reftable_stack_new_addition(&addition, stack), 0);
	CHECK_INT(reftable_addition_add(addition, NULL, NULL), -6);
	CHECK_INT(reftable_addition_commit(addition), 0);
	reftable_addition_destroy(addition);
	reftable_stack_destroy(stack);
}

static void a_committed_addition_is_visible_at_once(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);
	struct reftable_addition *addition = NULL;

	CHECK_INT(reftable_stack_new_addition(&addition, stack), 0);
	CHECK(addition != NULL);
	CHECK(exists(dir, "tables.list.lock"));
	CHECK_INT(add_to(addition, stack, a_ref("a", 0, 5), 0, 0), 0);
	CHECK_INT(value_of(stack, "a"), 0);
	CHECK_INT(listed_tables(dir), 0);
	CHECK_INT(reftable_addition_commit(addition), 0);
	CHECK(!exists(dir, "tables.list.lock"));
	CHECK_INT(value_of(stack, "a"), 5);
	/* A second commit has nothing to do; a second add would have no lock. */
	CHECK_INT(reftable_addition_commit(addition), 0);
	CHECK_INT(add_to(addition, stack, a_ref("b", 0, 5), 0, 0), -6);
	CHECK_INT(reftable_addition_commit(addition), 0);
	reftable_addition_destroy(addition);
	CHECK_INT(value_of(stack, "b"), 0);
	CHECK(is_tidy(dir));
	reftable_stack_destroy(stack);
}

/* The numbers a callback returns come out unchanged; nothing is locked or left afterwards. */
static void a_failing_callback_leaves_nothing(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);
	int value;

	for (value = -1; value >= -12; value--) {
		CHECK_INT(reftable_stack_add(stack, return_value, &value), value);
		CHECK_INT(entries_with(dir, ""), 0);
	}
	value = -4711;
	CHECK_INT(reftable_stack_add(stack, return_value, &value), value);
	CHECK_INT(entries_with(dir, ""), 0);
	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	CHECK(is_tidy(dir));
	reftable_stack_destroy(stack);
}

struct fail_after {
	struct reftable_stack *stack;
	int result;
};

static int write_then_fail(struct reftable_writer *writer, void *arg)
{
	struct fail_after *plan = arg;
	uint64_t index = reftable_stack_next_update_index(plan->stack);
	struct reftable_ref_record ref = a_ref("a", index, 1);

	reftable_writer_set_limits(writer, index, index);
	CHECK_INT(reftable_writer_add_ref(writer, &ref), 0);
	return plan->result;
}

/* Also after it has written; a positive value counts as success. */
static void what_a_failing_callback_has_written_is_dropped(void)
{
	const char *dir = scratch_dir();
	struct fail_after plan = { open_stack(dir), -77 };

	CHECK_INT(reftable_stack_add(plan.stack, write_then_fail, &plan), -77);
	CHECK_INT(entries_with(dir, ""), 0);
	CHECK_INT(value_of(plan.stack, "a"), 0);
	plan.result = 5;
	CHECK_INT(reftable_stack_add(plan.stack, write_then_fail, &plan), 0);
	CHECK_INT(value_of(plan.stack, "a"), 1);
	CHECK(is_tidy(dir));
	reftable_stack_destroy(plan.stack);
}

/* git's expiry often has no tombstone to write. */
static void adding_nothing_succeeds_without_a_table(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);
	struct reftable_addition *addition = NULL;

	CHECK_INT(reftable_stack_add(stack, write_nothing, NULL), 0);
	CHECK_INT(listed_tables(dir), 0);
	CHECK(!exists(dir, "tables.list.lock"));
	CHECK_INT(reftable_stack_new_addition(&addition, stack), 0);
	CHECK_INT(reftable_addition_add(addition, write_nothing, NULL), 0);
	CHECK_INT(reftable_addition_commit(addition), 0);
	CHECK(!exists(dir, "tables.list.lock"));
	reftable_addition_destroy(addition);
	CHECK_INT(reftable_stack_next_update_index(stack), 1);
	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	CHECK(is_tidy(dir));
	reftable_stack_destroy(stack);
}

static void an_addition_without_a_table_commits(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);
	struct reftable_addition *addition = NULL;

	CHECK_INT(reftable_stack_new_addition(&addition, stack), 0);
	CHECK_INT(reftable_addition_commit(addition), 0);
	CHECK(!exists(dir, "tables.list.lock"));
	reftable_addition_destroy(addition);
	reftable_stack_destroy(stack);
}

/* git's pseudoref code commits even if the add has failed: it must free the lock. */
static void commit_after_a_failed_add_releases_the_lock(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);
	struct reftable_addition *addition = NULL;
	int value = -3;

	CHECK_INT(reftable_stack_new_addition(&addition, stack), 0);
	CHECK_INT(reftable_addition_add(addition, return_value, &value), -3);
	CHECK(exists(dir, "tables.list.lock"));
	CHECK_INT(reftable_addition_commit(addition), 0);
	reftable_addition_destroy(addition);
	CHECK_INT(entries_with(dir, ".lock") + entries_with(dir, ".ref"), 0);
	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	reftable_stack_destroy(stack);
}

/* A failed add does not spoil the addition. */
static void an_addition_stays_usable_after_a_failed_add(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);
	struct reftable_addition *addition = NULL;
	int value = -1;

	CHECK_INT(reftable_stack_new_addition(&addition, stack), 0);
	CHECK_INT(reftable_addition_add(addition, return_value, &value), -1);
	CHECK_INT(add_to(addition, stack, a_ref("a//b", 1, 1), 1, 1), -10);
	CHECK_INT(add_to(addition, stack, a_ref("a", 1, 3), 1, 1), 0);
	CHECK_INT(reftable_addition_commit(addition), 0);
	reftable_addition_destroy(addition);
	CHECK_INT(value_of(stack, "a"), 3);
	CHECK(is_tidy(dir));
	reftable_stack_destroy(stack);
}

/* C left the staged tables, under their final names. */
static void an_abandoned_addition_leaves_nothing(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);
	struct reftable_addition *addition = NULL;

	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	CHECK_INT(reftable_stack_new_addition(&addition, stack), 0);
	CHECK_INT(add_to(addition, stack, a_ref("a", 2, 2), 2, 2), 0);
	CHECK_INT(add_to(addition, stack, a_ref("b", 3, 2), 3, 3), 0);
	reftable_addition_destroy(addition);
	CHECK_INT(value_of(stack, "a"), 1);
	CHECK_INT(reftable_stack_reload(stack), 0);
	CHECK_INT(value_of(stack, "a"), 1);
	CHECK(is_tidy(dir));
	CHECK_INT(commit_ref(stack, a_ref("b", 0, 1)), 0);
	reftable_stack_destroy(stack);
}

/*
 * Two tables of one index in one addition: C gave both the same file name, and the stack could not
 * be opened any more. They must ascend.
 */
static void tables_of_one_addition_must_ascend(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);
	struct reftable_addition *addition = NULL;

	CHECK_INT(reftable_stack_new_addition(&addition, stack), 0);
	CHECK_INT(add_to(addition, stack, a_ref("a", 1, 1), 1, 2), 0);
	CHECK_INT(add_to(addition, stack, a_ref("b", 1, 1), 1, 1), -6);
	CHECK_INT(add_to(addition, stack, a_ref("b", 2, 1), 2, 2), -6);
	CHECK_INT(add_to(addition, stack, a_ref("b", 3, 2), 3, 3), 0);
	CHECK_INT(reftable_addition_commit(addition), 0);
	reftable_addition_destroy(addition);
	CHECK_INT(value_of(stack, "a"), 1);
	CHECK_INT(value_of(stack, "b"), 2);
	CHECK_INT(reftable_stack_next_update_index(stack), 4);
	CHECK(is_tidy(dir));
	reftable_stack_destroy(stack);
	stack = open_stack(dir);
	CHECK_INT(count_refs(stack), 2);
	reftable_stack_destroy(stack);
}

static void update_indexes_must_not_go_back(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);
	struct reftable_ref_record ref = a_ref("a", 1, 1);
	struct change change = { 0 };

	change.stack = stack;
	change.refs = &ref;
	change.ref_count = 1;
	change.min = change.max = 1;
	CHECK_INT(reftable_stack_add(stack, write_change, &change), 0);
	CHECK_INT(reftable_stack_add(stack, write_change, &change), -6);
	CHECK(is_tidy(dir));
	/* A gap is fine; the table's limits count, not its records. */
	ref.update_index = 10;
	change.min = 10;
	change.max = 20;
	CHECK_INT(reftable_stack_add(stack, write_change, &change), 0);
	CHECK_INT(reftable_stack_next_update_index(stack), 21);
	ref.update_index = 15;
	change.min = change.max = 15;
	CHECK_INT(reftable_stack_add(stack, write_change, &change), -6);
	CHECK(is_tidy(dir));
	CHECK_INT(value_of(stack, "a"), 1);
	reftable_stack_destroy(stack);
}

/* 2^64 - 1 is the last index: there is none after it, and it must not wrap around to 0. */
static void the_last_update_index_is_the_last(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);
	struct reftable_ref_record ref = a_ref("a", UINT64_MAX, 1);
	struct change change = { 0 };

	change.stack = stack;
	change.refs = &ref;
	change.ref_count = 1;
	change.min = change.max = UINT64_MAX;
	CHECK_INT(reftable_stack_add(stack, write_change, &change), 0);
	CHECK_INT(value_of(stack, "a"), 1);
	CHECK_INT(reftable_stack_add(stack, write_change, &change), -6);
	ref.update_index = change.min = change.max = 5;
	CHECK_INT(reftable_stack_add(stack, write_change, &change), -6);
	CHECK(is_tidy(dir));
	CHECK_INT(value_of(stack, "a"), 1);
	reftable_stack_destroy(stack);
}

/* Logs may carry any index, above the limits too; deletions of such entries work. */
static void logs_of_any_index_are_added_and_deleted(void)
{
	struct reftable_stack *stack = open_stack(scratch_dir());

	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	CHECK_INT(commit_ref(stack, a_ref("b", 0, 1)), 0);
	CHECK_INT(commit_log(stack, a_log("a", 42, "m")), 0);
	CHECK_INT(newest_log_of(stack, "a"), 42);
	CHECK_INT(commit_log(stack, a_log_tombstone("a", 42)), 0);
	CHECK_INT(newest_log_of(stack, "a"), 0);
	CHECK_INT(reftable_stack_compact_all(stack, NULL), 0);
	CHECK_INT(newest_log_of(stack, "a"), 0);
	CHECK_INT(count_logs(stack), 0);
	reftable_stack_destroy(stack);
}

/* Several entries of one ref in one transaction. */
static void one_transaction_may_span_several_indexes(void)
{
	struct reftable_stack *stack = open_stack(scratch_dir());
	struct reftable_log_record logs[3];
	struct change change = { 0 };

	change.stack = stack;
	change.logs = logs;
	change.log_count = 3;
	change.min = 1;
	change.max = 3;
	logs[0] = a_log("a", 3, "3");
	logs[1] = a_log("a", 2, "2");
	logs[2] = a_log("a", 1, "1");
	CHECK_INT(reftable_stack_add(stack, write_change, &change), 0);
	CHECK_INT(reftable_stack_next_update_index(stack), 4);
	CHECK_INT(newest_log_of(stack, "a"), 3);
	CHECK_INT(count_logs(stack), 3);
	reftable_stack_destroy(stack);
}

/* An error of the writer that the callback did not look at must not be lost. */
static int ignore_errors(struct reftable_writer *writer, void *arg)
{
	struct reftable_ref_record ref = a_ref("a", 1, 1);

	(void)arg;
	reftable_writer_set_limits(writer, 5, 3);
	reftable_writer_add_ref(writer, &ref);
	return 0;
}

static void limits_the_wrong_way_round_fail_the_transaction(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);

	CHECK_INT(reftable_stack_add(stack, ignore_errors, NULL), -6);
	CHECK_INT(entries_with(dir, ""), 0);
	reftable_stack_destroy(stack);
}

/* The writer belongs to the stack; a callback that closes it must not break anything. */
static int close_the_writer(struct reftable_writer *writer, void *arg)
{
	struct reftable_ref_record ref = a_ref("a", 1, 1);

	(void)arg;
	reftable_writer_set_limits(writer, 1, 1);
	CHECK_INT(reftable_writer_add_ref(writer, &ref), 0);
	reftable_writer_close(writer);
	return 0;
}

static void a_callback_that_closes_its_writer_does_no_harm(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);
	int err = reftable_stack_add(stack, close_the_writer, NULL);

	CHECK(err == 0 || err == -6);
	CHECK_INT(value_of(stack, "a"), err ? 0 : 1);
	CHECK(is_tidy(dir));
	reftable_stack_destroy(stack);
}

/* What a callback gets, and the strings and ids of its records, may go as soon as the call returns. */
static void an_argument_is_used_during_the_call_only(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);
	struct reftable_addition *addition = NULL;
	int i;

	CHECK_INT(reftable_stack_new_addition(&addition, stack), 0);
	for (i = 0; i < 2; i++) {
		struct change *change = calloc(1, sizeof(*change));
		struct reftable_ref_record *ref = calloc(1, sizeof(*ref));
		char *name = strdup("refs/heads/main");
		uint8_t *id = malloc(20);

		REQUIRE(change && ref && name && id);
		memset(id, 5 + i, 20);
		ref->ref_name = name;
		ref->value = id;
		change->stack = stack;
		change->refs = ref;
		change->ref_count = 1;
		if (i == 0) {
			CHECK_INT(reftable_addition_add(addition, write_change, change), 0);
		} else {
			CHECK_INT(reftable_addition_commit(addition), 0);
			CHECK_INT(value_of(stack, "refs/heads/main"), 5);
			CHECK_INT(reftable_stack_add(stack, write_change, change), 0);
		}
		memset(id, 0xff, 20);
		memset(name, 'x', strlen(name));
		free(id);
		free(name);
		free(ref);
		free(change);
	}
	CHECK_INT(value_of(stack, "refs/heads/main"), 6);
	reftable_addition_destroy(addition);
	reftable_stack_destroy(stack);
	CHECK(is_tidy(dir));
}

/* In a folder that nobody may write to: an error, and no trace. */
static void a_stack_that_cannot_be_written_says_so(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);

	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	CHECK_INT(mkdir(in_dir(dir, "kept"), 0777), 0);
	CHECK_INT(unlink(in_dir(dir, "tables.list")), 0);
	CHECK_INT(mkdir(in_dir(dir, "tables.list"), 0777), 0);
	CHECK(commit_ref(stack, a_ref("b", 0, 1)) < 0);
	CHECK(!exists(dir, "tables.list.lock"));
	CHECK_INT(value_of(stack, "a"), 1);
	reftable_stack_destroy(stack);
}

int main(int argc, char **argv)
{
	TESTS_BEGIN(argc, argv);
	RUN(null_arguments_are_misuse);
	RUN(a_committed_addition_is_visible_at_once);
	RUN(a_failing_callback_leaves_nothing);
	RUN(what_a_failing_callback_has_written_is_dropped);
	RUN(adding_nothing_succeeds_without_a_table);
	RUN(an_addition_without_a_table_commits);
	RUN(commit_after_a_failed_add_releases_the_lock);
	RUN(an_addition_stays_usable_after_a_failed_add);
	RUN(an_abandoned_addition_leaves_nothing);
	RUN(tables_of_one_addition_must_ascend);
	RUN(update_indexes_must_not_go_back);
	RUN(the_last_update_index_is_the_last);
	RUN(logs_of_any_index_are_added_and_deleted);
	RUN(one_transaction_may_span_several_indexes);
	RUN(limits_the_wrong_way_round_fail_the_transaction);
	RUN(a_callback_that_closes_its_writer_does_no_harm);
	RUN(an_argument_is_used_during_the_call_only);
	RUN(a_stack_that_cannot_be_written_says_so);
	return TESTS_END();
}
