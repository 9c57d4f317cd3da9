/* What an archive for git does with the functions of its host. */
#include "../test.h"
#include "../scratch.h"
#include "reftable-git.h"
#include "../git/transactions.h"
#include "host.h"

static void a_commit_syncs_twice_and_holds_nothing(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir, NULL);

	host.syncs = 0;
	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	CHECK_INT(host.syncs, 2);
	CHECK_INT(host.files, 0);
	CHECK_INT(host.locks, 0);
	CHECK(is_tidy(dir));
	reftable_stack_destroy(stack);
}

/* Writes more than is kept in memory, and then returns what it is told to. */
static int many_refs(struct reftable_writer *writer, void *arg)
{
	int i, err = reftable_writer_set_limits(writer, 1, 1);

	CHECK_INT(host.locks, 1);
	for (i = 0; !err && i < 5000; i++) {
		char name[32];
		struct reftable_ref_record ref = a_ref(name, 1, (uint8_t)i);

		snprintf(name, sizeof(name), "refs/heads/%06d", i);
		err = reftable_writer_add_ref(writer, &ref);
	}
	CHECK_INT(host.files, 1);
	return err ? err : *(int *)arg;
}

/* A temporary file was taken for one that is not held, since the host keeps no pointer for it. */
static void a_table_that_failed_is_removed(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir, NULL);
	int before = open_descriptors();
	int value = -42;

	CHECK_INT(reftable_stack_add(stack, many_refs, &value, 0), -42);
	CHECK_INT(host.files, 0);
	CHECK_INT(host.locks, 0);
	CHECK_INT(entries_with(dir, ""), 0);
	CHECK_INT(open_descriptors(), before);
	reftable_stack_destroy(stack);
}

static void only_the_lock_of_the_list_is_waited_for(void)
{
	const char *dir = scratch_dir();
	struct reftable_write_options options = { 0 };
	struct reftable_stack *stack;
	struct reftable_addition *addition = NULL;

	options.lock_timeout_ms = 100;
	options.disable_auto_compact = 1;
	stack = open_stack(dir, &options);
	host.table_timeout_ms = -1;
	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	CHECK_INT(commit_ref(stack, a_ref("b", 0, 2)), 0);
	CHECK_INT(reftable_stack_compact_all(stack, NULL), 0);
	CHECK_INT(host.list_timeout_ms, 100);
	CHECK_INT(host.table_timeout_ms, 0);
	CHECK(is_tidy(dir));
	CHECK_INT(host.files, 0);
	CHECK_INT(host.locks, 0);

	REQUIRE(write_text(dir, "tables.list.lock", "") == 0);
	CHECK_INT(reftable_stack_new_addition(&addition, stack, 0), REFTABLE_LOCK_ERROR);
	CHECK(addition == NULL && exists(dir, "tables.list.lock"));
	reftable_stack_destroy(stack);
}

/* Zero is no time at all, and what a host says that gives no options. */
static void a_time_out_of_zero_is_handed_on(void)
{
	struct reftable_write_options options = { 0 };
	struct reftable_write_options *given[] = { NULL, &options };
	size_t i;

	for (i = 0; i < 2; i++) {
		struct reftable_stack *stack = open_stack(scratch_dir(), given[i]);

		host.list_timeout_ms = -1;
		CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
		CHECK_INT(host.list_timeout_ms, 0);
		reftable_stack_destroy(stack);
	}
}

static void large_tables_are_read_and_let_go(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir, NULL);
	int before = open_descriptors(), value = 0;

	CHECK_INT(reftable_stack_add(stack, many_refs, &value, 0), 0);
	CHECK(entries_with(dir, ".ref") == 1);
	CHECK_INT(value_of(stack, "refs/heads/000007"), 7);
	reftable_stack_destroy(stack);
	CHECK_INT(open_descriptors(), before);
}

static void free_the_writer(void *writer)
{
	reftable_writer_free(writer);
}

static int refs_while_the_host_frees_the_writer(struct reftable_writer *writer, void *arg)
{
	int err;

	host.when_made = free_the_writer;
	host.arg = writer;
	err = many_refs(writer, arg);
	host.when_made = NULL;
	CHECK_INT(reftable_writer_set_limits(writer, 1, 1), REFTABLE_API_ERROR);
	return err;
}

/* The writer was at work then, and so not known to be the stack's: it was freed twice. */
static void the_writer_of_a_stack_outlives_being_freed_while_at_work(void)
{
	struct reftable_stack *stack = open_stack(scratch_dir(), NULL);
	int value = 0;

	CHECK_INT(reftable_stack_add(stack, refs_while_the_host_frees_the_writer, &value, 0), 0);
	CHECK_INT(value_of(stack, "refs/heads/000007"), 7);
	reftable_stack_destroy(stack);
}

/* The host forgets a lock that it could not remove, and nobody removed it then. */
static void a_lock_that_the_host_fails_to_remove_is_removed(void)
{
	const char *dir = scratch_dir();
	struct reftable_write_options options = { 0 };
	struct reftable_stack *stack;

	options.disable_auto_compact = 1;
	stack = open_stack(dir, &options);
	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	CHECK_INT(commit_ref(stack, a_ref("b", 0, 2)), 0);
	/* Those of the list at the beginning, and of both tables at the end. */
	host.failing_removals = 3;
	CHECK_INT(reftable_stack_compact_all(stack, NULL), 0);
	CHECK_INT(host.failing_removals, 0);
	CHECK_INT(host.locks, 0);
	CHECK(is_tidy(dir));
	reftable_stack_destroy(stack);
}

int main(int argc, char **argv)
{
	TESTS_BEGIN(argc, argv);
	RUN(a_commit_syncs_twice_and_holds_nothing);
	RUN(a_table_that_failed_is_removed);
	RUN(only_the_lock_of_the_list_is_waited_for);
	RUN(a_time_out_of_zero_is_handed_on);
	RUN(large_tables_are_read_and_let_go);
	RUN(the_writer_of_a_stack_outlives_being_freed_while_at_work);
	RUN(a_lock_that_the_host_fails_to_remove_is_removed);
	return TESTS_END();
}
