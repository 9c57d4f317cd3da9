/*
 * Writing small tables into memory and looking at what came out. Include after memory.h and
 * transactions.h.
 */
#ifndef WRITING_H
#define WRITING_H

/* A writer with limits 1 to `max`, or without limits if `max` is 0. */
static inline struct reftable_writer *writer_for(struct sink *sink, uint32_t block_size, uint64_t max)
{
	struct reftable_write_options options = { 0 };
	struct reftable_writer *writer;

	memset(sink, 0, sizeof(*sink));
	options.block_size = block_size;
	writer = reftable_new_writer(sink_write, sink, &options);
	CHECK(writer != NULL);
	if (max)
		reftable_writer_set_limits(writer, 1, max);
	return writer;
}

static inline int put_ref(struct reftable_writer *writer, const char *name)
{
	struct reftable_ref_record ref = a_ref(name, 1, 1);
	return reftable_writer_add_ref(writer, &ref);
}

static inline int put_log(struct reftable_writer *writer, const char *name, uint64_t index)
{
	struct reftable_log_record log = a_log(name, index, "message");
	return reftable_writer_add_log(writer, &log);
}

static inline void finish(struct reftable_writer *writer, struct sink *sink)
{
	reftable_writer_free(writer);
	sink_clear(sink);
}

/* Names of the refs of a finished table, joined by blanks; ends with "!" on an error. */
static inline const char *names_in(const struct sink *sink)
{
	static char names[4096];
	struct source source;
	struct reftable_reader *reader;
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record ref = { 0 };
	int err;

	names[0] = 0;
	source_of_sink(&source, sink);
	reader = source_reader(&source);
	err = reftable_reader_seek_ref(reader, &it, "");
	while (err == 0 && (err = reftable_iterator_next_ref(&it, &ref)) == 0) {
		if (strlen(names) + strlen(ref.ref_name) + 3 > sizeof(names))
			break;
		strcat(names, names[0] ? " " : "");
		strcat(names, ref.ref_name);
	}
	strcat(names, err < 0 ? "!" : "");
	reftable_ref_record_clear(&ref);
	reftable_iterator_destroy(&it);
	reftable_reader_free(reader);
	return names;
}

/* A finished table of these records, in this order, with these limits; stops the program if not. */
static inline void make_table(struct sink *sink, const struct reftable_write_options *options,
			      uint64_t min, uint64_t max, struct reftable_ref_record *refs,
			      int ref_count, struct reftable_log_record *logs, int log_count)
{
	struct reftable_write_options copy = { 0 };
	struct reftable_writer *writer;
	int i, err;

	if (options)
		copy = *options;
	memset(sink, 0, sizeof(*sink));
	writer = reftable_new_writer(sink_write, sink, &copy);
	reftable_writer_set_limits(writer, min, max);
	for (i = 0; i < ref_count; i++)
		REQUIRE(reftable_writer_add_ref(writer, &refs[i]) == 0);
	for (i = 0; i < log_count; i++)
		REQUIRE(reftable_writer_add_log(writer, &logs[i]) == 0);
	err = reftable_writer_close(writer);
	REQUIRE(err == 0 || (err == -8 && !ref_count && !log_count));
	reftable_writer_free(writer);
}

/*
 * A table of `count` refs "refs/heads/branch-0000" and so on and as many logs; all have the update
 * index `index`. Ref i has the id of i modulo 200, plus 1; every second is peeled, to the id 250.
 */
static inline void make_big_table(struct sink *sink, int count, uint32_t block_size, uint64_t index)
{
	struct reftable_write_options options = { 0 };
	struct reftable_writer *writer;
	char name[40];
	int i;

	options.block_size = block_size;
	memset(sink, 0, sizeof(*sink));
	writer = reftable_new_writer(sink_write, sink, &options);
	reftable_writer_set_limits(writer, index, index);
	for (i = 0; i < count; i++) {
		struct reftable_ref_record ref;
		snprintf(name, sizeof(name), "refs/heads/branch-%04d", i);
		ref = a_ref(name, index, (uint8_t)(i % 200 + 1));
		if (i % 2)
			ref.target_value = id_of(250);
		REQUIRE(reftable_writer_add_ref(writer, &ref) == 0);
	}
	for (i = 0; i < count; i++) {
		struct reftable_log_record log;
		snprintf(name, sizeof(name), "refs/heads/branch-%04d", i);
		log = a_log(name, index, "message");
		REQUIRE(reftable_writer_add_log(writer, &log) == 0);
	}
	REQUIRE(reftable_writer_close(writer) == 0);
	reftable_writer_free(writer);
}

#endif
