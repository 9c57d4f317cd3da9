/* Tables that are damaged: an error that says so, never a crash, a hang or an empty answer. */
#include "../test.h"
#include "reftable.h"
#include "memory.h"
#include "transactions.h"
#include "writing.h"

/* Opens damaged bytes: the source is closed once, its struct is emptied, `out` is untouched. */
static void check_refused(const uint8_t *data, size_t size, int expected)
{
	struct source source = { 0 };
	struct reftable_block_source block_source = source_block_source(&source);
	struct reftable_reader *untouched = (struct reftable_reader *)&source;
	struct reftable_reader *reader = untouched;

	source.data = data;
	source.size = size;
	CHECK_INT(reftable_new_reader(&reader, &block_source, "damaged"), expected);
	CHECK(reader == untouched);
	CHECK(block_source.ops == NULL);
	CHECK(source_is_settled(&source));
}

/* C took a footer's worth of bytes off the size without looking: below zero, and out of bounds. */
static void files_too_short_for_header_and_footer_are_damaged(void)
{
	struct sink sink;
	size_t size;

	make_table(&sink, NULL, 0, 0, NULL, 0, NULL, 0);
	CHECK_INT(sink.size, 92);
	for (size = 0; size < 92; size++)
		check_refused(sink.data, size, -3);
	sink_clear(&sink);
}

static void every_cut_of_a_table_is_refused(void)
{
	struct sink sink;
	size_t size;

	make_big_table(&sink, 3, 0, 1);
	for (size = 0; size < sink.size; size++)
		check_refused(sink.data, size, -3);
	sink_clear(&sink);
}

static void damaged_headers_and_footers_are_refused(void)
{
	static const size_t places[] = { 0, 3, 4, 5, 7, 15, 23 };
	struct sink sink;
	uint8_t *copy;
	size_t i;

	make_big_table(&sink, 3, 0, 1);
	copy = malloc(sink.size);
	/* Any bit of the header: magic, version, or it differs from its copy in the footer. */
	for (i = 0; i < COUNT(places); i++) {
		memcpy(copy, sink.data, sink.size);
		copy[places[i]] ^= 0x40;
		check_refused(copy, sink.size, -3);
	}
	/* Any bit of the footer: the checksum. */
	for (i = sink.size - 68; i < sink.size; i++) {
		memcpy(copy, sink.data, sink.size);
		copy[i] ^= 1;
		check_refused(copy, sink.size, -3);
	}
	/* Header and footer alike, checksum right, but a version of the future. */
	memcpy(copy, sink.data, sink.size);
	copy[4] = copy[sink.size - 68 + 4] = 3;
	repair_footer(copy, sink.size);
	check_refused(copy, sink.size, -3);
	free(copy);
	sink_clear(&sink);
}

/* A version 2 table whose hash nobody knows. */
static void an_unknown_hash_is_refused(void)
{
	struct reftable_write_options options = { 0 };
	struct sink sink;
	uint32_t crc;
	uint8_t *footer;

	options.hash_id = SHA256_ID;
	make_table(&sink, &options, 0, 0, NULL, 0, NULL, 0);
	footer = sink.data + sink.size - 72;
	memcpy(sink.data + 24, "abcd", 4);
	memcpy(footer + 24, "abcd", 4);
	crc = crc32_of(footer, 68);
	footer[68] = (uint8_t)(crc >> 24);
	footer[69] = (uint8_t)(crc >> 16);
	footer[70] = (uint8_t)(crc >> 8);
	footer[71] = (uint8_t)crc;
	check_refused(sink.data, sink.size, -3);
	sink_clear(&sink);
}

/* Result of reading everything: 0, or the first error. */
static int read_all(struct reftable_reader *reader)
{
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record ref = { 0 };
	struct reftable_log_record log = { 0 };
	int count = 0;
	int err = reftable_reader_seek_ref(reader, &it, "");

	while (err == 0 && (err = reftable_iterator_next_ref(&it, &ref)) == 0 && count++ < 100000)
		;
	reftable_iterator_destroy(&it);
	if (err >= 0)
		err = reftable_reader_seek_log(reader, &it, "");
	while (err == 0 && (err = reftable_iterator_next_log(&it, &log)) == 0 && count++ < 100000)
		;
	reftable_iterator_destroy(&it);
	reftable_ref_record_clear(&ref);
	reftable_log_record_clear(&log);
	CHECK(count < 100000);
	return err < 0 ? err : 0;
}

static int lookup(struct reftable_reader *reader, const char *name)
{
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record ref = { 0 };
	int err = reftable_reader_seek_ref(reader, &it, name);

	if (err == 0)
		err = reftable_iterator_next_ref(&it, &ref);
	reftable_ref_record_clear(&ref);
	reftable_iterator_destroy(&it);
	return err;
}

/* Damage anywhere gives an error or an answer: no crash, no endless loop, no block kept. */
static void every_damaged_byte_gives_an_answer(void)
{
	static const uint8_t masks[] = { 0x01, 0x80, 0xff };
	struct sink sink;
	uint8_t *copy;
	size_t i, mask;

	make_big_table(&sink, 12, 128, 1);
	copy = malloc(sink.size);
	for (i = 24; i < sink.size - 4; i++)
		for (mask = 0; mask < COUNT(masks); mask++) {
			struct source source = { 0 };
			struct reftable_reader *reader;
			struct reftable_iterator it = { 0 };

			memcpy(copy, sink.data, sink.size);
			copy[i] ^= masks[mask];
			repair_footer(copy, sink.size);
			source.data = copy;
			source.size = sink.size;
			reader = source_reader(&source);
			if (reader) {
				read_all(reader);
				lookup(reader, "refs/heads/branch-0007");
				reftable_reader_refs_for(reader, &it, id_of(3));
				reftable_iterator_destroy(&it);
				reftable_reader_free(reader);
			}
			CHECK(source_is_settled(&source));
		}
	free(copy);
	sink_clear(&sink);
}

/* A 64 bit number of the footer, at `offset` behind its start. */
static void set_position(struct sink *sink, size_t offset, uint64_t position)
{
	uint8_t *at = sink->data + sink->size - 68 + offset;
	int i;

	for (i = 0; i < 8; i++)
		at[i] = (uint8_t)(position >> (56 - 8 * i));
	repair_footer(sink->data, sink->size);
}

/* C answered "no refs" without an error: a damaged table looked empty. */
static void an_index_beyond_the_file_is_damage_and_no_empty_table(void)
{
	struct sink sink;
	struct source source;
	struct reftable_reader *reader;

	make_big_table(&sink, 4, 0, 1);
	set_position(&sink, 24, sink.size + 4096);
	source_of_sink(&source, &sink);
	reader = source_reader(&source);
	if (reader) {
		CHECK_INT(read_all(reader), -3);
		CHECK_INT(lookup(reader, "refs/heads/branch-0000"), -3);
		reftable_reader_free(reader);
	}
	CHECK(source_is_settled(&source));
	sink_clear(&sink);
}

/*
 * An index block that points at itself: any read of C's went round for ever. The table has one ref
 * block, padded to 256 bytes, and an index block whose only child is the index block.
 */
static void an_index_that_points_at_itself_is_damage(void)
{
	static const uint8_t index[] = { 'i', 0, 0,   0x19, 0,   0x60, 'r',  'e',  'f',
					 's', '/', 'h', 'e',  'a', 'd',  's',  '/',  'z',
					 0x81, 0x00, 0, 0,   4,   0,    1 };
	struct sink plain, looped = { 0 };
	struct source source;
	struct reftable_reader *reader;
	size_t block = 0;

	make_big_table(&plain, 4, 256, 1);
	block = ((size_t)plain.data[25] << 16) + ((size_t)plain.data[26] << 8) + plain.data[27];
	CHECK(block > 24 && block <= 256);
	looped.size = 256 + sizeof(index) + 68;
	looped.data = calloc(1, looped.size);
	memcpy(looped.data, plain.data, block);
	memcpy(looped.data + 256, index, sizeof(index));
	memcpy(looped.data + looped.size - 68, plain.data, 24);
	set_position(&looped, 24, 256);
	source_of_sink(&source, &looped);
	reader = source_reader(&source);
	if (reader) {
		CHECK_INT(lookup(reader, "refs/heads/branch-0002"), -3);
		reftable_reader_free(reader);
	}
	CHECK(source_is_settled(&source));
	sink_clear(&looped);
	sink_clear(&plain);
}

int main(int argc, char **argv)
{
	TESTS_BEGIN(argc, argv);
	RUN(files_too_short_for_header_and_footer_are_damaged);
	RUN(every_cut_of_a_table_is_refused);
	RUN(damaged_headers_and_footers_are_refused);
	RUN(an_unknown_hash_is_refused);
	RUN(every_damaged_byte_gives_an_answer);
	RUN(an_index_beyond_the_file_is_damage_and_no_empty_table);
	RUN(an_index_that_points_at_itself_is_damage);
	return TESTS_END();
}
