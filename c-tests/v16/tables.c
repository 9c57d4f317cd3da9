/*
 * Whole tables, written and read back: every record by iterating and by lookup, for all layouts.
 * Also the layout itself, as far as callers and other readers see it.
 */
#include "../test.h"
#include "reftable.h"
#include "memory.h"
#include "transactions.h"

struct layout {
	int refs, logs;
	uint32_t block_size;
	int unpadded;
	int skip_objects;
	uint32_t hash;
};

static const char *ref_name(int number)
{
	static char name[64];

	snprintf(name, sizeof(name), "refs/heads/branch-%05d", number);
	return name;
}

/* The id of ref `number`: unlike those of the others, also in its first bytes. */
static uint8_t *ref_id(int number)
{
	static uint8_t ids[2][32];
	static int turn;
	uint8_t *id = ids[turn ^= 1];
	uint32_t mixed = (uint32_t)number * 2654435761u;

	memset(id, 0x55, 32);
	id[0] = (uint8_t)(mixed >> 24);
	id[1] = (uint8_t)(mixed >> 16);
	id[2] = (uint8_t)(mixed >> 8);
	id[3] = (uint8_t)number;
	id[4] = (uint8_t)(number >> 8);
	return id;
}

/* Every third ref is a symref, every third of the others is peeled; indexes run from 10 to 12. */
static struct reftable_ref_record ref_number(int number)
{
	struct reftable_ref_record ref = a_ref(ref_name(number), 10 + (uint64_t)number % 3, 1);

	ref.value = ref_id(number);
	if (number % 3 == 1)
		ref.target_value = id_of((uint8_t)number);
	if (number % 3 == 2) {
		ref.value = NULL;
		ref.target = (char *)"refs/heads/branch-00000";
	}
	return ref;
}

static struct reftable_log_record log_number(int number)
{
	struct reftable_log_record log = a_log(ref_name(number / 2), 12, "commit: something");

	log.update_index = number % 2 ? 4 : 11;
	log.new_hash = ref_id(number);
	return log;
}

/* Writes the table; gives the statistics in `stats` if that is not NULL. */
static int write_layout(struct sink *sink, const struct layout *layout, struct reftable_stats *stats)
{
	struct reftable_write_options options = { 0 };
	struct reftable_writer *writer;
	int i, err = 0;

	memset(sink, 0, sizeof(*sink));
	options.block_size = layout->block_size;
	options.unpadded = layout->unpadded;
	options.skip_index_objects = layout->skip_objects;
	options.hash_id = layout->hash;
	writer = reftable_new_writer(sink_write, sink, &options);
	reftable_writer_set_limits(writer, 10, 12);
	for (i = 0; i < layout->refs && !err; i++) {
		struct reftable_ref_record ref = ref_number(i);
		err = reftable_writer_add_ref(writer, &ref);
	}
	for (i = 0; i < layout->logs && !err; i++) {
		struct reftable_log_record log = log_number(i);
		err = reftable_writer_add_log(writer, &log);
	}
	if (!err)
		err = reftable_writer_close(writer);
	if (stats)
		*stats = *writer_stats(writer);
	reftable_writer_free(writer);
	return err;
}

static int hash_size(const struct layout *layout)
{
	return layout->hash == SHA256_ID ? 32 : 20;
}

static void check_refs(struct reftable_reader *reader, const struct layout *layout)
{
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record ref = { 0 };
	int i, wrong = 0;

	CHECK_INT(reftable_reader_seek_ref(reader, &it, ""), 0);
	for (i = 0; i < layout->refs; i++) {
		struct reftable_ref_record expected = ref_number(i);
		wrong += reftable_iterator_next_ref(&it, &ref) != 0 ||
			 !reftable_ref_record_equal(&ref, &expected, hash_size(layout));
	}
	CHECK_INT(wrong, 0);
	CHECK_INT(reftable_iterator_next_ref(&it, &ref), 1);
	reftable_iterator_destroy(&it);

	/* C's indexes lost the last block of each level: 147 of 2000 refs were not found. */
	for (i = 0; i < layout->refs; i++) {
		struct reftable_ref_record expected = ref_number(i);
		wrong += reftable_reader_seek_ref(reader, &it, ref_name(i)) != 0 ||
			 reftable_iterator_next_ref(&it, &ref) != 0 ||
			 !reftable_ref_record_equal(&ref, &expected, hash_size(layout));
		reftable_iterator_destroy(&it);
	}
	CHECK_INT(wrong, 0);
	reftable_ref_record_clear(&ref);
}

static void check_logs(struct reftable_reader *reader, const struct layout *layout)
{
	struct reftable_iterator it = { 0 };
	struct reftable_log_record log = { 0 };
	int i, wrong = 0;

	/* With C's table this failed: the index of the logs began with an entry of the refs'. */
	CHECK_INT(reftable_reader_seek_log(reader, &it, ""), 0);
	for (i = 0; i < layout->logs; i++) {
		struct reftable_log_record expected = log_number(i);
		wrong += reftable_iterator_next_log(&it, &log) != 0 ||
			 strcmp(log.ref_name, expected.ref_name) != 0 ||
			 !reftable_log_record_equal(&log, &expected, hash_size(layout));
	}
	CHECK_INT(wrong, 0);
	CHECK_INT(reftable_iterator_next_log(&it, &log), 1);
	reftable_iterator_destroy(&it);

	for (i = 0; i < layout->logs; i++) {
		struct reftable_log_record expected = log_number(i);
		wrong += reftable_reader_seek_log_at(reader, &it, expected.ref_name,
						     expected.update_index) != 0 ||
			 reftable_iterator_next_log(&it, &log) != 0 ||
			 strcmp(log.ref_name, expected.ref_name) != 0 ||
			 !reftable_log_record_equal(&log, &expected, hash_size(layout));
		reftable_iterator_destroy(&it);
	}
	CHECK_INT(wrong, 0);
	reftable_log_record_clear(&log);
}

/* By id: exactly the one ref, with the update index that it has on every other way. */
static void check_ids(struct reftable_reader *reader, const struct layout *layout)
{
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record ref = { 0 };
	int i, wrong = 0;

	for (i = 0; i < layout->refs; i += 1 + layout->refs / 100) {
		struct reftable_ref_record expected = ref_number(i);
		if (!expected.value)
			continue;
		wrong += reftable_reader_refs_for(reader, &it, expected.value) != 0 ||
			 reftable_iterator_next_ref(&it, &ref) != 0 ||
			 !reftable_ref_record_equal(&ref, &expected, hash_size(layout)) ||
			 reftable_iterator_next_ref(&it, &ref) != 1;
		reftable_iterator_destroy(&it);
	}
	CHECK_INT(wrong, 0);
	reftable_ref_record_clear(&ref);
}

static void check_round_trip(const struct layout *layout)
{
	struct sink sink;
	struct source source;
	struct reftable_reader *reader;

	CHECK_INT(write_layout(&sink, layout, NULL), 0);
	source_of_sink(&source, &sink);
	reader = source_reader(&source);
	CHECK(reader != NULL);
	CHECK_INT(reftable_reader_min_update_index(reader), 10);
	CHECK_INT(reftable_reader_max_update_index(reader), 12);
	CHECK_INT(reftable_reader_hash_id(reader), layout->hash ? layout->hash : SHA1_ID);
	check_refs(reader, layout);
	check_logs(reader, layout);
	check_ids(reader, layout);
	reftable_reader_free(reader);
	CHECK(source_is_settled(&source));
	sink_clear(&sink);
}

static void all_layouts_read_back(void)
{
	static const uint32_t block_sizes[] = { 128, 256, 4096 };
	static const int counts[] = { 1, 7, 40, 400 };
	static const uint32_t hashes[] = { SHA1_ID, SHA256_ID };
	size_t size, count, hash;
	int flags;

	for (size = 0; size < COUNT(block_sizes); size++)
		for (count = 0; count < COUNT(counts); count++)
			for (hash = 0; hash < COUNT(hashes); hash++)
				for (flags = 0; flags < 4; flags++) {
					struct layout layout = { 0 };
					layout.refs = layout.logs = counts[count];
					layout.block_size = block_sizes[size];
					layout.hash = hashes[hash];
					layout.unpadded = flags & 1;
					layout.skip_objects = flags >> 1;
					check_round_trip(&layout);
				}
}

/* With this many, C's tables of default block size could not be compacted any more. */
static void indexes_of_several_levels_lead_everywhere(void)
{
	struct layout layout = { 2000, 2000, 256, 0, 0, SHA1_ID };

	check_round_trip(&layout);
	layout.block_size = 0;
	check_round_trip(&layout);
}

static void logs_alone_read_back(void)
{
	struct layout layout = { 0, 300, 256, 0, 0, SHA1_ID };

	check_round_trip(&layout);
	layout.hash = SHA256_ID;
	layout.logs = 1;
	check_round_trip(&layout);
}

/* Blocks that hold one index entry each made some writers add levels for ever. */
static void names_that_fill_an_index_block_end(void)
{
	struct reftable_write_options options = { 0 };
	struct sink sink = { 0 };
	struct source source;
	struct reftable_writer *writer;
	struct reftable_reader *reader;
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record ref = { 0 };
	char name[100];
	int i, found = 0;

	options.block_size = 128;
	writer = reftable_new_writer(sink_write, &sink, &options);
	reftable_writer_set_limits(writer, 1, 1);
	for (i = 0; i < 20; i++) {
		struct reftable_ref_record record;
		memset(name, 'a' + i, 70);
		name[70] = 0;
		record = a_ref(name, 1, 1);
		CHECK_INT(reftable_writer_add_ref(writer, &record), 0);
	}
	CHECK_INT(reftable_writer_close(writer), 0);
	reftable_writer_free(writer);
	CHECK(sink.size < 10000);
	source_of_sink(&source, &sink);
	reader = source_reader(&source);
	for (i = 0; i < 20; i++) {
		memset(name, 'a' + i, 70);
		found += reftable_reader_seek_ref(reader, &it, name) == 0 &&
			 reftable_iterator_next_ref(&it, &ref) == 0 && !strcmp(ref.ref_name, name);
		reftable_iterator_destroy(&it);
	}
	CHECK_INT(found, 20);
	reftable_ref_record_clear(&ref);
	reftable_reader_free(reader);
	sink_clear(&sink);
}

/* Sizes that programs have come to know. */
static void small_tables_have_the_sizes_of_2020(void)
{
	struct reftable_ref_record symref = a_symref("r0", 1, "t"), ref = a_ref("refs/heads/a", 1, 1);
	struct reftable_log_record log = a_log("refs/heads/a", 1, "m");
	struct sink sink = { 0 };
	struct reftable_writer *writer = reftable_new_writer(sink_write, &sink, NULL);

	reftable_writer_set_limits(writer, 1, 1);
	CHECK_INT(reftable_writer_add_ref(writer, &symref), 0);
	CHECK_INT(reftable_writer_close(writer), 0);
	CHECK_INT(sink.size, 108);
	reftable_writer_free(writer);
	sink_clear(&sink);

	writer = reftable_new_writer(sink_write, &sink, NULL);
	reftable_writer_set_limits(writer, 1, 1);
	log.name = log.email = NULL;
	CHECK_INT(reftable_writer_add_ref(writer, &ref), 0);
	CHECK_INT(reftable_writer_add_log(writer, &log), 0);
	CHECK_INT(reftable_writer_close(writer), 0);
	CHECK(sink.size < 200);
	reftable_writer_free(writer);
	sink_clear(&sink);
}

static void statistics_describe_the_table(void)
{
	struct layout layout = { 400, 100, 256, 0, 0, SHA1_ID };
	struct reftable_stats stats;
	struct sink sink;
	int block;

	CHECK_INT(write_layout(&sink, &layout, &stats), 0);
	CHECK_INT(stats.ref_stats.entries, 400);
	CHECK_INT(stats.log_stats.entries, 100);
	CHECK_INT(stats.ref_stats.offset, 0);
	CHECK(stats.ref_stats.blocks > 3);
	CHECK(stats.ref_stats.restarts >= stats.ref_stats.blocks);
	CHECK(stats.ref_stats.index_offset > 0);
	CHECK_INT(sink.data[stats.ref_stats.index_offset], 'i');
	CHECK(stats.ref_stats.index_blocks > 0);
	CHECK(stats.ref_stats.max_index_level > 0);
	CHECK(stats.obj_stats.entries > 0);
	CHECK_INT(sink.data[stats.obj_stats.offset], 'o');
	CHECK_INT(sink.data[stats.log_stats.offset], 'g');
	CHECK(stats.object_id_len >= 2 && stats.object_id_len <= 31);
	CHECK_INT(stats.idx_stats.blocks, stats.ref_stats.index_blocks +
						  stats.obj_stats.index_blocks +
						  stats.log_stats.index_blocks);
	CHECK_INT(stats.blocks, stats.ref_stats.blocks + stats.obj_stats.blocks +
					stats.log_stats.blocks + stats.idx_stats.blocks);
	/* Every ref block begins at a multiple of the block size. */
	for (block = 0; block < stats.ref_stats.blocks; block++)
		CHECK_INT(sink.data[block ? block * 256 : 24], 'r');
	sink_clear(&sink);
}

static void small_sections_have_no_index_and_no_objects(void)
{
	struct layout layout = { 3, 1, 0, 0, 0, SHA1_ID };
	struct reftable_stats stats;
	struct sink sink;

	CHECK_INT(write_layout(&sink, &layout, &stats), 0);
	CHECK_INT(stats.blocks, 2);
	CHECK_INT(stats.ref_stats.index_offset, 0);
	CHECK_INT(stats.ref_stats.max_index_level, 0);
	CHECK_INT(stats.obj_stats.blocks, 0);
	CHECK_INT(stats.object_id_len, 0);
	/* The log block follows the refs without padding. */
	CHECK(stats.log_stats.offset < 4096);
	CHECK_INT(sink.data[stats.log_stats.offset], 'g');
	sink_clear(&sink);

	layout.refs = 400;
	layout.block_size = 256;
	layout.skip_objects = 1;
	CHECK_INT(write_layout(&sink, &layout, &stats), 0);
	CHECK(stats.ref_stats.index_offset > 0);
	CHECK_INT(stats.obj_stats.blocks, 0);
	CHECK_INT(stats.object_id_len, 0);
	sink_clear(&sink);
}

/* Borrowed until the writer is freed, also after close. */
static void statistics_stay_valid_after_close(void)
{
	struct sink sink = { 0 };
	struct reftable_writer *writer = reftable_new_writer(sink_write, &sink, NULL);
	const struct reftable_stats *early = writer_stats(writer);
	struct reftable_ref_record ref = a_ref("a", 1, 1);

	CHECK(early != NULL);
	reftable_writer_set_limits(writer, 1, 1);
	CHECK_INT(reftable_writer_add_ref(writer, &ref), 0);
	CHECK_INT(reftable_writer_close(writer), 0);
	CHECK(writer_stats(writer) != NULL);
	CHECK_INT(writer_stats(writer)->ref_stats.entries, 1);
	CHECK_INT(writer_stats(writer)->ref_stats.blocks, 1);
	reftable_writer_free(writer);
	sink_clear(&sink);
}

/* One id in all refs made C abbreviate ids to one byte, fewer than the format allows. */
static void one_id_for_all_refs_is_abbreviated_to_two_bytes(void)
{
	struct reftable_write_options options = { 0 };
	struct sink sink = { 0 };
	struct source source;
	struct reftable_writer *writer;
	struct reftable_reader *reader;
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record ref = { 0 };
	int i, found = 0;

	options.block_size = 256;
	writer = reftable_new_writer(sink_write, &sink, &options);
	reftable_writer_set_limits(writer, 1, 1);
	for (i = 0; i < 100; i++) {
		struct reftable_ref_record record = a_ref(ref_name(i), 1, 9);
		CHECK_INT(reftable_writer_add_ref(writer, &record), 0);
	}
	CHECK_INT(reftable_writer_close(writer), 0);
	CHECK_INT(writer_stats(writer)->object_id_len, 2);
	reftable_writer_free(writer);

	source_of_sink(&source, &sink);
	reader = source_reader(&source);
	CHECK_INT(reftable_reader_refs_for(reader, &it, id_of(9)), 0);
	while (reftable_iterator_next_ref(&it, &ref) == 0)
		found += !strcmp(ref.ref_name, ref_name(found));
	CHECK_INT(found, 100);
	reftable_ref_record_clear(&ref);
	reftable_iterator_destroy(&it);
	reftable_reader_free(reader);
	sink_clear(&sink);
}

/* One log entry with this message, through a table of 256 byte blocks. */
static void check_message(const char *message, size_t length, int expected)
{
	struct reftable_write_options options = { 0 };
	struct reftable_log_record before = a_log("a", 2, "small"), log = a_log("b", 1, message),
				   after = a_log("c", 1, "small"), got = { 0 };
	struct sink sink = { 0 };
	struct source source;
	struct reftable_reader *reader;
	struct reftable_iterator it = { 0 };
	struct reftable_writer *writer;
	int result;

	options.block_size = 256;
	writer = reftable_new_writer(sink_write, &sink, &options);
	reftable_writer_set_limits(writer, 1, 2);
	CHECK_INT(reftable_writer_add_log(writer, &before), 0);
	result = reftable_writer_add_log(writer, &log);
	CHECK(expected ? result == -1 || result == -6 : result == 0);
	CHECK_INT(reftable_writer_add_log(writer, &after), 0);
	CHECK_INT(reftable_writer_close(writer), 0);
	reftable_writer_free(writer);

	source_of_sink(&source, &sink);
	reader = source_reader(&source);
	CHECK_INT(reftable_reader_seek_log(reader, &it, "b"), 0);
	CHECK_INT(reftable_iterator_next_log(&it, &got), 0);
	CHECK_STR(got.ref_name, result ? "c" : "b");
	if (!result) {
		CHECK_INT(strlen(got.message), length);
		CHECK(!strcmp(got.message, message));
		CHECK_INT(reftable_iterator_next_log(&it, &got), 0);
		CHECK_STR(got.ref_name, "c");
	}
	reftable_log_record_clear(&got);
	reftable_iterator_destroy(&it);
	reftable_reader_free(reader);
	sink_clear(&sink);
}

/* Such messages made pushes fail; the format has room for them. */
static void a_log_longer_than_a_block_gets_a_block_of_its_own(void)
{
	static const size_t lengths[] = { 200, 256, 1000, 10000, 1000000 };
	size_t i;

	for (i = 0; i < COUNT(lengths); i++) {
		char *message = malloc(lengths[i] + 1);
		memset(message, 'm', lengths[i]);
		message[lengths[i]] = 0;
		check_message(message, lengths[i], 0);
		free(message);
	}
}

/* 2^24 - 1 is the longest block; a longer entry is refused, and the writer goes on. */
static void a_log_longer_than_any_block_is_refused_alone(void)
{
	size_t length = 1u << 24;
	char *message = malloc(length + 1);

	memset(message, 'm', length);
	message[length] = 0;
	check_message(message, length, -1);
	free(message);
}

/* Bytes that deflate makes longer: C wrote beyond its buffer, and could not read the result. */
static void messages_that_do_not_compress_read_back(void)
{
	static const size_t lengths[] = { 100, 150, 170, 180, 190, 200, 3000, 70000 };
	uint32_t state = 12345;
	size_t i, j;

	for (i = 0; i < COUNT(lengths); i++) {
		char *message = malloc(lengths[i] + 1);
		for (j = 0; j < lengths[i]; j++) {
			state = state * 1664525u + 1013904223u;
			message[j] = (char)(state >> 24 ? state >> 24 : 1);
		}
		message[lengths[i]] = 0;
		check_message(message, lengths[i], 0);
		free(message);
	}
}

/* Many of them in blocks: the second of two neighbours must not be lost. */
static void blocks_of_incompressible_messages_read_back(void)
{
	struct reftable_write_options options = { 0 };
	struct sink sink = { 0 };
	struct source source;
	struct reftable_writer *writer;
	struct reftable_reader *reader;
	struct reftable_iterator it = { 0 };
	struct reftable_log_record got = { 0 };
	uint32_t state = 99;
	char message[61], name[32];
	int i, j, wrong = 0;

	options.block_size = 256;
	writer = reftable_new_writer(sink_write, &sink, &options);
	reftable_writer_set_limits(writer, 1, 1);
	for (i = 0; i < 100; i++) {
		struct reftable_log_record log;
		for (j = 0; j < 60; j++) {
			state = state * 1664525u + 1013904223u;
			message[j] = (char)(state >> 24 ? state >> 24 : 1);
		}
		message[60] = 0;
		snprintf(name, sizeof(name), "r%03d", i);
		log = a_log(name, 1, message);
		CHECK_INT(reftable_writer_add_log(writer, &log), 0);
	}
	CHECK_INT(reftable_writer_close(writer), 0);
	reftable_writer_free(writer);
	source_of_sink(&source, &sink);
	reader = source_reader(&source);
	CHECK_INT(reftable_reader_seek_log(reader, &it, ""), 0);
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "r%03d", i);
		wrong += reftable_iterator_next_log(&it, &got) != 0 ||
			 strcmp(got.ref_name, name) != 0 || strlen(got.message) != 60;
	}
	CHECK_INT(wrong, 0);
	CHECK_INT(reftable_iterator_next_log(&it, &got), 1);
	reftable_log_record_clear(&got);
	reftable_iterator_destroy(&it);
	reftable_reader_free(reader);
	sink_clear(&sink);
}

int main(int argc, char **argv)
{
	TESTS_BEGIN(argc, argv);
	RUN(all_layouts_read_back);
	RUN(indexes_of_several_levels_lead_everywhere);
	RUN(logs_alone_read_back);
	RUN(names_that_fill_an_index_block_end);
	RUN(small_tables_have_the_sizes_of_2020);
	RUN(statistics_describe_the_table);
	RUN(small_sections_have_no_index_and_no_objects);
	RUN(statistics_stay_valid_after_close);
	RUN(one_id_for_all_refs_is_abbreviated_to_two_bytes);
	RUN(a_log_longer_than_a_block_gets_a_block_of_its_own);
	RUN(a_log_longer_than_any_block_is_refused_alone);
	RUN(messages_that_do_not_compress_read_back);
	RUN(blocks_of_incompressible_messages_read_back);
	return TESTS_END();
}
