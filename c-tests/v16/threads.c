/*
 * Threads: each with objects of its own, at one folder; and objects that go from one to the other.
 * Under ThreadSanitizer (scripts/tsan) this shows that the library shares nothing unprotected.
 *
 * Checks count in variables of the program, so only the main thread makes them.
 */
#include "../test.h"
#include "../scratch.h"
#include <pthread.h>
#include "reftable.h"
#include "transactions.h"

#define THREADS 4
#define COMMITS 12

/* What a thread does, and what came of it. */
struct worker {
	pthread_t thread;
	const char *dir;
	int number;
	uint8_t id[20];
	struct reftable_stack *stack;
	struct reftable_iterator it;
	int done; /* commits, or records read */
	int error;
	char text[64];
};

static void start(struct worker *workers, int count, const char *dir, void *(*run)(void *))
{
	int i;

	for (i = 0; i < count; i++) {
		workers[i].dir = dir;
		workers[i].number = i;
		memset(workers[i].id, i + 1, sizeof(workers[i].id));
		REQUIRE(pthread_create(&workers[i].thread, NULL, run, &workers[i]) == 0);
	}
}

static void join(struct worker *workers, int count)
{
	int i;

	for (i = 0; i < count; i++)
		CHECK_INT(pthread_join(workers[i].thread, NULL), 0);
}

static int write_next(struct reftable_writer *writer, void *arg)
{
	struct worker *worker = arg;
	struct reftable_ref_record ref = { 0 };
	uint64_t next = reftable_stack_next_update_index(worker->stack);
	char name[40];

	snprintf(name, sizeof(name), "refs/%d/%02d", worker->number, worker->done);
	ref.ref_name = name;
	ref.value = worker->id;
	ref.update_index = next;
	reftable_writer_set_limits(writer, next, next);
	return reftable_writer_add_ref(writer, &ref);
}

/* The first refs of the thread are there, with its own values. */
static int reads_back(struct worker *worker)
{
	struct reftable_ref_record ref = { 0 };
	char name[40];
	int i, err = 0;

	for (i = 0; i < worker->done && !err; i++) {
		snprintf(name, sizeof(name), "refs/%d/%02d", worker->number, i);
		err = reftable_stack_read_ref(worker->stack, name, &ref);
		if (!err && memcmp(ref.value, worker->id, sizeof(worker->id)))
			err = 1;
	}
	reftable_ref_record_clear(&ref);
	return err;
}

static void *commits(void *arg)
{
	struct worker *worker = arg;
	struct reftable_write_options options = { 0 };
	int err = reftable_new_stack(&worker->stack, worker->dir, options);

	while (!err && worker->done < COMMITS) {
		err = reftable_stack_reload(worker->stack);
		if (!err)
			err = reftable_stack_add(worker->stack, write_next, worker);
		if (err == REFTABLE_LOCK_ERROR) {
			err = 0;
			continue;
		}
		if (err)
			break;
		worker->done++;
		err = reads_back(worker);
		if (!err && worker->done % 4 == 0) {
			err = reftable_stack_compact_all(worker->stack, NULL);
			if (err == 1)
				err = 0;
		}
	}
	worker->error = err;
	reftable_stack_destroy(worker->stack);
	return NULL;
}

static void threads_with_a_stack_each_lose_nothing(void)
{
	const char *dir = scratch_dir();
	struct worker workers[THREADS] = { { 0 } };
	struct reftable_stack *stack;
	char name[40];
	int i, n;

	start(workers, THREADS, dir, commits);
	join(workers, THREADS);
	stack = open_stack(dir);
	for (i = 0; i < THREADS; i++) {
		CHECK_INT(workers[i].error, 0);
		CHECK_INT(workers[i].done, COMMITS);
		for (n = 0; n < COMMITS; n++) {
			snprintf(name, sizeof(name), "refs/%d/%02d", i, n);
			CHECK_INT(value_of(stack, name), i + 1);
		}
	}
	CHECK_INT(count_refs(stack), THREADS * COMMITS);
	CHECK_INT(reftable_stack_next_update_index(stack), THREADS * COMMITS + 1);
	reftable_stack_destroy(stack);
	CHECK(is_tidy(dir));
}

static void *reads_on(void *arg)
{
	struct worker *worker = arg;
	struct reftable_ref_record ref = { 0 };

	while (worker->done < 10 * (worker->number + 1)) {
		worker->error = reftable_iterator_next_ref(&worker->it, &ref);
		if (worker->error)
			break;
		worker->done++;
	}
	reftable_ref_record_clear(&ref);
	return NULL;
}

static void *destroys(void *arg)
{
	struct worker *worker = arg;

	reftable_iterator_destroy(&worker->it);
	reftable_stack_destroy(worker->stack);
	return NULL;
}

/* One thread at a time uses an object, but not always the same. */
static void stacks_and_iterators_go_from_thread_to_thread(void)
{
	const char *dir = scratch_dir();
	struct worker workers[THREADS] = { { 0 } };
	char name[40];
	int i, n;

	for (i = 0; i < THREADS; i++) {
		workers[i].stack = open_stack(dir);
		REQUIRE(reftable_stack_reload(workers[i].stack) == 0);
	}
	for (n = 0; n < 10 * THREADS; n++) {
		snprintf(name, sizeof(name), "refs/%03d", n);
		CHECK_INT(commit_ref(workers[0].stack, a_ref(name, 0, 1)), 0);
	}
	for (i = 0; i < THREADS; i++) {
		struct reftable_merged_table *merged;

		CHECK_INT(reftable_stack_reload(workers[i].stack), 0);
		merged = reftable_stack_merged_table(workers[i].stack);
		CHECK_INT(reftable_merged_table_seek_ref(merged, &workers[i].it, ""), 0);
	}
	start(workers, THREADS, dir, reads_on);
	join(workers, THREADS);
	for (i = 0; i < THREADS; i++) {
		CHECK_INT(workers[i].error, 0);
		CHECK_INT(workers[i].done, 10 * (i + 1));
	}
	start(workers, THREADS, dir, destroys);
	join(workers, THREADS);
	CHECK(is_tidy(dir));
}

static void *asks_for_texts(void *arg)
{
	struct worker *worker = arg;
	const char *own = reftable_error_str(-1000 - worker->number);
	char before[64];
	int i;

	snprintf(before, sizeof(before), "%s", own);
	for (i = 0; i < 200; i++) {
		reftable_set_durability(i % 2);
		if (strcmp(own, before) || strcmp(reftable_error_str(-2), "I/O error"))
			worker->error++;
		worker->done++;
	}
	snprintf(worker->text, sizeof(worker->text), "%s", own);
	return NULL;
}

/* The text of an unknown code is the thread's; the others do not write over it. */
static void each_thread_has_its_text_of_an_unknown_code(void)
{
	struct worker workers[THREADS] = { { 0 } };
	char number[16];
	int i;

	start(workers, THREADS, NULL, asks_for_texts);
	join(workers, THREADS);
	for (i = 0; i < THREADS; i++) {
		snprintf(number, sizeof(number), "%d", -1000 - i);
		CHECK_INT(workers[i].error, 0);
		CHECK_INT(workers[i].done, 200);
		CHECK(strstr(workers[i].text, number) != NULL);
	}
	reftable_set_durability(1);
}

int main(int argc, char **argv)
{
	TESTS_BEGIN(argc, argv);
	RUN(threads_with_a_stack_each_lose_nothing);
	RUN(stacks_and_iterators_go_from_thread_to_thread);
	RUN(each_thread_has_its_text_of_an_unknown_code);
	return TESTS_END();
}
