/* Refs by object id (refs_for): with and without the section that is made for it. */
#include "../test.h"
#include "reftable.h"
#include "memory.h"
#include "transactions.h"
#include "writing.h"

/* Number of refs with this id; checks their names' order and update index. Or the first error. */
static int count_for(struct reftable_reader *reader, uint8_t *id, uint64_t index)
{
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record ref = { 0 };
	char before[64] = "";
	int count = 0;
	int err = reftable_reader_refs_for(reader, &it, id);

	CHECK_INT(err, 0);
	while (err == 0 && (err = reftable_iterator_next_ref(&it, &ref)) == 0) {
		count++;
		CHECK(strcmp(before, ref.ref_name) < 0);
		CHECK_INT(ref.update_index, index);
		CHECK((ref.value && !memcmp(ref.value, id, 20)) ||
		      (ref.target_value && !memcmp(ref.target_value, id, 20)));
		snprintf(before, sizeof(before), "%s", ref.ref_name);
	}
	if (err > 0)
		CHECK_INT(reftable_iterator_next_ref(&it, &ref), 1);
	reftable_ref_record_clear(&ref);
	reftable_iterator_destroy(&it);
	return err < 0 ? err : count;
}

/*
 * C's indexed lookup crashed on every ref without a peeled id, and gave update indexes without the
 * table's minimum.
 */
static void refs_are_found_by_value_and_by_peeled_id(void)
{
	static const int counts[] = { 10, 300 }; /* without and with an object section */
	size_t i;

	for (i = 0; i < COUNT(counts); i++) {
		struct sink sink;
		struct source source;
		struct reftable_reader *reader;

		make_big_table(&sink, counts[i], 256, 1000);
		source_of_sink(&source, &sink);
		reader = source_reader(&source);
		CHECK_INT(count_for(reader, id_of(1), 1000), counts[i] > 200 ? 2 : 1);
		CHECK_INT(count_for(reader, id_of(10), 1000), counts[i] > 200 ? 2 : 1);
		CHECK_INT(count_for(reader, id_of(250), 1000), counts[i] / 2);
		reftable_reader_free(reader);
		CHECK(source_is_settled(&source));
		sink_clear(&sink);
	}
}

/* Not found, before all ids or behind them: C crashed. */
static void an_id_that_is_not_there_gives_an_empty_iterator(void)
{
	static const int counts[] = { 0, 1, 10, 300 };
	size_t i;

	for (i = 0; i < COUNT(counts); i++) {
		struct sink sink;
		struct source source;
		struct reftable_reader *reader;

		if (counts[i])
			make_big_table(&sink, counts[i], 256, 3);
		else
			make_table(&sink, NULL, 3, 3, NULL, 0, NULL, 0);
		source_of_sink(&source, &sink);
		reader = source_reader(&source);
		CHECK_INT(count_for(reader, id_of(0), 3), 0);
		CHECK_INT(count_for(reader, id_of(225), 3), 0);
		CHECK_INT(count_for(reader, id_of(255), 3), 0);
		reftable_reader_free(reader);
		CHECK(source_is_settled(&source));
		sink_clear(&sink);
	}
}

/* A table of logs alone: C gave misuse, or read out of bounds. */
static void a_table_without_refs_has_none_for_any_id(void)
{
	struct reftable_log_record log = a_log("a", 1, "m");
	struct sink sink;
	struct source source;
	struct reftable_reader *reader;

	make_table(&sink, NULL, 1, 1, NULL, 0, &log, 1);
	source_of_sink(&source, &sink);
	reader = source_reader(&source);
	CHECK_INT(count_for(reader, id_of(1), 1), 0);
	reftable_reader_free(reader);
	CHECK(source_is_settled(&source));
	sink_clear(&sink);
}

/* Ids that only differ behind the part that the object section keeps. */
static void ids_with_the_same_beginning_are_told_apart(void)
{
	struct reftable_write_options options = { 0 };
	struct reftable_ref_record refs[60];
	uint8_t ids[60][20];
	char names[60][40];
	struct sink sink;
	struct source source;
	struct reftable_reader *reader;
	int i;

	options.block_size = 256;
	memset(ids, 0x77, sizeof(ids));
	for (i = 0; i < 60; i++) {
		snprintf(names[i], sizeof(names[i]), "refs/heads/name-%02d", i);
		ids[i][19] = (uint8_t)(i % 30);
		refs[i] = a_ref(names[i], 1, 1);
		refs[i].value = ids[i];
	}
	make_table(&sink, &options, 1, 1, refs, 60, NULL, 0);
	source_of_sink(&source, &sink);
	reader = source_reader(&source);
	for (i = 0; i < 30; i++)
		CHECK_INT(count_for(reader, ids[i], 1), 2);
	ids[0][19] = 99;
	CHECK_INT(count_for(reader, ids[0], 1), 0);
	reftable_reader_free(reader);
	sink_clear(&sink);
}

/* An id in so many blocks that their list fits no block: stored as "look everywhere". */
static void an_id_in_very_many_blocks_is_found_in_all(void)
{
	struct reftable_write_options options = { 0 };
	struct sink sink = { 0 };
	struct source source;
	struct reftable_reader *reader;
	struct reftable_writer *writer;
	char name[80];
	int i;

	options.block_size = 128;
	writer = reftable_new_writer(sink_write, &sink, &options);
	reftable_writer_set_limits(writer, 9, 9);
	for (i = 0; i < 600; i++) {
		struct reftable_ref_record ref;
		snprintf(name, sizeof(name), "refs/heads/a-rather-long-name-for-a-branch-%04d", i);
		ref = a_ref(name, 9, i % 50 ? 7 : 8);
		REQUIRE(reftable_writer_add_ref(writer, &ref) == 0);
	}
	CHECK_INT(reftable_writer_close(writer), 0);
	reftable_writer_free(writer);
	source_of_sink(&source, &sink);
	reader = source_reader(&source);
	CHECK_INT(count_for(reader, id_of(7), 9), 588);
	CHECK_INT(count_for(reader, id_of(8), 9), 12);
	CHECK_INT(count_for(reader, id_of(6), 9), 0);
	reftable_reader_free(reader);
	CHECK(source_is_settled(&source));
	sink_clear(&sink);
}

/* The same answers, with the section and without. */
static void the_object_section_changes_no_answer(void)
{
	struct sink sinks[2];
	struct source sources[2];
	struct reftable_reader *readers[2];
	struct reftable_ref_record refs[200];
	char names[200][40];
	int i, table;

	for (i = 0; i < 200; i++) {
		snprintf(names[i], sizeof(names[i]), "refs/heads/n%04d", i);
		refs[i] = a_ref(names[i], 5, (uint8_t)(i * i % 50));
		if (i % 7 == 0)
			refs[i] = a_tombstone(names[i], 5);
		if (i % 7 == 1)
			refs[i] = a_symref(names[i], 5, "t");
	}
	for (table = 0; table < 2; table++) {
		struct reftable_write_options options = { 0 };
		options.block_size = 256;
		options.skip_index_objects = table;
		make_table(&sinks[table], &options, 5, 5, refs, 200, NULL, 0);
		source_of_sink(&sources[table], &sinks[table]);
		readers[table] = source_reader(&sources[table]);
	}
	for (i = 0; i < 50; i++)
		CHECK_INT(count_for(readers[0], id_of((uint8_t)i), 5),
			  count_for(readers[1], id_of((uint8_t)i), 5));
	for (table = 0; table < 2; table++) {
		reftable_reader_free(readers[table]);
		sink_clear(&sinks[table]);
	}
}

/* Only during the call: the caller's id may change afterwards. */
static void the_id_is_read_during_the_call_only(void)
{
	struct sink sink;
	struct source source;
	struct reftable_reader *reader;
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record ref = { 0 };
	uint8_t id[20];
	int count = 0;

	make_big_table(&sink, 300, 256, 1);
	source_of_sink(&source, &sink);
	reader = source_reader(&source);
	memset(id, 250, sizeof(id));
	CHECK_INT(reftable_reader_refs_for(reader, &it, id), 0);
	memset(id, 0, sizeof(id));
	while (reftable_iterator_next_ref(&it, &ref) == 0)
		count++;
	CHECK_INT(count, 150);
	reftable_ref_record_clear(&ref);
	reftable_iterator_destroy(&it);
	reftable_reader_free(reader);
	sink_clear(&sink);
}

/* All 32 bytes count. */
static void sha256_ids_are_compared_in_full(void)
{
	struct reftable_write_options options = { 0 };
	struct reftable_ref_record ref = a_ref("a", 1, 1);
	struct sink sink;
	struct source source;
	struct reftable_reader *reader;
	uint8_t id[32];

	options.hash_id = SHA256_ID;
	make_table(&sink, &options, 1, 1, &ref, 1, NULL, 0);
	source_of_sink(&source, &sink);
	reader = source_reader(&source);
	memset(id, 1, sizeof(id));
	CHECK_INT(count_for(reader, id, 1), 1);
	id[31] = 0;
	CHECK_INT(count_for(reader, id, 1), 0);
	reftable_reader_free(reader);
	sink_clear(&sink);
}

int main(int argc, char **argv)
{
	TESTS_BEGIN(argc, argv);
	RUN(refs_are_found_by_value_and_by_peeled_id);
	RUN(an_id_that_is_not_there_gives_an_empty_iterator);
	RUN(a_table_without_refs_has_none_for_any_id);
	RUN(ids_with_the_same_beginning_are_told_apart);
	RUN(an_id_in_very_many_blocks_is_found_in_all);
	RUN(the_object_section_changes_no_answer);
	RUN(the_id_is_read_during_the_call_only);
	RUN(sha256_ids_are_compared_in_full);
	return TESTS_END();
}
