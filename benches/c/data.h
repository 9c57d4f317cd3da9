/*
 * What the benchmarks write and read. Every record is a function of its number, so that
 * this program and benches/native/data.rs have the same data without exchanging any.
 */
#ifndef BENCH_DATA_H
#define BENCH_DATA_H

#include <stddef.h>
#include <stdint.h>

enum { ID_LEN = 20, NAME_MAX_LEN = 160 };

enum ref_kind { TOMBSTONE = 0, OBJECT = 1, PEELED = 2, SYMREF = 3 };

struct ref {
	char *name;
	uint64_t update_index;
	enum ref_kind kind;
	unsigned char id[ID_LEN];
	unsigned char peeled[ID_LEN];
};

struct log_entry {
	char *name;
	uint64_t update_index;
	unsigned char old_id[ID_LEN];
	unsigned char new_id[ID_LEN];
	char *who;
	char *email;
	uint64_t time;
	int zone;
	char *message;
};

/* The one symbolic ref is HEAD, ref 0. */
#define SYMREF_TARGET "refs/heads/main"

/* A number that depends on both arguments as if drawn by chance. */
uint64_t draw(uint64_t number, uint64_t stream);

/* Writes the name of a ref into `out` of NAME_MAX_LEN bytes; the length. */
size_t ref_name(char *out, uint64_t number);

/* The id of an object, and that of the object a ref names in its `generation`-th version. */
void object_id(unsigned char *out, uint64_t number);
void ref_id(unsigned char *out, uint64_t number, uint64_t generation);

/* A ref but for its name. */
void fill_ref(struct ref *ref, uint64_t number, uint64_t generation);

/* An entry but for name, update index and old id. */
void fill_log(struct log_entry *entry, uint64_t number);

/* A copy of `len` bytes and a NUL, never freed. */
char *keep(const char *bytes, size_t len);

/* `count` refs from number 0 on, in the order of names. */
struct ref *make_refs(uint64_t count);

/* `count` entries of the reflogs of some thousand branches, in the order of a table. */
struct log_entry *make_logs(uint64_t count);

/* Memory, or the end of the program. */
void *get_memory(size_t size);

int compare_refs(const void *a, const void *b);

/* What reading a record adds to the sum that tells whether two programs read the same. */
uint64_t add_ref(uint64_t sum, const char *name, size_t len, const unsigned char *id, uint64_t update_index);
uint64_t add_log(uint64_t sum, size_t name_len, uint64_t update_index, const unsigned char *new_id,
		 const char *message, size_t message_len, uint64_t time);

#endif
