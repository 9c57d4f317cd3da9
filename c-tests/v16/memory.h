/*
 * Tables in memory: a sink that collects what a writer writes, and a block source that counts how
 * the library uses it and can be told to misbehave. Include after test.h and reftable.h.
 */
#ifndef MEMORY_H
#define MEMORY_H

/* What a writer wrote. `fail_at` > 0: the call of that number fails with `failure`. */
struct sink {
	uint8_t *data;
	size_t size;
	int calls;
	int fail_at;
	int failure;
};

static inline int sink_write(void *arg, uint8_t *data, size_t size)
{
	struct sink *sink = arg;

	if (++sink->calls == sink->fail_at)
		return sink->failure;
	sink->data = realloc(sink->data, sink->size + size + 1);
	memcpy(sink->data + sink->size, data, size);
	sink->size += size;
	return (int)size;
}

static inline void sink_clear(struct sink *sink)
{
	free(sink->data);
	memset(sink, 0, sizeof(*sink));
}

/* How a source answers from call number `fail_at` on. */
enum source_fault {
	SOURCE_GOOD,
	SOURCE_FAILS,	 /* returns -1 */
	SOURCE_SHORT,	 /* one byte less than asked for */
	SOURCE_NO_DATA,	 /* claims success without data */
	SOURCE_TOO_MUCH, /* one byte more than asked for */
};

struct source {
	const uint8_t *data;
	size_t size;
	enum source_fault fault;
	int fail_at; /* 1: from the first read on; 0: never */
	int once;    /* only that read is bad */

	int reads;
	int out;      /* blocks read and not yet returned */
	int returns;  /* calls of return_block */
	int strange;  /* returns of what was not handed out, reads beyond the end, calls after close */
	int closes;
};

static inline uint64_t source_size(void *arg)
{
	struct source *source = arg;

	source->strange += source->closes;
	return source->size;
}

static inline int source_read(void *arg, struct reftable_block *block, uint64_t offset,
			      uint32_t size)
{
	struct source *source = arg;
	enum source_fault fault = SOURCE_GOOD;
	uint32_t length = size;

	source->strange += source->closes;
	source->reads++;
	if (source->fail_at &&
	    (source->once ? source->reads == source->fail_at : source->reads >= source->fail_at))
		fault = source->fault;
	if (fault == SOURCE_FAILS)
		return -1;
	if (fault == SOURCE_NO_DATA) {
		block->data = NULL;
		block->len = (int)size;
		return (int)size;
	}
	if (offset > source->size || size > source->size - offset) {
		source->strange++;
		return -1;
	}
	if (fault == SOURCE_SHORT && size)
		length--;
	if (fault == SOURCE_TOO_MUCH)
		length++;
	block->data = malloc((size_t)length + 1);
	memset(block->data, 0, (size_t)length + 1);
	memcpy(block->data, source->data + offset, length < size ? length : size);
	block->len = (int)length;
	source->out++;
	return (int)length;
}

/* Scribbles over the block, so that any later use of it shows. */
static inline void source_return(void *arg, struct reftable_block *block)
{
	struct source *source = arg;

	source->strange += source->closes;
	source->returns++;
	if (!block->data) {
		source->strange += source->fault != SOURCE_NO_DATA;
		return;
	}
	source->out--;
	memset(block->data, 0xdb, block->len > 0 ? (size_t)block->len : 0);
	free(block->data);
	block->data = NULL;
}

static inline void source_close(void *arg)
{
	struct source *source = arg;
	source->closes++;
}

static struct reftable_block_source_vtable source_vtable = {
	source_size,
	source_read,
	source_return,
	source_close,
};

static inline struct reftable_block_source source_block_source(struct source *source)
{
	struct reftable_block_source out;

	out.ops = &source_vtable;
	out.arg = source;
	return out;
}

/* A reader of the table in `source`; NULL on failure. */
static inline struct reftable_reader *source_reader(struct source *source)
{
	struct reftable_block_source block_source = source_block_source(source);
	struct reftable_reader *reader = NULL;

	if (reftable_new_reader(&reader, &block_source, "memory"))
		return NULL;
	return reader;
}

/* A source over what `sink` holds; the sink must outlive it. */
static inline void source_of_sink(struct source *source, const struct sink *sink)
{
	memset(source, 0, sizeof(*source));
	source->data = sink->data;
	source->size = sink->size;
}

/* Everything came back, nothing odd was asked, and it was closed once. */
static inline int source_is_settled(const struct source *source)
{
	return source->out == 0 && source->strange == 0 && source->closes == 1;
}

/* The CRC-32 of gzip and of the footer; for tests that damage a table and repair its checksum. */
static inline uint32_t crc32_of(const uint8_t *data, size_t size)
{
	uint32_t crc = 0xffffffffu;
	int bit;

	while (size--) {
		crc ^= *data++;
		for (bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1)));
	}
	return ~crc;
}

/* Puts the right checksum into the footer of a version 1 table. */
static inline void repair_footer(uint8_t *table, size_t size)
{
	uint32_t crc = crc32_of(table + size - 68, 64);

	table[size - 4] = (uint8_t)(crc >> 24);
	table[size - 3] = (uint8_t)(crc >> 16);
	table[size - 2] = (uint8_t)(crc >> 8);
	table[size - 1] = (uint8_t)crc;
}

#endif
