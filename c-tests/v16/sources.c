/*
 * Block sources: those that a C program supplies, well-behaved or not, and the library's own for
 * files, whose four functions any program may call.
 */
#include "../test.h"
#include "../scratch.h"
#include "reftable.h"
#include "memory.h"
#include "transactions.h"
#include "writing.h"

/* Refs, logs and refs by id: 0, or the first error. `count` gets the number of records seen. */
static int read_everything(struct reftable_reader *reader, int *count)
{
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record ref = { 0 };
	struct reftable_log_record log = { 0 };
	int err = reftable_reader_seek_ref(reader, &it, "");

	*count = 0;
	while (err == 0 && (err = reftable_iterator_next_ref(&it, &ref)) == 0)
		++*count;
	reftable_iterator_destroy(&it);
	if (err >= 0)
		err = reftable_reader_seek_log(reader, &it, "refs/heads/branch-0003");
	while (err == 0 && (err = reftable_iterator_next_log(&it, &log)) == 0)
		++*count;
	reftable_iterator_destroy(&it);
	if (err >= 0)
		err = reftable_reader_refs_for(reader, &it, id_of(250));
	while (err == 0 && (err = reftable_iterator_next_ref(&it, &ref)) == 0)
		++*count;
	reftable_iterator_destroy(&it);
	reftable_ref_record_clear(&ref);
	reftable_log_record_clear(&log);
	return err < 0 ? err : 0;
}

static void every_block_comes_back_and_the_source_is_closed_once(void)
{
	struct sink sink;
	struct source source;
	struct reftable_reader *reader;
	int count;

	make_big_table(&sink, 100, 256, 1);
	source_of_sink(&source, &sink);
	reader = source_reader(&source);
	CHECK(source.reads > 0);
	CHECK_INT(read_everything(reader, &count), 0);
	CHECK_INT(count, 100 + 97 + 50);
	CHECK_INT(source.closes, 0);
	reftable_reader_free(reader);
	CHECK(source_is_settled(&source));
	CHECK_INT(source.returns, source.reads);
	sink_clear(&sink);
}

/*
 * Each kind of fault at each read, once and for good. An error must come out and no record may be
 * missing without one; the source gets back what it gave, and the reader can be used again.
 */
static void check_fault(const struct sink *sink, enum source_fault fault, int once, int expected)
{
	struct source source;
	struct reftable_reader *reader;
	int fail_at, count, total, all;

	source_of_sink(&source, sink);
	reader = source_reader(&source);
	CHECK_INT(read_everything(reader, &all), 0);
	reftable_reader_free(reader);
	total = source.reads;
	for (fail_at = 1; fail_at <= total; fail_at++) {
		int err;

		source_of_sink(&source, sink);
		source.fault = fault;
		source.fail_at = fail_at;
		source.once = once;
		reader = source_reader(&source);
		if (!reader) {
			CHECK(fail_at <= 4);
			CHECK(source_is_settled(&source));
			continue;
		}
		err = read_everything(reader, &count);
		CHECK_INT(err, expected);
		source.fault = SOURCE_GOOD;
		CHECK_INT(read_everything(reader, &count), 0);
		CHECK_INT(count, all);
		reftable_reader_free(reader);
		source.fault = fault;
		CHECK(source_is_settled(&source));
	}
	CHECK(total > 10);
}

static void a_failing_read_is_passed_up_wherever_it_happens(void)
{
	struct sink sink;

	make_big_table(&sink, 60, 256, 1);
	check_fault(&sink, SOURCE_FAILS, 1, -1);
	check_fault(&sink, SOURCE_FAILS, 0, -1);
	sink_clear(&sink);
}

/* C looked at the length of header and footer only. */
static void a_read_of_another_length_is_an_io_error(void)
{
	struct sink sink;

	make_big_table(&sink, 60, 256, 1);
	check_fault(&sink, SOURCE_SHORT, 1, -2);
	check_fault(&sink, SOURCE_TOO_MUCH, 1, -2);
	sink_clear(&sink);
}

static void a_read_without_data_is_an_io_error(void)
{
	struct sink sink;

	make_big_table(&sink, 60, 256, 1);
	check_fault(&sink, SOURCE_NO_DATA, 1, -2);
	sink_clear(&sink);
}

/* What opening gives when the source fails: a failed or short read is an I/O error. */
static void opening_with_a_failing_source_closes_it_once(void)
{
	static const enum source_fault faults[] = { SOURCE_FAILS, SOURCE_SHORT, SOURCE_NO_DATA,
						    SOURCE_TOO_MUCH };
	struct sink sink;
	size_t i;

	make_big_table(&sink, 3, 0, 1);
	for (i = 0; i < COUNT(faults); i++) {
		struct source source;
		struct reftable_block_source block_source;
		struct reftable_reader *reader = NULL;

		source_of_sink(&source, &sink);
		source.fault = faults[i];
		source.fail_at = 1;
		block_source = source_block_source(&source);
		CHECK_INT(reftable_new_reader(&reader, &block_source, "n"), -2);
		CHECK(reader == NULL);
		CHECK(block_source.ops == NULL);
		CHECK(source_is_settled(&source));
	}
	sink_clear(&sink);
}

static void a_source_without_functions_is_misuse(void)
{
	struct reftable_block_source_vtable empty = { 0 };
	struct reftable_block_source source = { 0 };
	struct reftable_reader *reader = NULL;

	CHECK_INT(reftable_new_reader(&reader, &source, "n"), -6);
	source.ops = &empty;
	CHECK_INT(reftable_new_reader(&reader, &source, "n"), -6);
	CHECK(reader == NULL);
}

/* The library owns the source as soon as it is given one, also if it can do nothing with it. */
static void a_source_that_lacks_functions_is_closed(void)
{
	int missing;

	for (missing = 0; missing < 3; missing++) {
		struct source source = { 0 };
		struct reftable_block_source_vtable ops = source_vtable;
		struct reftable_block_source block_source = source_block_source(&source);
		struct reftable_reader *reader = NULL;

		if (missing != 1)
			ops.size = NULL;
		if (missing != 0)
			ops.read_block = NULL;
		block_source.ops = &ops;
		CHECK_INT(reftable_new_reader(&reader, &block_source, "n"), -6);
		CHECK(reader == NULL);
		CHECK(block_source.ops == NULL);
		CHECK(source_is_settled(&source));
		CHECK_INT(source.reads, 0);
	}
}

/* A reader asks the functions that the source had when it was opened: a program may have made their
 * table for the call alone. */
static void the_table_of_functions_may_go_once_a_reader_is_open(void)
{
	struct sink sink;
	struct source source;
	struct reftable_block_source_vtable ops = source_vtable;
	struct reftable_block_source block_source;
	struct reftable_reader *reader = NULL;

	make_big_table(&sink, 3, 0, 1);
	source_of_sink(&source, &sink);
	block_source = source_block_source(&source);
	block_source.ops = &ops;
	CHECK_INT(reftable_new_reader(&reader, &block_source, "n"), 0);
	memset(&ops, 0, sizeof(ops));
	CHECK_INT(reftable_reader_max_update_index(reader), 1);
	reftable_reader_free(reader);
	CHECK(source_is_settled(&source));
	sink_clear(&sink);
}

/* A source that claims more bytes than 64 bits of offsets can cover, or none at all. */
static void sources_of_absurd_sizes_are_refused(void)
{
	static const size_t sizes[] = { 0, 1, SIZE_MAX, SIZE_MAX / 2 };
	struct sink sink;
	size_t i;

	make_big_table(&sink, 3, 0, 1);
	for (i = 0; i < COUNT(sizes); i++) {
		struct source source;
		struct reftable_block_source block_source;
		struct reftable_reader *reader = NULL;

		source_of_sink(&source, &sink);
		source.size = sizes[i];
		/* Nothing may be read of it. */
		source.fault = SOURCE_FAILS;
		source.fail_at = 1;
		block_source = source_block_source(&source);
		CHECK(reftable_new_reader(&reader, &block_source, "n") < 0);
		CHECK(reader == NULL);
		CHECK(source_is_settled(&source));
	}
	sink_clear(&sink);
}

/*
 * Programs free the buffer of a table, or the reader, before the iterators over it: no function of
 * the source may run after close.
 */
static void no_function_of_the_source_runs_after_the_reader_is_freed(void)
{
	struct sink sink;
	struct source source;
	struct reftable_reader *reader;
	struct reftable_iterator refs = { 0 }, logs = { 0 }, objects = { 0 };
	struct reftable_ref_record ref = { 0 };
	struct reftable_log_record log = { 0 };
	int i;

	make_big_table(&sink, 200, 256, 1);
	source_of_sink(&source, &sink);
	reader = source_reader(&source);
	CHECK_INT(reftable_reader_seek_ref(reader, &refs, ""), 0);
	CHECK_INT(reftable_reader_seek_log(reader, &logs, ""), 0);
	CHECK_INT(reftable_reader_refs_for(reader, &objects, id_of(250)), 0);
	CHECK_INT(reftable_iterator_next_ref(&refs, &ref), 0);
	CHECK_INT(reftable_iterator_next_log(&logs, &log), 0);
	reftable_reader_free(reader);
	CHECK(source_is_settled(&source));
	sink_clear(&sink);
	source.data = NULL;
	/* They may end or fail. */
	for (i = 0; i < 300; i++) {
		reftable_iterator_next_ref(&refs, &ref);
		reftable_iterator_next_log(&logs, &log);
		reftable_iterator_next_ref(&objects, &ref);
	}
	CHECK(reftable_iterator_next_ref(&refs, &ref) != 0);
	CHECK(reftable_iterator_next_log(&logs, &log) != 0);
	CHECK(reftable_iterator_next_ref(&objects, &ref) != 0);
	reftable_iterator_destroy(&refs);
	reftable_iterator_destroy(&logs);
	reftable_iterator_destroy(&objects);
	CHECK_INT(source.closes, 1);
	CHECK_INT(source.strange, 0);
	reftable_ref_record_clear(&ref);
	reftable_log_record_clear(&log);
}

/* A source that frees the reader, or sets its iterator up, while it is asked for a block. */
struct meddler {
	struct source source; /* first: the functions of a source get this */
	struct reftable_reader *reader;
	struct reftable_iterator *it;
	int free_at;
	int seek_at;
	int seek_result;
	int closes_seen; /* how often it was closed when read_block returned */
};

static int meddler_read(void *arg, struct reftable_block *block, uint64_t offset, uint32_t size)
{
	struct meddler *meddler = arg;
	int result = source_read(&meddler->source, block, offset, size);

	if (meddler->source.reads == meddler->free_at)
		reftable_reader_free(meddler->reader);
	if (meddler->source.reads == meddler->seek_at)
		meddler->seek_result =
			reftable_reader_seek_ref(meddler->reader, meddler->it, "refs/heads/branch-0005");
	meddler->closes_seen += meddler->source.closes;
	return result;
}

static struct reftable_block_source_vtable meddler_vtable = {
	source_size,
	meddler_read,
	source_return,
	source_close,
};

static void meddler_reader(struct meddler *meddler, const struct sink *sink)
{
	struct reftable_block_source block_source = { &meddler_vtable, meddler };

	memset(meddler, 0, sizeof(*meddler));
	source_of_sink(&meddler->source, sink);
	CHECK_INT(reftable_new_reader(&meddler->reader, &block_source, "memory"), 0);
}

/* The block that the source was lending came back after it had been closed. */
static void a_source_that_frees_its_reader_is_closed_after_its_block_came_back(void)
{
	struct sink sink;
	struct meddler meddler;
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record ref = { 0 };
	int err;

	make_big_table(&sink, 200, 256, 1);
	meddler_reader(&meddler, &sink);
	CHECK_INT(reftable_reader_seek_ref(meddler.reader, &it, ""), 0);
	meddler.free_at = meddler.source.reads + 1;
	while ((err = reftable_iterator_next_ref(&it, &ref)) == 0)
		;
	CHECK_INT(err, -2);
	CHECK_INT(meddler.source.reads, meddler.free_at);
	CHECK_INT(meddler.closes_seen, 0);
	CHECK(source_is_settled(&meddler.source));
	reftable_iterator_destroy(&it);
	CHECK(source_is_settled(&meddler.source));
	reftable_ref_record_clear(&ref);
	sink_clear(&sink);
}

/* The iterator was overwritten, and what the inner seek had put into it leaked. */
static void an_iterator_that_the_source_sets_up_is_not_set_up_again(void)
{
	struct sink sink;
	struct meddler meddler;
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record ref = { 0 };

	make_big_table(&sink, 200, 256, 1);
	meddler_reader(&meddler, &sink);
	meddler.it = &it;
	meddler.seek_at = meddler.source.reads + 1;
	CHECK_INT(reftable_reader_seek_ref(meddler.reader, &it, "refs/heads/branch-0100"), -6);
	CHECK_INT(meddler.seek_result, 0);
	CHECK_INT(reftable_iterator_next_ref(&it, &ref), 0);
	CHECK_STR(ref.ref_name, "refs/heads/branch-0005");
	reftable_iterator_destroy(&it);
	reftable_reader_free(meddler.reader);
	CHECK(source_is_settled(&meddler.source));
	reftable_ref_record_clear(&ref);
	sink_clear(&sink);
}

static void file_sources_that_cannot_be_opened(void)
{
	struct reftable_block_source source = { 0 };
	const char *dir = scratch_dir();
	int err;

	CHECK_INT(reftable_block_source_from_file(&source, in_dir(dir, "missing")), -4);
	CHECK(source.ops == NULL);
	CHECK_INT(write_text(dir, "file", "x"), 0);
	err = reftable_block_source_from_file(&source, in_dir(dir, "file/below"));
	CHECK(err == -1 || err == -2);
	CHECK(source.ops == NULL);
	CHECK_INT(reftable_block_source_from_file(NULL, in_dir(dir, "file")), -6);
	CHECK_INT(reftable_block_source_from_file(&source, NULL), -6);
	/* A used one is misuse; C ended the process. */
	CHECK_INT(reftable_block_source_from_file(&source, in_dir(dir, "file")), 0);
	CHECK_INT(reftable_block_source_from_file(&source, in_dir(dir, "file")), -6);
	CHECK(source.ops != NULL);
	source.ops->close(source.arg);
}

static void a_folder_is_no_table(void)
{
	struct reftable_block_source source = { 0 };
	struct reftable_reader *reader = NULL;
	int err = reftable_block_source_from_file(&source, scratch_dir());

	if (!err)
		err = reftable_new_reader(&reader, &source, "folder");
	CHECK(err == -1 || err == -2 || err == -3);
	CHECK(reader == NULL);
}

/* All four functions, called as a program would; beyond the end C ended the process. */
static void the_functions_of_a_file_source_work_when_called_from_c(void)
{
	struct reftable_block_source source = { 0 };
	struct reftable_block block = { 0 };
	const char *dir = scratch_dir();
	int before = open_descriptors();

	CHECK_INT(write_text(dir, "file", "0123456789"), 0);
	CHECK_INT(reftable_block_source_from_file(&source, in_dir(dir, "file")), 0);
	CHECK_INT(source.ops->size(source.arg), 10);
	CHECK_INT(source.ops->read_block(source.arg, &block, 3, 4), 4);
	CHECK_INT(block.len, 4);
	CHECK_MEM(block.data, "3456", 4);
	source.ops->return_block(source.arg, &block);
	memset(&block, 0, sizeof(block));
	CHECK_INT(source.ops->read_block(source.arg, &block, 0, 10), 10);
	CHECK_MEM(block.data, "0123456789", 10);
	source.ops->return_block(source.arg, &block);
	memset(&block, 0, sizeof(block));
	CHECK_INT(source.ops->read_block(source.arg, &block, 7, 4), -2);
	CHECK_INT(source.ops->read_block(source.arg, &block, 11, 1), -2);
	CHECK_INT(source.ops->read_block(source.arg, &block, UINT64_MAX, 2), -2);
	CHECK(block.data == NULL);
	source.ops->return_block(source.arg, &block);
	source.ops->close(source.arg);
	CHECK_INT(open_descriptors(), before);
}

static void a_table_in_a_file_reads_like_one_in_memory(void)
{
	struct reftable_block_source source = { 0 };
	struct reftable_reader *reader = NULL;
	const char *path = in_dir(scratch_dir(), "any-name.ref");
	struct sink sink;
	int count, before = open_descriptors();

	make_big_table(&sink, 100, 256, 1);
	CHECK_INT(write_file(path, sink.data, sink.size), 0);
	CHECK_INT(reftable_block_source_from_file(&source, path), 0);
	CHECK_INT(reftable_new_reader(&reader, &source, "any-name.ref"), 0);
	/* An unlinked file stays readable. */
	CHECK_INT(unlink(path), 0);
	CHECK_INT(read_everything(reader, &count), 0);
	CHECK_INT(count, 100 + 97 + 50);
	reftable_reader_free(reader);
	CHECK_INT(open_descriptors(), before);
	sink_clear(&sink);
}

/* C ended the process with an assertion. */
static void empty_and_short_files_are_damaged_tables(void)
{
	static const size_t sizes[] = { 0, 1, 23, 24, 67, 68, 91 };
	const char *dir = scratch_dir();
	struct sink sink;
	size_t i;
	int before = open_descriptors();

	make_table(&sink, NULL, 0, 0, NULL, 0, NULL, 0);
	for (i = 0; i < COUNT(sizes); i++) {
		struct reftable_block_source source = { 0 };
		struct reftable_reader *reader = NULL;

		CHECK_INT(write_file(in_dir(dir, "short"), sink.data, sizes[i]), 0);
		CHECK_INT(reftable_block_source_from_file(&source, in_dir(dir, "short")), 0);
		CHECK_INT(reftable_new_reader(&reader, &source, "short"), -3);
		CHECK(source.ops == NULL);
	}
	CHECK_INT(open_descriptors(), before);
	sink_clear(&sink);
}

int main(int argc, char **argv)
{
	TESTS_BEGIN(argc, argv);
	RUN(every_block_comes_back_and_the_source_is_closed_once);
	RUN(a_failing_read_is_passed_up_wherever_it_happens);
	RUN(a_read_of_another_length_is_an_io_error);
	RUN(a_read_without_data_is_an_io_error);
	RUN(opening_with_a_failing_source_closes_it_once);
	RUN(a_source_without_functions_is_misuse);
	RUN(a_source_that_lacks_functions_is_closed);
	RUN(the_table_of_functions_may_go_once_a_reader_is_open);
	RUN(sources_of_absurd_sizes_are_refused);
	RUN(no_function_of_the_source_runs_after_the_reader_is_freed);
	RUN(a_source_that_frees_its_reader_is_closed_after_its_block_came_back);
	RUN(an_iterator_that_the_source_sets_up_is_not_set_up_again);
	RUN(file_sources_that_cannot_be_opened);
	RUN(a_folder_is_no_table);
	RUN(the_functions_of_a_file_source_work_when_called_from_c);
	RUN(a_table_in_a_file_reads_like_one_in_memory);
	RUN(empty_and_short_files_are_damaged_tables);
	return TESTS_END();
}
