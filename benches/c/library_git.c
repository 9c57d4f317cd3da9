/*
 * The C API of git 2.55. The parts of git that its library calls are linked too, whosesoever
 * the library is; among them are the two variables that say what is synced.
 */
#include "library.h"

#include <reftable-git.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* git's own settings: whether anything is synced, and a bit for each part that is. */
extern int use_fsync;
extern int fsync_components;

static int check(int result, const char *what)
{
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", what, reftable_error_str(result));
		exit(2);
	}
	return result;
}

int library_sync(int on)
{
	use_fsync = on;
	fsync_components = on ? ~0 : 0;
	return 1;
}

static void put_refs(struct reftable_writer *writer, const struct ref *refs, uint64_t count, uint64_t index)
{
	for (const struct ref *ref = refs; ref < refs + count; ref++) {
		struct reftable_ref_record record = { 0 };

		record.refname = ref->name;
		record.update_index = index ? index : ref->update_index;
		record.value_type = (enum reftable_ref_value_type)ref->kind;
		if (ref->kind == OBJECT)
			memcpy(record.value.val1, ref->id, ID_LEN);
		if (ref->kind == PEELED) {
			memcpy(record.value.val2.value, ref->id, ID_LEN);
			memcpy(record.value.val2.target_value, ref->peeled, ID_LEN);
		}
		if (ref->kind == SYMREF)
			record.value.symref = SYMREF_TARGET;
		check(reftable_writer_add_ref(writer, &record), ref->name);
	}
}

static void put_logs(struct reftable_writer *writer, const struct log_entry *logs, uint64_t count, uint64_t index)
{
	for (const struct log_entry *entry = logs; entry < logs + count; entry++) {
		struct reftable_log_record record = { 0 };

		record.refname = entry->name;
		record.update_index = index ? index : entry->update_index;
		record.value_type = REFTABLE_LOG_UPDATE;
		memcpy(record.value.update.old_hash, entry->old_id, ID_LEN);
		memcpy(record.value.update.new_hash, entry->new_id, ID_LEN);
		record.value.update.name = entry->who;
		record.value.update.email = entry->email;
		record.value.update.time = entry->time;
		record.value.update.tz_offset = (int16_t)entry->zone;
		record.value.update.message = entry->message;
		check(reftable_writer_add_log(writer, &record), entry->name);
	}
}

static ssize_t put_bytes(void *fd, const void *bytes, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t put = write(*(int *)fd, (const char *)bytes + done, len - done);

		if (put < 0)
			return -1;
		done += (size_t)put;
	}
	return (ssize_t)len;
}

static int flush_nothing(void *fd)
{
	(void)fd;
	return 0;
}

void write_table(const char *path, const struct ref *refs, uint64_t ref_count, const struct log_entry *logs,
		 uint64_t log_count, uint64_t min, uint64_t max)
{
	struct reftable_write_options options = { 0 };
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	struct reftable_writer *writer = NULL;

	if (fd < 0)
		check(REFTABLE_IO_ERROR, path);
	options.hash_id = REFTABLE_HASH_SHA1;
	check(reftable_writer_new(&writer, put_bytes, flush_nothing, &fd, &options), path);
	check(reftable_writer_set_limits(writer, min, max), path);
	put_refs(writer, refs, ref_count, 0);
	put_logs(writer, logs, log_count, 0);
	check(reftable_writer_close(writer), path);
	reftable_writer_free(writer);
	close(fd);
}

struct table *open_table(const char *path)
{
	struct reftable_block_source source = { 0 };
	struct reftable_table *table = NULL;

	check(reftable_block_source_from_file(&source, path), path);
	check(reftable_table_new(&table, &source, path), path);
	return (struct table *)table;
}

void close_table(struct table *table)
{
	reftable_table_decref((struct reftable_table *)table);
}

/* Goes through the refs that begin with `prefix`. */
static void drain_refs(struct reftable_iterator *it, const char *prefix, struct found *found)
{
	struct reftable_ref_record record = { 0 };
	size_t len = strlen(prefix);

	while (!check(reftable_iterator_next_ref(it, &record), "next_ref")) {
		if (strncmp(record.refname, prefix, len))
			break;
		found->sum = add_ref(found->sum, record.refname, strlen(record.refname), reftable_ref_record_val1(&record),
				     record.update_index);
		found->records++;
	}
	reftable_ref_record_release(&record);
	reftable_iterator_destroy(it);
}

void scan_table(struct table *table, struct found *found)
{
	struct reftable_iterator it = { 0 };

	check(reftable_table_init_ref_iterator((struct reftable_table *)table, &it), "init_ref_iterator");
	check(reftable_iterator_seek_ref(&it, ""), "seek_ref");
	drain_refs(&it, "", found);
}

int find_by_id(struct table *table, const unsigned char *id, struct found *found)
{
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record record = { 0 };

	check(reftable_table_refs_for((struct reftable_table *)table, &it, (uint8_t *)id), "refs_for");
	while (!check(reftable_iterator_next_ref(&it, &record), "next_ref")) {
		found->sum = add_ref(found->sum, record.refname, strlen(record.refname), reftable_ref_record_val1(&record), 0);
		found->records++;
	}
	reftable_ref_record_release(&record);
	reftable_iterator_destroy(&it);
	return 1;
}

struct stack *open_stack(const char *dir)
{
	struct reftable_write_options options = { 0 };
	struct reftable_stack *stack = NULL;

	options.hash_id = REFTABLE_HASH_SHA1;
	check(reftable_new_stack(&stack, dir, &options), dir);
	return (struct stack *)stack;
}

void close_stack(struct stack *stack)
{
	reftable_stack_destroy((struct reftable_stack *)stack);
}

void scan_prefix(struct stack *stack, const char *prefix, struct found *found)
{
	struct reftable_iterator it = { 0 };

	check(reftable_stack_init_ref_iterator((struct reftable_stack *)stack, &it), "init_ref_iterator");
	check(reftable_iterator_seek_ref(&it, prefix), "seek_ref");
	drain_refs(&it, prefix, found);
}

void scan_stack(struct stack *stack, struct found *found)
{
	scan_prefix(stack, "", found);
}

void find_ref(struct stack *stack, const char *name, struct found *found)
{
	struct reftable_ref_record record = { 0 };

	if (!check(reftable_stack_read_ref((struct reftable_stack *)stack, name, &record), name)) {
		found->sum = add_ref(found->sum, record.refname, strlen(record.refname), reftable_ref_record_val1(&record),
				     record.update_index);
		found->records++;
	}
	reftable_ref_record_release(&record);
}

int scan_logs(struct stack *stack, const char *name, struct found *found)
{
	struct reftable_iterator it = { 0 };
	struct reftable_log_record record = { 0 };

	check(reftable_stack_init_log_iterator((struct reftable_stack *)stack, &it), "init_log_iterator");
	check(reftable_iterator_seek_log(&it, name ? name : ""), "seek_log");
	while (!check(reftable_iterator_next_log(&it, &record), "next_log")) {
		if (name && strcmp(record.refname, name))
			break;
		found->sum = add_log(found->sum, strlen(record.refname), record.update_index, record.value.update.new_hash,
				     record.value.update.message, strlen(record.value.update.message),
				     record.value.update.time);
		found->records++;
	}
	reftable_log_record_release(&record);
	reftable_iterator_destroy(&it);
	return 1;
}

struct lookup {
	struct reftable_iterator it;
	struct reftable_ref_record record;
};

struct lookup *new_lookup(struct stack *stack)
{
	struct lookup *lookup = calloc(1, sizeof(*lookup));

	if (!lookup)
		check(REFTABLE_OUT_OF_MEMORY_ERROR, "calloc");
	check(reftable_stack_init_ref_iterator((struct reftable_stack *)stack, &lookup->it), "init_ref_iterator");
	return lookup;
}

void look_up(struct lookup *lookup, const char *name, struct found *found)
{
	struct reftable_ref_record *record = &lookup->record;

	check(reftable_iterator_seek_ref(&lookup->it, name), name);
	if (check(reftable_iterator_next_ref(&lookup->it, record), name) || strcmp(record->refname, name))
		return;
	found->sum = add_ref(found->sum, record->refname, strlen(record->refname), reftable_ref_record_val1(record),
			     record->update_index);
	found->records++;
}

void free_lookup(struct lookup *lookup)
{
	reftable_iterator_destroy(&lookup->it);
	reftable_ref_record_release(&lookup->record);
	free(lookup);
}

struct transaction {
	struct reftable_stack *stack;
	const struct ref *refs;
	const struct log_entry *logs;
	uint64_t ref_count, log_count;
};

static int write_transaction(struct reftable_writer *writer, void *argument)
{
	struct transaction *transaction = argument;
	uint64_t index = reftable_stack_next_update_index(transaction->stack);

	check(reftable_writer_set_limits(writer, index, index), "set_limits");
	put_refs(writer, transaction->refs, transaction->ref_count, index);
	put_logs(writer, transaction->logs, transaction->log_count, index);
	return 0;
}

void commit(struct stack *stack, const struct ref *refs, uint64_t ref_count, const struct log_entry *logs,
	    uint64_t log_count)
{
	struct transaction transaction = { (struct reftable_stack *)stack, refs, logs, ref_count, log_count };

	check(reftable_stack_add(transaction.stack, write_transaction, &transaction, 0), "stack_add");
}

void compact(struct stack *stack)
{
	check(reftable_stack_compact_all((struct reftable_stack *)stack, NULL), "compact_all");
}
