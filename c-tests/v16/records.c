/* Records: clearing, comparing, telling deletions, printing. */
#include "../test.h"
#include "../scratch.h"
#include "reftable.h"
#include "transactions.h"

static void null_records_are_accepted(void)
{
	struct reftable_ref_record ref = a_ref("r", 1, 1);
	struct reftable_log_record log = a_log("r", 1, "m");

	reftable_ref_record_clear(NULL);
	reftable_log_record_clear(NULL);
	reftable_ref_record_print(NULL, SHA1_ID);
	reftable_log_record_print(NULL, SHA1_ID);
	reftable_ref_record_equal(NULL, NULL, 20);
	reftable_log_record_equal(NULL, NULL, 20);
	reftable_ref_record_is_deletion(NULL);
	reftable_log_record_is_deletion(NULL);
	CHECK_INT(reftable_ref_record_equal(&ref, NULL, 20), 0);
	CHECK_INT(reftable_ref_record_equal(NULL, &ref, 20), 0);
	CHECK_INT(reftable_log_record_equal(&log, NULL, 20), 0);
	CHECK_INT(reftable_log_record_equal(NULL, &log, 20), 0);
}

static int is_zero(const void *data, size_t size)
{
	const char *byte = data;

	while (size && !byte[size - 1])
		size--;
	return size == 0;
}

/* git fills fields with strdup() and malloc() of its own; clear must take them all. */
static void clear_frees_each_field_and_zeroes_the_record(void)
{
	struct reftable_ref_record ref;
	struct reftable_log_record log;

	memset(&ref, 0, sizeof(ref));
	ref.ref_name = strdup("refs/heads/a");
	ref.update_index = 7;
	ref.value = malloc(20);
	ref.target_value = malloc(20);
	ref.target = strdup("refs/heads/b");
	reftable_ref_record_clear(&ref);
	CHECK(is_zero(&ref, sizeof(ref)));
	reftable_ref_record_clear(&ref);
	CHECK(is_zero(&ref, sizeof(ref)));

	memset(&log, 0, sizeof(log));
	log.ref_name = strdup("refs/heads/a");
	log.update_index = 7;
	log.new_hash = malloc(20);
	log.old_hash = malloc(20);
	log.name = strdup("n");
	log.email = strdup("e");
	log.time = 5;
	log.tz_offset = -100;
	log.message = strdup("m");
	reftable_log_record_clear(&log);
	CHECK(is_zero(&log, sizeof(log)));
	reftable_log_record_clear(&log);
	CHECK(is_zero(&log, sizeof(log)));
}

/* git keeps a field for itself by taking the pointer out before the call. */
static void clear_skips_fields_that_the_caller_took_out(void)
{
	struct reftable_log_record log = { 0 };
	char *kept = strdup("mine");

	log.ref_name = strdup("a");
	log.message = kept;
	log.message = NULL;
	reftable_log_record_clear(&log);
	CHECK_STR(kept, "mine");
	free(kept);
}

static void a_ref_without_value_and_target_is_a_deletion(void)
{
	struct reftable_ref_record ref = { 0 };

	CHECK_INT(reftable_ref_record_is_deletion(&ref), 1);
	ref.ref_name = (char *)"r";
	ref.update_index = 3;
	CHECK_INT(reftable_ref_record_is_deletion(&ref), 1);
	ref.value = id_of(0);
	CHECK_INT(reftable_ref_record_is_deletion(&ref), 0);
	ref.value = NULL;
	ref.target_value = id_of(0);
	CHECK_INT(reftable_ref_record_is_deletion(&ref), 0);
	ref.target_value = NULL;
	ref.target = (char *)"";
	CHECK_INT(reftable_ref_record_is_deletion(&ref), 0);
}

/* An empty string or an id of zeros counts as there; name and update index do not matter. */
static void a_log_with_nothing_but_a_key_is_a_deletion(void)
{
	struct reftable_log_record log = { 0 };

	CHECK_INT(reftable_log_record_is_deletion(&log), 1);
	log.ref_name = (char *)"r";
	log.update_index = 9;
	CHECK_INT(reftable_log_record_is_deletion(&log), 1);
#define NOT_A_DELETION_WITH(field, value)                                                       \
	do {                                                                                    \
		struct reftable_log_record other = log;                                         \
		other.field = value;                                                            \
		CHECK_INT(reftable_log_record_is_deletion(&other), 0);                          \
	} while (0)
	NOT_A_DELETION_WITH(new_hash, id_of(0));
	NOT_A_DELETION_WITH(old_hash, id_of(0));
	NOT_A_DELETION_WITH(name, (char *)"");
	NOT_A_DELETION_WITH(email, (char *)"");
	NOT_A_DELETION_WITH(message, (char *)"");
	NOT_A_DELETION_WITH(time, 1);
	NOT_A_DELETION_WITH(tz_offset, -1);
}

static void refs_are_equal_if_all_fields_are(void)
{
	struct reftable_ref_record a = a_ref("r", 1, 1), b = a_ref("r", 1, 1);

	CHECK_INT(reftable_ref_record_equal(&a, &b, 20), 1);
	CHECK_INT(reftable_ref_record_equal(&a, &a, 32), 1);
	b.ref_name = (char *)"s";
	CHECK_INT(reftable_ref_record_equal(&a, &b, 20), 0);
	b = a;
	b.update_index = 2;
	CHECK_INT(reftable_ref_record_equal(&a, &b, 20), 0);
	b = a;
	b.value = id_of(2);
	CHECK_INT(reftable_ref_record_equal(&a, &b, 20), 0);
	b.value = NULL;
	CHECK_INT(reftable_ref_record_equal(&a, &b, 20), 0);
	CHECK_INT(reftable_ref_record_equal(&b, &a, 20), 0);
	b = a;
	b.target_value = id_of(1);
	CHECK_INT(reftable_ref_record_equal(&a, &b, 20), 0);
	a = a_symref("r", 1, "t");
	b = a_symref("r", 1, "t");
	CHECK_INT(reftable_ref_record_equal(&a, &b, 20), 1);
	b.target = (char *)"u";
	CHECK_INT(reftable_ref_record_equal(&a, &b, 20), 0);
}

/* No target differs from an empty one; only `hash_size` bytes of ids are compared. */
static void ref_comparison_minds_null_and_the_size_of_ids(void)
{
	struct reftable_ref_record a = a_tombstone("r", 1), b = a_symref("r", 1, "");
	uint8_t one[32] = { 0 }, two[32] = { 0 };

	CHECK_INT(reftable_ref_record_equal(&a, &b, 20), 0);
	CHECK_INT(reftable_ref_record_equal(&b, &a, 20), 0);
	two[20] = 1;
	a.value = one;
	b = a;
	b.value = two;
	CHECK_INT(reftable_ref_record_equal(&a, &b, 20), 1);
	CHECK_INT(reftable_ref_record_equal(&a, &b, 32), 0);
}

/* C followed NULL names. */
static void refs_without_names_are_equal(void)
{
	struct reftable_ref_record a = { 0 }, b = { 0 };

	CHECK_INT(reftable_ref_record_equal(&a, &b, 20), 1);
	b.ref_name = (char *)"b";
	CHECK_INT(reftable_ref_record_equal(&a, &b, 20), 0);
	CHECK_INT(reftable_ref_record_equal(&b, &a, 20), 0);
}

/* C aborted. */
static void comparing_ids_of_no_size_ends(void)
{
	struct reftable_ref_record a = a_ref("r", 1, 1), b = a_ref("r", 1, 1);
	struct reftable_log_record c = a_log("r", 1, "m"), d = a_log("r", 1, "m");
	int sizes[] = { 0, -1 };
	size_t i;

	for (i = 0; i < COUNT(sizes); i++) {
		int refs = reftable_ref_record_equal(&a, &b, sizes[i]);
		int logs = reftable_log_record_equal(&c, &d, sizes[i]);
		CHECK(refs == 0 || refs == 1);
		CHECK(logs == 0 || logs == 1);
	}
}

static void logs_are_equal_if_all_but_the_name_of_the_ref_is(void)
{
	struct reftable_log_record a = a_log("r", 1, "m"), b = a_log("other", 1, "m");

	CHECK_INT(reftable_log_record_equal(&a, &b, 20), 1);
#define DIFFERS_IN(field, value)                                                                \
	do {                                                                                    \
		b = a;                                                                          \
		b.field = value;                                                                \
		CHECK_INT(reftable_log_record_equal(&a, &b, 20), 0);                            \
		CHECK_INT(reftable_log_record_equal(&b, &a, 20), 0);                            \
	} while (0)
	DIFFERS_IN(update_index, 2);
	DIFFERS_IN(new_hash, id_of(9));
	DIFFERS_IN(old_hash, id_of(9));
	DIFFERS_IN(new_hash, NULL);
	DIFFERS_IN(name, (char *)"x");
	DIFFERS_IN(name, NULL);
	DIFFERS_IN(email, (char *)"x");
	DIFFERS_IN(message, (char *)"m\n");
	DIFFERS_IN(time, 1);
	DIFFERS_IN(tz_offset, 0);
}

/* What is stored of a log has no NULL: they come back as "" and as zeros. */
static void a_log_compares_null_like_empty(void)
{
	struct reftable_log_record a = { 0 }, b = { 0 };

	a.ref_name = b.ref_name = (char *)"r";
	a.time = b.time = 1;
	b.name = b.email = b.message = (char *)"";
	b.new_hash = b.old_hash = id_of(0);
	CHECK_INT(reftable_log_record_equal(&a, &b, 20), 1);
	CHECK_INT(reftable_log_record_equal(&b, &a, 20), 1);
	CHECK_INT(reftable_log_record_equal(&b, &a, 32), 1);
}

/*
 * What is printed, with stdout redirected to a file. The library has to use the program's own
 * stdio: the two calls of printf stay in order with what it prints, though nothing is flushed.
 */
static char *printed(void (*print)(void *), void *record)
{
	const char *path = scratch_path("printed");
	int kept, file;

	fflush(stdout);
	kept = dup(1);
	file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	REQUIRE(kept >= 0 && file >= 0 && dup2(file, 1) == 1);
	close(file);
	printf("<");
	print(record);
	printf(">");
	fflush(stdout);
	REQUIRE(dup2(kept, 1) == 1);
	close(kept);
	return read_file(path, NULL);
}

static uint32_t print_hash;

static void print_ref(void *record)
{
	reftable_ref_record_print(record, print_hash);
}

static void print_log(void *record)
{
	reftable_log_record_print(record, print_hash);
}

static void check_ref_prints(struct reftable_ref_record ref, uint32_t hash, const char *expected)
{
	char *text;

	print_hash = hash;
	text = printed(print_ref, &ref);
	CHECK_STR(text, expected);
	free(text);
}

static void check_log_prints(struct reftable_log_record log, uint32_t hash, const char *expected)
{
	char *text;

	print_hash = hash;
	text = printed(print_log, &log);
	CHECK_STR(text, expected);
	free(text);
}

#define HEX40(digits) digits digits digits digits digits digits digits digits digits digits
#define HEX64(digits) HEX40(digits) digits digits digits digits digits digits

/* C printed 40 and 64 digits into 33 bytes. */
static void refs_print_in_one_line(void)
{
	struct reftable_ref_record peeled = a_ref("refs/tags/v1", 3, 0x1a);

	peeled.target_value = id_of(0xff);
	check_ref_prints(a_symref("refs/heads/x", 42, "refs/heads/y"), SHA1_ID,
			 "<ref{refs/heads/x(42) => refs/heads/y}\n>");
	check_ref_prints(a_tombstone("refs/heads/x", 42), SHA1_ID, "<ref{refs/heads/x(42) }\n>");
	check_ref_prints(a_ref("a", 0, 0x0b), SHA1_ID, "<ref{a(0) " HEX40("0b0b") "}\n>");
	check_ref_prints(a_ref("a", 0, 0x0b), SHA256_ID, "<ref{a(0) " HEX64("0b0b") "}\n>");
	check_ref_prints(peeled, SHA1_ID,
			 "<ref{refs/tags/v1(3) " HEX40("1a1a") " (T " HEX40("ffff") ")}\n>");
	check_ref_prints(peeled, SHA256_ID,
			 "<ref{refs/tags/v1(3) " HEX64("1a1a") " (T " HEX64("ffff") ")}\n>");
	check_ref_prints(a_tombstone("a", UINT64_MAX), SHA1_ID,
			 "<ref{a(18446744073709551615) }\n>");
}

/* 0 means SHA-1; of a hash that it does not know, C made an abort. */
static void printing_with_an_unknown_hash_shows_twenty_bytes(void)
{
	check_ref_prints(a_ref("a", 1, 0x0b), 0, "<ref{a(1) " HEX40("0b0b") "}\n>");
	check_ref_prints(a_ref("a", 1, 0x0b), 12345, "<ref{a(1) " HEX40("0b0b") "}\n>");
}

static void logs_print_in_several_lines(void)
{
	struct reftable_log_record log = a_log("refs/heads/m", 7, "first line\nsecond");

	log.time = 1500000000;
	log.tz_offset = -130;
	check_log_prints(log, SHA1_ID,
			 "<log{refs/heads/m(7) A U Thor <author@example.com> 1500000000 -130\n" HEX40(
				 "0101") " => " HEX40("0202") "\n\nfirst line\nsecond\n}\n>");
	log.tz_offset = 30;
	log.message = (char *)"";
	check_log_prints(log, SHA256_ID,
			 "<log{refs/heads/m(7) A U Thor <author@example.com> 1500000000 0030\n" HEX64(
				 "0101") " => " HEX64("0202") "\n\n\n}\n>");
}

/* C repeated the old id where there was no new one. */
static void logs_without_strings_and_ids_print(void)
{
	struct reftable_log_record log = a_log_tombstone("r", 1);

	check_log_prints(log, SHA1_ID, "<log{r(1) (null) <(null)> 0 0000\n => \n\n(null)\n}\n>");
	log.old_hash = id_of(3);
	check_log_prints(log, SHA1_ID, "<log{r(1) (null) <(null)> 0 0000\n" HEX40(
				 "0303") " => \n\n(null)\n}\n>");
}

/* A per cent sign in a name is a name, not a format. */
static void printed_names_are_no_formats(void)
{
	check_ref_prints(a_symref("%s%n", 1, "%d"), SHA1_ID, "<ref{%s%n(1) => %d}\n>");
}

int main(int argc, char **argv)
{
	TESTS_BEGIN(argc, argv);
	RUN(null_records_are_accepted);
	RUN(clear_frees_each_field_and_zeroes_the_record);
	RUN(clear_skips_fields_that_the_caller_took_out);
	RUN(a_ref_without_value_and_target_is_a_deletion);
	RUN(a_log_with_nothing_but_a_key_is_a_deletion);
	RUN(refs_are_equal_if_all_fields_are);
	RUN(ref_comparison_minds_null_and_the_size_of_ids);
	RUN(refs_without_names_are_equal);
	RUN(comparing_ids_of_no_size_ends);
	RUN(logs_are_equal_if_all_but_the_name_of_the_ref_is);
	RUN(a_log_compares_null_like_empty);
	RUN(refs_print_in_one_line);
	RUN(printing_with_an_unknown_hash_shows_twenty_bytes);
	RUN(logs_print_in_several_lines);
	RUN(logs_without_strings_and_ids_print);
	RUN(printed_names_are_no_formats);
	return TESTS_END();
}
