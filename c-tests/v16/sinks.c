/* Where a writer's bytes go, what it does when they cannot, and whose memory is whose. */
#include "../test.h"
#include "../scratch.h"
#include <sys/resource.h>
#include "reftable.h"
#include "memory.h"
#include "transactions.h"
#include "writing.h"

static void records_are_borrowed_and_left_as_they_are(void)
{
	struct sink sink;
	struct reftable_writer *writer = writer_for(&sink, 0, 3);
	struct reftable_ref_record ref, ref_before;
	struct reftable_log_record log, log_before;
	char name[] = "refs/tags/v1", message[] = "message";
	uint8_t id[20] = { 1, 2, 3 }, peeled[20] = { 4, 5, 6 };

	ref = a_ref(name, 2, 1);
	ref.value = id;
	ref.target_value = peeled;
	ref_before = ref;
	CHECK_INT(reftable_writer_add_ref(writer, &ref), 0);
	CHECK_MEM(&ref, &ref_before, sizeof(ref));
	log = a_log(name, 2, message);
	log.new_hash = id;
	log_before = log;
	CHECK_INT(reftable_writer_add_log(writer, &log), 0);
	CHECK_MEM(&log, &log_before, sizeof(log));
	CHECK_STR(name, "refs/tags/v1");
	CHECK_STR(message, "message");
	CHECK(id[0] == 1 && id[1] == 2 && peeled[0] == 4);
	/* Memory of a record may go away before the table is finished. */
	memset(name, 'x', sizeof(name) - 1);
	memset(id, 0xff, sizeof(id));
	CHECK_INT(reftable_writer_close(writer), 0);
	CHECK_STR(names_in(&sink), "refs/tags/v1");
	finish(writer, &sink);
}

/* The result of a sink reaches the caller unchanged, in whichever call it happens. */
static void every_failure_of_the_sink_is_passed_on_unchanged(void)
{
	struct sink sink;
	int fail_at, total = 0;

	for (fail_at = 0; fail_at <= total; fail_at++) {
		struct reftable_writer *writer = writer_for(&sink, 256, 1);
		int i, err = 0, later;
		char name[32];

		sink.fail_at = fail_at;
		sink.failure = -4242;
		for (i = 0; i < 40 && !err; i++) {
			snprintf(name, sizeof(name), "refs/heads/b%03d", i);
			err = put_ref(writer, name);
		}
		for (i = 0; i < 20 && !err; i++) {
			snprintf(name, sizeof(name), "refs/heads/b%03d", i);
			err = put_log(writer, name, 1);
		}
		if (!err)
			err = reftable_writer_close(writer);
		CHECK_INT(err, fail_at ? -4242 : 0);
		if (!fail_at)
			total = sink.calls;
		/* What has failed once does not turn into a table. */
		later = reftable_writer_close(writer);
		CHECK(later < 0);
		finish(writer, &sink);
	}
	CHECK(total > 10);
}

static int sink_of_zeros(void *arg, uint8_t *data, size_t size)
{
	int result = sink_write(arg, data, size);
	return result < 0 ? result : 0;
}

/* A sink that returns 0 for success is not one that wrote nothing. */
static void only_a_negative_result_of_a_sink_is_a_failure(void)
{
	struct sink sink = { 0 };
	struct reftable_writer *writer = reftable_new_writer(sink_of_zeros, &sink, NULL);

	reftable_writer_set_limits(writer, 1, 1);
	CHECK_INT(put_ref(writer, "a"), 0);
	CHECK_INT(put_log(writer, "a", 1), 0);
	CHECK_INT(reftable_writer_close(writer), 0);
	CHECK_STR(names_in(&sink), "a");
	finish(writer, &sink);
}

/* A table without records is complete, and says so. */
static void an_empty_table_is_written_and_reported(void)
{
	static const struct {
		uint32_t hash;
		size_t size;
	} kinds[] = { { SHA1_ID, 92 }, { SHA256_ID, 100 } };
	size_t i;

	for (i = 0; i < COUNT(kinds); i++) {
		struct reftable_write_options options = { 0 };
		struct sink sink = { 0 };
		struct reftable_writer *writer;

		options.hash_id = kinds[i].hash;
		writer = reftable_new_writer(sink_write, &sink, &options);
		reftable_writer_set_limits(writer, 3, 4);
		CHECK_INT(reftable_writer_close(writer), -8);
		CHECK_INT(sink.size, kinds[i].size);
		CHECK_STR(names_in(&sink), "");
		CHECK_INT(reftable_writer_close(writer), -6);
		finish(writer, &sink);
	}
}

static void a_writer_can_be_freed_without_close(void)
{
	struct sink sink;
	struct reftable_writer *writer = writer_for(&sink, 256, 1);
	char name[32];
	int i;

	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "b%03d", i);
		CHECK_INT(put_ref(writer, name), 0);
	}
	CHECK_INT(put_log(writer, "a", 1), 0);
	finish(writer, &sink);
	writer = writer_for(&sink, 256, 1);
	finish(writer, &sink);
}

/* fd_write: all of it, or an error; C returned what one write(2) happened to take. */
static void fd_write_writes_everything(void)
{
	const char *path = scratch_path("fd_write");
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0666);
	static uint8_t data[300000];
	size_t size = 0;
	char *back;

	memset(data, 7, sizeof(data));
	CHECK_INT(reftable_fd_write(&fd, data, sizeof(data)), sizeof(data));
	CHECK_INT(reftable_fd_write(&fd, data, 0), 0);
	back = read_file(path, &size);
	CHECK_INT(size, sizeof(data));
	CHECK_MEM(back, data, sizeof(data));
	free(back);
	close(fd);
}

static void fd_write_reports_failures_as_io_errors(void)
{
	uint8_t byte = 1;
	int none = -1;
	int reading = open("/dev/null", O_RDONLY);

	CHECK_INT(reftable_fd_write(&none, &byte, 1), -2);
	CHECK_INT(reftable_fd_write(&reading, &byte, 1), -2);
	CHECK(reftable_fd_write(NULL, &byte, 1) < 0);
	CHECK(reftable_fd_write(&none, NULL, 1) < 0);
	close(reading);
}

/* The first write takes a part, the second none: that is no success. */
static void half_a_write(void *arg)
{
	struct rlimit limit = { 1000, 1000 };
	int fd = open(scratch_path("limited"), O_WRONLY | O_CREAT | O_TRUNC, 0666);
	static uint8_t data[1500];

	(void)arg;
	signal(SIGXFSZ, SIG_IGN);
	CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	CHECK_INT(reftable_fd_write(&fd, data, sizeof(data)), -2);
	close(fd);
}

static void fd_write_reports_a_write_that_stops_half_way(void)
{
	scratch_path("");
	CHECK_INT(test_in_child(half_a_write, NULL), 0);
}

/* The descriptor stays the caller's. */
static void close_does_not_close_the_callers_descriptor(void)
{
	const char *path = scratch_path("table");
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0666);
	struct reftable_writer *writer = reftable_new_writer(reftable_fd_write, &fd, NULL);
	struct reftable_block_source source = { 0 };
	struct reftable_reader *reader = NULL;

	reftable_writer_set_limits(writer, 1, 1);
	CHECK_INT(put_ref(writer, "a"), 0);
	CHECK_INT(reftable_writer_close(writer), 0);
	reftable_writer_free(writer);
	CHECK(fcntl(fd, F_GETFD) != -1);
	CHECK_INT(close(fd), 0);
	CHECK_INT(reftable_block_source_from_file(&source, path), 0);
	CHECK_INT(reftable_new_reader(&reader, &source, path), 0);
	reftable_reader_free(reader);
}

int main(int argc, char **argv)
{
	TESTS_BEGIN(argc, argv);
	RUN(records_are_borrowed_and_left_as_they_are);
	RUN(every_failure_of_the_sink_is_passed_on_unchanged);
	RUN(only_a_negative_result_of_a_sink_is_a_failure);
	RUN(an_empty_table_is_written_and_reported);
	RUN(a_writer_can_be_freed_without_close);
	RUN(fd_write_writes_everything);
	RUN(fd_write_reports_failures_as_io_errors);
	RUN(fd_write_reports_a_write_that_stops_half_way);
	RUN(close_does_not_close_the_callers_descriptor);
	return TESTS_END();
}
