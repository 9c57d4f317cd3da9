/*
 * Forked children, which have copies of what their parent had open. A transaction stays the
 * parent's, whatever a child does to its copy.
 */
#define _GNU_SOURCE
#include "../test.h"
#include "../scratch.h"
#include "reftable.h"
#include "memory.h"
#include "transactions.h"

/* A transaction that the parent has begun: with how many refs. */
struct begun {
	const char *dir;
	struct reftable_stack *stack;
	struct reftable_addition *addition;
	int refs;
};

static void begin(struct begun *begun, const char *dir, int refs)
{
	static char names[4000][16];
	static struct reftable_ref_record records[4000];
	struct change change = { 0 };
	int i;

	begun->dir = dir;
	begun->stack = open_stack(dir);
	begun->addition = NULL;
	begun->refs = refs;
	CHECK_INT(reftable_stack_new_addition(&begun->addition, begun->stack), 0);
	for (i = 0; i < refs; i++) {
		snprintf(names[i], sizeof(names[i]), "r%04d", i);
		records[i] = a_ref(names[i], 0, 7);
	}
	change.stack = begun->stack;
	change.refs = records;
	change.ref_count = refs;
	if (refs)
		CHECK_INT(reftable_addition_add(begun->addition, write_change, &change), 0);
}

/* The parent's transaction is as it was: nobody else can begin, and its commit succeeds. */
static void check_still_the_parents(struct begun *begun)
{
	struct reftable_stack *other = open_stack(begun->dir);
	struct reftable_addition *addition = NULL;

	CHECK(exists(begun->dir, "tables.list.lock"));
	CHECK_INT(count_refs(other), 1);
	CHECK_INT(reftable_stack_new_addition(&addition, other), -5);
	CHECK_INT(reftable_addition_commit(begun->addition), 0);
	reftable_addition_destroy(begun->addition);
	CHECK(is_tidy(begun->dir));
	CHECK_INT(value_of(begun->stack, "old"), 1);
	CHECK_INT(reftable_stack_reload(other), 0);
	CHECK_INT(count_refs(other), 1 + begun->refs);
	CHECK_INT(commit_ref(other, a_ref("next", 0, 2)), 0);
	reftable_stack_destroy(other);
	reftable_stack_destroy(begun->stack);
}

static void drop_it(void *arg)
{
	struct begun *begun = arg;

	reftable_addition_destroy(begun->addition);
	reftable_stack_destroy(begun->stack);
}

static void commit_it(void *arg)
{
	struct begun *begun = arg;

	/* Where nothing was added there is nothing to be refused. */
	CHECK_INT(reftable_addition_commit(begun->addition), begun->refs ? -2 : 0);
	CHECK(exists(begun->dir, "tables.list.lock"));
	reftable_addition_destroy(begun->addition);
}

static void add_more_and_commit_it(void *arg)
{
	struct begun *begun = arg;
	struct reftable_ref_record ref = a_ref("child", 0, 3);
	struct change change = { 0 };

	change.stack = begun->stack;
	change.refs = &ref;
	change.ref_count = 1;
	change.min = change.max = 50;
	CHECK_INT(reftable_addition_add(begun->addition, write_change, &change), 0);
	CHECK_INT(reftable_addition_commit(begun->addition), -2);
	reftable_addition_destroy(begun->addition);
}

static void check_child(void (*child)(void *))
{
	/* None, few that stay in memory, and so many that they are in a file before the commit. */
	static const int refs[] = { 0, 1, 4000 };
	size_t i;
	int durable;

	for (durable = 0; durable < 2; durable++) {
		reftable_set_durability(durable);
		for (i = 0; i < COUNT(refs); i++) {
			const char *dir = scratch_dir();
			struct reftable_stack *stack = open_stack(dir);
			struct begun begun;

			CHECK_INT(commit_ref(stack, a_ref("old", 0, 1)), 0);
			reftable_stack_destroy(stack);
			begin(&begun, dir, refs[i]);
			CHECK_INT(test_in_child(child, &begun), 0);
			check_still_the_parents(&begun);
		}
	}
}

static void a_child_that_drops_the_parents_addition_leaves_it(void)
{
	check_child(drop_it);
}

/* The child replaced the list under the parent's lock, and the parent's commit failed. */
static void a_child_cannot_commit_the_parents_addition(void)
{
	check_child(commit_it);
	check_child(add_more_and_commit_it);
}

/* What a child begins itself is its own. */
static void commit_one_of_its_own(void *arg)
{
	struct reftable_stack *stack = open_stack(arg);

	CHECK_INT(commit_ref(stack, a_ref("child", 0, 3)), 0);
	reftable_stack_destroy(stack);
}

static void a_child_commits_what_it_has_begun(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);

	CHECK_INT(commit_ref(stack, a_ref("old", 0, 1)), 0);
	CHECK_INT(test_in_child(commit_one_of_its_own, (void *)dir), 0);
	CHECK_INT(reftable_stack_reload(stack), 0);
	CHECK_INT(value_of(stack, "child"), 3);
	CHECK(is_tidy(dir));
	reftable_stack_destroy(stack);
}

int main(int argc, char **argv)
{
	TESTS_BEGIN(argc, argv);
	RUN(a_child_that_drops_the_parents_addition_leaves_it);
	RUN(a_child_cannot_commit_the_parents_addition);
	RUN(a_child_commits_what_it_has_begun);
	return TESTS_END();
}
