/* What this library adds to the interface of 2020. */
#include "../test.h"
#include "reftable.h"

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

int main(int argc, char **argv)
{
	TESTS_BEGIN(argc, argv);
	RUN(the_version_is_that_of_the_header_it_came_with);
	RUN(durability_takes_any_number);
	return TESTS_END();
}
