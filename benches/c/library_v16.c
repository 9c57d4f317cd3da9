/* The C API of reftable.h, 2020. PEER is defined where the library is that of 2020 itself. */
#include "library.h"

#include <reftable.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
#ifndef PEER /* The function is an extension. */
	reftable_set_durability(on);
	return 1;
#else
	return !on;
#endif
}

static void put_refs(struct reftable_writer *writer, const struct ref *refs, uint64_t count, uint64_t index)
{
	for (const struct ref *ref = refs; ref < refs + count; ref++) {
		struct reftable_ref_record record = { 0 };

		record.ref_name = ref->name;
		record.update_index = index ? index : ref->update_index;
		if (ref->kind == OBJECT || ref->kind == PEELED)
			record.value = (uint8_t *)ref->id;
		if (ref->kind == PEELED)
			record.target_value = (uint8_t *)ref->peeled;
		if (ref->kind == SYMREF)
			record.target = SYMREF_TARGET;
		check(reftable_writer_add_ref(writer, &record), ref->name);
	}
}

static void put_logs(struct reftable_writer *writer, const struct log_entry *logs, uint64_t count, uint64_t index)
{
	for (const struct log_entry *entry = logs; entry < logs + count; entry++) {
		struct reftable_log_record record = { 0 };

		record.ref_name = entry->name;
		record.update_index = index ? index : entry->update_index;
		record.old_hash = (uint8_t *)entry->old_id;
		record.new_hash = (uint8_t *)entry->new_id;
		record.name = entry->who;
		record.email = entry->email;
		record.time = entry->time;
		record.tz_offset = (int16_t)entry->zone;
		record.message = entry->message;
		check(reftable_writer_add_log(writer, &record), entry->name);
	}
}

void write_table(const char *path, const struct ref *refs, uint64_t ref_count, const struct log_entry *logs,
		 uint64_t log_count, uint64_t min, uint64_t max)
{
	struct reftable_write_options options = { 0 };
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	struct reftable_writer *writer = reftable_new_writer(reftable_fd_write, &fd, &options);

	if (fd < 0 || !writer)
		check(REFTABLE_IO_ERROR, path);
	reftable_writer_set_limits(writer, min, max);
	put_refs(writer, refs, ref_count, 0);
	put_logs(writer, logs, log_count, 0);
	check(reftable_writer_close(writer), path);
	reftable_writer_free(writer);
	close(fd);
}

struct table *open_table(const char *path)
{
	struct reftable_block_source source = { 0 };
	struct reftable_reader *reader = NULL;

	check(reftable_block_source_from_file(&source, path), path);
	check(reftable_new_reader(&reader, &source, path), path);
	return (struct table *)reader;
}

void close_table(struct table *table)
{
	reftable_reader_free((struct reftable_reader *)table);
}

/* Goes through the refs that begin with `prefix`. */
static void drain_refs(struct reftable_iterator *it, const char *prefix, struct found *found)
{
	struct reftable_ref_record record = { 0 };
	size_t len = strlen(prefix);

	while (!check(reftable_iterator_next_ref(it, &record), "next_ref")) {
		if (strncmp(record.ref_name, prefix, len))
			break;
		found->sum = add_ref(found->sum, record.ref_name, strlen(record.ref_name), record.value,
				     record.update_index);
		found->records++;
	}
	reftable_ref_record_clear(&record);
	reftable_iterator_destroy(it);
}

void scan_table(struct table *table, struct found *found)
{
	struct reftable_iterator it = { 0 };

	check(reftable_reader_seek_ref((struct reftable_reader *)table, &it, ""), "seek_ref");
	drain_refs(&it, "", found);
}

int find_by_id(struct table *table, const unsigned char *id, struct found *found)
{
#ifndef PEER
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record record = { 0 };

	check(reftable_reader_refs_for((struct reftable_reader *)table, &it, (uint8_t *)id), "refs_for");
	while (!check(reftable_iterator_next_ref(&it, &record), "next_ref")) {
		found->sum = add_ref(found->sum, record.ref_name, strlen(record.ref_name), record.value, 0);
		found->records++;
	}
	reftable_ref_record_clear(&record);
	reftable_iterator_destroy(&it);
	return 1;
#else /* The C library of 2020 crashes at refs without a peeled id. */
	(void)table, (void)id, (void)found;
	return 0;
#endif
}

struct stack *open_stack(const char *dir)
{
	struct reftable_write_options options = { 0 };
	struct reftable_stack *stack = NULL;

	options.skip_name_check = 1;
	check(reftable_new_stack(&stack, dir, options), dir);
	return (struct stack *)stack;
}

void close_stack(struct stack *stack)
{
	reftable_stack_destroy((struct reftable_stack *)stack);
}

void scan_prefix(struct stack *stack, const char *prefix, struct found *found)
{
	struct reftable_iterator it = { 0 };

	check(reftable_merged_table_seek_ref(reftable_stack_merged_table((struct reftable_stack *)stack), &it, prefix),
	      "seek_ref");
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
		found->sum = add_ref(found->sum, record.ref_name, strlen(record.ref_name), record.value,
				     record.update_index);
		found->records++;
	}
	reftable_ref_record_clear(&record);
}

int scan_logs(struct stack *stack, const char *name, struct found *found)
{
	struct reftable_merged_table *merged = reftable_stack_merged_table((struct reftable_stack *)stack);
	struct reftable_iterator it = { 0 };
	struct reftable_log_record record = { 0 };

	/* In tables of its own the C library of 2020 may not find the logs again. */
	if (reftable_merged_table_seek_log(merged, &it, name ? name : "") < 0)
		return 0;
	while (!check(reftable_iterator_next_log(&it, &record), "next_log")) {
		if (name && strcmp(record.ref_name, name))
			break;
		found->sum = add_log(found->sum, strlen(record.ref_name), record.update_index, record.new_hash,
				     record.message, strlen(record.message), record.time);
		found->records++;
	}
	reftable_log_record_clear(&record);
	reftable_iterator_destroy(&it);
	return 1;
}

struct lookup *new_lookup(struct stack *stack)
{
	(void)stack;
	return NULL;
}

void look_up(struct lookup *lookup, const char *name, struct found *found)
{
	(void)lookup, (void)name, (void)found;
}

void free_lookup(struct lookup *lookup)
{
	(void)lookup;
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

	reftable_writer_set_limits(writer, index, index);
	put_refs(writer, transaction->refs, transaction->ref_count, index);
	put_logs(writer, transaction->logs, transaction->log_count, index);
	return 0;
}

void commit(struct stack *stack, const struct ref *refs, uint64_t ref_count, const struct log_entry *logs,
	    uint64_t log_count)
{
	struct transaction transaction = { (struct reftable_stack *)stack, refs, logs, ref_count, log_count };

	check(reftable_stack_add(transaction.stack, write_transaction, &transaction), "stack_add");
}

void compact(struct stack *stack)
{
	check(reftable_stack_compact_all((struct reftable_stack *)stack, NULL), "compact_all");
}
