/*
 * Records for tests, and transactions of a single record. Include after test.h and reftable-git.h.
 */
#ifndef TRANSACTIONS_H
#define TRANSACTIONS_H

static inline struct reftable_ref_record a_ref(const char *name, uint64_t index, uint8_t id)
{
	struct reftable_ref_record ref = { 0 };

	ref.refname = (char *)name;
	ref.update_index = index;
	ref.value_type = REFTABLE_REF_VAL1;
	memset(ref.value.val1, id, REFTABLE_HASH_SIZE_SHA1);
	return ref;
}

static inline struct reftable_ref_record a_tombstone(const char *name, uint64_t index)
{
	struct reftable_ref_record ref = { 0 };

	ref.refname = (char *)name;
	ref.update_index = index;
	return ref;
}

static inline struct reftable_log_record a_log(const char *name, uint64_t index,
					       const char *message)
{
	struct reftable_log_record log = { 0 };

	log.refname = (char *)name;
	log.update_index = index;
	log.value_type = REFTABLE_LOG_UPDATE;
	memset(log.value.update.new_hash, 2, REFTABLE_HASH_SIZE_SHA1);
	log.value.update.name = (char *)"A U Thor";
	log.value.update.email = (char *)"author@example.com";
	log.value.update.time = 1500000000 + index;
	log.value.update.tz_offset = -330;
	log.value.update.message = (char *)message;
	return log;
}

/* What a transaction writes, with the stack's next update index for all of it. */
struct change {
	struct reftable_stack *stack;
	struct reftable_ref_record *refs;
	size_t ref_count;
	struct reftable_log_record *logs;
	size_t log_count;
};

static inline int write_change(struct reftable_writer *writer, void *arg)
{
	struct change *change = arg;
	uint64_t next = reftable_stack_next_update_index(change->stack);
	size_t i;
	int err = reftable_writer_set_limits(writer, next, next);

	for (i = 0; i < change->ref_count; i++)
		change->refs[i].update_index = next;
	for (i = 0; i < change->log_count; i++)
		if (!change->logs[i].update_index)
			change->logs[i].update_index = next;
	if (!err && change->ref_count)
		err = reftable_writer_add_refs(writer, change->refs, change->ref_count);
	if (!err && change->log_count)
		err = reftable_writer_add_logs(writer, change->logs, change->log_count);
	return err;
}

static inline int commit_ref(struct reftable_stack *stack, struct reftable_ref_record ref)
{
	struct change change = { 0 };

	change.stack = stack;
	change.refs = &ref;
	change.ref_count = 1;
	return reftable_stack_add(stack, write_change, &change, 0);
}

static inline int commit_log(struct reftable_stack *stack, struct reftable_log_record log)
{
	struct change change = { 0 };

	change.stack = stack;
	change.logs = &log;
	change.log_count = 1;
	return reftable_stack_add(stack, write_change, &change, 0);
}

/* Opens a stack; stops the program if that fails. */
static inline struct reftable_stack *open_stack(const char *dir,
						const struct reftable_write_options *options)
{
	struct reftable_stack *stack = NULL;

	REQUIRE(reftable_new_stack(&stack, dir, options) == 0);
	REQUIRE(stack != NULL);
	return stack;
}

/* The first byte of a ref's id, 0 if it is not found, or an error. */
static inline int value_of(struct reftable_stack *stack, const char *name)
{
	struct reftable_ref_record ref = { 0 };
	int result = reftable_stack_read_ref(stack, name, &ref);

	if (result == 1)
		result = 0;
	else if (result == 0)
		result = reftable_ref_record_val1(&ref)[0];
	reftable_ref_record_release(&ref);
	return result;
}

#endif
