/*
 * Two calls of git's own reftable library, for main.rs: scripts/check-beside-git links both with the Rust
 * library.
 */
#include "git-compat-util.h"
#include "reftable-iterator.h"
#include "reftable-record.h"
#include "reftable-stack.h"
#include "reftable-writer.h"

/* What main.rs gives to git_adds, and git to write. */
struct added {
	const char *name;
	uint64_t update_index;
};

static int write_ref(struct reftable_writer *writer, void *arg)
{
	struct added *added = arg;
	struct reftable_ref_record ref = { 0 };

	ref.refname = xstrdup(added->name);
	ref.update_index = added->update_index;
	ref.value_type = REFTABLE_REF_VAL1;
	memset(ref.value.val1, 0x22, 20);
	reftable_writer_set_limits(writer, ref.update_index, ref.update_index);
	return reftable_writer_add_ref(writer, &ref);
}

/* Adds a ref; 0, or git's error. */
int git_adds(const char *dir, const char *name);
int git_adds(const char *dir, const char *name)
{
	struct reftable_write_options options = { 0 };
	struct reftable_stack *stack = NULL;
	struct added added = { name };
	int err = reftable_new_stack(&stack, dir, &options);

	if (!err) {
		added.update_index = reftable_stack_next_update_index(stack);
		err = reftable_stack_add(stack, write_ref, &added, 0);
	}
	reftable_stack_destroy(stack);
	return err;
}

/* 0 if the ref has an id of these bytes, 1 if it is another or is not there, or git's error. */
int git_finds(const char *dir, const char *name, int byte);
int git_finds(const char *dir, const char *name, int byte)
{
	struct reftable_write_options options = { 0 };
	struct reftable_stack *stack = NULL;
	struct reftable_ref_record ref = { 0 };
	unsigned char id[20];
	int err = reftable_new_stack(&stack, dir, &options);

	memset(id, byte, sizeof(id));
	if (!err)
		err = reftable_stack_read_ref(stack, name, &ref);
	if (!err)
		err = ref.value_type != REFTABLE_REF_VAL1 || memcmp(ref.value.val1, id, sizeof(id));
	reftable_ref_record_release(&ref);
	reftable_stack_destroy(stack);
	return err;
}
