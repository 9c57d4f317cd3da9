/* Texts and errno values of the error numbers; programs show the ones and map the others. */
#include "../test.h"
#include <errno.h>
#include <limits.h>
#include "reftable.h"

static void every_code_has_its_text_and_errno(void)
{
	static const struct {
		int code;
		const char *text;
		int number;
	} table[] = {
		{ -1, "general error", ERANGE },
		{ -2, "I/O error", EIO },
		{ -3, "corrupt reftable file", EFAULT },
		{ -4, "file does not exist", ENOENT },
		{ -5, "data is outdated", EBUSY },
		{ -6, "misuse of the reftable API", EINVAL },
		{ -7, "zlib failure", EDOM },
		/* C never gave this one a text, and git shows what there is. */
		{ -8, "unknown error code -8", ERANGE },
		{ -9, "file/directory conflict", ERANGE },
		{ -10, "invalid refname", ERANGE },
	};
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		CHECK_STR(reftable_error_str(table[i].code), table[i].text);
		CHECK_INT(reftable_error_to_errno(table[i].code), table[i].number);
	}
}

static void numbers_that_are_no_errors_have_a_text_as_well(void)
{
	static const int others[] = { 0, 1, 2, 1000, -11, -12, -13, -100, INT_MAX, INT_MIN };
	char expected[64];
	size_t i;

	for (i = 0; i < COUNT(others); i++) {
		snprintf(expected, sizeof(expected), "unknown error code %d", others[i]);
		CHECK_STR(reftable_error_str(others[i]), expected);
		CHECK_INT(reftable_error_to_errno(others[i]), ERANGE);
	}
}

/* The texts of known errors are constants: a later call does not change them. */
static void the_text_of_a_known_error_survives_other_calls(void)
{
	const char *io = reftable_error_str(-2);

	reftable_error_str(-3);
	reftable_error_str(12345);
	CHECK_STR(io, "I/O error");
}

static void asking_for_unknown_texts_often_does_not_run_out(void)
{
	char expected[64];
	int i;

	for (i = 0; i < 5000; i++)
		reftable_error_str(1000 + i);
	snprintf(expected, sizeof(expected), "unknown error code %d", 77);
	CHECK_STR(reftable_error_str(77), expected);
}

int main(int argc, char **argv)
{
	TESTS_BEGIN(argc, argv);
	RUN(every_code_has_its_text_and_errno);
	RUN(numbers_that_are_no_errors_have_a_text_as_well);
	RUN(the_text_of_a_known_error_survives_other_calls);
	RUN(asking_for_unknown_texts_often_does_not_run_out);
	return TESTS_END();
}
