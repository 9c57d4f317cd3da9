/* Records and memory: who allocates and frees, and what of a record is read. */
#include "../test.h"
#include "../scratch.h"
#include "reftable-git.h"
#include "transactions.h"

static long blocks;
static int fail_after = -1;

static void *counting_malloc(size_t size)
{
	void *block;

	if (fail_after == 0)
		return NULL;
	if (fail_after > 0)
		fail_after--;
	block = malloc(size + 16);
	REQUIRE(block != NULL);
	blocks++;
	memcpy(block, "mine mine mine!", 16);
	return (char *)block + 16;
}

static void counting_free(void *block)
{
	if (!block)
		return;
	CHECK_MEM((char *)block - 16, "mine mine mine!", 16);
	blocks--;
	free((char *)block - 16);
}

static void *counting_realloc(void *block, size_t size)
{
	void *moved;

	if (!block)
		return counting_malloc(size);
	CHECK_MEM((char *)block - 16, "mine mine mine!", 16);
	if (fail_after == 0)
		return NULL;
	if (fail_after > 0)
		fail_after--;
	moved = realloc((char *)block - 16, size + 16);
	REQUIRE(moved != NULL);
	return (char *)moved + 16;
}

static void strings_come_from_and_go_to_the_given_allocator(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir, NULL);
	struct reftable_log_record log = { 0 };
	struct reftable_ref_record ref = { 0 };

	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	CHECK_INT(commit_log(stack, a_log("a", 0, "message")), 0);
	reftable_set_alloc(counting_malloc, counting_realloc, counting_free);
	CHECK_INT(reftable_stack_read_ref(stack, "a", &ref), 0);
	CHECK_INT(blocks, 1);
	CHECK_INT(reftable_stack_read_log(stack, "a", &log), 0);
	CHECK_INT(blocks, 5);
	/* A record may lose what it had, and get something of the program's. */
	counting_free(ref.refname);
	ref.refname = strcpy(counting_malloc(4), "own");
	CHECK_INT(reftable_stack_read_ref(stack, "a", &ref), 0);
	CHECK_STR(ref.refname, "a");
	CHECK_INT(blocks, 5);

	fail_after = 0;
	CHECK_INT(reftable_stack_read_log(stack, "a", &log), REFTABLE_OUT_OF_MEMORY_ERROR);
	fail_after = 2;
	CHECK_INT(reftable_stack_read_log(stack, "a", &log), REFTABLE_OUT_OF_MEMORY_ERROR);
	fail_after = -1;
	reftable_log_record_release(&log);
	reftable_ref_record_release(&ref);
	CHECK_INT(blocks, 0);
	reftable_free(reftable_strdup("text"));
	reftable_free(reftable_realloc(reftable_calloc(3, 4), 20));
	CHECK_INT(blocks, 0);
	reftable_set_alloc(NULL, NULL, NULL);
	reftable_stack_destroy(stack);
}

static struct reftable_stack *stack_with_names(const char *dir)
{
	static const char *names[] = {
		"refs/heads/a", "refs/heads/a-name-that-needs-more-room-than-all-the-others-have",
		"refs/heads/b", "refs/heads/c", "refs/heads/d",
	};
	struct reftable_stack *stack = open_stack(dir, NULL);
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct reftable_log_record log = a_log(names[i], 0, names[i]);

		log.value.update.name = (char *)(i % 2 ? "Nobody" : "A U Thor");
		CHECK_INT(commit_ref(stack, a_ref(names[i], 0, i + 1)), 0);
		CHECK_INT(commit_log(stack, log), 0);
	}
	return stack;
}

/*
 * An iterator fills a string's block again. One that the program took out of the record, or put
 * there with the room that it has, must stay as it is, or get a block that is long enough.
 */
static void strings_that_the_program_took_or_replaced_are_not_written_to(void)
{
	struct reftable_stack *stack = stack_with_names(scratch_dir());
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record ref = { 0 };
	char *taken;

	reftable_set_alloc(counting_malloc, counting_realloc, counting_free);
	CHECK_INT(reftable_stack_init_ref_iterator(stack, &it), 0);
	CHECK_INT(reftable_iterator_seek_ref(&it, ""), 0);
	CHECK_INT(reftable_iterator_next_ref(&it, &ref), 0);
	CHECK_STR(ref.refname, "refs/heads/a");
	CHECK(ref.refname_cap > strlen(ref.refname));
	taken = ref.refname;
	ref.refname = NULL;
	ref.refname_cap = 0;
	CHECK_INT(reftable_iterator_next_ref(&it, &ref), 0);
	CHECK(strlen(ref.refname) > 60 && ref.refname_cap > strlen(ref.refname));
	counting_free(ref.refname);
	ref.refname = strcpy(counting_malloc(2), "x");
	ref.refname_cap = 2;
	CHECK_INT(reftable_iterator_next_ref(&it, &ref), 0);
	CHECK_STR(ref.refname, "refs/heads/b");
	CHECK_INT(blocks, 2);
	CHECK_INT(reftable_iterator_next_ref(&it, &ref), 0);
	CHECK_STR(ref.refname, "refs/heads/c");
	CHECK_INT(ref.value.val1[0], 4);
	CHECK_STR(taken, "refs/heads/a");
	/* All of it may be taken at once. */
	counting_free(taken);
	taken = ref.refname;
	memset(&ref, 0, sizeof(ref));
	CHECK_INT(reftable_iterator_next_ref(&it, &ref), 0);
	CHECK_STR(ref.refname, "refs/heads/d");
	CHECK_STR(taken, "refs/heads/c");
	counting_free(taken);
	CHECK_INT(reftable_iterator_next_ref(&it, &ref), 1);
	reftable_iterator_destroy(&it);
	reftable_ref_record_release(&ref);
	CHECK_INT(blocks, 0);
	reftable_set_alloc(NULL, NULL, NULL);
	reftable_stack_destroy(stack);
}

static void the_same_holds_for_entries_of_logs(void)
{
	struct reftable_stack *stack = stack_with_names(scratch_dir());
	struct reftable_iterator it = { 0 };
	struct reftable_log_record log = { 0 }, copy;

	reftable_set_alloc(counting_malloc, counting_realloc, counting_free);
	CHECK_INT(reftable_stack_init_log_iterator(stack, &it), 0);
	CHECK_INT(reftable_iterator_seek_log(&it, ""), 0);
	CHECK_INT(reftable_iterator_next_log(&it, &log), 0);
	copy = log;
	memset(&log, 0, sizeof(log));
	CHECK_INT(reftable_iterator_next_log(&it, &log), 0);
	CHECK(strlen(log.value.update.message) > 60);
	CHECK_STR(log.value.update.name, "Nobody");
	counting_free(log.value.update.message);
	log.value.update.message = NULL;
	log.value.update.message_cap = 0;
	counting_free(log.value.update.name);
	log.value.update.name = strcpy(counting_malloc(4), "own");
	CHECK_INT(reftable_iterator_next_log(&it, &log), 0);
	CHECK_STR(log.refname, "refs/heads/b");
	CHECK_STR(log.value.update.message, "refs/heads/b\n");
	CHECK_STR(log.value.update.name, "A U Thor");
	CHECK_STR(log.value.update.email, "author@example.com");
	CHECK_INT(blocks, 8);
	CHECK_STR(copy.refname, "refs/heads/a");
	CHECK_STR(copy.value.update.message, "refs/heads/a\n");
	reftable_log_record_release(&copy);
	reftable_iterator_destroy(&it);
	reftable_log_record_release(&log);
	CHECK_INT(blocks, 0);
	reftable_set_alloc(NULL, NULL, NULL);
	reftable_stack_destroy(stack);
}

static int write_deletion(struct reftable_writer *writer, void *arg)
{
	struct reftable_stack *stack = arg;
	struct reftable_log_record *log = malloc(sizeof(*log));
	uint64_t next = reftable_stack_next_update_index(stack);
	int err;

	memset(log, 0xa5, sizeof(*log));
	log->refname = (char *)"a";
	log->update_index = 1;
	log->value_type = REFTABLE_LOG_DELETION;
	err = reftable_writer_set_limits(writer, next, next);
	if (!err)
		err = reftable_writer_add_logs(writer, log, 1);
	free(log);
	return err;
}

/* git fills nothing but these three fields, in memory that was never cleared. */
static void a_deletion_is_written_without_its_other_fields(void)
{
	struct reftable_stack *stack = open_stack(scratch_dir(), NULL);
	struct reftable_log_record log = { 0 };

	CHECK_INT(commit_log(stack, a_log("a", 0, "message")), 0);
	CHECK_INT(reftable_stack_read_log(stack, "a", &log), 0);
	CHECK_INT(log.update_index, 1);
	CHECK_INT(reftable_stack_add(stack, write_deletion, stack, 0), 0);
	CHECK_INT(reftable_stack_read_log(stack, "a", &log), 1);
	CHECK(log.refname == NULL);
	reftable_log_record_release(&log);
	reftable_stack_destroy(stack);
}

static void records_are_compared_by_content(void)
{
	struct reftable_ref_record a = a_ref("a", 1, 1);
	struct reftable_ref_record b = a_ref("a", 1, 1);
	struct reftable_log_record x = a_log("a", 1, "m");
	struct reftable_log_record y = a_log("a", 1, "m");

	/* What is behind the id does not count. */
	b.value.val1[31] = 7;
	CHECK_INT(reftable_ref_record_equal(&a, &b, 20), 1);
	CHECK_INT(reftable_ref_record_equal(&a, &b, 32), 0);
	b.value_type = REFTABLE_REF_DELETION;
	CHECK_INT(reftable_ref_record_equal(&a, &b, 20), 0);
	CHECK_INT(reftable_log_record_equal(&x, &y, 20), 1);
	y.value.update.email = NULL;
	CHECK_INT(reftable_log_record_equal(&x, &y, 20), 0);
	y = x;
	y.value.update.tz_offset = 1;
	CHECK_INT(reftable_log_record_equal(&x, &y, 20), 0);
	CHECK_INT(reftable_ref_record_is_deletion(&b), 1);
	CHECK_INT(reftable_log_record_is_deletion(&x), 0);
	CHECK(reftable_ref_record_val1(&a) == a.value.val1);
	CHECK(reftable_ref_record_val2(&a) == NULL);
}

static void arrays_are_sorted_in_place(void)
{
	struct reftable_stack *stack = open_stack(scratch_dir(), NULL);
	struct reftable_ref_record refs[3];
	struct reftable_log_record logs[3];
	struct change change = { 0 };

	refs[0] = a_ref("c", 0, 3);
	refs[1] = a_ref("a", 0, 1);
	refs[2] = a_ref("b", 0, 2);
	logs[0] = a_log("b", 1, "b");
	logs[1] = a_log("a", 0, "a0");
	logs[2] = a_log("a", 1, "a1");
	logs[1].update_index = 0;
	change.stack = stack;
	change.refs = refs;
	change.ref_count = 3;
	change.logs = logs;
	change.log_count = 1;
	CHECK_INT(reftable_stack_add(stack, write_change, &change, 0), 0);
	CHECK_STR(refs[0].refname, "a");
	CHECK_STR(refs[2].refname, "c");
	CHECK_INT(value_of(stack, "b"), 2);
	reftable_stack_destroy(stack);
}

static void texts_are_those_that_git_compares(void)
{
	CHECK_STR(reftable_error_str(REFTABLE_LOCK_ERROR), "data is locked");
	CHECK_STR(reftable_error_str(REFTABLE_ENTRY_TOO_BIG_ERROR), "entry too large");
	CHECK_STR(reftable_error_str(REFTABLE_OUTDATED_ERROR), "data concurrently modified");
	CHECK_STR(reftable_error_str(-9), "unknown error code -9");
}

int main(int argc, char **argv)
{
	TESTS_BEGIN(argc, argv);
	RUN(strings_come_from_and_go_to_the_given_allocator);
	RUN(strings_that_the_program_took_or_replaced_are_not_written_to);
	RUN(the_same_holds_for_entries_of_logs);
	RUN(a_deletion_is_written_without_its_other_fields);
	RUN(records_are_compared_by_content);
	RUN(arrays_are_sorted_in_place);
	RUN(texts_are_those_that_git_compares);
	return TESTS_END();
}
