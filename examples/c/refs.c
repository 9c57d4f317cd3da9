/*
 * Writes refs, reads them, compacts: a walk through the library for C programs.
 *
 *	cc -Iinclude examples/c/refs.c build/libreftable.a -o refs
 *	./refs FOLDER
 *
 * FOLDER becomes a stack of tables; `make demo` takes the reftable folder of a git repository and
 * then lets git list the same refs. Every call is checked: a result below 0 is an error.
 */
#include "reftable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Shows what went wrong, and stops. */
static int check(int result, const char *what)
{
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", what, reftable_error_str(result));
		exit(1);
	}
	return result;
}

/* Made up ids; real ones come from git's object store. */
static uint8_t commit_one[20] = { 0x11, 0x11, 0x11, 0x11 };
static uint8_t commit_two[20] = { 0x22, 0x22, 0x22, 0x22 };
static uint8_t tag_object[20] = { 0x33, 0x33, 0x33, 0x33 };
static uint8_t no_object[20];

/* What a transaction writes: refs and log entries, and the stack, whose next index they get. */
struct transaction {
	struct reftable_stack *stack;
	struct reftable_ref_record *refs;
	int ref_count;
	struct reftable_log_record *logs;
	int log_count;
};

/* Called by reftable_stack_add with a writer for the new table. A transaction has one index. */
static int write_table(struct reftable_writer *writer, void *arg)
{
	struct transaction *t = arg;
	uint64_t index = reftable_stack_next_update_index(t->stack);
	int i, err;

	reftable_writer_set_limits(writer, index, index);
	for (i = 0; i < t->ref_count; i++)
		t->refs[i].update_index = index;
	for (i = 0; i < t->log_count; i++)
		t->logs[i].update_index = index;
	/* Both sort their records; refs have to come before log entries. */
	err = reftable_writer_add_refs(writer, t->refs, t->ref_count);
	if (err < 0)
		return err;
	return reftable_writer_add_logs(writer, t->logs, t->log_count);
}

static struct reftable_log_record entry(char *ref, uint8_t *from, uint8_t *to, char *message)
{
	struct reftable_log_record log = { 0 };

	log.ref_name = ref;
	log.old_hash = from;
	log.new_hash = to;
	log.name = "C O Mitter";
	log.email = "committer@example.com";
	log.time = 1735689600;
	log.tz_offset = 100;
	log.message = message;
	return log;
}

/* Two transactions: a branch with a tag and HEAD, then a move of the branch and a second one. */
static void write_refs(struct reftable_stack *stack)
{
	struct reftable_ref_record first[3] = { { 0 } }, second[2] = { { 0 } };
	struct reftable_log_record logs[2];
	struct transaction t = { stack, first, 3, logs, 1 };

	first[0].ref_name = "refs/heads/main";
	first[0].value = commit_one;
	/* An annotated tag is stored with the object that it leads to. */
	first[1].ref_name = "refs/tags/v1";
	first[1].value = tag_object;
	first[1].target_value = commit_one;
	first[2].ref_name = "HEAD";
	first[2].target = "refs/heads/main";
	logs[0] = entry("refs/heads/main", no_object, commit_one, "commit (initial): one\n");
	check(reftable_stack_add(stack, write_table, &t), "first transaction");
	printf("committed main, v1 and HEAD\n");

	second[0].ref_name = "refs/heads/main";
	second[0].value = commit_two;
	second[1].ref_name = "refs/heads/topic";
	second[1].value = commit_one;
	logs[0] = entry("refs/heads/main", commit_one, commit_two, "commit: two\n");
	logs[1] = entry("refs/heads/topic", no_object, commit_one, "branch: Created from main\n");
	t.refs = second;
	t.ref_count = 2;
	t.log_count = 2;
	check(reftable_stack_add(stack, write_table, &t), "second transaction");
	printf("moved main, created topic\n");
}

static void print_id(const uint8_t *id)
{
	int i;

	for (i = 0; i < 20; i++)
		printf("%02x", id[i]);
}

/* One ref by its name. */
static void read_head(struct reftable_stack *stack)
{
	struct reftable_ref_record ref = { 0 };

	if (check(reftable_stack_read_ref(stack, "HEAD", &ref), "HEAD") == 0)
		printf("HEAD stands for %s\n", ref.target);
	reftable_ref_record_clear(&ref);
}

/* All refs that begin with a prefix: seek goes to the first, the loop ends at the last. */
static void list_refs(struct reftable_stack *stack, const char *prefix)
{
	struct reftable_merged_table *all = reftable_stack_merged_table(stack);
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record ref = { 0 };

	check(reftable_merged_table_seek_ref(all, &it, prefix), "seek");
	while (check(reftable_iterator_next_ref(&it, &ref), "next ref") == 0) {
		if (strncmp(ref.ref_name, prefix, strlen(prefix)))
			break;
		if (!ref.value)
			continue;
		print_id(ref.value);
		printf(" %s\n", ref.ref_name);
		if (ref.target_value) {
			print_id(ref.target_value);
			printf(" %s^{}\n", ref.ref_name);
		}
	}
	reftable_ref_record_clear(&ref);
	reftable_iterator_destroy(&it);
}

/* The reflog of one ref, newest entry first. */
static void show_log(struct reftable_stack *stack, const char *name)
{
	struct reftable_merged_table *all = reftable_stack_merged_table(stack);
	struct reftable_iterator it = { 0 };
	struct reftable_log_record log = { 0 };

	check(reftable_merged_table_seek_log(all, &it, name), "seek");
	while (check(reftable_iterator_next_log(&it, &log), "next entry") == 0) {
		if (strcmp(log.ref_name, name))
			break;
		printf("%s by %s: %s", name, log.name, log.message);
	}
	reftable_log_record_clear(&log);
	reftable_iterator_destroy(&it);
}

int main(int argc, char **argv)
{
	struct reftable_write_options options = { 0 };
	struct reftable_stack *stack = NULL;

	if (argc != 2) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	mkdir(argv[1], 0777);
	check(reftable_new_stack(&stack, argv[1], options), argv[1]);
	write_refs(stack);
	read_head(stack);
	show_log(stack, "refs/heads/main");
	/* Stacks compact themselves; this makes one table of whatever there is. */
	check(reftable_stack_compact_all(stack, NULL), "compaction");
	printf("compacted\nrefs:\n");
	list_refs(stack, "refs/");
	reftable_stack_destroy(stack);
	return 0;
}
