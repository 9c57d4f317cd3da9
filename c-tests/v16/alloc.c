/*
 * Memory that crosses the interface: all of it comes from and goes to the functions the program
 * set. The allocator here is none that libc could be confused with, fills fresh and freed memory
 * with rubbish, knows every block it gave out, and can fail at any call.
 */
#include "../test.h"
#include "../scratch.h"
#include "reftable.h"
#include "memory.h"
#include "transactions.h"
#include "writing.h"

#define MAGIC 0x5ca1ab1e5ca1ab1eull

/* In front of every block. */
struct header {
	uint64_t magic;
	size_t size;
};

static struct {
	long live;	/* blocks given out */
	long calls;	/* of alloc and of realloc */
	long fail_at;	/* the call that fails; 0: none */
	long foreign;	/* blocks given to us that are not ours */
	long null_frees;
} heap;

static void *heap_alloc(size_t size)
{
	struct header *header;

	if (++heap.calls == heap.fail_at)
		return NULL;
	header = malloc(sizeof(*header) + size + 1);
	header->magic = MAGIC;
	header->size = size;
	memset(header + 1, 0xa5, size + 1);
	heap.live++;
	return header + 1;
}

static struct header *heap_header(void *block)
{
	struct header *header = (struct header *)block - 1;

	if (header->magic == MAGIC)
		return header;
	heap.foreign++;
	return NULL;
}

static void heap_free(void *block)
{
	struct header *header;

	if (!block) {
		heap.null_frees++;
		return;
	}
	header = heap_header(block);
	if (!header)
		return;
	heap.live--;
	memset(header, 0xdf, sizeof(*header) + header->size);
	free(header);
}

static void *heap_realloc(void *block, size_t size)
{
	void *moved;
	struct header *header;

	if (!block)
		return heap_alloc(size);
	header = heap_header(block);
	if (!header)
		return NULL;
	moved = heap_alloc(size);
	if (!moved)
		return NULL;
	memcpy(moved, block, header->size < size ? header->size : size);
	heap_free(block);
	return moved;
}

static void heap_start(long fail_at)
{
	memset(&heap, 0, sizeof(heap));
	heap.fail_at = fail_at;
	reftable_set_alloc(heap_alloc, heap_realloc, heap_free);
}

static void heap_stop(void)
{
	reftable_set_alloc(NULL, NULL, NULL);
	CHECK_INT(heap.live, 0);
	CHECK_INT(heap.foreign, 0);
	CHECK_INT(heap.null_frees, 0);
}

/* A string of the program's own, in its allocator. */
static char *heap_string(const char *text)
{
	char *copy = heap_alloc(strlen(text) + 1);
	return strcpy(copy, text);
}

static void records_are_filled_and_cleared_by_the_set_allocator(void)
{
	struct reftable_ref_record refs[2], ref = { 0 };
	struct reftable_log_record log = a_log("a", 1, "message"), got = { 0 };
	struct sink sink;
	struct source source;
	struct reftable_reader *reader;
	struct reftable_iterator it = { 0 };

	refs[0] = a_ref("a", 1, 1);
	refs[0].target_value = id_of(2);
	refs[1] = a_symref("b", 1, "a");
	heap_start(0);
	make_table(&sink, NULL, 1, 1, refs, 2, &log, 1);
	source_of_sink(&source, &sink);
	reader = source_reader(&source);
	CHECK_INT(reftable_reader_seek_ref(reader, &it, ""), 0);
	CHECK_INT(reftable_iterator_next_ref(&it, &ref), 0);
	/* Every field is a block of its own of that allocator. */
	CHECK(heap_header(ref.ref_name) != NULL);
	CHECK(heap_header(ref.value) != NULL);
	CHECK(heap_header(ref.target_value) != NULL);
	heap_free(ref.ref_name);
	ref.ref_name = heap_string("renamed");
	CHECK_INT(reftable_iterator_next_ref(&it, &ref), 0);
	CHECK(heap_header(ref.target) != NULL);
	CHECK_STR(ref.target, "a");
	reftable_iterator_destroy(&it);
	reftable_ref_record_clear(&ref);
	CHECK_INT(reftable_reader_seek_log(reader, &it, ""), 0);
	CHECK_INT(reftable_iterator_next_log(&it, &got), 0);
	CHECK(heap_header(got.ref_name) && heap_header(got.old_hash) && heap_header(got.new_hash));
	CHECK(heap_header(got.name) && heap_header(got.email) && heap_header(got.message));
	reftable_iterator_destroy(&it);
	reftable_log_record_clear(&got);
	reftable_reader_free(reader);
	heap_stop();
	sink_clear(&sink);
}

/* C gave this array to libc's free. */
/*
 * What a record has is filled again if it is long enough. A program may have taken some of it, or have
 * put a shorter string of its own there.
 */
static void what_a_program_took_or_replaced_is_not_written_to(void)
{
	const char *names[] = { "refs/heads/long-name", "refs/heads/m", "refs/heads/much-longer-name" };
	struct reftable_write_options options = { 0 };
	struct reftable_stack *stack = NULL;
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record ref = { 0 };
	uint8_t *taken;
	int i;

	heap_start(0);
	CHECK_INT(reftable_new_stack(&stack, scratch_dir(), options), 0);
	for (i = 0; i < 3; i++)
		CHECK_INT(commit_ref(stack, a_ref(names[i], i + 1, i + 1)), 0);
	CHECK_INT(reftable_merged_table_seek_ref(reftable_stack_merged_table(stack), &it, ""), 0);
	CHECK_INT(reftable_iterator_next_ref(&it, &ref), 0);
	CHECK_STR(ref.ref_name, names[0]);
	taken = ref.value;
	ref.value = NULL;
	CHECK_INT(reftable_iterator_next_ref(&it, &ref), 0);
	CHECK_STR(ref.ref_name, names[1]);
	CHECK_INT(ref.value[19], 2);
	CHECK_INT(taken[19], 1);
	heap_free(taken);
	heap_free(ref.ref_name);
	ref.ref_name = strcpy(heap_alloc(2), "x");
	CHECK_INT(reftable_iterator_next_ref(&it, &ref), 0);
	CHECK_STR(ref.ref_name, names[2]);
	CHECK_INT(ref.value[19], 3);
	CHECK_INT(reftable_iterator_next_ref(&it, &ref), 1);
	reftable_iterator_destroy(&it);
	reftable_ref_record_clear(&ref);
	reftable_stack_destroy(stack);
	heap_stop();
}

static void the_array_of_a_merged_table_is_freed_by_the_set_allocator(void)
{
	struct reftable_ref_record ref = a_ref("a", 1, 1);
	struct reftable_merged_table *merged = NULL;
	struct reftable_reader **readers;
	struct sink sink;
	struct source source;

	make_table(&sink, NULL, 1, 1, &ref, 1, NULL, 0);
	source_of_sink(&source, &sink);
	heap_start(0);
	readers = heap_alloc(sizeof(*readers));
	readers[0] = source_reader(&source);
	CHECK_INT(reftable_new_merged_table(&merged, readers, 1, SHA1_ID), 0);
	reftable_merged_table_close(merged);
	reftable_merged_table_free(merged);
	CHECK(source_is_settled(&source));
	heap_stop();
	sink_clear(&sink);
}

static void blocks_of_a_file_come_from_the_set_allocator(void)
{
	struct reftable_block_source source = { 0 };
	struct reftable_block block = { 0 };
	const char *dir = scratch_dir();

	CHECK_INT(write_text(dir, "file", "0123456789"), 0);
	heap_start(0);
	CHECK_INT(reftable_block_source_from_file(&source, in_dir(dir, "file")), 0);
	CHECK_INT(source.ops->read_block(source.arg, &block, 2, 5), 5);
	CHECK(heap_header(block.data) != NULL);
	source.ops->return_block(source.arg, &block);
	source.ops->close(source.arg);
	heap_stop();
}

/* The default is libc's, as git counts on; NULL sets it back. */
static void without_a_set_allocator_fields_are_libcs(void)
{
	struct reftable_stack *stack = open_stack(scratch_dir());
	struct reftable_ref_record ref = { 0 };
	int round;

	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	for (round = 0; round < 2; round++) {
		CHECK_INT(reftable_stack_read_ref(stack, "a", &ref), 0);
		ref.ref_name = realloc(ref.ref_name, 1000);
		free(ref.value);
		ref.value = NULL;
		reftable_ref_record_clear(&ref);
		heap_start(0);
		CHECK_INT(value_of(stack, "a"), 1);
		heap_stop();
	}
	reftable_stack_destroy(stack);
}

/* Every kind of call on a stack; each result is remembered. */
static int results[64];
static int result_count;

static int noted(int result)
{
	if (result_count < (int)COUNT(results))
		results[result_count++] = result;
	return result;
}

static void use_a_stack(const char *dir)
{
	struct reftable_write_options options = { 0 };
	struct reftable_stack *stack = NULL;
	struct reftable_addition *addition = NULL;
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record ref = { 0 };
	struct reftable_log_record log = { 0 };
	struct reftable_log_expiry_config expiry = { 1, 1 };

	result_count = 0;
	if (noted(reftable_new_stack(&stack, dir, options)))
		return;
	noted(commit_ref(stack, a_ref("added", 0, 5)));
	noted(commit_log(stack, a_log("added", 0, "message")));
	if (!noted(reftable_stack_new_addition(&addition, stack))) {
		noted(reftable_addition_add(addition, write_nothing, NULL));
		noted(reftable_addition_commit(addition));
	}
	reftable_addition_destroy(addition);
	noted(reftable_stack_read_ref(stack, "kept", &ref));
	noted(reftable_stack_read_log(stack, "kept", &log));
	noted(reftable_merged_table_seek_ref(reftable_stack_merged_table(stack), &it, ""));
	noted(reftable_iterator_next_ref(&it, &ref));
	noted(reftable_iterator_next_ref(&it, &ref));
	reftable_iterator_destroy(&it);
	noted(reftable_merged_table_seek_log(reftable_stack_merged_table(stack), &it, ""));
	noted(reftable_iterator_next_log(&it, &log));
	noted(reftable_iterator_next_log(&it, &log));
	reftable_iterator_destroy(&it);
	noted(reftable_stack_compact_all(stack, &expiry));
	reftable_ref_record_clear(&ref);
	reftable_log_record_clear(&log);
	reftable_stack_destroy(stack);
}

static const char *stack_to_use(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);

	CHECK_INT(commit_ref(stack, a_ref("kept", 0, 3)), 0);
	CHECK_INT(commit_log(stack, a_log("kept", 0, "message")), 0);
	reftable_stack_destroy(stack);
	return dir;
}

static void a_stack_uses_the_set_allocator_throughout(void)
{
	const char *dir = stack_to_use();
	int i;

	heap_start(0);
	use_a_stack(dir);
	CHECK(result_count > 10);
	for (i = 0; i < result_count; i++)
		CHECK_INT(results[i], 0);
	heap_stop();
	CHECK(is_tidy(dir));
}

/* C checked no allocation at all. Each one fails in turn: an error, no crash, nothing lost. */
static void every_failing_allocation_is_an_error_and_no_crash(void)
{
	const char *dir = stack_to_use();
	struct reftable_stack *stack;
	long fail_at, failed = 0;
	int i, reached = 1;

	for (fail_at = 1; reached && fail_at < 2000; fail_at++) {
		int errors = 0;

		heap_start(fail_at);
		use_a_stack(dir);
		reached = heap.calls >= fail_at;
		for (i = 0; i < result_count; i++) {
			if (results[i] >= 0) /* 1: what a failed commit did not add */
				continue;
			errors++;
			CHECK(results[i] == -1 || results[i] == -2 || results[i] == -6);
		}
		CHECK(!reached || errors > 0);
		failed += errors;
		heap_stop();
		CHECK(is_tidy(dir));
		stack = open_stack(dir);
		CHECK_INT(value_of(stack, "kept"), 3);
		CHECK_INT(reftable_stack_compact_all(stack, NULL), 0);
		reftable_stack_destroy(stack);
	}
	CHECK(!reached);
	CHECK(failed > 0);
}

/* The same for a single table, whose blocks of a file may come from the allocator too. */
static void every_failing_allocation_while_reading_a_table(void)
{
	const char *path = in_dir(scratch_dir(), "table");
	struct sink sink;
	long fail_at;
	int reached = 1, descriptors = open_descriptors();

	make_big_table(&sink, 50, 256, 1);
	CHECK_INT(write_file(path, sink.data, sink.size), 0);
	sink_clear(&sink);
	for (fail_at = 1; reached && fail_at < 5000; fail_at++) {
		struct reftable_block_source source = { 0 };
		struct reftable_reader *reader = NULL;
		struct reftable_iterator it = { 0 };
		struct reftable_ref_record ref = { 0 };
		int err, count = 0;

		heap_start(fail_at);
		err = reftable_block_source_from_file(&source, path);
		if (!err)
			err = reftable_new_reader(&reader, &source, "table");
		if (!err)
			err = reftable_reader_seek_ref(reader, &it, "");
		while (!err && (err = reftable_iterator_next_ref(&it, &ref)) == 0)
			count++;
		reached = heap.calls >= fail_at;
		CHECK(reached ? err == -1 || err == -2 : err == 1);
		CHECK(reached || count == 50);
		reftable_iterator_destroy(&it);
		reftable_ref_record_clear(&ref);
		reftable_reader_free(reader);
		heap_stop();
		CHECK_INT(open_descriptors(), descriptors);
	}
	CHECK(!reached);
}

int main(int argc, char **argv)
{
	TESTS_BEGIN(argc, argv);
	RUN(records_are_filled_and_cleared_by_the_set_allocator);
	RUN(what_a_program_took_or_replaced_is_not_written_to);
	RUN(the_array_of_a_merged_table_is_freed_by_the_set_allocator);
	RUN(blocks_of_a_file_come_from_the_set_allocator);
	RUN(without_a_set_allocator_fields_are_libcs);
	RUN(a_stack_uses_the_set_allocator_throughout);
	RUN(every_failing_allocation_is_an_error_and_no_crash);
	RUN(every_failing_allocation_while_reading_a_table);
	return TESTS_END();
}
