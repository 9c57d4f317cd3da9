/*
 * What the system does to a program: writes and reads that take less than asked for, signals that
 * interrupt them, full disks, failing syncs and renames. The functions below take the place of
 * libc's for the whole program, the library included.
 */
#define _GNU_SOURCE
#include "../test.h"
#include "../scratch.h"
#include <stdarg.h>
#include <sys/syscall.h>
#include "reftable.h"
#include "memory.h"
#include "transactions.h"
#include "writing.h"

enum call { WRITE, READ, SYNC, RENAME, LOOK, SLEEP, CALLS };

/* What happens to the calls; all zero for nothing. */
static struct {
	int one_byte;	/* reads and writes transfer a single byte */
	int interrupt;	/* every second one fails with EINTR */
	enum call kind; /* call number `fail_at` of this kind fails with `error` */
	int fail_at;
	int for_good; /* and so do all that follow */
	int error;
	const char *moving; /* every look at the list in this folder finds another one */
	int looks;
	int count[CALLS];
} faults;

/* True if the call has to fail; errno is set. */
static int must_fail(enum call kind)
{
	int number = ++faults.count[kind];

	if (faults.interrupt && (kind == READ || kind == WRITE) && number % 2) {
		errno = EINTR;
		return 1;
	}
	if (faults.fail_at && kind == faults.kind &&
	    (faults.for_good ? number >= faults.fail_at : number == faults.fail_at)) {
		errno = faults.error;
		return 1;
	}
	return 0;
}

static size_t cut(size_t size)
{
	return faults.one_byte && size > 1 ? 1 : size;
}

/* Somebody is faster: whenever the list is opened, it names another table that is gone again. */
static void move_list(void)
{
	const char *dir = faults.moving;
	char text[64];

	faults.moving = NULL;
	snprintf(text, sizeof(text), "gone-%d.ref\n", faults.looks++);
	CHECK_INT(write_text(dir, "tables.list", text), 0);
	faults.moving = dir;
}

int open64(const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
	va_end(arguments);
	if (faults.moving && !strcmp(path, in_dir(faults.moving, "tables.list")))
		move_list();
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

ssize_t write(int fd, const void *data, size_t size)
{
	if (fd > 2 && must_fail(WRITE))
		return -1;
	return syscall(SYS_write, fd, data, fd > 2 ? cut(size) : size);
}

ssize_t read(int fd, void *data, size_t size)
{
	if (must_fail(READ))
		return -1;
	return syscall(SYS_read, fd, data, cut(size));
}

ssize_t pread64(int fd, void *data, size_t size, off64_t offset)
{
	if (must_fail(READ))
		return -1;
	return syscall(SYS_pread64, fd, data, cut(size), offset);
}

int fsync(int fd)
{
	return must_fail(SYNC) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return must_fail(SYNC) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int rename(const char *from, const char *to)
{
	return must_fail(RENAME) ? -1 : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* Looking at a file that is open, as is done with each that was just made. */
int statx(int fd, const char *restrict path, int flags, unsigned mask, struct statx *restrict found)
{
	if ((flags & AT_EMPTY_PATH) && must_fail(LOOK))
		return -1;
	return (int)syscall(SYS_statx, fd, path, flags, mask, found);
}

int nanosleep(const struct timespec *wanted, struct timespec *left)
{
	must_fail(SLEEP);
	return (int)syscall(SYS_nanosleep, wanted, left);
}

/* Returns the error. */
int clock_nanosleep(clockid_t clock, int flags, const struct timespec *wanted,
		    struct timespec *left)
{
	must_fail(SLEEP);
	return syscall(SYS_clock_nanosleep, clock, flags, wanted, left) ? errno : 0;
}

static void no_faults(void)
{
	memset(&faults, 0, sizeof(faults));
}

static void fill(struct reftable_stack *stack)
{
	char name[16];
	int i;

	for (i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "r%d", i);
		CHECK_INT(commit_ref(stack, a_ref(name, 0, (uint8_t)(i + 1))), 0);
		CHECK_INT(commit_log(stack, a_log(name, 0, "message")), 0);
	}
	CHECK_INT(reftable_stack_compact_all(stack, NULL), 0);
}

static void check_filled(const char *dir)
{
	struct reftable_stack *stack = open_stack(dir);
	char name[16];
	int i;

	for (i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "r%d", i);
		CHECK_INT(value_of(stack, name), i + 1);
	}
	CHECK_INT(count_refs(stack), 6);
	CHECK_INT(count_logs(stack), 6);
	CHECK(is_tidy(dir));
	reftable_stack_destroy(stack);
}

/* C took a short write for a whole one: the table was damaged, and nobody knew. */
static void short_and_interrupted_transfers_make_no_difference(void)
{
	const char *dirs[3];
	struct reftable_stack *stack;
	int i;

	for (i = 0; i < 3; i++) {
		dirs[i] = scratch_dir();
		no_faults();
		faults.one_byte = i > 0;
		faults.interrupt = i > 1;
		stack = open_stack(dirs[i]);
		fill(stack);
		reftable_stack_destroy(stack);
		CHECK(faults.count[WRITE] > 0 && faults.count[READ] > 0);
		check_filled(dirs[i]);
	}
	no_faults();
	for (i = 0; i < 3; i++)
		check_filled(dirs[i]);
}

/* The same through the sink for descriptors. */
static void fd_write_copes_with_short_and_interrupted_writes(void)
{
	const char *path = scratch_path("fd");
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0666);
	uint8_t data[1000];
	size_t size = 0, i;
	char *back;

	for (i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	no_faults();
	faults.one_byte = faults.interrupt = 1;
	CHECK_INT(reftable_fd_write(&fd, data, sizeof(data)), sizeof(data));
	CHECK(faults.count[WRITE] > 1000);
	no_faults();
	close(fd);
	back = read_file(path, &size);
	CHECK_INT(size, sizeof(data));
	CHECK_MEM(back, data, sizeof(data));
	free(back);
}

/*
 * Nothing is left behind, except that the tables of the list before may be: the sync that failed
 * can be the one that would have kept that list from coming back.
 */
static int is_tidy_after(enum call kind, const char *dir)
{
	int tables = entries_with(dir, ".ref");

	if (kind != SYNC)
		return is_tidy(dir);
	return tables >= listed_tables(dir) && tables <= 2 + listed_tables(dir) &&
	       entries_with(dir, "") == tables + 1 && entries_with(dir, ".lock") == 0;
}

/*
 * Each call of a kind fails in turn, during a transaction and a compaction. A result of 0 means it
 * is there; an error, that the stack is as before or as after.
 */
static void check_failures(enum call kind, int error)
{
	int fail_at, reached = 1;

	for (fail_at = 1; reached; fail_at++) {
		const char *dir = scratch_dir();
		struct reftable_stack *stack = open_stack(dir);
		int added, compacted, found;

		CHECK_INT(commit_ref(stack, a_ref("old", 0, 1)), 0);
		no_faults();
		faults.kind = kind;
		faults.fail_at = fail_at;
		faults.error = error;
		added = commit_ref(stack, a_ref("new", 0, 2));
		compacted = reftable_stack_compact_all(stack, NULL);
		reached = faults.count[kind] >= fail_at;
		no_faults();
		CHECK(added == 0 || added == -2);
		CHECK(compacted == 0 || compacted == -2);
		CHECK(reached || (added == 0 && compacted == 0));
		CHECK_INT(value_of(stack, "old"), 1);
		CHECK(is_tidy_after(kind, dir));
		reftable_stack_destroy(stack);
		stack = open_stack(dir);
		CHECK_INT(value_of(stack, "old"), 1);
		found = value_of(stack, "new");
		CHECK(found == 2 || (found == 0 && added < 0));
		CHECK_INT(commit_ref(stack, a_ref("newer", 0, 3)), 0);
		CHECK(is_tidy_after(kind, dir));
		reftable_stack_destroy(stack);
		REQUIRE(fail_at < 1000);
	}
	CHECK(fail_at > 2);
}

static void a_full_disk_leaves_the_stack_as_it_was(void)
{
	check_failures(WRITE, ENOSPC);
}

static void a_failing_sync_is_an_error(void)
{
	check_failures(SYNC, EIO);
}

static void a_failing_rename_leaves_the_stack_as_it_was(void)
{
	check_failures(RENAME, EACCES);
}

/* A list or a table that cannot be read is an error, never an empty stack. */
/* A new file of which nobody could tell whose it is was left behind, and locked everybody out. */
static void a_new_file_that_cannot_be_looked_at_is_removed(void)
{
	int fail_at, reached = 1;

	for (fail_at = 1; reached; fail_at++) {
		const char *dir = scratch_dir();
		struct reftable_stack *stack = open_stack(dir);
		int added, compacted;

		CHECK_INT(commit_ref(stack, a_ref("old", 0, 1)), 0);
		no_faults();
		faults.kind = LOOK;
		faults.fail_at = fail_at;
		faults.for_good = 1;
		faults.error = EIO;
		added = commit_ref(stack, a_ref("new", 0, 2));
		compacted = reftable_stack_compact_all(stack, NULL);
		reached = faults.count[LOOK] >= fail_at;
		no_faults();
		CHECK(added == 0 || added == -2);
		CHECK(compacted == 0 || compacted == -2);
		CHECK(fail_at > 1 || added == -2);
		CHECK(is_tidy(dir));
		CHECK_INT(reftable_stack_reload(stack), 0);
		CHECK_INT(value_of(stack, "old"), 1);
		CHECK_INT(commit_ref(stack, a_ref("newer", 0, 3)), 0);
		CHECK(is_tidy(dir));
		reftable_stack_destroy(stack);
		REQUIRE(fail_at < 1000);
	}
	CHECK(fail_at > 2);
}

/* There is no time-out in this interface: who meets a lock is told at once. */
static void nobody_waits_for_a_lock(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);

	CHECK_INT(commit_ref(stack, a_ref("old", 0, 1)), 0);
	CHECK_INT(commit_log(stack, a_log("old", 0, "message")), 0);
	REQUIRE(write_text(dir, "tables.list.lock", "") == 0);
	no_faults();
	CHECK_INT(commit_ref(stack, a_ref("new", 0, 2)), -5);
	CHECK_INT(faults.count[SLEEP], 0);
	REQUIRE(unlink(in_dir(dir, "tables.list.lock")) == 0);
	CHECK_INT(commit_ref(stack, a_ref("new", 0, 2)), 0);
	reftable_stack_destroy(stack);
}

static void a_failing_read_is_an_error_and_no_empty_stack(void)
{
	struct reftable_write_options options = { 0 };
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);
	int fail_at, reached = 1, before = open_descriptors();

	fill(stack);
	for (fail_at = 1; reached; fail_at++) {
		struct reftable_stack *other = NULL;
		int err, found = 0;

		no_faults();
		faults.kind = READ;
		faults.fail_at = fail_at;
		faults.error = EIO;
		err = reftable_new_stack(&other, dir, options);
		if (!err)
			found = value_of(other, "r3");
		reached = faults.count[READ] >= fail_at;
		no_faults();
		CHECK(reached ? err == -2 || found == -2 : found == 4);
		CHECK((other == NULL) == (err != 0));
		/* The next try is a new one. */
		if (other)
			CHECK_INT(value_of(other, "r3"), 4);
		reftable_stack_destroy(other);
		REQUIRE(fail_at < 1000);
	}
	CHECK(fail_at > 2);
	reftable_stack_destroy(stack);
	CHECK(open_descriptors() <= before);
}

/*
 * A list that never stands still, as with a compactor that is always faster: in the end an error.
 * C gave success and no tables, and the next read crashed.
 */
static void a_list_that_changes_at_every_look_is_an_error_in_the_end(void)
{
	struct reftable_write_options options = { 0 };
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir), *other = (struct reftable_stack *)&options;

	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	no_faults();
	faults.moving = dir;
	CHECK_INT(reftable_new_stack(&other, dir, options), -4);
	CHECK(other == NULL);
	/* Not at the first look: the next one might have found a list that stays. */
	CHECK(faults.looks >= 3);
	faults.looks = 0;
	CHECK_INT(reftable_stack_reload(stack), -4);
	CHECK(faults.looks >= 3);
	no_faults();
	CHECK_INT(value_of(stack, "a"), 1);
	reftable_stack_destroy(stack);
}

/* An acknowledged transaction is on disk: table, list and folder. One can do without. */
static void transactions_are_synced_unless_switched_off(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack;
	int on;

	for (on = 0; on < 3; on++) {
		reftable_set_durability(on);
		stack = open_stack(dir);
		no_faults();
		CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
		CHECK(on ? faults.count[SYNC] >= 3 : faults.count[SYNC] == 0);
		no_faults();
		CHECK_INT(commit_ref(stack, a_ref("b", 0, 1)), 0);
		CHECK_INT(reftable_stack_compact_all(stack, NULL), 0);
		CHECK(on ? faults.count[SYNC] >= 3 : faults.count[SYNC] == 0);
		reftable_stack_destroy(stack);
	}
	CHECK(is_tidy(dir));
}

/* The variable is the user's say; the program's function stands above it. */
static void obey_the_environment(void *arg)
{
	struct reftable_stack *stack;

	setenv("REFTABLE_FSYNC", "0", 1);
	stack = open_stack(arg);
	no_faults();
	CHECK_INT(commit_ref(stack, a_ref("c", 0, 1)), 0);
	CHECK_INT(faults.count[SYNC], 0);
	reftable_stack_destroy(stack);
	reftable_set_durability(1);
	stack = open_stack(arg);
	CHECK_INT(commit_ref(stack, a_ref("d", 0, 1)), 0);
	CHECK(faults.count[SYNC] >= 3);
	reftable_stack_destroy(stack);
}

static void the_environment_can_switch_syncing_off(void)
{
	CHECK_INT(test_in_child(obey_the_environment, (void *)scratch_dir()), 0);
}

int main(int argc, char **argv)
{
	TESTS_BEGIN(argc, argv);
	/* First, as the variable is read once and the function stands above it for good. */
	RUN(the_environment_can_switch_syncing_off);
	RUN(short_and_interrupted_transfers_make_no_difference);
	RUN(fd_write_copes_with_short_and_interrupted_writes);
	RUN(a_full_disk_leaves_the_stack_as_it_was);
	RUN(a_failing_sync_is_an_error);
	RUN(a_failing_rename_leaves_the_stack_as_it_was);
	RUN(a_new_file_that_cannot_be_looked_at_is_removed);
	RUN(a_failing_read_is_an_error_and_no_empty_stack);
	RUN(nobody_waits_for_a_lock);
	RUN(a_list_that_changes_at_every_look_is_an_error_in_the_end);
	RUN(transactions_are_synced_unless_switched_off);
	return TESTS_END();
}
