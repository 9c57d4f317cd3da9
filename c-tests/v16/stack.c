/* The stack: opening, reloading, reading, and what a handle sees of the work of others. */
#include "../test.h"
#include "../scratch.h"
#include "reftable.h"
#include "memory.h"
#include "transactions.h"
#include "writing.h"

static void null_arguments_are_misuse(void)
{
	struct reftable_write_options options = { 0 };
	struct reftable_stack *stack = (struct reftable_stack *)&options;
	struct reftable_addition *addition = (struct reftable_addition *)&options;
	struct reftable_ref_record ref = { 0 };
	struct reftable_log_record log = { 0 };
	struct change change = { 0 };

	CHECK_INT(reftable_new_stack(NULL, scratch_dir(), options), -6);
	CHECK_INT(reftable_new_stack(&stack, NULL, options), -6);
	CHECK(stack == NULL);
	reftable_stack_destroy(NULL);
	CHECK_INT(reftable_stack_reload(NULL), -6);
	/* git asks for the table of a store that failed, and seeks in what it gets. */
	CHECK(reftable_stack_merged_table(NULL) == NULL);
	CHECK_INT(reftable_stack_next_update_index(NULL), 0);
	CHECK_INT(reftable_stack_new_addition(&addition, NULL), -6);
	CHECK(addition == NULL);
	CHECK_INT(reftable_stack_add(NULL, write_change, &change), -6);
	CHECK_INT(reftable_stack_compact_all(NULL, NULL), -6);
	CHECK_INT(reftable_stack_auto_compact(NULL), -6);
	CHECK_INT(reftable_stack_read_ref(NULL, "a", &ref), -6);
	CHECK_INT(reftable_stack_read_log(NULL, "a", &log), -6);
	CHECK(reftable_stack_compaction_stats(NULL) == NULL);

	stack = open_stack(scratch_dir());
	CHECK_INT(reftable_stack_new_addition(NULL, stack), -6);
	CHECK_INT(reftable_stack_add(stack, NULL, NULL), -6);
	CHECK_INT(reftable_stack_read_ref(stack, NULL, &ref), -6);
	CHECK_INT(reftable_stack_read_ref(stack, "a", NULL), -6);
	CHECK_INT(reftable_stack_read_log(stack, NULL, &log), -6);
	CHECK_INT(reftable_stack_read_log(stack, "a", NULL), -6);
	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	reftable_stack_destroy(stack);
}

/* git opens the stack before it makes the folder. */
static void a_folder_that_does_not_exist_is_an_empty_stack(void)
{
	const char *dir = in_dir(scratch_dir(), "later/reftable");
	struct reftable_stack *stack = open_stack(dir);

	CHECK_INT(reftable_stack_reload(stack), 0);
	CHECK_INT(reftable_stack_next_update_index(stack), 1);
	CHECK_INT(value_of(stack, "a"), 0);
	CHECK_INT(newest_log_of(stack, "a"), 0);
	CHECK_INT(count_refs(stack), 0);
	CHECK_INT(reftable_stack_compact_all(stack, NULL), 0);
	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), -2);
	reftable_stack_destroy(stack);
}

static void a_folder_made_later_is_used(void)
{
	const char *dir = in_dir(scratch_dir(), "reftable");
	struct reftable_stack *stack = open_stack(dir);

	CHECK_INT(mkdir(dir, 0777), 0);
	CHECK_INT(reftable_stack_reload(stack), 0);
	CHECK_INT(commit_ref(stack, a_ref("a", 0, 7)), 0);
	CHECK_INT(value_of(stack, "a"), 7);
	CHECK_INT(listed_tables(dir), 1);
	reftable_stack_destroy(stack);
}

/* The options are passed by value and the path is copied. */
static void path_and_options_are_copied(void)
{
	struct reftable_write_options options = { 0 };
	struct reftable_stack *stack = NULL;
	char *dir = strdup(scratch_dir());

	CHECK_INT(reftable_new_stack(&stack, dir, options), 0);
	CHECK_INT(options.block_size, 0);
	memset(dir, 'x', strlen(dir));
	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	CHECK_INT(value_of(stack, "a"), 1);
	reftable_stack_destroy(stack);
	free(dir);
}

/* C ended the process at the first write. */
static void an_unknown_hash_is_misuse(void)
{
	struct reftable_write_options options = { 0 };
	struct reftable_stack *stack = (struct reftable_stack *)&options;

	options.hash_id = 12345;
	CHECK_INT(reftable_new_stack(&stack, scratch_dir(), options), -6);
	CHECK(stack == NULL);
}

/* They were taken, and each addition failed instead. */
static void a_layout_that_no_table_can_have_is_misuse(void)
{
	static const uint32_t sizes[] = { 1, 36, 1u << 24, UINT32_MAX };
	struct reftable_write_options options = { 0 };
	struct reftable_stack *stack = NULL;
	const char *dir = scratch_dir();
	size_t i;

	for (i = 0; i < COUNT(sizes); i++) {
		options.block_size = sizes[i];
		CHECK_INT(reftable_new_stack(&stack, dir, options), -6);
		CHECK(stack == NULL);
	}
	options.block_size = (1u << 24) - 1;
	CHECK_INT(reftable_new_stack(&stack, dir, options), 0);
	reftable_stack_destroy(stack);
	options.restart_interval = -1;
	CHECK_INT(reftable_new_stack(&stack, dir, options), -6);
	CHECK(stack == NULL);
}

static void a_stack_of_another_hash_is_refused(void)
{
	struct reftable_write_options sha256 = { 0 };
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir), *other = NULL;

	sha256.hash_id = SHA256_ID;
	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	CHECK_INT(reftable_new_stack(&other, dir, sha256), -3);
	CHECK(other == NULL);
	reftable_stack_destroy(stack);

	dir = scratch_dir();
	CHECK_INT(reftable_new_stack(&stack, dir, sha256), 0);
	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	CHECK_INT(value_of(stack, "a"), 1);
	reftable_stack_destroy(stack);
	sha256.hash_id = 0;
	CHECK_INT(reftable_new_stack(&stack, dir, sha256), -3);
}

static void damaged_stacks_do_not_open(void)
{
	static const struct {
		const char *list;
		int error;
	} cases[] = {
		{ "missing.ref\n", -4 },	   { "garbage.ref\n", -3 },
		{ "empty.ref\n", -3 },		   { "../outside.ref\n", -3 },
		{ "/etc/passwd\n", -3 },	   { "..\n", -3 },
		{ "good.ref\ngood.ref\n", -3 },	   { "good.ref\nmissing.ref\n", -4 },
	};
	struct reftable_write_options options = { 0 };
	struct reftable_ref_record ref = a_ref("a", 1, 1);
	const char *dir = in_dir(scratch_dir(), "stack");
	struct sink sink;
	size_t i;
	int before = open_descriptors();

	CHECK_INT(mkdir(dir, 0777), 0);
	make_table(&sink, NULL, 1, 1, &ref, 1, NULL, 0);
	CHECK_INT(write_file(in_dir(dir, "good.ref"), sink.data, sink.size), 0);
	CHECK_INT(write_file(in_dir(dir, "../outside.ref"), sink.data, sink.size), 0);
	CHECK_INT(write_text(dir, "garbage.ref", "this is no table, whatever it is called"), 0);
	CHECK_INT(write_text(dir, "empty.ref", ""), 0);
	for (i = 0; i < COUNT(cases); i++) {
		struct reftable_stack *stack = (struct reftable_stack *)&options;

		CHECK_INT(write_text(dir, "tables.list", cases[i].list), 0);
		CHECK_INT(reftable_new_stack(&stack, dir, options), cases[i].error);
		CHECK(stack == NULL);
	}
	CHECK_INT(open_descriptors(), before);
	sink_clear(&sink);
}

static void a_list_that_is_a_folder_is_an_io_error(void)
{
	struct reftable_write_options options = { 0 };
	struct reftable_stack *stack = NULL;
	const char *dir = scratch_dir();

	CHECK_INT(mkdir(in_dir(dir, "tables.list"), 0777), 0);
	CHECK_INT(reftable_new_stack(&stack, dir, options), -2);
	CHECK(stack == NULL);
}

/* Empty lines and a missing last newline are accepted, any table name as well. */
static void the_list_is_read_leniently(void)
{
	static const char *const lists[] = { "any name.ref\n", "any name.ref", "\nany name.ref\n\n" };
	struct reftable_ref_record ref = a_ref("a", 1, 9);
	struct sink sink;
	size_t i;

	make_table(&sink, NULL, 1, 1, &ref, 1, NULL, 0);
	for (i = 0; i < COUNT(lists); i++) {
		const char *dir = scratch_dir();
		struct reftable_stack *stack;

		CHECK_INT(write_file(in_dir(dir, "any name.ref"), sink.data, sink.size), 0);
		CHECK_INT(write_text(dir, "tables.list", lists[i]), 0);
		stack = open_stack(dir);
		CHECK_INT(value_of(stack, "a"), 9);
		CHECK_INT(reftable_stack_next_update_index(stack), 2);
		CHECK_INT(commit_ref(stack, a_ref("b", 0, 8)), 0);
		reftable_stack_destroy(stack);
		stack = open_stack(dir);
		CHECK_INT(value_of(stack, "a"), 9);
		CHECK_INT(value_of(stack, "b"), 8);
		reftable_stack_destroy(stack);
	}
	sink_clear(&sink);
}

static void an_empty_list_is_an_empty_stack(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack;

	CHECK_INT(write_text(dir, "tables.list", ""), 0);
	stack = open_stack(dir);
	CHECK_INT(reftable_stack_next_update_index(stack), 1);
	CHECK_INT(count_refs(stack), 0);
	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	reftable_stack_destroy(stack);
}

static void names_and_modes_on_disk(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);
	mode_t mask = umask(002);
	const char *name;
	struct stat st;
	char *list;
	size_t i;

	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	name = listed_table(dir, 0);
	CHECK_INT(strncmp(name, "0x000000000001-0x000000000001-", 30), 0);
	CHECK_INT(strlen(name), 30 + 8 + 4);
	for (i = 30; i < 38; i++)
		CHECK(strchr("0123456789abcdef", name[i]) != NULL);
	CHECK_STR(name + 38, ".ref");
	list = read_file(in_dir(dir, "tables.list"), &i);
	CHECK(list && i == 43 && list[42] == '\n');
	free(list);
	CHECK(is_tidy(dir));
	/* C's tables had mode 0600 whatever the umask: unreadable for the rest of a team. */
	CHECK_INT(stat(in_dir(dir, name), &st), 0);
	CHECK_INT(st.st_mode & 07777, 0664);
	CHECK_INT(stat(in_dir(dir, "tables.list"), &st), 0);
	CHECK(st.st_mode & 0444);
	umask(077);
	CHECK_INT(commit_ref(stack, a_ref("b", 0, 1)), 0);
	CHECK_INT(reftable_stack_compact_all(stack, NULL), 0);
	CHECK_INT(stat(in_dir(dir, listed_table(dir, 0)), &st), 0);
	CHECK_INT(st.st_mode & 07777, 0600);
	umask(mask);
	reftable_stack_destroy(stack);
}

/* Reads never look at the list: a handle keeps its view until it reloads. */
static void a_handle_keeps_its_view_until_reload(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *one = open_stack(dir), *two = open_stack(dir);

	CHECK_INT(commit_ref(one, a_ref("a", 0, 1)), 0);
	CHECK_INT(value_of(one, "a"), 1);
	CHECK_INT(value_of(two, "a"), 0);
	CHECK_INT(reftable_stack_next_update_index(two), 1);
	CHECK_INT(reftable_stack_reload(two), 0);
	CHECK_INT(value_of(two, "a"), 1);
	CHECK_INT(reftable_stack_next_update_index(two), 2);
	CHECK_INT(commit_ref(one, a_ref("a", 0, 2)), 0);
	CHECK_INT(reftable_stack_compact_all(one, NULL), 0);
	CHECK_INT(value_of(two, "a"), 1);
	CHECK_INT(reftable_stack_reload(two), 0);
	CHECK_INT(reftable_stack_reload(two), 0);
	CHECK_INT(value_of(two, "a"), 2);
	reftable_stack_destroy(one);
	reftable_stack_destroy(two);
}

/* A failed reload of C's freed tables that were still in use. */
static void a_failed_reload_leaves_the_old_view(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *stack = open_stack(dir);
	char list[300];
	int i;

	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	snprintf(list, sizeof(list), "%s\nmissing.ref\n", listed_table(dir, 0));
	CHECK_INT(write_text(dir, "tables.list", list), 0);
	for (i = 0; i < 2; i++) {
		CHECK_INT(reftable_stack_reload(stack), -4);
		CHECK_INT(value_of(stack, "a"), 1);
		CHECK_INT(count_refs(stack), 1);
		CHECK(reftable_stack_merged_table(stack) != NULL);
		CHECK_INT(reftable_stack_next_update_index(stack), 2);
	}
	reftable_stack_destroy(stack);
}

/* Until a table is gone from the list of this handle, its file may vanish. */
static void tables_stay_readable_when_others_remove_them(void)
{
	const char *dir = scratch_dir();
	struct reftable_stack *one = open_stack(dir), *two;
	char name[16];
	int i, wrong = 0;

	for (i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "r%02d", i);
		CHECK_INT(commit_ref(one, a_ref(name, 0, (uint8_t)(i + 1))), 0);
	}
	two = open_stack(dir);
	CHECK_INT(commit_ref(one, a_tombstone("r00", 0)), 0);
	CHECK_INT(reftable_stack_compact_all(one, NULL), 0);
	for (i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "r%02d", i);
		wrong += value_of(two, name) != i + 1;
	}
	CHECK_INT(wrong, 0);
	CHECK_INT(count_refs(two), 30);
	CHECK_INT(reftable_stack_reload(two), 0);
	CHECK_INT(count_refs(two), 29);
	reftable_stack_destroy(one);
	reftable_stack_destroy(two);
}

static void tombstones_are_hidden_on_the_stacks_level(void)
{
	struct reftable_stack *stack = open_stack(scratch_dir());

	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	CHECK_INT(commit_ref(stack, a_ref("b", 0, 2)), 0);
	CHECK_INT(commit_log(stack, a_log("a", 2, "m")), 0);
	CHECK_INT(commit_ref(stack, a_tombstone("a", 0)), 0);
	CHECK_INT(commit_log(stack, a_log_tombstone("a", 2)), 0);
	CHECK_INT(value_of(stack, "a"), 0);
	CHECK_INT(newest_log_of(stack, "a"), 0);
	CHECK_INT(count_refs(stack), 1);
	CHECK_INT(count_logs(stack), 0);
	/* And again: there. */
	CHECK_INT(commit_ref(stack, a_symref("a", 0, "b")), 0);
	CHECK_INT(value_of(stack, "a"), 1000);
	CHECK_INT(count_refs(stack), 2);
	reftable_stack_destroy(stack);
}

/* The newest living one, though the newest of all is a tombstone. */
static void read_log_gives_the_newest_entry_that_is_left(void)
{
	struct reftable_stack *stack = open_stack(scratch_dir());
	struct reftable_log_record log = { 0 };
	int i;

	CHECK_INT(commit_log(stack, a_log("a", 0, "first")), 0);
	CHECK_INT(commit_log(stack, a_log("a", 0, "second")), 0);
	CHECK_INT(commit_log(stack, a_log("ab", 0, "other")), 0);
	CHECK_INT(newest_log_of(stack, "a"), 2);
	CHECK_INT(commit_log(stack, a_log_tombstone("a", 2)), 0);
	for (i = 0; i < 2; i++) {
		CHECK_INT(reftable_stack_read_log(stack, "a", &log), 0);
		CHECK_STR(log.ref_name, "a");
		CHECK_STR(log.message, "first");
		CHECK_INT(log.update_index, 1);
		CHECK_INT(reftable_stack_read_log(stack, "aa", &log), 1);
		CHECK_INT(reftable_stack_compact_all(stack, NULL), 0);
	}
	reftable_log_record_clear(&log);
	reftable_stack_destroy(stack);
}

/*
 * git's rename reads the old ref, then looks whether the new name is free, with the same record.
 * C overwrote it unless nothing at all came after that name; the branch was lost.
 */
static void a_ref_that_is_not_found_leaves_the_record(void)
{
	static const char *const missing[] = { "refs/heads/aaa", "refs/heads/main2", "refs/heads/n",
					       "refs/heads/zzz", "" };
	struct reftable_stack *stack = open_stack(scratch_dir());
	struct reftable_ref_record ref = { 0 }, before;
	size_t i;

	CHECK_INT(commit_ref(stack, a_ref("refs/heads/main", 0, 1)), 0);
	CHECK_INT(commit_ref(stack, a_ref("refs/heads/n", 0, 2)), 0);
	CHECK_INT(commit_ref(stack, a_ref("refs/heads/o", 0, 3)), 0);
	CHECK_INT(commit_ref(stack, a_tombstone("refs/heads/n", 0)), 0);
	CHECK_INT(reftable_stack_read_ref(stack, "refs/heads/main", &ref), 0);
	before = ref;
	for (i = 0; i < COUNT(missing); i++) {
		CHECK_INT(reftable_stack_read_ref(stack, missing[i], &ref), 1);
		CHECK_MEM(&ref, &before, sizeof(ref));
		CHECK_STR(ref.ref_name, "refs/heads/main");
		CHECK_INT(ref.value[0], 1);
	}
	/* Found again, into the used record. */
	CHECK_INT(reftable_stack_read_ref(stack, "refs/heads/o", &ref), 0);
	CHECK_STR(ref.ref_name, "refs/heads/o");
	CHECK_INT(ref.update_index, 3);
	reftable_ref_record_clear(&ref);
	reftable_stack_destroy(stack);
}

/*
 * Following a symref, the name is a string of the record that is to be filled, and so it is where the
 * same ref is read again. It was freed, or written over, before it had been copied.
 */
static void the_name_may_be_a_string_of_the_record(void)
{
	static const char head[] = "refs/remotes/origin/HEAD", main_ref[] = "refs/remotes/origin/main";
	struct reftable_stack *stack = open_stack(scratch_dir());
	struct reftable_ref_record ref = { 0 };
	int i;

	CHECK_INT(commit_ref(stack, a_symref(head, 0, main_ref)), 0);
	CHECK_INT(commit_ref(stack, a_ref(main_ref, 0, 7)), 0);
	CHECK_INT(commit_ref(stack, a_ref("origin/main", 0, 8)), 0);
	for (i = 0; i < 2; i++) {
		CHECK_INT(reftable_stack_read_ref(stack, head, &ref), 0);
		CHECK_STR(ref.ref_name, head);
		CHECK_STR(ref.target, main_ref);
		CHECK_INT(reftable_stack_read_ref(stack, ref.target, &ref), 0);
		CHECK_STR(ref.ref_name, main_ref);
		CHECK_INT(ref.value[0], 7);
		CHECK_INT(reftable_stack_read_ref(stack, ref.ref_name, &ref), 0);
		CHECK_STR(ref.ref_name, main_ref);
		CHECK_INT(reftable_stack_read_ref(stack, ref.ref_name + strlen("refs/remotes/"), &ref), 0);
		CHECK_STR(ref.ref_name, "origin/main");
		CHECK_INT(ref.value[0], 8);
		CHECK(ref.target == NULL);
	}
	reftable_ref_record_clear(&ref);
	reftable_stack_destroy(stack);
}

/* Iterating a prefix: the caller looks when it is over. */
static void prefixes_are_iterated_in_order(void)
{
	static const char *const names[] = { "HEAD", "refs/heads/a", "refs/heads/b", "refs/tags/v1" };
	struct reftable_stack *stack = open_stack(scratch_dir());
	struct reftable_iterator it = { 0 };
	struct reftable_ref_record ref = { 0 };
	int i;

	for (i = 3; i >= 0; i--)
		CHECK_INT(commit_ref(stack, a_ref(names[i], 0, 1)), 0);
	CHECK_INT(reftable_merged_table_seek_ref(reftable_stack_merged_table(stack), &it, "refs/"), 0);
	for (i = 1; i < 4; i++) {
		CHECK_INT(reftable_iterator_next_ref(&it, &ref), 0);
		CHECK_STR(ref.ref_name, names[i]);
		CHECK((ref.value != NULL) != (ref.target != NULL));
	}
	CHECK_INT(reftable_iterator_next_ref(&it, &ref), 1);
	reftable_iterator_destroy(&it);
	reftable_ref_record_clear(&ref);
	reftable_stack_destroy(stack);
}

/* Two tables whose ranges overlap: C of 2020 refuses them, and so does this interface. */
static void overlapping_tables_are_refused(void)
{
	struct reftable_write_options options = { 0 };
	struct reftable_ref_record one = a_ref("a", 2, 1), two = a_ref("b", 2, 1);
	struct reftable_stack *stack = NULL;
	const char *dir = scratch_dir();
	struct sink sink;

	make_table(&sink, NULL, 1, 2, &one, 1, NULL, 0);
	CHECK_INT(write_file(in_dir(dir, "1.ref"), sink.data, sink.size), 0);
	sink_clear(&sink);
	make_table(&sink, NULL, 2, 3, &two, 1, NULL, 0);
	CHECK_INT(write_file(in_dir(dir, "2.ref"), sink.data, sink.size), 0);
	sink_clear(&sink);
	CHECK_INT(write_text(dir, "tables.list", "1.ref\n2.ref\n"), 0);
	CHECK_INT(reftable_new_stack(&stack, dir, options), -3);
	CHECK(stack == NULL);
}

static void a_relative_path_is_followed_from_where_it_was_given(void)
{
	struct reftable_write_options options = { 0 };
	const char *dir = scratch_dir();
	struct reftable_stack *stack = NULL;
	char *home = getcwd(NULL, 0);

	CHECK_INT(mkdir(in_dir(dir, "r"), 0777), 0);
	REQUIRE(chdir(dir) == 0);
	CHECK_INT(reftable_new_stack(&stack, "r", options), 0);
	CHECK_INT(commit_ref(stack, a_ref("a", 0, 1)), 0);
	CHECK_INT(listed_tables(in_dir(dir, "r")), 1);
	reftable_stack_destroy(stack);
	REQUIRE(chdir(home) == 0);
	free(home);
}

int main(int argc, char **argv)
{
	TESTS_BEGIN(argc, argv);
	RUN(null_arguments_are_misuse);
	RUN(a_folder_that_does_not_exist_is_an_empty_stack);
	RUN(a_folder_made_later_is_used);
	RUN(path_and_options_are_copied);
	RUN(an_unknown_hash_is_misuse);
	RUN(a_layout_that_no_table_can_have_is_misuse);
	RUN(a_stack_of_another_hash_is_refused);
	RUN(damaged_stacks_do_not_open);
	RUN(a_list_that_is_a_folder_is_an_io_error);
	RUN(the_list_is_read_leniently);
	RUN(an_empty_list_is_an_empty_stack);
	RUN(names_and_modes_on_disk);
	RUN(a_handle_keeps_its_view_until_reload);
	RUN(a_failed_reload_leaves_the_old_view);
	RUN(tables_stay_readable_when_others_remove_them);
	RUN(tombstones_are_hidden_on_the_stacks_level);
	RUN(read_log_gives_the_newest_entry_that_is_left);
	RUN(a_ref_that_is_not_found_leaves_the_record);
	RUN(the_name_may_be_a_string_of_the_record);
	RUN(prefixes_are_iterated_in_order);
	RUN(overlapping_tables_are_refused);
	RUN(a_relative_path_is_followed_from_where_it_was_given);
	return TESTS_END();
}
