/*
 * The workloads, for any library that library.h describes. Names, data and what is counted are
 * those of benches/native; docs/performance.md says what each is.
 *
 * usage: PROGRAM FIXTURES MEMORY DISK REFS WORKLOAD...
 *
 * FIXTURES  what `native … prepare` made for that many REFS
 * MEMORY    a folder on a file system in memory, DISK one on a disk
 */
#define _GNU_SOURCE
#include "measure.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *fixtures, *memory, *disk;
static uint64_t ref_total;

struct workload {
	const char *name;
	void (*run)(const struct workload *workload);
	unsigned laps;
	const char *stack; /* which of the fixtures, if any */
	uint64_t count;	   /* see each function */
	unsigned flags;
};

enum {
	MISSES = 1, /* names that there are not */
	AGAIN = 2,  /* the same names over and over */
	REUSED = 4, /* one iterator for all lookups */
	LOGS = 8,   /* log entries too */
	BATCH = 16, /* one transaction of all */
	DISK = 32,  /* on disk instead of in memory */
	SYNC = 64,  /* synced to it */
	ALL = 128,  /* all log entries instead of those of one ref */
};

/* --- writing one table; `count` is the part of all refs that is written ----------- */

static void write_refs(const struct workload *workload)
{
	uint64_t count = ref_total / workload->count;
	struct ref *refs = make_refs(count);
	const char *dir = join(memory, "stack"), *path = join(dir, "written.ref");
	struct found found = { 0 };
	struct table *table;

	make_folder(dir);
	for (unsigned lap = 0; lap < workload->laps; lap++) {
		unlink(path);
		start_lap();
		write_table(path, refs, count, NULL, 0, 1, 1000);
		stop_lap();
	}
	table = open_table(path);
	scan_table(table, &found);
	close_table(table);
	report(workload->name, count, folder_size(dir), &found);
	remove_folder(dir);
}

static void write_logs(const struct workload *workload)
{
	uint64_t count = ref_total / workload->count;
	struct log_entry *logs = make_logs(count);
	const char *dir = join(memory, "stack");
	const char *table = "0x000000000001-0x000000000001-00000000.ref";
	struct found found = { 0 };
	struct stack *stack;
	FILE *list;

	make_folder(dir);
	for (unsigned lap = 0; lap < workload->laps; lap++) {
		unlink(join(dir, table));
		start_lap();
		write_table(join(dir, table), NULL, 0, logs, count, 1, count);
		stop_lap();
	}
	list = fopen(join(dir, "tables.list"), "w");
	if (!list || fprintf(list, "%s\n", table) < 0 || fclose(list))
		fail("tables.list");
	stack = open_stack(dir);
	scan_logs(stack, NULL, &found);
	close_stack(stack);
	report(workload->name, count, folder_size(dir), &found);
	remove_folder(dir);
}

/* --- reading ------------------------------------------------------------------------ */

/* The table that the first line of a stack's list names. */
static struct table *open_first_table(const char *dir)
{
	char name[200];
	FILE *list = fopen(join(dir, "tables.list"), "r");

	if (!list || fscanf(list, "%199s", name) != 1)
		fail(dir);
	fclose(list);
	return open_table(join(dir, name));
}

static void scan_one_table(const struct workload *workload)
{
	struct table *table = open_first_table(join(fixtures, workload->stack));
	struct found found;

	for (unsigned lap = 0; lap < workload->laps; lap++) {
		memset(&found, 0, sizeof(found));
		start_lap();
		scan_table(table, &found);
		stop_lap();
	}
	report(workload->name, found.records, 0, &found);
	close_table(table);
}

static void scan(const struct workload *workload)
{
	struct stack *stack = open_stack(join(fixtures, workload->stack));
	struct found found;

	for (unsigned lap = 0; lap < workload->laps; lap++) {
		memset(&found, 0, sizeof(found));
		start_lap();
		scan_stack(stack, &found);
		stop_lap();
	}
	report(workload->name, found.records, 0, &found);
	close_stack(stack);
}

static char **names_to_find(uint64_t count, unsigned flags)
{
	char **names = get_memory(count * sizeof(*names)), name[NAME_MAX_LEN];
	uint64_t distinct = flags & AGAIN ? 2000 : count;

	for (uint64_t i = 0; i < count; i++) {
		uint64_t drawn = draw(i % distinct, 40);
		size_t len = ref_name(name, drawn % ref_total);

		if (flags & MISSES && drawn >> 60 & 1)
			name[len++] = '~';
		else if (flags & MISSES)
			name[len - 1] = '!';
		names[i] = keep(name, len);
	}
	return names;
}

static void lookups(const struct workload *workload)
{
	uint64_t count = ref_total / workload->count;
	char **names = names_to_find(count, workload->flags);
	struct stack *stack = open_stack(join(fixtures, workload->stack));
	struct lookup *lookup = workload->flags & REUSED ? new_lookup(stack) : NULL;
	struct found found;

	if (workload->flags & REUSED && !lookup) {
		report_missing(workload->name);
		close_stack(stack);
		return;
	}
	for (unsigned lap = 0; lap < workload->laps; lap++) {
		memset(&found, 0, sizeof(found));
		start_lap();
		for (uint64_t i = 0; i < count; i++)
			if (lookup)
				look_up(lookup, names[i], &found);
			else
				find_ref(stack, names[i], &found);
		stop_lap();
	}
	report(workload->name, count, 0, &found);
	if (lookup)
		free_lookup(lookup);
	close_stack(stack);
}

/* The beginnings of ref names, cut where a person or a number ends. */
static void prefix_to_scan(char *prefix, uint64_t number)
{
	char name[NAME_MAX_LEN];
	uint64_t drawn = draw(number, 41);

	switch (number % 4) {
	case 0:
		sprintf(prefix, "refs/pull/%d", (int)(100 + drawn % 900));
		return;
	case 1:
		sprintf(prefix, "refs/tags/v%d.", (int)(drawn % (ref_total / 1000)));
		return;
	case 2:
		ref_name(name, drawn % (ref_total / 100) * 100 + 60);
		*strchr(strrchr(name, '/'), '-') = 0;
		break;
	default:
		ref_name(name, drawn % (ref_total / 100) * 100 + 97);
		*strrchr(name, '-') = 0;
	}
	strcat(strcpy(prefix, name), "-");
}

static void prefixes(const struct workload *workload)
{
	struct stack *stack = open_stack(join(fixtures, workload->stack));
	char(*list)[NAME_MAX_LEN] = get_memory(workload->count * sizeof(*list));
	struct found found;

	for (uint64_t i = 0; i < workload->count; i++)
		prefix_to_scan(list[i], i);
	for (unsigned lap = 0; lap < workload->laps; lap++) {
		memset(&found, 0, sizeof(found));
		start_lap();
		for (uint64_t i = 0; i < workload->count; i++)
			scan_prefix(stack, list[i], &found);
		stop_lap();
	}
	report(workload->name, found.records, 0, &found);
	close_stack(stack);
}

static void cold_open(const struct workload *workload)
{
	char **names = get_memory(workload->count * sizeof(*names)), name[NAME_MAX_LEN];
	const char *dir = join(fixtures, workload->stack);
	struct found found;

	/* The oldest tenth, which all stacks have. */
	for (uint64_t i = 0; i < workload->count; i++)
		names[i] = keep(name, ref_name(name, draw(i, 42) % (ref_total / 10)));
	for (unsigned lap = 0; lap < workload->laps; lap++) {
		memset(&found, 0, sizeof(found));
		start_lap();
		for (uint64_t i = 0; i < workload->count; i++) {
			struct stack *stack = open_stack(dir);

			find_ref(stack, names[i], &found);
			close_stack(stack);
		}
		stop_lap();
	}
	report(workload->name, workload->count, 0, &found);
}

static void reflogs(const struct workload *workload)
{
	struct stack *stack = open_stack(join(fixtures, workload->stack));
	const char *name = workload->flags & ALL ? NULL : SYMREF_TARGET;
	struct found found;

	for (unsigned lap = 0; lap < workload->laps; lap++) {
		memset(&found, 0, sizeof(found));
		start_lap();
		for (uint64_t i = 0; i < workload->count; i++)
			scan_logs(stack, name, &found);
		stop_lap();
	}
	report(workload->name, found.records, 0, &found);
	close_stack(stack);
}

static void by_id(const struct workload *workload)
{
	struct table *table = open_first_table(join(fixtures, workload->stack));
	unsigned char(*ids)[ID_LEN] = get_memory(workload->count * sizeof(*ids));
	int offered = 1;
	struct found found;

	for (uint64_t i = 0; i < workload->count; i++)
		ref_id(ids[i], 1 + draw(i, 43) % (ref_total - 1), 0);
	for (unsigned lap = 0; lap < workload->laps; lap++) {
		memset(&found, 0, sizeof(found));
		start_lap();
		for (uint64_t i = 0; i < workload->count; i++)
			offered = find_by_id(table, ids[i], &found);
		stop_lap();
	}
	if (offered)
		report(workload->name, workload->count, 0, &found);
	else
		report_missing(workload->name);
	close_table(table);
}

/* --- transactions; `count` refs ------------------------------------------------------- */

static struct ref *refs_to_commit(uint64_t count, int in_order)
{
	struct ref *refs = get_memory(count * sizeof(*refs));
	uint64_t stride = ref_total / count;
	char name[NAME_MAX_LEN];

	for (uint64_t i = 0; i < count; i++) {
		/* Each once, scattered: 7919 is prime. */
		uint64_t number = 1 + i * 7919 % count * stride + draw(i, 44) % stride;

		refs[i].name = keep(name, ref_name(name, number));
		fill_ref(&refs[i], number, 9);
	}
	if (in_order)
		qsort(refs, count, sizeof(*refs), compare_refs);
	return refs;
}

static struct log_entry *logs_to_commit(const struct ref *refs, uint64_t count)
{
	struct log_entry *logs = get_memory(count * sizeof(*logs));

	for (uint64_t i = 0; i < count; i++) {
		logs[i].name = refs[i].name;
		memset(logs[i].old_id, 0, ID_LEN);
		fill_log(&logs[i], i + 1);
	}
	return logs;
}

static void commits(const struct workload *workload)
{
	uint64_t count = workload->count, each = workload->flags & BATCH ? count : 1, bytes = 0;
	struct ref *refs = refs_to_commit(count, workload->flags & BATCH);
	struct log_entry *logs = workload->flags & LOGS ? logs_to_commit(refs, count) : NULL;
	const char *dir = join(workload->flags & DISK ? disk : memory, "stack");
	struct found found;

	if (!library_sync(workload->flags & SYNC)) {
		report_missing(workload->name);
		return;
	}
	for (unsigned lap = 0; lap < workload->laps; lap++) {
		struct stack *stack;

		if (workload->stack)
			copy_folder(join(fixtures, workload->stack), dir);
		else
			make_folder(dir);
		stack = open_stack(dir);
		bytes = bytes_written();
		start_lap();
		for (uint64_t i = 0; i < count; i += each)
			commit(stack, refs + i, each, logs ? logs + i : NULL, logs ? each : 0);
		stop_lap();
		bytes = bytes_written() - bytes;
		memset(&found, 0, sizeof(found));
		scan_stack(stack, &found);
		if (logs)
			scan_logs(stack, NULL, &found);
		close_stack(stack);
	}
	report(workload->name, count / each, bytes, &found);
	remove_folder(dir);
}

static void compact_all(const struct workload *workload)
{
	const char *dir = join(memory, "stack");
	struct found found;

	for (unsigned lap = 0; lap < workload->laps; lap++) {
		struct stack *stack;

		copy_folder(join(fixtures, workload->stack), dir);
		stack = open_stack(dir);
		start_lap();
		compact(stack);
		stop_lap();
		memset(&found, 0, sizeof(found));
		if (workload->flags & ALL) {
			scan_stack(stack, &found);
			scan_logs(stack, NULL, &found);
		}
		close_stack(stack);
	}
	/* 8 tables of a tenth of the refs and half as many log entries. */
	report(workload->name, ref_total / 10 * 8 + ref_total / 20 * 8, folder_size(dir), &found);
	remove_folder(dir);
}

static const struct workload workloads[] = {
	{ "write_refs", write_refs, 1, NULL, 1, 0 },
	{ "write_refs_tenth", write_refs, 3, NULL, 10, 0 },
	{ "write_logs", write_logs, 1, NULL, 2, 0 },
	{ "scan", scan_one_table, 5, "one", 0, 0 },
	{ "scan_stack", scan, 5, "one", 0, 0 },
	{ "scan_stack_6", scan, 3, "six", 0, 0 },
	{ "lookup_hit", lookups, 2, "one", 20, 0 },
	{ "lookup_warm", lookups, 2, "one", 20, AGAIN },
	{ "lookup_reused", lookups, 2, "one", 20, REUSED },
	{ "lookup_reused_warm", lookups, 2, "one", 20, REUSED | AGAIN },
	{ "lookup_hit_6", lookups, 1, "six", 20, 0 },
	{ "lookup_reused_6", lookups, 1, "six", 20, REUSED },
	{ "lookup_miss", lookups, 2, "one", 20, MISSES },
	{ "lookup_miss_6", lookups, 1, "six", 20, MISSES },
	{ "prefix", prefixes, 3, "one", 1000, 0 },
	{ "prefix_6", prefixes, 2, "six", 1000, 0 },
	{ "commit", commits, 2, NULL, 2000, 0 },
	{ "commit_disk", commits, 1, NULL, 2000, DISK },
	{ "commit_sync", commits, 1, NULL, 500, DISK | SYNC },
	{ "commit_log", commits, 2, NULL, 2000, LOGS },
	{ "commit_batch", commits, 20, NULL, 5000, BATCH },
	{ "commit_batch_log", commits, 10, NULL, 5000, BATCH | LOGS },
	{ "commit_large", commits, 3, "one", 200, 0 },
	{ "compact", compact_all, 1, "parts", 0, ALL },
	{ "cold_open", cold_open, 2, "one", 10000, 0 },
	{ "cold_open_10", cold_open, 1, "ten", 10000, 0 },
	{ "reflog", reflogs, 2, "logs", 10, 0 },
	{ "scan_logs", reflogs, 1, "logs", 1, ALL },
	{ "by_id", by_id, 3, "one", 5000, 0 },
	{ "memory_scan", scan, 1, "six", 0, 0 },
	{ "memory_compact", compact_all, 1, "parts", 0, 0 },
};

int main(int argc, char **argv)
{
	if (argc < 6) {
		fprintf(stderr, "usage: %s FIXTURES MEMORY DISK REFS WORKLOAD...\n", argv[0]);
		return 2;
	}
	fixtures = argv[1];
	memory = argv[2];
	disk = argv[3];
	ref_total = strtoull(argv[4], NULL, 10);
	for (int i = 5; i < argc; i++) {
		const struct workload *workload = workloads, *end = workloads + sizeof(workloads) / sizeof(*workloads);

		while (workload < end && strcmp(workload->name, argv[i]))
			workload++;
		if (workload == end) {
			fprintf(stderr, "%s: no such workload: %s\n", argv[0], argv[i]);
			return 2;
		}
		workload->run(workload);
	}
	return 0;
}
