/*
 * What the workloads want of a library. library_v16.c has it for the C API of 2020 and
 * library_git.c for that of today's git; each is linked with a library of ours or of another's,
 * so the same program measures both. A function that fails ends the program.
 */
#ifndef BENCH_LIBRARY_H
#define BENCH_LIBRARY_H

#include "data.h"

struct table;
struct stack;
struct lookup;

/* What a reading function found. */
struct found {
	uint64_t records;
	uint64_t sum;
};

/* Whether commits sync from now on; returns 0 if there is no such choice. */
int library_sync(int on);

void write_table(const char *path, const struct ref *refs, uint64_t ref_count, const struct log_entry *logs,
		 uint64_t log_count, uint64_t min, uint64_t max);
struct table *open_table(const char *path);
void close_table(struct table *table);
void scan_table(struct table *table, struct found *found);
/* Returns 0 if it is not offered. */
int find_by_id(struct table *table, const unsigned char *id, struct found *found);

struct stack *open_stack(const char *dir);
void close_stack(struct stack *stack);
void scan_stack(struct stack *stack, struct found *found);
void find_ref(struct stack *stack, const char *name, struct found *found);
void scan_prefix(struct stack *stack, const char *prefix, struct found *found);
/* Log entries of one ref, or of all of them if `name` is NULL. Returns 0 if they cannot be read. */
int scan_logs(struct stack *stack, const char *name, struct found *found);

/* Lookups by one iterator; NULL if seeking again is not offered. */
struct lookup *new_lookup(struct stack *stack);
void look_up(struct lookup *lookup, const char *name, struct found *found);
void free_lookup(struct lookup *lookup);

/* One transaction; all records get its update index. */
void commit(struct stack *stack, const struct ref *refs, uint64_t ref_count, const struct log_entry *logs,
	    uint64_t log_count);
void compact(struct stack *stack);

#endif
