/* What this library adds to the interface of 2020. */
#include "../test.h"
#include "../scratch.h"
#include "reftable.h"
#include "transactions.h"

/* The library in use may be newer than the header a program was compiled with. */
static void the_version_is_that_of_the_header_it_came_with(void)
{
	char parts[64];

	CHECK_STR(reftable_version(), REFTABLE_VERSION);
	snprintf(parts, sizeof(parts), "%d.%d.%d", REFTABLE_VERSION_MAJOR, REFTABLE_VERSION_MINOR,
		 REFTABLE_VERSION_PATCH);
	CHECK_INT(strncmp(reftable_version(), parts, strlen(parts)), 0);
	CHECK(reftable_version() == reftable_version());
}

/* What it does is tested in system.c; here, that any number will do. */
static void durability_takes_any_number(void)
{
	static const int numbers[] = { 0, 1, -1, 256, 1 << 30 };
	size_t i;

	for (i = 0; i < COUNT(numbers); i++)
		reftable_set_durability(numbers[i]);
	CHECK_INT(i, 5);
}

static int thousands_of_refs(struct reftable_writer *writer, void *arg)
{
	int i, err = 0;

	(void)arg;
	reftable_writer_set_limits(writer, 1, 1);
	for (i = 0; !err && i < 5000; i++) {
		char name[32];
		struct reftable_ref_record ref = a_ref(name, 1, (uint8_t)i);

		snprintf(name, sizeof(name), "refs/heads/%06d", i);
		err = reftable_writer_add_ref(writer, &ref);
	}
	return err;
}

static void cut_a_table_in_use(void *arg)
{
	const char *dir = arg;
	struct reftable_stack *stack = open_stack(dir);
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record ref = { 0 };
	int i, err;

	CHECK_INT(reftable_stack_add(stack, thousands_of_refs, NULL), 0);
	reftable_stack_destroy(stack);
	/* Another handle, which has nothing of it in memory. */
	stack = open_stack(dir);
	err = reftable_merged_table_seek_ref(reftable_stack_merged_table(stack), &it, "");
	/* By then the table would be mapped. */
	for (i = 0; !err && i < 2500; i++)
		err = reftable_iterator_next_ref(&it, &ref);
	CHECK_INT(err, 0);
	REQUIRE(truncate(in_dir(dir, listed_table(dir, 0)), 5000) == 0);
	while (!err)
		err = reftable_iterator_next_ref(&it, &ref);
	CHECK_INT(err, REFTABLE_IO_ERROR);
	reftable_ref_record_clear(&ref);
	reftable_iterator_destroy(&it);
	reftable_stack_destroy(stack);
}

static void cut_without_mapping(void *arg)
{
	reftable_set_mapping(0);
	cut_a_table_in_use(arg);
}

static void cut_without_mapping_by_the_environment(void *arg)
{
	setenv("REFTABLE_MMAP", "0", 1);
	cut_a_table_in_use(arg);
}

/* The program was killed by SIGBUS when somebody cut a table that it had mapped. */
static void a_table_that_is_not_mapped_can_be_cut(void)
{
	CHECK_INT(test_in_child(cut_without_mapping, (void *)scratch_dir()), 0);
	CHECK_INT(test_in_child(cut_without_mapping_by_the_environment, (void *)scratch_dir()), 0);
}

int main(int argc, char **argv)
{
	TESTS_BEGIN(argc, argv);
	RUN(the_version_is_that_of_the_header_it_came_with);
	RUN(a_table_that_is_not_mapped_can_be_cut);
	RUN(durability_takes_any_number);
	return TESTS_END();
}
