/*
 * Iterators and the records they fill: unset, used up, moved, destroyed twice, of the other kind,
 * and outliving what they came from.
 */
#include "../test.h"
#include "../scratch.h"
#include "reftable.h"
#include "memory.h"
#include "transactions.h"
#include "writing.h"

static void an_unset_iterator_is_destroyed_and_refuses_to_go_on(void)
{
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record ref = { 0 };
	struct reftable_log_record log = { 0 };

	CHECK_INT(reftable_iterator_next_ref(&it, &ref), -6);
	CHECK_INT(reftable_iterator_next_log(&it, &log), -6);
	reftable_iterator_destroy(&it);
	reftable_iterator_destroy(&it);
	CHECK(it.ops == NULL && it.iter_arg == NULL);
	CHECK_INT(reftable_iterator_next_ref(NULL, &ref), -6);
	CHECK_INT(reftable_iterator_next_log(NULL, &log), -6);
	reftable_iterator_destroy(NULL);
}

/* What the tests below iterate over: a reader, a merged table and a stack of the same records. */
struct tables {
	struct sink sink;
	struct source source;
	struct reftable_reader *reader;
	struct source merged_source;
	struct reftable_merged_table *merged;
	struct reftable_stack *stack;
};

static void set_up(struct tables *tables, int count)
{
	struct reftable_reader **array = malloc(sizeof(*array));
	struct change change = { 0 };
	struct reftable_ref_record refs[8];
	struct reftable_log_record logs[8];
	char names[8][40];
	int i;

	REQUIRE(count <= 8);
	make_big_table(&tables->sink, count, 0, 1);
	source_of_sink(&tables->source, &tables->sink);
	source_of_sink(&tables->merged_source, &tables->sink);
	tables->reader = source_reader(&tables->source);
	array[0] = source_reader(&tables->merged_source);
	REQUIRE(reftable_new_merged_table(&tables->merged, array, 1, SHA1_ID) == 0);
	tables->stack = open_stack(scratch_dir());
	for (i = 0; i < count; i++) {
		snprintf(names[i], sizeof(names[i]), "refs/heads/branch-%04d", i);
		refs[i] = a_ref(names[i], 1, (uint8_t)(i + 1));
		logs[i] = a_log(names[i], 1, "message");
	}
	change.stack = tables->stack;
	change.refs = refs;
	change.logs = logs;
	change.ref_count = change.log_count = count;
	REQUIRE(reftable_stack_add(tables->stack, write_change, &change) == 0);
}

static void tear_down(struct tables *tables)
{
	reftable_reader_free(tables->reader);
	reftable_merged_table_close(tables->merged);
	reftable_merged_table_free(tables->merged);
	reftable_stack_destroy(tables->stack);
	CHECK(source_is_settled(&tables->source));
	CHECK(source_is_settled(&tables->merged_source));
	sink_clear(&tables->sink);
}

enum { READER, MERGED, STACK, BY_ID, LEVELS };

static int seek_ref(struct tables *tables, int level, struct reftable_iterator *it, const char *name)
{
	if (level == READER)
		return reftable_reader_seek_ref(tables->reader, it, name);
	if (level == MERGED)
		return reftable_merged_table_seek_ref(tables->merged, it, name);
	if (level == BY_ID)
		return reftable_reader_refs_for(tables->reader, it, id_of(*name ? 99 : 1));
	return reftable_merged_table_seek_ref(reftable_stack_merged_table(tables->stack), it, name);
}

static int seek_log(struct tables *tables, int level, struct reftable_iterator *it, const char *name)
{
	if (level == READER)
		return reftable_reader_seek_log(tables->reader, it, name);
	if (level == MERGED)
		return reftable_merged_table_seek_log(tables->merged, it, name);
	return reftable_merged_table_seek_log(reftable_stack_merged_table(tables->stack), it, name);
}

static void the_end_is_reported_again_and_again(void)
{
	struct tables tables;
	int level, i;

	set_up(&tables, 1);
	for (level = 0; level < LEVELS; level++) {
		struct reftable_iterator it = { 0 };
		struct reftable_ref_record ref = { 0 };

		CHECK_INT(seek_ref(&tables, level, &it, ""), 0);
		CHECK_INT(reftable_iterator_next_ref(&it, &ref), 0);
		for (i = 0; i < 3; i++)
			CHECK_INT(reftable_iterator_next_ref(&it, &ref), 1);
		reftable_iterator_destroy(&it);
		CHECK(it.ops == NULL && it.iter_arg == NULL);
		CHECK_INT(reftable_iterator_next_ref(&it, &ref), -6);
		reftable_ref_record_clear(&ref);
	}
	tear_down(&tables);
}

/* At the end the record keeps what it has; callers hold on to the last ref. */
static void a_record_is_untouched_unless_the_result_is_zero(void)
{
	struct tables tables;
	int level;

	set_up(&tables, 2);
	for (level = 0; level < LEVELS; level++) {
		struct reftable_iterator it = { 0 };
		struct reftable_ref_record ref = { 0 }, before;
		int err;

		CHECK_INT(seek_ref(&tables, level, &it, ""), 0);
		CHECK_INT(reftable_iterator_next_ref(&it, &ref), 0);
		do {
			before = ref;
			err = reftable_iterator_next_ref(&it, &ref);
		} while (err == 0);
		CHECK_INT(err, 1);
		CHECK_MEM(&ref, &before, sizeof(ref));
		CHECK_STR(ref.ref_name, level == BY_ID ? "refs/heads/branch-0000" :
							 "refs/heads/branch-0001");
		reftable_iterator_destroy(&it);
		reftable_ref_record_clear(&ref);
	}
	for (level = 0; level < BY_ID; level++) {
		struct reftable_iterator it = { 0 };
		struct reftable_log_record log = { 0 }, before;
		int err;

		CHECK_INT(seek_log(&tables, level, &it, ""), 0);
		CHECK_INT(reftable_iterator_next_log(&it, &log), 0);
		do {
			before = log;
			err = reftable_iterator_next_log(&it, &log);
		} while (err == 0);
		CHECK_INT(err, 1);
		CHECK_MEM(&log, &before, sizeof(log));
		reftable_iterator_destroy(&it);
		reftable_log_record_clear(&log);
	}
	tear_down(&tables);
}

/* Of the other kind: misuse, or the end if there is nothing. C ended the process or worse. */
static void asking_for_records_of_the_other_kind_is_misuse(void)
{
	struct tables tables;
	int level;

	set_up(&tables, 2);
	for (level = 0; level < LEVELS; level++) {
		struct reftable_iterator it = { 0 };
		struct reftable_log_record log = { 0 };
		struct reftable_ref_record ref = { 0 };
		int err;

		CHECK_INT(seek_ref(&tables, level, &it, ""), 0);
		CHECK_INT(reftable_iterator_next_log(&it, &log), -6);
		CHECK(log.ref_name == NULL);
		reftable_iterator_destroy(&it);

		CHECK_INT(seek_ref(&tables, level, &it, ""), 0);
		while (reftable_iterator_next_ref(&it, &ref) == 0)
			;
		err = reftable_iterator_next_log(&it, &log);
		CHECK(err == -6 || err == 1);
		reftable_iterator_destroy(&it);
		reftable_ref_record_clear(&ref);
	}
	for (level = 0; level < BY_ID; level++) {
		struct reftable_iterator it = { 0 };
		struct reftable_ref_record ref = { 0 };

		CHECK_INT(seek_log(&tables, level, &it, ""), 0);
		CHECK_INT(reftable_iterator_next_ref(&it, &ref), -6);
		CHECK(ref.ref_name == NULL);
		reftable_iterator_destroy(&it);
	}
	tear_down(&tables);
}

static void an_empty_iterator_ends_for_both_kinds(void)
{
	struct sink sink;
	struct source source;
	struct reftable_reader *reader;
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record ref = { 0 };
	struct reftable_log_record log = { 0 };

	make_table(&sink, NULL, 1, 1, NULL, 0, NULL, 0);
	source_of_sink(&source, &sink);
	reader = source_reader(&source);
	CHECK_INT(reftable_reader_seek_ref(reader, &it, ""), 0);
	CHECK(it.ops != NULL);
	CHECK_INT(reftable_iterator_next_log(&it, &log), 1);
	CHECK_INT(reftable_iterator_next_ref(&it, &ref), 1);
	reftable_iterator_destroy(&it);
	reftable_reader_free(reader);
	sink_clear(&sink);
}

static void null_records_are_misuse(void)
{
	struct tables tables;
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record ref = { 0 };

	set_up(&tables, 1);
	CHECK_INT(seek_ref(&tables, STACK, &it, ""), 0);
	CHECK_INT(reftable_iterator_next_ref(&it, NULL), -6);
	CHECK_INT(reftable_iterator_next_ref(&it, &ref), 0);
	reftable_iterator_destroy(&it);
	CHECK_INT(seek_log(&tables, STACK, &it, ""), 0);
	CHECK_INT(reftable_iterator_next_log(&it, NULL), -6);
	reftable_iterator_destroy(&it);
	reftable_ref_record_clear(&ref);
	tear_down(&tables);
}

/* C ended the process; now the iterator goes on where it was. */
static void seeking_with_a_used_iterator_is_misuse(void)
{
	struct tables tables;
	int level;

	set_up(&tables, 2);
	for (level = 0; level < LEVELS; level++) {
		struct reftable_iterator it = { 0 };
		struct reftable_ref_record ref = { 0 };

		CHECK_INT(seek_ref(&tables, level, &it, ""), 0);
		CHECK_INT(seek_ref(&tables, level, &it, ""), -6);
		if (level != BY_ID)
			CHECK_INT(seek_log(&tables, level, &it, ""), -6);
		CHECK_INT(reftable_iterator_next_ref(&it, &ref), 0);
		CHECK_STR(ref.ref_name, "refs/heads/branch-0000");
		reftable_iterator_destroy(&it);
		CHECK_INT(seek_ref(&tables, level, &it, ""), 0);
		reftable_iterator_destroy(&it);
		reftable_ref_record_clear(&ref);
	}
	tear_down(&tables);
}

/* Callers move the two words about, and destroy the copy. */
static void an_iterator_is_moved_by_copying(void)
{
	struct tables tables;
	int level;

	set_up(&tables, 3);
	for (level = 0; level < BY_ID; level++) {
		struct reftable_iterator it = { 0 }, *moved = malloc(sizeof(*moved));
		struct reftable_ref_record ref = { 0 };

		CHECK_INT(seek_ref(&tables, level, &it, ""), 0);
		CHECK_INT(reftable_iterator_next_ref(&it, &ref), 0);
		*moved = it;
		memset(&it, 0xff, sizeof(it));
		CHECK_INT(reftable_iterator_next_ref(moved, &ref), 0);
		CHECK_STR(ref.ref_name, "refs/heads/branch-0001");
		it = *moved;
		free(moved);
		CHECK_INT(reftable_iterator_next_ref(&it, &ref), 0);
		CHECK_INT(reftable_iterator_next_ref(&it, &ref), 1);
		reftable_iterator_destroy(&it);
		reftable_ref_record_clear(&ref);
	}
	tear_down(&tables);
}

/* git copies records into an array and clears them later: none may share memory with another. */
static void every_record_owns_its_memory(void)
{
	struct tables tables;
	int level, i;

	set_up(&tables, 3);
	for (level = 0; level < BY_ID; level++) {
		struct reftable_iterator it = { 0 };
		struct reftable_log_record logs[3];

		memset(logs, 0, sizeof(logs));
		CHECK_INT(seek_log(&tables, level, &it, ""), 0);
		for (i = 0; i < 3; i++) {
			struct reftable_log_record log = { 0 };
			CHECK_INT(reftable_iterator_next_log(&it, &log), 0);
			logs[i] = log;
		}
		reftable_iterator_destroy(&it);
		for (i = 2; i >= 0; i--) {
			char name[40];
			snprintf(name, sizeof(name), "refs/heads/branch-%04d", i);
			CHECK_STR(logs[i].ref_name, name);
			CHECK_STR(logs[i].message, "message");
			/* git replaces fields with strings of its own. */
			free(logs[i].ref_name);
			logs[i].ref_name = strdup("renamed");
			logs[i].message = realloc(logs[i].message, 1000);
			reftable_log_record_clear(&logs[i]);
		}
	}
	tear_down(&tables);
}

/* A record of an earlier call, of another kind and another iterator, is overwritten in full. */
static void a_used_record_is_overwritten_in_full(void)
{
	struct reftable_ref_record refs[4], ref = { 0 };
	struct sink sink;
	struct source source;
	struct reftable_reader *reader;
	int i, round;

	refs[0] = a_ref("a", 3, 1);
	refs[0].target_value = id_of(2);
	refs[1] = a_symref("b", 3, "target");
	refs[2] = a_tombstone("c", 3);
	refs[3] = a_ref("d", 3, 3);
	make_table(&sink, NULL, 1, 3, refs, 4, NULL, 0);
	source_of_sink(&source, &sink);
	reader = source_reader(&source);
	for (round = 0; round < 2; round++) {
		struct reftable_iterator it = { 0 };
		CHECK_INT(reftable_reader_seek_ref(reader, &it, ""), 0);
		for (i = 0; i < 4; i++) {
			CHECK_INT(reftable_iterator_next_ref(&it, &ref), 0);
			CHECK(reftable_ref_record_equal(&ref, &refs[i], 20));
		}
		reftable_iterator_destroy(&it);
	}
	/* git fills fields with its own libc memory before it uses a record again. */
	reftable_ref_record_clear(&ref);
	ref.ref_name = strdup("mine");
	ref.target = strdup("mine as well");
	{
		struct reftable_iterator it = { 0 };
		CHECK_INT(reftable_reader_seek_ref(reader, &it, "d"), 0);
		CHECK_INT(reftable_iterator_next_ref(&it, &ref), 0);
		CHECK(reftable_ref_record_equal(&ref, &refs[3], 20));
		reftable_iterator_destroy(&it);
	}
	reftable_ref_record_clear(&ref);
	reftable_reader_free(reader);
	sink_clear(&sink);
}

/* Several at once, each with a position of its own. */
static void iterators_over_one_table_do_not_disturb_each_other(void)
{
	struct tables tables;
	int level, i;

	set_up(&tables, 5);
	for (level = 0; level < BY_ID; level++) {
		struct reftable_iterator one = { 0 }, two = { 0 };
		struct reftable_ref_record a = { 0 }, b = { 0 };

		CHECK_INT(seek_ref(&tables, level, &one, ""), 0);
		CHECK_INT(reftable_iterator_next_ref(&one, &a), 0);
		CHECK_INT(seek_ref(&tables, level, &two, ""), 0);
		for (i = 1; i < 5; i++) {
			CHECK_INT(reftable_iterator_next_ref(&one, &a), 0);
			CHECK_INT(reftable_iterator_next_ref(&two, &b), 0);
			CHECK(strcmp(a.ref_name, b.ref_name) > 0);
		}
		CHECK_INT(reftable_iterator_next_ref(&one, &a), 1);
		CHECK_INT(reftable_iterator_next_ref(&two, &b), 0);
		reftable_iterator_destroy(&one);
		CHECK_INT(reftable_iterator_next_ref(&two, &b), 1);
		reftable_iterator_destroy(&two);
		reftable_ref_record_clear(&a);
		reftable_ref_record_clear(&b);
	}
	tear_down(&tables);
}

/*
 * git's expiry walks the log of a stack, changes the stack, and destroys the iterator afterwards.
 * The iterator must go on showing what was there when it was made.
 */
static void a_stacks_iterator_survives_changes_and_the_stack_itself(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);
	struct reftable_iterator logs = { 0 }, refs = { 0 };
	struct reftable_log_record log = { 0 };
	struct reftable_ref_record ref = { 0 };
	char name[16];
	int i;

	for (i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "r%d", i);
		CHECK_INT(commit_ref(stack, a_ref(name, 0, (uint8_t)(i + 1))), 0);
		CHECK_INT(commit_log(stack, a_log(name, 0, "m")), 0);
	}
	CHECK_INT(reftable_merged_table_seek_log(reftable_stack_merged_table(stack), &logs, ""), 0);
	CHECK_INT(reftable_merged_table_seek_ref(reftable_stack_merged_table(stack), &refs, ""), 0);
	CHECK_INT(reftable_iterator_next_log(&logs, &log), 0);
	CHECK_INT(reftable_iterator_next_ref(&refs, &ref), 0);

	CHECK_INT(commit_ref(stack, a_tombstone("r3", 0)), 0);
	CHECK_INT(reftable_stack_compact_all(stack, NULL), 0);
	CHECK_INT(reftable_stack_reload(stack), 0);
	CHECK_INT(value_of(stack, "r3"), 0);
	CHECK_INT(listed_tables(dir), 1);
	CHECK_INT(reftable_iterator_next_log(&logs, &log), 0);
	CHECK_STR(log.ref_name, "r1");
	CHECK_INT(reftable_iterator_next_ref(&refs, &ref), 0);
	CHECK_STR(ref.ref_name, "r1");

	reftable_stack_destroy(stack);
	for (i = 2; i < 5; i++) {
		snprintf(name, sizeof(name), "r%d", i);
		CHECK_INT(reftable_iterator_next_log(&logs, &log), 0);
		CHECK_STR(log.ref_name, name);
		CHECK_INT(reftable_iterator_next_ref(&refs, &ref), 0);
		CHECK_STR(ref.ref_name, name);
		CHECK_INT(ref.value ? ref.value[0] : -1, i + 1);
	}
	CHECK_INT(reftable_iterator_next_log(&logs, &log), 1);
	CHECK_INT(reftable_iterator_next_ref(&refs, &ref), 1);
	reftable_iterator_destroy(&logs);
	reftable_iterator_destroy(&refs);
	reftable_ref_record_clear(&ref);
	reftable_log_record_clear(&log);
}

int main(int argc, char **argv)
{
	TESTS_BEGIN(argc, argv);
	RUN(an_unset_iterator_is_destroyed_and_refuses_to_go_on);
	RUN(the_end_is_reported_again_and_again);
	RUN(a_record_is_untouched_unless_the_result_is_zero);
	RUN(asking_for_records_of_the_other_kind_is_misuse);
	RUN(an_empty_iterator_ends_for_both_kinds);
	RUN(null_records_are_misuse);
	RUN(seeking_with_a_used_iterator_is_misuse);
	RUN(an_iterator_is_moved_by_copying);
	RUN(every_record_owns_its_memory);
	RUN(a_used_record_is_overwritten_in_full);
	RUN(iterators_over_one_table_do_not_disturb_each_other);
	RUN(a_stacks_iterator_survives_changes_and_the_stack_itself);
	return TESTS_END();
}
