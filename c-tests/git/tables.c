/* Writing and reading single tables: what a writer refuses, messages, blocks, sources, objects. */
#include "../test.h"
#include "../scratch.h"
#include "reftable-git.h"
#include "transactions.h"

/* The bytes of a table. */
struct sink {
	uint8_t data[1 << 16];
	size_t size;
	int flushes;
	int fail;
};

static ptrdiff_t sink_write(void *arg, const void *data, size_t size)
{
	struct sink *sink = arg;

	if (sink->fail)
		return sink->fail;
	REQUIRE(sink->size + size <= sizeof(sink->data));
	memcpy(sink->data + sink->size, data, size);
	sink->size += size;
	return (ptrdiff_t)size;
}

static int sink_flush(void *arg)
{
	struct sink *sink = arg;

	sink->flushes++;
	return 0;
}

static struct sink sink;

static struct reftable_writer *writer_for(const struct reftable_write_options *options,
					  uint64_t max)
{
	struct reftable_writer *writer = NULL;

	memset(&sink, 0, sizeof(sink));
	REQUIRE(reftable_writer_new(&writer, sink_write, sink_flush, &sink, options) == 0);
	CHECK_INT(reftable_writer_set_limits(writer, 1, max), 0);
	return writer;
}

/* A block source over the sink that counts what is out. */
struct memory {
	int lent;
	int closed;
};

static uint64_t memory_size(void *arg)
{
	(void)arg;
	return sink.size;
}

static ptrdiff_t memory_read(void *arg, struct reftable_block_data *dest, uint64_t off,
			     uint32_t size)
{
	struct memory *memory = arg;

	REQUIRE(!memory->closed && off + size <= sink.size);
	memory->lent++;
	dest->data = malloc(size + 1);
	memcpy(dest->data, sink.data + off, size);
	dest->len = size;
	return size;
}

static void memory_release(void *arg, struct reftable_block_data *data)
{
	struct memory *memory = arg;

	memory->lent--;
	free(data->data);
}

static void memory_close(void *arg)
{
	((struct memory *)arg)->closed++;
}

static struct reftable_block_source_vtable memory_ops = {
	memory_size, memory_read, memory_release, memory_close
};

static struct reftable_table *table_in(struct memory *memory)
{
	struct reftable_block_source source = { 0 };
	struct reftable_table *table = NULL;

	memset(memory, 0, sizeof(*memory));
	source.ops = &memory_ops;
	source.arg = memory;
	REQUIRE(reftable_table_new(&table, &source, "name") == 0);
	return table;
}

static void a_writer_refuses_what_the_c_library_does(void)
{
	struct reftable_writer *writer = writer_for(NULL, 2);
	struct reftable_ref_record ref = a_ref("b", 1, 1);
	struct reftable_log_record log = a_log("b", 3, "m");

	CHECK_INT(reftable_writer_add_ref(writer, &ref), 0);
	CHECK_INT(reftable_writer_add_ref(writer, &ref), REFTABLE_API_ERROR);
	CHECK_INT(reftable_writer_set_limits(writer, 1, 9), REFTABLE_API_ERROR);
	ref = a_ref("c", 3, 1);
	CHECK_INT(reftable_writer_add_ref(writer, &ref), REFTABLE_API_ERROR);
	ref = a_ref("", 1, 1);
	CHECK_INT(reftable_writer_add_ref(writer, &ref), REFTABLE_API_ERROR);
	CHECK_INT(reftable_writer_add_log(writer, &log), REFTABLE_API_ERROR);
	/* An old entry, as a rename writes it, is fine. */
	log.update_index = 0;
	CHECK_INT(reftable_writer_add_log(writer, &log), 0);
	ref = a_ref("d", 1, 1);
	CHECK_INT(reftable_writer_add_ref(writer, &ref), REFTABLE_API_ERROR);
	CHECK_INT(reftable_writer_close(writer), 0);
	CHECK_INT(sink.flushes, 1);
	CHECK_INT(reftable_writer_close(writer), REFTABLE_API_ERROR);
	CHECK_INT(reftable_writer_stats(writer)->ref_stats.entries, 1);
	CHECK_INT(reftable_writer_stats(writer)->log_stats.entries, 1);
	reftable_writer_free(writer);
}

static void an_empty_table_is_complete(void)
{
	struct reftable_writer *writer = writer_for(NULL, 1);
	struct memory memory;

	CHECK_INT(reftable_writer_close(writer), REFTABLE_EMPTY_TABLE_ERROR);
	CHECK_INT(sink.size, 92);
	reftable_writer_free(writer);
	reftable_table_decref(table_in(&memory));
	CHECK_INT(memory.closed, 1);
}

static void the_value_of_a_failing_sink_comes_back(void)
{
	struct reftable_writer *writer = writer_for(NULL, 1);
	struct reftable_ref_record ref = a_ref("b", 1, 1);

	sink.fail = -77;
	CHECK_INT(reftable_writer_add_ref(writer, &ref), 0);
	CHECK_INT(reftable_writer_close(writer), -77);
	reftable_writer_free(writer);
}

static void records_larger_than_a_block_are_refused(void)
{
	struct reftable_write_options options = { 0 };
	struct reftable_writer *writer;
	struct reftable_ref_record ref = a_ref("refs/heads/a-name-that-is-too-long", 1, 1);
	struct reftable_log_record log;
	char message[301];

	memset(message, 'x', sizeof(message) - 1);
	message[sizeof(message) - 1] = 0;
	log = a_log("HEAD", 1, message);
	options.block_size = 50;
	writer = writer_for(&options, 1);
	CHECK_INT(reftable_writer_add_ref(writer, &ref), REFTABLE_ENTRY_TOO_BIG_ERROR);
	reftable_writer_free(writer);
	options.block_size = 200;
	writer = writer_for(&options, 1);
	CHECK_INT(reftable_writer_add_log(writer, &log), REFTABLE_ENTRY_TOO_BIG_ERROR);
	reftable_writer_free(writer);
	options.block_size = 1;
	writer = writer_for(&options, 1);
	CHECK_INT(reftable_writer_add_ref(writer, &ref), REFTABLE_ENTRY_TOO_BIG_ERROR);
	reftable_writer_free(writer);
	options.block_size = 1 << 24;
	CHECK_INT(reftable_writer_new(&writer, sink_write, NULL, &sink, &options),
		  REFTABLE_API_ERROR);
}

/* The last letter of a message without newline used to get lost. */
static void messages_are_stored_as_one_line(void)
{
	static const char *const given[] = { "", "x", "x\n", "x\n\n", NULL };
	static const char *const stored[] = { "\n", "x\n", "x\n", "x\n", "" };
	struct reftable_writer *writer = writer_for(NULL, 5);
	struct reftable_log_record log = a_log("a", 1, "two\nlines");
	struct reftable_iterator it = { 0 };
	struct memory memory;
	struct reftable_table *table;
	size_t i;

	CHECK_INT(reftable_writer_add_log(writer, &log), REFTABLE_API_ERROR);
	for (i = 0; i < COUNT(given); i++) {
		log = a_log("a", 5 - i, given[i]);
		CHECK_INT(reftable_writer_add_log(writer, &log), 0);
	}
	CHECK_INT(reftable_writer_close(writer), 0);
	reftable_writer_free(writer);
	table = table_in(&memory);
	memset(&log, 0, sizeof(log));
	CHECK_INT(reftable_table_init_log_iterator(table, &it), 0);
	CHECK_INT(reftable_iterator_seek_log_at(&it, "a", 5), 0);
	for (i = 0; i < COUNT(given); i++) {
		CHECK_INT(reftable_iterator_next_log(&it, &log), 0);
		CHECK_STR(log.value.update.message, stored[i]);
		CHECK_INT(log.value.update.tz_offset, -330);
	}
	CHECK_INT(reftable_iterator_next_log(&it, &log), 1);
	reftable_log_record_release(&log);
	reftable_iterator_destroy(&it);
	reftable_table_decref(table);
	CHECK_INT(memory.lent, 0);
	CHECK_INT(memory.closed, 1);
}

/* 300 refs with two ids by turns, and a log record each. */
static void make_big_table(uint32_t block_size)
{
	struct reftable_write_options options = { 0 };
	struct reftable_writer *writer;
	char name[40];
	int i;

	options.block_size = block_size;
	writer = writer_for(&options, 1);
	for (i = 0; i < 300; i++) {
		struct reftable_ref_record ref;
		snprintf(name, sizeof(name), "refs/heads/branch-%04d", i);
		ref = a_ref(name, 1, (uint8_t)(i % 2 + 1));
		REQUIRE(reftable_writer_add_ref(writer, &ref) == 0);
	}
	for (i = 0; i < 300; i++) {
		struct reftable_log_record log;
		snprintf(name, sizeof(name), "refs/heads/branch-%04d", i);
		log = a_log(name, 1, "message");
		REQUIRE(reftable_writer_add_log(writer, &log) == 0);
	}
	REQUIRE(reftable_writer_close(writer) == 0);
	reftable_writer_free(writer);
}

static void blocks_are_shown_in_the_order_of_the_file(void)
{
	struct reftable_table_iterator blocks = { 0 };
	const struct reftable_block *block = NULL;
	struct memory memory;
	struct reftable_table *table;
	char types[64] = "";
	size_t count = 0;
	int refs = 0, err;

	make_big_table(512);
	table = table_in(&memory);
	CHECK_INT(table->block_size, 512);
	CHECK_STR(table->name, "name");
	CHECK_INT(table->refcount, 1);
	CHECK_INT(table->version, 1);
	CHECK_INT(table->size, sink.size - 68);
	CHECK_INT(reftable_table_hash_id(table), REFTABLE_HASH_SHA1);
	CHECK(table->ref_offsets.is_present && table->obj_offsets.is_present &&
	      table->log_offsets.is_present);
	CHECK_INT(reftable_table_iterator_init(&blocks, table), 0);
	while ((err = reftable_table_iterator_next(&blocks, &block)) == 0) {
		struct reftable_iterator it = { 0 };
		struct reftable_ref_record ref = { 0 };

		CHECK_INT(block->header_off, refs == 0 && !count ? 24 : 0);
		CHECK(block->restart_count > 0 && block->restart_off > block->header_off + 4);
		if (!count || types[count - 1] != (char)block->block_type)
			types[count++] = (char)block->block_type;
		CHECK_INT(reftable_block_type(block), block->block_type);
		if (block->block_type != REFTABLE_BLOCK_TYPE_REF)
			continue;
		CHECK_INT(reftable_block_init_iterator(block, &it), 0);
		while (reftable_iterator_next_ref(&it, &ref) == 0)
			refs++;
		reftable_iterator_destroy(&it);
		reftable_ref_record_release(&ref);
	}
	CHECK_INT(err, 1);
	CHECK_INT(refs, 300);
	CHECK_STR(types, "riogi");
	reftable_table_iterator_release(&blocks);
	reftable_table_iterator_release(&blocks);
	reftable_table_decref(table);
}

static void a_block_is_read_from_its_source(void)
{
	struct reftable_block_source source = { 0 };
	struct reftable_block block = { 0 };
	struct reftable_buf key = { 0 };
	struct memory memory = { 0 };

	make_big_table(512);
	source.ops = &memory_ops;
	source.arg = &memory;
	CHECK_INT(reftable_block_init(&block, &source, 0, 24, 512, 20, 'g'), 1);
	CHECK_INT(reftable_block_init(&block, &source, 0, 24, 512, 20, 'r'), 0);
	CHECK_INT(block.block_type, 'r');
	CHECK_INT(block.header_off, 24);
	CHECK_INT(reftable_block_first_key(&block, &key), 0);
	CHECK_STR(key.buf, "refs/heads/branch-0000");
	CHECK_INT(key.len, 22);
	/* A block is freed or filled again, and the source stays the caller's. */
	CHECK_INT(reftable_block_init(&block, &source, 512, 0, 512, 20, 0), 0);
	CHECK_INT(block.header_off, 0);
	reftable_block_release(&block);
	reftable_block_release(&block);
	CHECK_INT(reftable_block_init(&block, &source, 30, 0, 512, 20, 0), REFTABLE_FORMAT_ERROR);
	CHECK_INT(memory.lent, 0);
	CHECK_INT(memory.closed, 0);
	free(key.buf);
}

static void refs_of_an_object_can_be_sought(void)
{
	struct memory memory;
	struct reftable_table *table;
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record ref = { 0 };
	uint8_t id[20];
	int count = 0;

	make_big_table(512);
	memset(id, 2, sizeof(id));
	table = table_in(&memory);
	CHECK_INT(reftable_table_refs_for(table, &it, id), 0);
	reftable_table_incref(table);
	reftable_table_decref(table);
	reftable_table_decref(table);
	CHECK_INT(memory.closed, 0);
	while (reftable_iterator_next_ref(&it, &ref) == 0) {
		CHECK_MEM(ref.value.val1, id, 20);
		count++;
	}
	CHECK_INT(count, 150);
	CHECK_INT(reftable_iterator_seek_ref(&it, "refs/heads/branch-0298"), 0);
	CHECK_INT(reftable_iterator_next_ref(&it, &ref), 0);
	CHECK_STR(ref.refname, "refs/heads/branch-0299");
	CHECK_INT(reftable_iterator_next_ref(&it, &ref), 1);
	reftable_iterator_destroy(&it);
	reftable_ref_record_release(&ref);
	CHECK_INT(memory.closed, 1);
}

static void merged_tables_show_deletions(void)
{
	struct memory memories[2];
	struct reftable_table *tables[2];
	struct reftable_merged_table *merged = NULL;
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record ref = a_ref("a", 1, 1);
	struct reftable_writer *writer = writer_for(NULL, 1);

	ref = a_tombstone("a", 1);
	CHECK_INT(reftable_writer_add_ref(writer, &ref), 0);
	CHECK_INT(reftable_writer_close(writer), 0);
	reftable_writer_free(writer);
	tables[0] = table_in(&memories[0]);
	tables[1] = table_in(&memories[1]);
	CHECK_INT(reftable_merged_table_new(&merged, tables, 2, REFTABLE_HASH_SHA256),
		  REFTABLE_FORMAT_ERROR);
	CHECK_INT(reftable_merged_table_new(&merged, tables, 2, REFTABLE_HASH_SHA1), 0);
	CHECK_INT(reftable_merged_table_hash_id(merged), REFTABLE_HASH_SHA1);
	CHECK_INT(reftable_merged_table_max_update_index(merged), 1);
	CHECK_INT(reftable_merged_table_init_ref_iterator(merged, &it), 0);
	CHECK_INT(reftable_merged_table_init_ref_iterator(merged, &it), REFTABLE_API_ERROR);
	CHECK_INT(reftable_iterator_seek_ref(&it, ""), 0);
	memset(&ref, 0, sizeof(ref));
	CHECK_INT(reftable_iterator_next_ref(&it, &ref), 0);
	CHECK_INT(reftable_ref_record_is_deletion(&ref), 1);
	CHECK_INT(reftable_iterator_next_ref(&it, &ref), 1);
	reftable_ref_record_release(&ref);
	reftable_iterator_destroy(&it);
	reftable_merged_table_free(merged);
	reftable_table_decref(tables[0]);
	reftable_table_decref(tables[1]);
}

static void files_that_are_no_tables_are_refused_and_closed(void)
{
	struct reftable_block_source source = { 0 };
	struct reftable_table *table = NULL;
	const char *dir = scratch_dir();
	int before = open_descriptors();

	CHECK_INT(reftable_block_source_from_file(&source, in_dir(dir, "none")),
		  REFTABLE_NOT_EXIST_ERROR);
	REQUIRE(write_text(dir, "text", "This is a text and no table, whatever its name is.") == 0);
	CHECK_INT(reftable_block_source_from_file(&source, in_dir(dir, "text")), 0);
	CHECK_INT(reftable_table_new(&table, &source, "text"), REFTABLE_FORMAT_ERROR);
	CHECK(source.ops == NULL && table == NULL);
	CHECK_INT(open_descriptors(), before);
	reftable_table_decref(NULL);
}

/* The library owns the source as soon as it is given one, also if it can do nothing with it. */
static void a_source_that_lacks_functions_is_closed(void)
{
	int missing;

	for (missing = 0; missing < 3; missing++) {
		struct memory memory = { 0 };
		struct reftable_block_source_vtable ops = memory_ops;
		struct reftable_block_source source = { 0 };
		struct reftable_table *table = NULL;

		if (missing != 1)
			ops.size = NULL;
		if (missing != 0)
			ops.read_data = NULL;
		source.ops = &ops;
		source.arg = &memory;
		CHECK_INT(reftable_table_new(&table, &source, "n"), REFTABLE_API_ERROR);
		CHECK(table == NULL && source.ops == NULL);
		CHECK_INT(memory.closed, 1);
		CHECK_INT(memory.lent, 0);
	}
}

int main(int argc, char **argv)
{
	TESTS_BEGIN(argc, argv);
	RUN(a_writer_refuses_what_the_c_library_does);
	RUN(an_empty_table_is_complete);
	RUN(the_value_of_a_failing_sink_comes_back);
	RUN(records_larger_than_a_block_are_refused);
	RUN(messages_are_stored_as_one_line);
	RUN(blocks_are_shown_in_the_order_of_the_file);
	RUN(a_block_is_read_from_its_source);
	RUN(refs_of_an_object_can_be_sought);
	RUN(merged_tables_show_deletions);
	RUN(files_that_are_no_tables_are_refused_and_closed);
	RUN(a_source_that_lacks_functions_is_closed);
	return TESTS_END();
}
