/*
 * Callbacks that call back. git's callbacks use the stack they are called from: they ask for the
 * next index, resolve refs, walk the logs; some write elsewhere. Nothing may be locked against it.
 */
#include "../test.h"
#include "../scratch.h"
#include "reftable.h"
#include "memory.h"
#include "transactions.h"
#include "writing.h"

struct visit {
	struct reftable_stack *stack;
	const char *dir;
	uint64_t index; /* what the next index is before the transaction */
	int calls;
};

static struct reftable_stack *stack_of_two(const char *dir)
{
	struct reftable_stack *stack = open_stack(dir);

	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	CHECK_INT(commit_ref(stack, a_symref("b", 0, "a")), 0);
	CHECK_INT(commit_log(stack, a_log("a", 1, "m")), 0);
	return stack;
}

static int write_new(struct reftable_writer *writer, struct visit *visit)
{
	struct reftable_ref_record ref = a_ref("new", visit->index, 9);

	visit->calls++;
	return reftable_writer_add_ref(writer, &ref);
}

static int read_the_same_stack(struct reftable_writer *writer, void *arg)
{
	struct visit *visit = arg;
	struct reftable_iterator refs = { 0 }, logs = { 0 };
	struct reftable_ref_record ref = { 0 };
	struct reftable_log_record log = { 0 };
	struct reftable_merged_table *merged = reftable_stack_merged_table(visit->stack);

	CHECK_INT(reftable_stack_next_update_index(visit->stack), visit->index);
	reftable_writer_set_limits(writer, visit->index, visit->index);
	CHECK_INT(value_of(visit->stack, "a"), 1);
	CHECK_INT(reftable_merged_table_seek_ref(merged, &refs, ""), 0);
	CHECK_INT(reftable_merged_table_seek_log(merged, &logs, ""), 0);
	CHECK_INT(reftable_iterator_next_ref(&refs, &ref), 0);
	CHECK_INT(write_new(writer, visit), 0);
	/* Reading and writing alternate; the view is that of before. */
	CHECK_INT(value_of(visit->stack, "new"), 0);
	CHECK_INT(newest_log_of(visit->stack, "a"), 1);
	CHECK_INT(reftable_iterator_next_ref(&refs, &ref), 0);
	CHECK_STR(ref.ref_name, "b");
	CHECK_INT(reftable_iterator_next_log(&logs, &log), 0);
	CHECK_INT(reftable_iterator_next_ref(&refs, &ref), 1);
	reftable_iterator_destroy(&refs);
	reftable_iterator_destroy(&logs);
	reftable_ref_record_clear(&ref);
	reftable_log_record_clear(&log);
	CHECK(reftable_stack_compaction_stats(visit->stack) != NULL);
	return 0;
}

static int reload_the_same_stack(struct reftable_writer *writer, void *arg)
{
	struct visit *visit = arg;

	reftable_writer_set_limits(writer, visit->index, visit->index);
	CHECK_INT(reftable_stack_reload(visit->stack), 0);
	CHECK_INT(write_new(writer, visit), 0);
	CHECK_INT(reftable_stack_reload(visit->stack), 0);
	CHECK_INT(value_of(visit->stack, "a"), 1);
	return 0;
}

/* The lock is held: nested writers are told so, and leave this one's lock. */
static int write_the_same_stack(struct reftable_writer *writer, void *arg)
{
	struct visit *visit = arg;
	struct reftable_addition *addition = (struct reftable_addition *)visit;
	struct reftable_stack *other = open_stack(visit->dir);
	struct reftable_log_expiry_config expiry = { 1, 1 };
	int err;

	reftable_writer_set_limits(writer, visit->index, visit->index);
	CHECK_INT(reftable_stack_new_addition(&addition, visit->stack), -5);
	CHECK(addition == NULL);
	CHECK_INT(commit_ref(visit->stack, a_ref("nested", 0, 1)), -5);
	CHECK_INT(commit_ref(other, a_ref("nested", 0, 1)), -5);
	CHECK_INT(reftable_stack_compact_all(other, &expiry), 1);
	CHECK_INT(write_new(writer, visit), 0);
	CHECK_INT(reftable_stack_compact_all(visit->stack, &expiry), 1);
	err = reftable_stack_auto_compact(visit->stack);
	CHECK(err == 0 || err == 1);
	CHECK(exists(visit->dir, "tables.list.lock"));
	reftable_stack_destroy(other);
	return 0;
}

static int write_another_stack(struct reftable_writer *writer, void *arg)
{
	struct visit *visit = arg;
	struct reftable_stack *other = stack_of_two(scratch_dir());
	struct visit nested = { 0 };

	reftable_writer_set_limits(writer, visit->index, visit->index);
	nested.stack = other;
	nested.index = reftable_stack_next_update_index(other);
	CHECK_INT(reftable_stack_add(other, read_the_same_stack, &nested), 0);
	CHECK_INT(value_of(other, "new"), 9);
	CHECK_INT(reftable_stack_compact_all(other, NULL), 0);
	CHECK_INT(write_new(writer, visit), 0);
	reftable_stack_destroy(other);
	return 0;
}

/* A whole table written and read in memory, while the other writer waits. */
static int write_a_table(struct reftable_writer *writer, void *arg)
{
	struct visit *visit = arg;
	struct sink sink;

	reftable_writer_set_limits(writer, visit->index, visit->index);
	make_big_table(&sink, 20, 256, 1);
	CHECK_STR(strncmp(names_in(&sink), "refs/heads/branch-0000 ", 23) ? "no" : "yes", "yes");
	sink_clear(&sink);
	return write_new(writer, visit);
}

static void callbacks_may_use_the_stack_they_are_called_from(void)
{
	static int (*const callbacks[])(struct reftable_writer *, void *) = {
		read_the_same_stack, reload_the_same_stack, write_the_same_stack,
		write_another_stack, write_a_table,
	};
	size_t i;
	int through_addition;

	for (i = 0; i < COUNT(callbacks); i++)
		for (through_addition = 0; through_addition < 2; through_addition++) {
			const char *dir = scratch_dir();
			struct reftable_addition *addition = NULL;
			struct visit visit = { 0 };

			visit.stack = stack_of_two(dir);
			visit.dir = dir;
			visit.index = reftable_stack_next_update_index(visit.stack);
			if (through_addition) {
				CHECK_INT(reftable_stack_new_addition(&addition, visit.stack), 0);
				CHECK_INT(reftable_addition_add(addition, callbacks[i], &visit), 0);
				CHECK_INT(reftable_addition_commit(addition), 0);
				reftable_addition_destroy(addition);
			} else {
				CHECK_INT(reftable_stack_add(visit.stack, callbacks[i], &visit), 0);
			}
			CHECK_INT(visit.calls, 1);
			CHECK_INT(value_of(visit.stack, "new"), 9);
			CHECK_INT(value_of(visit.stack, "nested"), 0);
			CHECK_INT(count_refs(visit.stack), 3);
			CHECK(is_tidy(dir));
			reftable_stack_destroy(visit.stack);
		}
}

/* An addition is open, but no callback runs: everything but writing works. */
static void an_open_addition_does_not_lock_readers_out(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = stack_of_two(dir);
	struct reftable_addition *addition = NULL;

	CHECK_INT(reftable_stack_new_addition(&addition, stack), 0);
	CHECK_INT(value_of(stack, "a"), 1);
	CHECK_INT(count_refs(stack), 2);
	CHECK_INT(newest_log_of(stack, "a"), 1);
	CHECK_INT(reftable_stack_reload(stack), 0);
	CHECK_INT(reftable_stack_next_update_index(stack), 4);
	reftable_addition_destroy(addition);
	CHECK(is_tidy(dir));
	reftable_stack_destroy(stack);
}

/* git advances an iterator over the stack while it adds to the stack, again and again. */
static void a_stack_may_grow_while_it_is_iterated(void)
{
	struct reftable_stack *stack = open_stack(scratch_dir());
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record ref = { 0 };
	char name[32];
	int i, seen = 0;

	for (i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "a%02d", i);
		CHECK_INT(commit_ref(stack, a_ref(name, 0, 1)), 0);
	}
	CHECK_INT(reftable_merged_table_seek_ref(reftable_stack_merged_table(stack), &it, ""), 0);
	while (reftable_iterator_next_ref(&it, &ref) == 0) {
		snprintf(name, sizeof(name), "a%02d", seen);
		CHECK_STR(ref.ref_name, name);
		CHECK_INT(commit_ref(stack, a_tombstone(name, 0)), 0);
		snprintf(name, sizeof(name), "z%02d", seen);
		CHECK_INT(commit_ref(stack, a_ref(name, 0, 1)), 0);
		seen++;
	}
	CHECK_INT(seen, 20);
	reftable_iterator_destroy(&it);
	reftable_ref_record_clear(&ref);
	CHECK_INT(count_refs(stack), 20);
	reftable_stack_destroy(stack);
}

/* Nested three deep, each in a stack of its own. */
struct nest {
	struct reftable_stack *stacks[4];
	int depth;
};

static int go_deeper(struct reftable_writer *writer, void *arg)
{
	struct nest *nest = arg;
	struct reftable_ref_record ref = a_ref("a", 1, (uint8_t)(nest->depth + 1));

	reftable_writer_set_limits(writer, 1, 1);
	CHECK_INT(reftable_writer_add_ref(writer, &ref), 0);
	if (++nest->depth < 4)
		CHECK_INT(reftable_stack_add(nest->stacks[nest->depth], go_deeper, nest), 0);
	return 0;
}

static void transactions_of_several_stacks_nest(void)
{
	struct nest nest = { { 0 }, 0 };
	int i;

	for (i = 0; i < 4; i++)
		nest.stacks[i] = open_stack(scratch_dir());
	CHECK_INT(reftable_stack_add(nest.stacks[0], go_deeper, &nest), 0);
	CHECK_INT(nest.depth, 4);
	for (i = 0; i < 4; i++) {
		CHECK_INT(value_of(nest.stacks[i], "a"), i + 1);
		reftable_stack_destroy(nest.stacks[i]);
	}
}

/* The stack is destroyed by its own callback: the call that runs it must still end well. */
static int destroy_the_stack(struct reftable_writer *writer, void *arg)
{
	struct visit *visit = arg;
	struct reftable_stack *stack = visit->stack;

	reftable_writer_set_limits(writer, visit->index, visit->index);
	visit->stack = NULL;
	reftable_stack_destroy(stack);
	return write_new(writer, visit);
}

static void a_callback_may_destroy_its_stack(void)
{
	const char *dir = scratch_dir();
	struct visit visit = { 0 };

	visit.stack = stack_of_two(dir);
	visit.index = reftable_stack_next_update_index(visit.stack);
	CHECK_INT(reftable_stack_add(visit.stack, destroy_the_stack, &visit), 0);
	CHECK(is_tidy(dir));
	visit.stack = open_stack(dir);
	CHECK_INT(value_of(visit.stack, "new"), 9);
	reftable_stack_destroy(visit.stack);
}

/* The writer is the stack's: a callback that frees it has not freed it. */
static int free_the_writer(struct reftable_writer *writer, void *arg)
{
	struct visit *visit = arg;

	reftable_writer_set_limits(writer, visit->index, visit->index);
	reftable_writer_free(writer);
	CHECK_INT(write_new(writer, visit), 0);
	reftable_writer_free(writer);
	return 0;
}

/* So is the merged table. */
static void what_a_stack_lends_is_not_freed_by_others(void)
{
	const char *dir = scratch_dir();
	struct visit visit = { 0 };

	visit.stack = stack_of_two(dir);
	visit.index = reftable_stack_next_update_index(visit.stack);
	CHECK_INT(reftable_stack_add(visit.stack, free_the_writer, &visit), 0);
	CHECK_INT(value_of(visit.stack, "new"), 9);
	reftable_merged_table_close(reftable_stack_merged_table(visit.stack));
	reftable_merged_table_free(reftable_stack_merged_table(visit.stack));
	CHECK_INT(count_refs(visit.stack), 3);
	CHECK_INT(value_of(visit.stack, "new"), 9);
	reftable_stack_destroy(visit.stack);
}

/* An addition used by the callback that it runs. */
struct nested_addition {
	struct reftable_addition *addition;
	struct visit visit;
};

static int use_the_addition(struct reftable_writer *writer, void *arg)
{
	struct nested_addition *nested = arg;

	reftable_writer_set_limits(writer, nested->visit.index, nested->visit.index);
	CHECK_INT(reftable_addition_add(nested->addition, write_nothing, NULL), -6);
	CHECK_INT(reftable_addition_commit(nested->addition), -6);
	return write_new(writer, &nested->visit);
}

static void an_addition_refuses_itself_in_its_callback(void)
{
	const char *dir = scratch_dir();
	struct nested_addition nested = { 0 };

	nested.visit.stack = stack_of_two(dir);
	nested.visit.index = reftable_stack_next_update_index(nested.visit.stack);
	CHECK_INT(reftable_stack_new_addition(&nested.addition, nested.visit.stack), 0);
	CHECK_INT(reftable_addition_add(nested.addition, use_the_addition, &nested), 0);
	CHECK_INT(reftable_addition_commit(nested.addition), 0);
	reftable_addition_destroy(nested.addition);
	CHECK_INT(value_of(nested.visit.stack, "new"), 9);
	CHECK(is_tidy(dir));
	reftable_stack_destroy(nested.visit.stack);
}

/* It said 0 though nothing of what was written could ever be committed. */
static int destroy_the_addition(struct reftable_writer *writer, void *arg)
{
	struct nested_addition *nested = arg;

	reftable_writer_set_limits(writer, nested->visit.index, nested->visit.index);
	reftable_addition_destroy(nested->addition);
	return write_new(writer, &nested->visit);
}

static void an_addition_destroyed_by_its_callback_is_misuse(void)
{
	const char *dir = scratch_dir();
	struct nested_addition nested = { 0 };

	nested.visit.stack = stack_of_two(dir);
	nested.visit.index = reftable_stack_next_update_index(nested.visit.stack);
	CHECK_INT(reftable_stack_new_addition(&nested.addition, nested.visit.stack), 0);
	CHECK_INT(reftable_addition_add(nested.addition, destroy_the_addition, &nested), -6);
	CHECK_INT(nested.visit.calls, 1);
	CHECK_INT(value_of(nested.visit.stack, "new"), 0);
	CHECK(is_tidy(dir));
	reftable_stack_destroy(nested.visit.stack);
}

/*
 * A sink is a callback as well: it may write another table. The writer that called it is at work,
 * and says so.
 */
struct curious_sink {
	struct sink sink;
	struct reftable_writer *writer;
};

static int use_library_while_writing(void *arg, uint8_t *data, size_t size)
{
	struct curious_sink *curious = arg;
	struct reftable_ref_record ref = a_ref("z", 1, 1);
	struct sink other;

	writer_stats(curious->writer);
	CHECK_INT(reftable_writer_add_ref(curious->writer, &ref), -6);
	CHECK_INT(reftable_writer_close(curious->writer), -6);
	make_big_table(&other, 2, 0, 1);
	sink_clear(&other);
	return sink_write(&curious->sink, data, size);
}

static void a_sink_may_use_the_library(void)
{
	struct curious_sink curious = { { 0 }, NULL };
	struct reftable_ref_record ref = a_ref("a", 1, 1);

	curious.writer = reftable_new_writer(use_library_while_writing, &curious, NULL);
	reftable_writer_set_limits(curious.writer, 1, 1);
	CHECK_INT(reftable_writer_add_ref(curious.writer, &ref), 0);
	CHECK_INT(reftable_writer_close(curious.writer), 0);
	CHECK_STR(names_in(&curious.sink), "a");
	reftable_writer_free(curious.writer);
	sink_clear(&curious.sink);
}

int main(int argc, char **argv)
{
	TESTS_BEGIN(argc, argv);
	RUN(callbacks_may_use_the_stack_they_are_called_from);
	RUN(an_open_addition_does_not_lock_readers_out);
	RUN(a_stack_may_grow_while_it_is_iterated);
	RUN(transactions_of_several_stacks_nest);
	RUN(a_callback_may_destroy_its_stack);
	RUN(what_a_stack_lends_is_not_freed_by_others);
	RUN(an_addition_refuses_itself_in_its_callback);
	RUN(an_addition_destroyed_by_its_callback_is_misuse);
	RUN(a_sink_may_use_the_library);
	return TESTS_END();
}
