/* Lists all refs of a stack: list [FOLDER], .git/reftable by default. */
#include <reftable.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	struct reftable_write_options options = { 0 };
	struct reftable_stack *stack = NULL;
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record ref = { 0 };
	int err = reftable_new_stack(&stack, argc > 1 ? argv[1] : ".git/reftable", options);

	if (!err)
		err = reftable_merged_table_seek_ref(reftable_stack_merged_table(stack), &it, "refs/");
	while (!err && !(err = reftable_iterator_next_ref(&it, &ref)))
		printf("%s%s%s\n", ref.ref_name, ref.target ? " -> " : "", ref.target ? ref.target : "");
	if (err < 0)
		fprintf(stderr, "%s\n", reftable_error_str(err));
	reftable_ref_record_clear(&ref);
	reftable_iterator_destroy(&it);
	reftable_stack_destroy(stack);
	return err < 0;
}
