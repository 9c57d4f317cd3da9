/* The check of names: illegal ones, and those that are both a ref and a folder of refs. */
#include "../test.h"
#include "../scratch.h"
#include "reftable.h"
#include "transactions.h"

static int commit_refs(struct reftable_stack *stack, struct reftable_ref_record *refs, int count)
{
	struct change change = { 0 };

	change.stack = stack;
	change.refs = refs;
	change.ref_count = count;
	return reftable_stack_add(stack, write_change, &change);
}

static void components_must_be_names(void)
{
	static const char *const bad[] = { "/a",	  "a/",	 "a//b", "/",	"//",	"a/./b", "./a",
					   "../a", "a/../b",
					   /* C let these through. */
					   ".", "..", "p/.", "p/.." };
	static const char *const good[] = { "a b", "x\ty", "a.lock", "...", ".a", "a.", "b/.x/y" };
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);
	size_t i;

	for (i = 0; i < COUNT(bad); i++) {
		CHECK_INT(commit_ref(stack, a_ref(bad[i], 0, 1)), -10);
		CHECK_INT(entries_with(dir, ""), 0);
	}
	for (i = 0; i < COUNT(good); i++)
		CHECK_INT(commit_ref(stack, a_ref(good[i], 0, 1)), 0);
	/* The writer itself refuses the empty name. */
	CHECK_INT(commit_ref(stack, a_ref("", 0, 1)), -1);
	CHECK(is_tidy(dir));
	reftable_stack_destroy(stack);
}

/* The names are checked before the update index: a stale one does not hide the conflict. */
static void a_name_cannot_be_a_folder_too(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);
	struct reftable_ref_record refs[2];
	struct change stale = { 0 };

	CHECK_INT(commit_ref(stack, a_ref("a/b", 0, 1)), 0);
	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), -9);
	CHECK_INT(commit_ref(stack, a_ref("a/b/c", 0, 1)), -9);
	CHECK_INT(commit_ref(stack, a_ref("a/b/c/d", 0, 1)), -9);
	stale.stack = stack;
	stale.refs = refs;
	stale.ref_count = 1;
	stale.min = stale.max = 1;
	refs[0] = a_ref("a", 1, 1);
	CHECK_INT(reftable_stack_add(stack, write_change, &stale), -9);
	refs[0] = a_ref("a/b/c", 1, 1);
	CHECK_INT(reftable_stack_add(stack, write_change, &stale), -9);
	CHECK(is_tidy(dir));
	/* Names that only begin alike. */
	CHECK_INT(commit_ref(stack, a_ref("a-b", 0, 1)), 0);
	CHECK_INT(commit_ref(stack, a_ref("a/b-c", 0, 1)), 0);
	CHECK_INT(commit_ref(stack, a_ref("a/b0", 0, 1)), 0);
	CHECK_INT(commit_ref(stack, a_ref("a/b", 0, 2)), 0);
	/* Within one transaction. */
	refs[0] = a_ref("x", 0, 1);
	refs[1] = a_ref("x/y", 0, 1);
	CHECK_INT(commit_refs(stack, refs, 2), -9);
	CHECK_INT(value_of(stack, "x"), 0);
	reftable_stack_destroy(stack);
}

/* What the same transaction deletes is out of the way, if nothing else is left in that folder. */
static void deletions_of_the_same_transaction_count(void)
{
	struct reftable_stack *stack = open_stack(scratch_dir());
	struct reftable_ref_record refs[2];

	CHECK_INT(commit_ref(stack, a_ref("a/b", 0, 1)), 0);
	CHECK_INT(commit_ref(stack, a_ref("a/c", 0, 1)), 0);
	refs[0] = a_ref("a", 0, 1);
	refs[1] = a_tombstone("a/b", 0);
	CHECK_INT(commit_refs(stack, refs, 2), -9);
	CHECK_INT(commit_ref(stack, a_tombstone("a/c", 0)), 0);
	CHECK_INT(commit_refs(stack, refs, 2), 0);
	CHECK_INT(value_of(stack, "a"), 1);
	CHECK_INT(value_of(stack, "a/b"), 0);
	/* And back: the folder's name is given up for what lies below. */
	refs[0] = a_tombstone("a", 0);
	refs[1] = a_ref("a/b/c", 0, 1);
	CHECK_INT(commit_refs(stack, refs, 2), 0);
	CHECK_INT(count_refs(stack), 1);
	reftable_stack_destroy(stack);
}

/* Deleted long ago is as good as never there, also before compaction. */
static void tombstones_of_older_tables_do_not_conflict(void)
{
	struct reftable_stack *stack = open_stack(scratch_dir());

	CHECK_INT(commit_ref(stack, a_ref("a/b", 0, 1)), 0);
	CHECK_INT(commit_ref(stack, a_tombstone("a/b", 0)), 0);
	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	CHECK_INT(commit_ref(stack, a_ref("a/b", 0, 1)), -9);
	reftable_stack_destroy(stack);
}

/* Deletions and logs are never checked. */
static void only_refs_that_are_set_are_checked(void)
{
	struct reftable_stack *stack = open_stack(scratch_dir());

	CHECK_INT(commit_ref(stack, a_ref("a/b", 0, 1)), 0);
	CHECK_INT(commit_ref(stack, a_tombstone("a", 0)), 0);
	CHECK_INT(commit_ref(stack, a_tombstone("x//y", 0)), 0);
	CHECK_INT(commit_log(stack, a_log("a", 0, "m")), 0);
	CHECK_INT(commit_log(stack, a_log("a/./b", 0, "m")), 0);
	CHECK_INT(commit_ref(stack, a_symref("a", 0, "t")), -9);
	reftable_stack_destroy(stack);
}

static void the_check_can_be_switched_off(void)
{
	struct reftable_write_options options = { 0 };
	struct reftable_stack *stack = NULL;

	options.skip_name_check = 1;
	CHECK_INT(reftable_new_stack(&stack, scratch_dir(), options), 0);
	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	CHECK_INT(commit_ref(stack, a_ref("a/b", 0, 1)), 0);
	CHECK_INT(commit_ref(stack, a_ref("x//y", 0, 1)), 0);
	CHECK_INT(commit_ref(stack, a_ref("..", 0, 1)), 0);
	CHECK_INT(count_refs(stack), 4);
	reftable_stack_destroy(stack);
}

/* A later table of one addition is checked against the stack and against itself. */
static void tables_of_one_addition_are_checked_each(void)
{
	struct reftable_stack *stack = open_stack(scratch_dir());
	struct reftable_addition *addition = NULL;
	struct reftable_ref_record ref = a_ref("a", 2, 1);
	struct change change = { 0 };

	CHECK_INT(commit_ref(stack, a_ref("a/b", 0, 1)), 0);
	change.stack = stack;
	change.refs = &ref;
	change.ref_count = 1;
	change.min = change.max = 2;
	CHECK_INT(reftable_stack_new_addition(&addition, stack), 0);
	CHECK_INT(reftable_addition_add(addition, write_change, &change), -9);
	ref = a_ref("c", 2, 1);
	CHECK_INT(reftable_addition_add(addition, write_change, &change), 0);
	change.min = change.max = 3;
	ref = a_ref("a/b/c", 3, 1);
	CHECK_INT(reftable_addition_add(addition, write_change, &change), -9);
	CHECK_INT(reftable_addition_commit(addition), 0);
	reftable_addition_destroy(addition);
	CHECK_INT(count_refs(stack), 2);
	reftable_stack_destroy(stack);
}

int main(int argc, char **argv)
{
	TESTS_BEGIN(argc, argv);
	RUN(components_must_be_names);
	RUN(a_name_cannot_be_a_folder_too);
	RUN(deletions_of_the_same_transaction_count);
	RUN(tombstones_of_older_tables_do_not_conflict);
	RUN(only_refs_that_are_set_are_checked);
	RUN(the_check_can_be_switched_off);
	RUN(tables_of_one_addition_are_checked_each);
	return TESTS_END();
}
