/*
 * Locks: those of others are respected and never removed, one's own go away, also when the process
 * ends. Descriptors: none leaks, none is passed on, number 0 is one like any other.
 */
#include "../test.h"
#include "../scratch.h"
#include <sched.h>
#include "reftable.h"
#include "transactions.h"

/* A lock file of somebody else, and whether it is still the same file. */
struct foreign_lock {
	const char *dir;
	char name[300];
	ino_t inode;
};

static void take_foreign_lock(struct foreign_lock *lock, const char *dir, const char *name)
{
	struct stat st;

	lock->dir = dir;
	snprintf(lock->name, sizeof(lock->name), "%s", name);
	REQUIRE(write_text(dir, name, "somebody else\n") == 0);
	REQUIRE(stat(in_dir(dir, name), &st) == 0);
	lock->inode = st.st_ino;
}

static int is_untouched(const struct foreign_lock *lock)
{
	struct stat st;
	char *text;
	int same;

	if (stat(in_dir(lock->dir, lock->name), &st) || st.st_ino != lock->inode)
		return 0;
	text = read_file(in_dir(lock->dir, lock->name), NULL);
	same = text && !strcmp(text, "somebody else\n");
	free(text);
	return same;
}

/* C removed the lock it had failed to get: two writers then lost each other's work. */
static void a_foreign_lock_of_the_list_stops_writers_and_stays(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);
	struct reftable_addition *addition = (struct reftable_addition *)&dir;
	struct reftable_log_expiry_config expiry = { 1, 1 };
	struct change change = { 0 };
	struct foreign_lock lock;
	int i;

	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	CHECK_INT(commit_ref(stack, a_ref("b", 0, 1)), 0);
	take_foreign_lock(&lock, dir, "tables.list.lock");
	change.stack = stack;
	for (i = 0; i < 3; i++) {
		CHECK_INT(reftable_stack_add(stack, write_change, &change), -5);
		CHECK(is_untouched(&lock));
		CHECK_INT(reftable_stack_new_addition(&addition, stack), -5);
		CHECK(addition == NULL);
		CHECK(is_untouched(&lock));
		/* Compaction says 1: come again. git's pack-refs makes it its exit status. */
		CHECK_INT(reftable_stack_compact_all(stack, &expiry), 1);
		CHECK(is_untouched(&lock));
	}
	CHECK_INT(change.calls, 0);
	CHECK_INT(value_of(stack, "a"), 1);
	reftable_stack_destroy(stack);
	CHECK(is_untouched(&lock));
	CHECK_INT(unlink(in_dir(dir, lock.name)), 0);
	stack = open_stack(dir);
	CHECK_INT(commit_ref(stack, a_ref("c", 0, 1)), 0);
	CHECK(is_tidy(dir));
	reftable_stack_destroy(stack);
}

/*
 * The lock of a table keeps it from being compacted, and nothing else: C reported a transaction as
 * failed that it had committed, and removed the lock.
 */
static void a_foreign_lock_of_a_table_stops_compaction_only(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);
	struct foreign_lock lock;
	char name[300], ref[16];
	int i;

	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	snprintf(name, sizeof(name), "%s.lock", listed_table(dir, 0));
	take_foreign_lock(&lock, dir, name);
	for (i = 0; i < 10; i++) {
		snprintf(ref, sizeof(ref), "b%d", i);
		CHECK_INT(commit_ref(stack, a_ref(ref, 0, 1)), 0);
		CHECK(is_untouched(&lock));
	}
	CHECK_INT(reftable_stack_compact_all(stack, NULL), 1);
	CHECK(is_untouched(&lock));
	CHECK_INT(count_refs(stack), 11);
	CHECK_INT(entries_with(dir, ".lock"), 1);
	CHECK(!exists(dir, "tables.list.lock"));
	CHECK_INT(unlink(in_dir(dir, name)), 0);
	CHECK_INT(reftable_stack_compact_all(stack, NULL), 0);
	CHECK_INT(listed_tables(dir), 1);
	CHECK_INT(count_refs(stack), 11);
	CHECK(is_tidy(dir));
	reftable_stack_destroy(stack);
}

/* The newest table locked: nothing can be compacted, and that is no failure of the transaction. */
static void a_foreign_lock_of_every_table_is_no_failure_of_an_addition(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);
	char name[300];
	int i;

	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	for (i = 0; i < 6; i++) {
		int tables = listed_tables(dir), table;
		for (table = 0; table < tables; table++) {
			snprintf(name, sizeof(name), "%s.lock", listed_table(dir, table));
			CHECK_INT(write_text(dir, name, ""), 0);
		}
		snprintf(name, sizeof(name), "b%d", i);
		CHECK_INT(commit_ref(stack, a_ref(name, 0, 1)), 0);
		CHECK_INT(listed_tables(dir), tables + 1);
	}
	CHECK_INT(entries_with(dir, ".lock"), 6);
	CHECK_INT(count_refs(stack), 7);
	reftable_stack_destroy(stack);
}

/* C said 1, which passes for success in most programs. */
static void an_outdated_handle_is_told_so_and_can_try_again(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *one = open_stack(dir), *two = open_stack(dir);
	struct reftable_addition *addition = (struct reftable_addition *)&dir;
	struct change change = { 0 };

	CHECK_INT(commit_ref(one, a_ref("a", 0, 1)), 0);
	CHECK_INT(reftable_stack_new_addition(&addition, two), -5);
	CHECK(addition == NULL);
	CHECK(is_tidy(dir));
	change.stack = two;
	CHECK_INT(reftable_stack_add(two, write_change, &change), -5);
	CHECK_INT(change.calls, 0);
	CHECK(is_tidy(dir));
	/* stack_add has reloaded. */
	CHECK_INT(reftable_stack_next_update_index(two), 2);
	CHECK_INT(value_of(two, "a"), 1);
	CHECK_INT(commit_ref(two, a_ref("b", 0, 2)), 0);
	CHECK_INT(reftable_stack_reload(one), 0);
	CHECK_INT(value_of(one, "b"), 2);
	CHECK(is_tidy(dir));
	reftable_stack_destroy(one);
	reftable_stack_destroy(two);
}

/* One more writer on the same handle finds its own lock, and does not break it. */
static void a_second_addition_has_to_wait_for_the_first(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir), *other = open_stack(dir);
	struct reftable_addition *first = NULL, *second = (struct reftable_addition *)&dir;
	struct reftable_ref_record ref = a_ref("a", 1, 1);
	struct change change = { 0 };

	CHECK_INT(reftable_stack_new_addition(&first, stack), 0);
	CHECK_INT(reftable_stack_new_addition(&second, stack), -5);
	CHECK(second == NULL);
	CHECK_INT(reftable_stack_new_addition(&second, other), -5);
	CHECK_INT(commit_ref(stack, a_ref("b", 0, 1)), -5);
	CHECK_INT(commit_ref(other, a_ref("b", 0, 1)), -5);
	CHECK(exists(dir, "tables.list.lock"));
	change.stack = stack;
	change.refs = &ref;
	change.ref_count = 1;
	CHECK_INT(reftable_addition_add(first, write_change, &change), 0);
	CHECK_INT(reftable_addition_commit(first), 0);
	/* Done: the lock is free, though the addition is not destroyed yet. */
	CHECK_INT(reftable_stack_reload(other), 0);
	CHECK_INT(reftable_stack_new_addition(&second, other), 0);
	CHECK(exists(dir, "tables.list.lock"));
	/* And this destroy must not take the second one's lock away. */
	reftable_addition_destroy(first);
	CHECK(exists(dir, "tables.list.lock"));
	reftable_addition_destroy(second);
	CHECK_INT(value_of(stack, "a"), 1);
	CHECK(is_tidy(dir));
	reftable_stack_destroy(stack);
	reftable_stack_destroy(other);
}

/* A commit, or a failed add, leaves the lock alone that somebody took meanwhile. */
static void a_lock_taken_after_the_commit_is_left_alone(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);
	struct reftable_addition *addition = NULL;
	struct foreign_lock lock;

	CHECK_INT(reftable_stack_new_addition(&addition, stack), 0);
	CHECK_INT(reftable_addition_commit(addition), 0);
	take_foreign_lock(&lock, dir, "tables.list.lock");
	CHECK_INT(reftable_addition_commit(addition), 0);
	CHECK(is_untouched(&lock));
	reftable_addition_destroy(addition);
	CHECK(is_untouched(&lock));
	reftable_stack_destroy(stack);
	CHECK(is_untouched(&lock));
}

static int exit_inside(struct reftable_writer *writer, void *arg)
{
	(void)writer;
	(void)arg;
	exit(3);
}

static int write_and_exit_inside(struct reftable_writer *writer, void *arg)
{
	struct reftable_ref_record ref = a_ref("x", 7, 1);

	(void)arg;
	reftable_writer_set_limits(writer, 7, 7);
	reftable_writer_add_ref(writer, &ref);
	exit(3);
}

static void exit_in_callback(void *arg)
{
	struct reftable_stack *stack = open_stack(arg);

	reftable_stack_add(stack, exit_inside, stack);
}

static void exit_in_writing_callback(void *arg)
{
	struct reftable_stack *stack = open_stack(arg);

	reftable_stack_add(stack, write_and_exit_inside, stack);
}

static void exit_with_open_addition(void *arg)
{
	struct reftable_stack *stack = open_stack(arg);
	struct reftable_addition *addition = NULL;
	struct reftable_ref_record ref = a_ref("x", 7, 1);
	struct change change = { 0 };

	change.stack = stack;
	change.refs = &ref;
	change.ref_count = 1;
	change.min = change.max = 7;
	if (reftable_stack_new_addition(&addition, stack) ||
	    reftable_addition_add(addition, write_change, &change) ||
	    !exists(arg, "tables.list.lock"))
		exit(1);
	exit(3);
}

/*
 * git calls exit() inside callbacks, and loses additions on the way out. Whatever this process has
 * locked or staged must be gone with it.
 */
static void locks_and_staged_tables_go_when_the_process_exits(void)
{
	static void (*const ways[])(void *) = { exit_in_callback, exit_in_writing_callback,
						exit_with_open_addition };
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);
	size_t i;

	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	for (i = 0; i < COUNT(ways); i++) {
		CHECK_INT(test_in_child(ways[i], (void *)dir), 3);
		CHECK(is_tidy(dir));
		CHECK_INT(listed_tables(dir), 1);
	}
	CHECK_INT(commit_ref(stack, a_ref("b", 0, 1)), 0);
	reftable_stack_destroy(stack);
}

static void just_exit(void *arg)
{
	(void)arg;
	exit(0);
}

/* A forked child that exits owns nothing of its parent's. */
static void a_child_that_exits_leaves_the_parents_lock(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);
	struct reftable_addition *addition = NULL;
	struct reftable_ref_record ref = a_ref("a", 1, 1);
	struct change change = { 0 };

	change.stack = stack;
	change.refs = &ref;
	change.ref_count = 1;
	CHECK_INT(reftable_stack_new_addition(&addition, stack), 0);
	CHECK_INT(test_in_child(just_exit, NULL), 0);
	CHECK(exists(dir, "tables.list.lock"));
	CHECK_INT(reftable_addition_add(addition, write_change, &change), 0);
	CHECK_INT(test_in_child(just_exit, NULL), 0);
	CHECK(exists(dir, "tables.list.lock"));
	CHECK_INT(reftable_addition_commit(addition), 0);
	reftable_addition_destroy(addition);
	CHECK_INT(value_of(stack, "a"), 1);
	CHECK(is_tidy(dir));
	reftable_stack_destroy(stack);
}

/* The hook at exit knows nothing of stacks that are gone, nor of files that were committed. */
static void commit_destroy_and_exit(void *arg)
{
	struct reftable_stack *stack = open_stack(arg);

	if (commit_ref(stack, a_ref("committed", 0, 1)))
		exit(1);
	reftable_stack_destroy(stack);
	exit(3);
}

static void what_is_committed_survives_the_exit(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack;

	CHECK_INT(test_in_child(commit_destroy_and_exit, (void *)dir), 3);
	stack = open_stack(dir);
	CHECK_INT(value_of(stack, "committed"), 1);
	CHECK(is_tidy(dir));
	reftable_stack_destroy(stack);
}

/* C took descriptor 0 for none: it leaked, and the next file got mixed up. */
static void work_without_standard_input(void *arg)
{
	struct reftable_stack *stack;
	int i;

	close(0);
	stack = open_stack(arg);
	for (i = 0; i < 5; i++) {
		char name[16];
		snprintf(name, sizeof(name), "r%d", i);
		CHECK_INT(commit_ref(stack, a_ref(name, 0, 1)), 0);
	}
	CHECK_INT(reftable_stack_compact_all(stack, NULL), 0);
	CHECK_INT(count_refs(stack), 5);
	reftable_stack_destroy(stack);
	CHECK_INT(fcntl(0, F_GETFD), -1);
	CHECK(is_tidy(arg));
}

static void descriptor_zero_is_one_like_any_other(void)
{
	CHECK_INT(test_in_child(work_without_standard_input, (void *)scratch_dir()), 0);
}

static void no_descriptor_leaks(void)
{
	struct reftable_write_options options = { 0 };
	const char *dir = scratch_dir();
	int before = open_descriptors(), round, i;

	for (round = 0; round < 3; round++) {
		struct reftable_stack *stack = open_stack(dir), *none = NULL;
		struct reftable_addition *addition = NULL;
		struct reftable_iterator it = { 0 };
		struct reftable_ref_record ref = { 0 };
		char name[16];

		for (i = 0; i < 5; i++) {
			snprintf(name, sizeof(name), "r%d-%d", round, i);
			CHECK_INT(commit_ref(stack, a_ref(name, 0, 1)), 0);
		}
		CHECK_INT(reftable_merged_table_seek_ref(reftable_stack_merged_table(stack), &it, ""), 0);
		CHECK_INT(reftable_iterator_next_ref(&it, &ref), 0);
		CHECK_INT(reftable_stack_compact_all(stack, NULL), 0);
		reftable_iterator_destroy(&it);
		reftable_ref_record_clear(&ref);
		CHECK_INT(reftable_stack_new_addition(&addition, stack), 0);
		CHECK_INT(commit_ref(stack, a_ref("x", 0, 1)), -5);
		reftable_addition_destroy(addition);
		options.hash_id = SHA256_ID;
		CHECK_INT(reftable_new_stack(&none, dir, options), -3);
		reftable_stack_destroy(stack);
		CHECK_INT(open_descriptors(), before);
	}
}

static int look_at_descriptors(struct reftable_writer *writer, void *arg)
{
	int fd, *bad = arg;

	(void)writer;
	for (fd = 3; fd < 256; fd++) {
		int flags = fcntl(fd, F_GETFD);
		if (flags != -1 && !(flags & FD_CLOEXEC))
			++*bad;
	}
	return -1;
}

/* git runs other programs while the stack is open. */
static void descriptors_are_not_passed_on_to_other_programs(void)
{
	struct reftable_stack *stack = open_stack(scratch_dir());
	int fd, inherited = 0, bad = 0;

	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	CHECK_INT(value_of(stack, "a"), 1);
	reftable_stack_destroy(stack);
	for (fd = 3; fd < 256; fd++) {
		int flags = fcntl(fd, F_GETFD);
		inherited += flags != -1 && !(flags & FD_CLOEXEC);
	}
	stack = open_stack(scratch_dir());
	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	CHECK_INT(count_refs(stack), 1);
	CHECK_INT(reftable_stack_add(stack, look_at_descriptors, &bad), -1);
	CHECK_INT(bad, inherited);
	reftable_stack_destroy(stack);
}

#define WRITERS 4
#define ADDS 25

static void add_many(void *arg)
{
	struct reftable_stack *stack = open_stack(arg);
	char name[32];
	int i, err;

	for (i = 0; i < ADDS; i++) {
		snprintf(name, sizeof(name), "p%d-%d", (int)getpid(), i);
		while ((err = commit_ref(stack, a_ref(name, 0, 1))) == -5)
			sched_yield();
		if (err)
			exit(2);
	}
	reftable_stack_destroy(stack);
}

/*
 * Several writers, and one that compacts all the time: nothing is lost. With C, writers removed
 * each other's locks, and a compaction dropped what had been added while it ran.
 */
static void writers_and_a_compactor_lose_nothing(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack;
	pid_t writers[WRITERS];
	int i, status, running = WRITERS;

	fflush(stdout);
	for (i = 0; i < WRITERS; i++) {
		writers[i] = fork();
		if (writers[i] == 0) {
			add_many((void *)dir);
			exit(0);
		}
		REQUIRE(writers[i] > 0);
	}
	stack = open_stack(dir);
	while (running) {
		int err = reftable_stack_compact_all(stack, NULL);
		CHECK(err == 0 || err == 1);
		CHECK_INT(reftable_stack_reload(stack), 0);
		CHECK(count_refs(stack) >= 0);
		for (i = 0; i < WRITERS; i++)
			if (writers[i] && waitpid(writers[i], &status, WNOHANG) == writers[i]) {
				CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
				writers[i] = 0;
				running--;
			}
	}
	CHECK_INT(reftable_stack_reload(stack), 0);
	CHECK_INT(count_refs(stack), WRITERS * ADDS);
	CHECK_INT(reftable_stack_compact_all(stack, NULL), 0);
	CHECK_INT(count_refs(stack), WRITERS * ADDS);
	CHECK(is_tidy(dir));
	reftable_stack_destroy(stack);
}

int main(int argc, char **argv)
{
	TESTS_BEGIN(argc, argv);
	RUN(a_foreign_lock_of_the_list_stops_writers_and_stays);
	RUN(a_foreign_lock_of_a_table_stops_compaction_only);
	RUN(a_foreign_lock_of_every_table_is_no_failure_of_an_addition);
	RUN(an_outdated_handle_is_told_so_and_can_try_again);
	RUN(a_second_addition_has_to_wait_for_the_first);
	RUN(a_lock_taken_after_the_commit_is_left_alone);
	RUN(locks_and_staged_tables_go_when_the_process_exits);
	RUN(a_child_that_exits_leaves_the_parents_lock);
	RUN(what_is_committed_survives_the_exit);
	RUN(descriptor_zero_is_one_like_any_other);
	RUN(no_descriptor_leaks);
	RUN(descriptors_are_not_passed_on_to_other_programs);
	RUN(writers_and_a_compactor_lose_nothing);
	return TESTS_END();
}
