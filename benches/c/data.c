#include "data.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PEOPLE = 32, TOPICS = 48, BRANCHES_WITH_LOGS = 20000 };

static const char *const people[PEOPLE] = {
	"ada", "alan", "anita", "barbara", "claude", "dennis", "donald", "edsger", "edith", "emmy",
	"evelyn", "frances", "grace", "hedy", "ida", "jean", "john", "joan", "kathleen", "ken",
	"leslie", "lynn", "margaret", "mary", "niklaus", "radia", "robin", "ruth", "sophie", "stephanie",
	"tony", "yukihiro",
};

static const char *const topics[TOPICS] = {
	"abort", "backup", "badge", "batch", "border", "branch", "budget", "calendar", "camera", "chart",
	"clock", "colour", "commit", "cursor", "delta", "disk", "editor", "email", "export", "filter",
	"font", "gateway", "graph", "history", "import", "invoice", "journal", "keyboard", "layer", "ledger",
	"map", "menu", "metrics", "mirror", "network", "notes", "parser", "payment", "printer", "quota",
	"report", "router", "schedule", "sensor", "signup", "storage", "ticket", "webhook",
};

uint64_t draw(uint64_t number, uint64_t stream)
{
	uint64_t x = number * 0x9e3779b97f4a7c15u + (stream + 1) * 0xd1b54a32d192ed03u;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93u;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93u;
	return x ^ x >> 32;
}

void *get_memory(size_t size)
{
	void *memory = malloc(size ? size : 1);
	if (!memory) {
		perror("malloc");
		exit(2);
	}
	return memory;
}

char *keep(const char *bytes, size_t len)
{
	static char *next;
	static size_t left;
	char *copy;

	if (left < len + 1) {
		left = 1 << 20;
		next = get_memory(left);
	}
	copy = next;
	memcpy(copy, bytes, len);
	copy[len] = 0;
	next += len + 1;
	left -= len + 1;
	return copy;
}

size_t ref_name(char *out, uint64_t number)
{
	uint64_t part = number % 100;
	int len;

	if (number == 0)
		len = sprintf(out, "HEAD");
	else if (part < 40)
		len = sprintf(out, "refs/pull/%" PRIu64 "/head", number);
	else if (part < 55)
		len = sprintf(out, "refs/pull/%" PRIu64 "/merge", number);
	else if (part < 85)
		len = sprintf(out, "refs/heads/%s/%s-%s-%" PRIu64, people[draw(number, 1) % PEOPLE],
			      topics[draw(number, 2) % TOPICS], topics[draw(number, 3) % TOPICS], number);
	else if (part < 96)
		len = sprintf(out, "refs/tags/v%" PRIu64 ".%" PRIu64 ".%" PRIu64, number / 1000, number / 20 % 50,
			      number % 20);
	else
		len = sprintf(out, "refs/remotes/origin/%s-%" PRIu64, topics[draw(number, 2) % TOPICS], number);
	return (size_t)len;
}

void object_id(unsigned char *out, uint64_t number)
{
	for (int i = 0; i < ID_LEN; i++)
		out[i] = (unsigned char)(draw(number, 10 + (uint64_t)i / 8) >> i % 8 * 8);
}

void ref_id(unsigned char *out, uint64_t number, uint64_t generation)
{
	uint64_t object = number;

	/* Three of ten refs stand where another one does. */
	if (number > 0 && draw(number, 4) % 10 < 3)
		object = draw(number, 5) % number;
	object_id(out, object + (generation << 40));
}

void fill_ref(struct ref *ref, uint64_t number, uint64_t generation)
{
	ref->update_index = 1 + draw(number, 6) % 1000;
	memset(ref->id, 0, ID_LEN);
	memset(ref->peeled, 0, ID_LEN);
	if (number == 0) {
		ref->kind = SYMREF;
		return;
	}
	ref->kind = OBJECT;
	ref_id(ref->id, number, generation);
	if (number % 100 >= 85 && number % 100 < 96 && draw(number, 7) % 2 == 0) {
		ref->kind = PEELED;
		object_id(ref->peeled, number + (1ull << 60));
	}
}

int compare_refs(const void *a, const void *b)
{
	return strcmp(((const struct ref *)a)->name, ((const struct ref *)b)->name);
}

struct ref *make_refs(uint64_t count)
{
	struct ref *refs = get_memory(count * sizeof(*refs));
	char name[NAME_MAX_LEN];

	for (uint64_t i = 0; i < count; i++) {
		refs[i].name = keep(name, ref_name(name, i));
		fill_ref(&refs[i], i, 0);
	}
	qsort(refs, count, sizeof(*refs), compare_refs);
	return refs;
}

static void message(char *out, uint64_t number)
{
	uint64_t x = draw(number, 20);
	const char *a = topics[x % TOPICS], *b = topics[(x >> 8) % TOPICS], *c = topics[(x >> 16) % TOPICS];
	unsigned small = (unsigned)(x >> 24 & 0xfff);

	switch (x >> 40 & 7) {
	case 0: case 1: case 2: case 3:
		sprintf(out, "commit: %s: let the %s keep its %s\n", a, b, c);
		break;
	case 4:
		sprintf(out, "commit (amend): %s without %s, see #%u\n", a, b, small);
		break;
	case 5:
		sprintf(out, "pull origin %s: Fast-forward\n", a);
		break;
	case 6:
		sprintf(out, "checkout: moving from %s-%u to %016" PRIx64 "%016" PRIx64 "\n", a, small,
			draw(number, 21), draw(number, 22));
		break;
	default:
		sprintf(out, "reset: moving to HEAD~%u\n", small % 20);
	}
}

void fill_log(struct log_entry *entry, uint64_t number)
{
	static const int zones[8] = { 0, 100, 200, -800, -500, 530, 900, -330 };
	char text[400];
	uint64_t x = draw(number, 23);
	const char *given = people[x % PEOPLE], *family = people[(x >> 8) % PEOPLE];

	entry->who = keep(text, (size_t)sprintf(text, "%s van %s", given, family));
	entry->email = keep(text, (size_t)sprintf(text, "%s.%s@example.org", given, family));
	entry->time = 1500000000 + number * 97;
	entry->zone = zones[x >> 16 & 7];
	message(text, number);
	entry->message = keep(text, strlen(text));
	object_id(entry->new_id, number + (1ull << 50));
}

/* A branch: the smaller its number the more often it is drawn. */
static uint64_t branch_of(uint64_t number)
{
	uint64_t least = BRANCHES_WITH_LOGS;

	if (number % 50 == 0)
		return BRANCHES_WITH_LOGS;
	for (uint64_t stream = 30; stream < 33; stream++) {
		uint64_t drawn = draw(number, stream) % BRANCHES_WITH_LOGS;
		least = drawn < least ? drawn : least;
	}
	return least;
}

static int compare_logs(const void *a, const void *b)
{
	const struct log_entry *left = a, *right = b;
	int order = strcmp(left->name, right->name);

	if (order)
		return order;
	return left->update_index > right->update_index ? -1 : left->update_index < right->update_index;
}

struct log_entry *make_logs(uint64_t count)
{
	static char *names[BRANCHES_WITH_LOGS + 1];
	static uint64_t last[BRANCHES_WITH_LOGS + 1];
	struct log_entry *entries = get_memory(count * sizeof(*entries));
	char name[NAME_MAX_LEN];

	memset(last, 0, sizeof(last));
	names[BRANCHES_WITH_LOGS] = SYMREF_TARGET;
	for (uint64_t number = 1; number <= count; number++) {
		struct log_entry *entry = &entries[number - 1];
		uint64_t branch = branch_of(number);

		if (!names[branch])
			names[branch] = keep(name, ref_name(name, branch / 30 * 100 + 55 + branch % 30));
		entry->name = names[branch];
		entry->update_index = number;
		memset(entry->old_id, 0, ID_LEN);
		if (last[branch])
			object_id(entry->old_id, last[branch] + (1ull << 50));
		last[branch] = number;
		fill_log(entry, number);
	}
	qsort(entries, count, sizeof(*entries), compare_logs);
	return entries;
}

static uint64_t first_bytes(const unsigned char *id)
{
	uint64_t bytes;
	memcpy(&bytes, id, sizeof(bytes));
	return bytes;
}

uint64_t add_ref(uint64_t sum, const char *name, size_t len, const unsigned char *id, uint64_t update_index)
{
	sum = (sum << 1 | sum >> 63) + len * 257 + (unsigned char)name[len - 1] + update_index;
	return id ? sum + first_bytes(id) : sum;
}

uint64_t add_log(uint64_t sum, size_t name_len, uint64_t update_index, const unsigned char *new_id,
		 const char *text, size_t text_len, uint64_t time)
{
	sum = (sum << 1 | sum >> 63) + name_len * 257 + update_index * 3 + first_bytes(new_id) + time;
	return sum + text_len * 31 + (unsigned char)text[0];
}
