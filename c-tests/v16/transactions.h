/*
 * Records for tests, and transactions of a single record. Include after test.h and reftable.h.
 */
#ifndef TRANSACTIONS_H
#define TRANSACTIONS_H

#define SHA1_ID 0x73686131u
#define SHA256_ID 0x73323536u

/* An object id of `size` equal bytes, valid for ever. */
static inline uint8_t *id_of(uint8_t byte)
{
	static uint8_t ids[256][32];

	memset(ids[byte], byte, sizeof(ids[byte]));
	return ids[byte];
}

static inline struct reftable_ref_record a_ref(const char *name, uint64_t index, uint8_t id)
{
	struct reftable_ref_record ref = { 0 };

	ref.ref_name = (char *)name;
	ref.update_index = index;
	ref.value = id_of(id);
	return ref;
}

static inline struct reftable_ref_record a_symref(const char *name, uint64_t index,
						  const char *target)
{
	struct reftable_ref_record ref = { 0 };

	ref.ref_name = (char *)name;
	ref.update_index = index;
	ref.target = (char *)target;
	return ref;
}

static inline struct reftable_ref_record a_tombstone(const char *name, uint64_t index)
{
	struct reftable_ref_record ref = { 0 };

	ref.ref_name = (char *)name;
	ref.update_index = index;
	return ref;
}

static inline struct reftable_log_record a_log(const char *name, uint64_t index,
					       const char *message)
{
	struct reftable_log_record log = { 0 };

	log.ref_name = (char *)name;
	log.update_index = index;
	log.new_hash = id_of(2);
	log.old_hash = id_of(1);
	log.name = (char *)"A U Thor";
	log.email = (char *)"author@example.com";
	log.time = 1500000000 + index;
	log.tz_offset = -330;
	log.message = (char *)message;
	return log;
}

static inline struct reftable_log_record a_log_tombstone(const char *name, uint64_t index)
{
	struct reftable_log_record log = { 0 };

	log.ref_name = (char *)name;
	log.update_index = index;
	return log;
}

/* What a transaction writes; min 0 means the stack's next index for both limits. */
struct change {
	struct reftable_stack *stack;
	struct reftable_ref_record *refs;
	int ref_count;
	struct reftable_log_record *logs;
	int log_count;
	uint64_t min, max;
	int calls; /* how often the function below ran */
};

static inline int write_change(struct reftable_writer *writer, void *arg)
{
	struct change *change = arg;
	uint64_t next = reftable_stack_next_update_index(change->stack);
	int i, err;

	change->calls++;
	reftable_writer_set_limits(writer, change->min ? change->min : next,
				   change->min ? change->max : next);
	for (i = 0; i < change->ref_count; i++) {
		struct reftable_ref_record ref = change->refs[i];
		if (!ref.update_index)
			ref.update_index = change->min ? change->min : next;
		err = reftable_writer_add_ref(writer, &ref);
		if (err < 0)
			return err;
	}
	for (i = 0; i < change->log_count; i++) {
		struct reftable_log_record log = change->logs[i];
		if (!log.update_index)
			log.update_index = change->min ? change->min : next;
		err = reftable_writer_add_log(writer, &log);
		if (err < 0)
			return err;
	}
	return 0;
}

/* One transaction of one ref; its update index is the stack's next one if it is 0. */
static inline int commit_ref(struct reftable_stack *stack, struct reftable_ref_record ref)
{
	struct change change = { 0 };

	change.stack = stack;
	change.refs = &ref;
	change.ref_count = 1;
	return reftable_stack_add(stack, write_change, &change);
}

static inline int commit_log(struct reftable_stack *stack, struct reftable_log_record log)
{
	struct change change = { 0 };

	change.stack = stack;
	change.logs = &log;
	change.log_count = 1;
	return reftable_stack_add(stack, write_change, &change);
}

/* A callback that sets limits and writes nothing. */
static inline int write_nothing(struct reftable_writer *writer, void *arg)
{
	(void)arg;
	reftable_writer_set_limits(writer, 1, 1);
	return 0;
}

/* Opens a stack with default options; stops the program if that fails. */
static inline struct reftable_stack *open_stack(const char *dir)
{
	struct reftable_write_options options = { 0 };
	struct reftable_stack *stack = NULL;

	REQUIRE(reftable_new_stack(&stack, dir, options) == 0);
	REQUIRE(stack != NULL);
	return stack;
}

/* The first byte of a ref's value, 0 if it is not found, 1000 for a symref, or an error. */
static inline int value_of(struct reftable_stack *stack, const char *name)
{
	struct reftable_ref_record ref = { 0 };
	int result = reftable_stack_read_ref(stack, name, &ref);

	if (result == 1)
		result = 0;
	else if (result == 0)
		result = ref.value ? ref.value[0] : 1000;
	reftable_ref_record_clear(&ref);
	return result;
}

/* The update index of a ref's newest log entry; 0 if there is none, or an error. */
static inline long long newest_log_of(struct reftable_stack *stack, const char *name)
{
	struct reftable_log_record log = { 0 };
	long long result = reftable_stack_read_log(stack, name, &log);

	if (result == 1)
		result = 0;
	else if (result == 0)
		result = (long long)log.update_index;
	reftable_log_record_clear(&log);
	return result;
}

/* Number of refs a stack shows, or the error that iterating gave. */
static inline int count_refs(struct reftable_stack *stack)
{
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record ref = { 0 };
	int count = 0;
	int err = reftable_merged_table_seek_ref(reftable_stack_merged_table(stack), &it, "");

	while (err == 0 && (err = reftable_iterator_next_ref(&it, &ref)) == 0)
		count++;
	reftable_ref_record_clear(&ref);
	reftable_iterator_destroy(&it);
	return err < 0 ? err : count;
}

/* Number of log entries a stack shows, or the error that iterating gave. */
static inline int count_logs(struct reftable_stack *stack)
{
	struct reftable_iterator it = { 0 };
	struct reftable_log_record log = { 0 };
	int count = 0;
	int err = reftable_merged_table_seek_log(reftable_stack_merged_table(stack), &it, "");

	while (err == 0 && (err = reftable_iterator_next_log(&it, &log)) == 0)
		count++;
	reftable_log_record_clear(&log);
	reftable_iterator_destroy(&it);
	return err < 0 ? err : count;
}

#endif
