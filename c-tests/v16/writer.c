/* The writer of a single table: what it accepts, in which order it checks, what it refuses. */
#include "../test.h"
#include "reftable.h"
#include "memory.h"
#include "transactions.h"
#include "writing.h"

/* Callers read the defaults back out of their own options. */
static void defaults_are_written_into_the_callers_options(void)
{
	struct reftable_write_options options = { 0 };
	struct sink sink = { 0 };
	struct reftable_writer *writer = reftable_new_writer(sink_write, &sink, &options);

	CHECK(writer != NULL);
	CHECK_INT(options.block_size, 4096);
	CHECK_INT(options.restart_interval, 16);
	CHECK_INT(options.hash_id, SHA1_ID);
	CHECK_INT(options.unpadded, 0);
	CHECK_INT(options.skip_index_objects, 0);
	CHECK_INT(options.skip_name_check, 0);
	finish(writer, &sink);

	options.block_size = 256;
	options.restart_interval = 3;
	options.hash_id = SHA256_ID;
	writer = reftable_new_writer(sink_write, &sink, &options);
	CHECK_INT(options.block_size, 256);
	CHECK_INT(options.restart_interval, 3);
	CHECK_INT(options.hash_id, SHA256_ID);
	finish(writer, &sink);
}

static void options_may_be_null(void)
{
	struct sink sink = { 0 };
	struct reftable_writer *writer = reftable_new_writer(sink_write, &sink, NULL);

	CHECK(writer != NULL);
	reftable_writer_set_limits(writer, 1, 1);
	CHECK_INT(put_ref(writer, "a"), 0);
	CHECK_INT(reftable_writer_close(writer), 0);
	CHECK_STR(names_in(&sink), "a");
	finish(writer, &sink);
}

/* The options are copied: a later change of the caller's has no effect. */
static void options_are_copied(void)
{
	struct reftable_write_options options = { 0 };
	struct sink sink = { 0 };
	struct reftable_writer *writer = reftable_new_writer(sink_write, &sink, &options);

	memset(&options, 0xff, sizeof(options));
	reftable_writer_set_limits(writer, 1, 1);
	CHECK_INT(put_ref(writer, "a"), 0);
	CHECK_INT(reftable_writer_close(writer), 0);
	CHECK_STR(names_in(&sink), "a");
	finish(writer, &sink);
}

/* Each of these ended the process in C, or wrote outside of a block. */
static void impossible_options_give_no_writer(void)
{
	static const uint32_t sizes[] = { 1, 20, 24, 28, 32, 1u << 24, UINT32_MAX };
	struct reftable_write_options options = { 0 };
	struct sink sink = { 0 };
	size_t i;

	for (i = 0; i < COUNT(sizes); i++) {
		memset(&options, 0, sizeof(options));
		options.block_size = sizes[i];
		CHECK(reftable_new_writer(sink_write, &sink, &options) == NULL);
	}
	memset(&options, 0, sizeof(options));
	options.hash_id = 12345;
	CHECK(reftable_new_writer(sink_write, &sink, &options) == NULL);
	CHECK(reftable_new_writer(NULL, &sink, NULL) == NULL);
	CHECK_INT(sink.calls, 0);
}

static void small_and_large_blocks_work(void)
{
	static const uint32_t sizes[] = { 64, 256, 4096, (1u << 24) - 1 };
	struct sink sink;
	size_t i;

	for (i = 0; i < COUNT(sizes); i++) {
		struct reftable_writer *writer = writer_for(&sink, sizes[i], 1);
		CHECK_INT(put_ref(writer, "a"), 0);
		CHECK_INT(put_ref(writer, "b"), 0);
		CHECK_INT(reftable_writer_close(writer), 0);
		CHECK_STR(names_in(&sink), "a b");
		finish(writer, &sink);
	}
}

/* An interval that no 16 bit counter holds, and one that is none. */
static void odd_restart_intervals_do_no_harm(void)
{
	static const int intervals[] = { 1, 2, 65535, 65536, 1000000, -1, -1000 };
	size_t i;

	for (i = 0; i < COUNT(intervals); i++) {
		struct reftable_write_options options = { 0 };
		struct sink sink = { 0 };
		struct reftable_writer *writer;

		options.restart_interval = intervals[i];
		writer = reftable_new_writer(sink_write, &sink, &options);
		if (intervals[i] > 0)
			CHECK(writer != NULL);
		if (!writer)
			continue;
		reftable_writer_set_limits(writer, 1, 1);
		CHECK_INT(put_ref(writer, "a"), 0);
		CHECK_INT(put_ref(writer, "ab"), 0);
		CHECK_INT(reftable_writer_close(writer), 0);
		CHECK_STR(names_in(&sink), "a ab");
		finish(writer, &sink);
	}
}

static void null_arguments_are_misuse(void)
{
	struct sink sink;
	struct reftable_writer *writer = writer_for(&sink, 0, 1);
	struct reftable_ref_record ref = a_ref("a", 1, 1);
	struct reftable_log_record log = a_log("a", 1, "m");

	reftable_writer_set_limits(NULL, 1, 1);
	CHECK_INT(reftable_writer_add_ref(NULL, &ref), -6);
	CHECK_INT(reftable_writer_add_refs(NULL, &ref, 1), -6);
	CHECK_INT(reftable_writer_add_log(NULL, &log), -6);
	CHECK_INT(reftable_writer_add_logs(NULL, &log, 1), -6);
	CHECK_INT(reftable_writer_close(NULL), -6);
	CHECK(writer_stats(NULL) == NULL);
	reftable_writer_free(NULL);
	CHECK_INT(reftable_writer_add_ref(writer, NULL), -6);
	CHECK_INT(reftable_writer_add_log(writer, NULL), -6);
	CHECK_INT(reftable_writer_add_refs(writer, NULL, 1), -6);
	CHECK_INT(reftable_writer_add_logs(writer, NULL, 1), -6);
	CHECK_INT(reftable_writer_add_refs(writer, &ref, -1), -6);
	CHECK_INT(reftable_writer_add_logs(writer, &log, -1), -6);
	CHECK_INT(reftable_writer_add_refs(writer, NULL, 0), 0);
	CHECK_INT(reftable_writer_add_logs(writer, NULL, 0), 0);
	/* None of this has touched the writer. */
	CHECK_INT(put_ref(writer, "a"), 0);
	CHECK_INT(reftable_writer_close(writer), 0);
	finish(writer, &sink);
}

/* The order of the checks shows in what a record with two faults gives. */
static void a_bad_ref_is_refused_for_its_first_fault(void)
{
	struct sink sink;
	struct reftable_writer *writer = writer_for(&sink, 0, 5);
	struct reftable_ref_record ref = a_ref(NULL, 99, 1);

	CHECK_INT(put_ref(writer, "m"), 0);
	CHECK_INT(reftable_writer_add_ref(writer, &ref), -6);
	ref = a_ref("a", 6, 1);
	CHECK_INT(reftable_writer_add_ref(writer, &ref), -6);
	ref = a_ref("z", 0, 1);
	CHECK_INT(reftable_writer_add_ref(writer, &ref), -6);
	CHECK_INT(put_ref(writer, "a"), -1);
	CHECK_INT(put_ref(writer, "m"), -1);
	CHECK_INT(put_ref(writer, ""), -1);
	ref = a_ref("n", 5, 1);
	CHECK_INT(reftable_writer_add_ref(writer, &ref), 0);
	CHECK_INT(reftable_writer_close(writer), 0);
	CHECK_STR(names_in(&sink), "m n");
	finish(writer, &sink);
}

/* git turns -6 into an abort; these two are reachable and must stay a general error. */
static void duplicate_and_empty_names_are_a_general_error_from_the_start(void)
{
	struct sink sink;
	struct reftable_writer *writer = writer_for(&sink, 0, 1);

	CHECK_INT(put_ref(writer, ""), -1);
	CHECK_INT(put_ref(writer, "a"), 0);
	CHECK_INT(put_ref(writer, "a"), -1);
	CHECK_INT(reftable_writer_close(writer), 0);
	CHECK_STR(names_in(&sink), "a");
	finish(writer, &sink);
}

/*
 * C forgot the previous name whenever it began a block, so that every block could take one
 * duplicate, which lookups then missed.
 */
static void a_duplicate_is_refused_also_behind_the_start_of_a_block(void)
{
	struct sink sink;
	struct reftable_writer *writer = writer_for(&sink, 256, 1);
	struct reftable_ref_record ref;
	char name[32];
	int i;

	for (i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "refs/heads/branch%02d", i);
		CHECK_INT(put_ref(writer, name), 0);
		CHECK_INT(put_ref(writer, name), -1);
		CHECK_INT(put_ref(writer, "refs/heads/a"), -1);
	}
	CHECK_INT(reftable_writer_close(writer), 0);
	CHECK_INT(writer_stats(writer)->ref_stats.entries, 60);
	finish(writer, &sink);

	/* The same if the record that begins the block is the one that did not fit before. */
	writer = writer_for(&sink, 256, 1);
	ref = a_symref("a", 1, "refs/heads/master");
	CHECK_INT(reftable_writer_add_ref(writer, &ref), 0);
	for (i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "b%02d", i);
		ref = a_ref(name, 1, 1);
		ref.target_value = id_of(2);
		CHECK_INT(reftable_writer_add_ref(writer, &ref), 0);
		CHECK_INT(put_ref(writer, "a"), -1);
		CHECK_INT(put_ref(writer, name), -1);
	}
	finish(writer, &sink);
}

/* C did not check the second log entry after any first one. */
static void logs_must_ascend_by_name_and_descend_by_index(void)
{
	struct sink sink;
	struct reftable_writer *writer = writer_for(&sink, 0, 9);

	CHECK_INT(put_log(writer, "b", 5), 0);
	CHECK_INT(put_log(writer, "b", 5), -1);
	CHECK_INT(put_log(writer, "b", 6), -1);
	CHECK_INT(put_log(writer, "a", 1), -1);
	CHECK_INT(put_log(writer, "b", 4), 0);
	CHECK_INT(put_log(writer, "b", 5), -1);
	CHECK_INT(put_log(writer, "c", 9), 0);
	CHECK_INT(reftable_writer_close(writer), 0);
	CHECK_INT(writer_stats(writer)->log_stats.entries, 3);
	finish(writer, &sink);
}

/* C ended the process, even for a name that would come after the log. */
static void a_ref_after_a_log_is_misuse(void)
{
	struct sink sink;
	struct reftable_writer *writer = writer_for(&sink, 0, 1);

	CHECK_INT(put_ref(writer, "b"), 0);
	CHECK_INT(put_log(writer, "b", 1), 0);
	CHECK_INT(put_ref(writer, "a"), -6);
	CHECK_INT(put_ref(writer, "z"), -6);
	CHECK_INT(put_log(writer, "c", 1), 0);
	CHECK_INT(reftable_writer_close(writer), 0);
	CHECK_STR(names_in(&sink), "b");
	finish(writer, &sink);
}

/* git's symref code tries this and ignores the answer; it must leave no trace. */
static void a_log_without_name_does_not_end_the_refs(void)
{
	struct sink sink;
	struct reftable_writer *writer = writer_for(&sink, 0, 1);
	struct reftable_log_record log = a_log(NULL, 1, "m");

	CHECK_INT(put_ref(writer, "a"), 0);
	CHECK_INT(reftable_writer_add_log(writer, &log), -6);
	CHECK_INT(put_ref(writer, "b"), 0);
	CHECK_INT(reftable_writer_close(writer), 0);
	CHECK_STR(names_in(&sink), "a b");
	finish(writer, &sink);
}

/* Expiry and renames write entries with indexes of long ago; v16's own tests write later ones. */
static void logs_outside_the_limits_are_accepted(void)
{
	struct sink sink;
	struct reftable_writer *writer;

	writer = writer_for(&sink, 0, 0);
	reftable_writer_set_limits(writer, 3, 3);
	CHECK_INT(put_log(writer, "a", UINT64_MAX), 0);
	CHECK_INT(put_log(writer, "a", 42), 0);
	CHECK_INT(put_log(writer, "a", 3), 0);
	CHECK_INT(put_log(writer, "a", 1), 0);
	CHECK_INT(put_log(writer, "a", 0), 0);
	CHECK_INT(reftable_writer_close(writer), 0);
	CHECK_INT(writer_stats(writer)->log_stats.entries, 5);
	finish(writer, &sink);
}

/* C wrote a block that nobody could decode. */
static void a_ref_of_two_kinds_is_misuse(void)
{
	struct sink sink;
	struct reftable_writer *writer = writer_for(&sink, 0, 1);
	struct reftable_ref_record ref = a_symref("a", 1, "t");

	ref.value = id_of(1);
	CHECK_INT(reftable_writer_add_ref(writer, &ref), -6);
	ref.value = NULL;
	ref.target_value = id_of(1);
	CHECK_INT(reftable_writer_add_ref(writer, &ref), -6);
	ref.target = NULL;
	CHECK_INT(reftable_writer_add_ref(writer, &ref), -6);
	CHECK_INT(put_ref(writer, "a"), 0);
	CHECK_INT(reftable_writer_close(writer), 0);
	CHECK_STR(names_in(&sink), "a");
	finish(writer, &sink);
}

static void a_ref_that_fits_no_block_is_refused_alone(void)
{
	struct sink sink;
	struct reftable_writer *writer = writer_for(&sink, 256, 1);
	char name[400];

	memset(name, 'm', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	CHECK_INT(put_ref(writer, "a"), 0);
	CHECK_INT(put_ref(writer, name), -1);
	CHECK_INT(put_ref(writer, "z"), 0);
	CHECK_INT(reftable_writer_close(writer), 0);
	CHECK_STR(names_in(&sink), "a z");
	finish(writer, &sink);
}

/* After close C crashed; a second close wrote another footer. */
static void a_closed_writer_refuses_everything(void)
{
	struct sink sink;
	struct reftable_writer *writer = writer_for(&sink, 0, 1);
	struct reftable_ref_record ref = a_ref("b", 1, 1);
	struct reftable_log_record log = a_log("b", 1, "m");
	size_t size;

	CHECK_INT(put_ref(writer, "a"), 0);
	CHECK_INT(reftable_writer_close(writer), 0);
	size = sink.size;
	CHECK_INT(reftable_writer_close(writer), -6);
	CHECK_INT(reftable_writer_add_ref(writer, &ref), -6);
	CHECK_INT(reftable_writer_add_refs(writer, &ref, 1), -6);
	CHECK_INT(reftable_writer_add_log(writer, &log), -6);
	CHECK_INT(reftable_writer_add_logs(writer, &log, 1), -6);
	CHECK_INT(sink.size, size);
	CHECK_STR(names_in(&sink), "a");
	finish(writer, &sink);
}

/* Changed after the first block was out, they made header and footer differ: unreadable. */
static void limits_changed_after_a_record_are_misuse(void)
{
	struct sink sink;
	struct reftable_writer *writer = writer_for(&sink, 0, 1);

	CHECK_INT(put_ref(writer, "a"), 0);
	reftable_writer_set_limits(writer, 1, 2);
	CHECK_INT(put_ref(writer, "b"), -6);
	CHECK_INT(reftable_writer_close(writer), -6);
	finish(writer, &sink);

	writer = writer_for(&sink, 0, 1);
	CHECK_INT(put_ref(writer, "a"), 0);
	reftable_writer_set_limits(writer, 1, 2);
	CHECK_INT(reftable_writer_close(writer), -6);
	finish(writer, &sink);
}

static void limits_the_wrong_way_round_are_misuse(void)
{
	struct sink sink;
	struct reftable_writer *writer = writer_for(&sink, 0, 0);

	reftable_writer_set_limits(writer, 5, 3);
	CHECK_INT(put_log(writer, "a", 4), -6);
	CHECK_INT(reftable_writer_close(writer), -6);
	finish(writer, &sink);
}

/* Without a call the limits are 0 to 0. */
static void a_writer_without_limits_takes_index_zero_only(void)
{
	struct sink sink;
	struct reftable_writer *writer = writer_for(&sink, 0, 0);
	struct reftable_ref_record ref = a_ref("a", 0, 1);

	CHECK_INT(put_ref(writer, "a"), -6);
	CHECK_INT(reftable_writer_add_ref(writer, &ref), 0);
	CHECK_INT(reftable_writer_close(writer), 0);
	CHECK_STR(names_in(&sink), "a");
	finish(writer, &sink);
}

static void add_refs_sorts_the_callers_array(void)
{
	struct sink sink;
	struct reftable_writer *writer = writer_for(&sink, 0, 1);
	struct reftable_ref_record refs[4];

	refs[0] = a_ref("c", 1, 3);
	refs[1] = a_ref("a", 1, 1);
	refs[2] = a_symref("b\xff", 1, "a");
	refs[3] = a_ref("b", 1, 2);
	CHECK_INT(reftable_writer_add_refs(writer, refs, 4), 0);
	CHECK_STR(refs[0].ref_name, "a");
	CHECK_STR(refs[1].ref_name, "b");
	CHECK_STR(refs[2].ref_name, "b\xff");
	CHECK_STR(refs[3].ref_name, "c");
	CHECK_INT(refs[3].value[0], 3);
	CHECK_INT(reftable_writer_close(writer), 0);
	CHECK_STR(names_in(&sink), "a b b\xff c");
	finish(writer, &sink);
}

static void add_logs_sorts_by_name_and_newest_first(void)
{
	struct sink sink;
	struct reftable_writer *writer = writer_for(&sink, 0, 9);
	struct reftable_log_record logs[4];

	logs[0] = a_log("b", 1, "b1");
	logs[1] = a_log("a", 2, "a2");
	logs[2] = a_log("b", UINT64_MAX, "b-max");
	logs[3] = a_log("a", 7, "a7");
	CHECK_INT(reftable_writer_add_logs(writer, logs, 4), 0);
	CHECK_STR(logs[0].message, "a7");
	CHECK_STR(logs[1].message, "a2");
	CHECK_STR(logs[2].message, "b-max");
	CHECK_STR(logs[3].message, "b1");
	CHECK_INT(reftable_writer_close(writer), 0);
	finish(writer, &sink);
}

static void add_refs_stops_at_the_first_error(void)
{
	struct sink sink;
	struct reftable_writer *writer = writer_for(&sink, 0, 1);
	struct reftable_ref_record refs[3];

	refs[0] = a_ref("c", 1, 1);
	refs[1] = a_ref("a", 1, 1);
	refs[2] = a_ref("b", 7, 1);
	CHECK_INT(reftable_writer_add_refs(writer, refs, 3), -6);
	CHECK_INT(put_ref(writer, "b"), 0);
	CHECK_INT(reftable_writer_close(writer), 0);
	CHECK_STR(names_in(&sink), "a b");
	finish(writer, &sink);

	writer = writer_for(&sink, 0, 1);
	refs[0] = a_ref("a", 1, 1);
	refs[1] = a_ref("a", 1, 2);
	CHECK_INT(reftable_writer_add_refs(writer, refs, 2), -1);
	finish(writer, &sink);
}

/* C's sort followed NULL names. */
static void arrays_with_nameless_records_are_misuse(void)
{
	struct sink sink;
	struct reftable_writer *writer = writer_for(&sink, 0, 1);
	struct reftable_ref_record refs[3] = { { 0 } };
	struct reftable_log_record logs[3] = { { 0 } };

	refs[0] = a_ref("b", 1, 1);
	refs[2] = a_ref("a", 1, 1);
	CHECK_INT(reftable_writer_add_refs(writer, refs, 3), -6);
	logs[0] = a_log("b", 1, "m");
	logs[2] = a_log("a", 1, "m");
	CHECK_INT(reftable_writer_add_logs(writer, logs, 3), -6);
	finish(writer, &sink);
}

int main(int argc, char **argv)
{
	TESTS_BEGIN(argc, argv);
	RUN(defaults_are_written_into_the_callers_options);
	RUN(options_may_be_null);
	RUN(options_are_copied);
	RUN(impossible_options_give_no_writer);
	RUN(small_and_large_blocks_work);
	RUN(odd_restart_intervals_do_no_harm);
	RUN(null_arguments_are_misuse);
	RUN(a_bad_ref_is_refused_for_its_first_fault);
	RUN(duplicate_and_empty_names_are_a_general_error_from_the_start);
	RUN(a_duplicate_is_refused_also_behind_the_start_of_a_block);
	RUN(logs_must_ascend_by_name_and_descend_by_index);
	RUN(a_ref_after_a_log_is_misuse);
	RUN(a_log_without_name_does_not_end_the_refs);
	RUN(logs_outside_the_limits_are_accepted);
	RUN(a_ref_of_two_kinds_is_misuse);
	RUN(a_ref_that_fits_no_block_is_refused_alone);
	RUN(a_closed_writer_refuses_everything);
	RUN(limits_changed_after_a_record_are_misuse);
	RUN(limits_the_wrong_way_round_are_misuse);
	RUN(a_writer_without_limits_takes_index_zero_only);
	RUN(add_refs_sorts_the_callers_array);
	RUN(add_logs_sorts_by_name_and_newest_first);
	RUN(add_refs_stops_at_the_first_error);
	RUN(arrays_with_nameless_records_are_misuse);
	return TESTS_END();
}
