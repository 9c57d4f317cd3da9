#define _GNU_SOURCE
#include "measure.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static uint64_t cpu_began, wall_began, cpu_least = UINT64_MAX, wall_least = UINT64_MAX;

void fail(const char *what)
{
	perror(what);
	exit(2);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	if (clock_gettime(clock, &now))
		fail("clock");
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void start_lap(void)
{
	cpu_began = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	wall_began = clock_ns(CLOCK_MONOTONIC);
}

void stop_lap(void)
{
	uint64_t wall = clock_ns(CLOCK_MONOTONIC) - wall_began;
	uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_began;

	wall_least = wall < wall_least ? wall : wall_least;
	cpu_least = cpu < cpu_least ? cpu : cpu_least;
}

/* A number behind `key` in a file below /proc. */
static uint64_t process_figure(const char *file, const char *key)
{
	char line[256];
	uint64_t figure = 0;
	FILE *in = fopen(file, "r");

	if (!in)
		return 0;
	while (fgets(line, sizeof(line), in))
		if (!strncmp(line, key, strlen(key)))
			figure = strtoull(line + strlen(key), NULL, 10);
	fclose(in);
	return figure;
}

uint64_t bytes_written(void)
{
	return process_figure("/proc/self/io", "wchar:");
}

void report(const char *workload, uint64_t operations, uint64_t bytes, const struct found *found)
{
	printf("%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64
	       "\t%016" PRIx64 "\n",
	       workload, operations, cpu_least, wall_least, bytes,
	       process_figure("/proc/self/status", "VmHWM:"), process_figure("/proc/self/status", "RssAnon:"),
	       found->records, found->sum);
	cpu_least = wall_least = UINT64_MAX;
}

void report_missing(const char *workload)
{
	printf("%s\t-\n", workload);
	cpu_least = wall_least = UINT64_MAX;
}

const char *join(const char *dir, const char *leaf)
{
	char path[4096];
	int len = snprintf(path, sizeof(path), "%s/%s", dir, leaf);

	if (len >= (int)sizeof(path))
		fail("path too long");
	return keep(path, (size_t)len);
}

/* Calls `visit` with the name of each file in `dir`, which need not exist. */
static void each_file(const char *dir, void (*visit)(const char *, const char *, void *), void *context)
{
	DIR *open = opendir(dir);
	struct dirent *entry;

	if (!open)
		return;
	while ((entry = readdir(open)))
		if (entry->d_name[0] != '.')
			visit(dir, entry->d_name, context);
	closedir(open);
}

static void add_size(const char *dir, const char *leaf, void *context)
{
	struct stat status;

	if (!stat(join(dir, leaf), &status))
		*(uint64_t *)context += (uint64_t)status.st_size;
}

uint64_t folder_size(const char *dir)
{
	uint64_t size = 0;

	each_file(dir, add_size, &size);
	return size;
}

static void remove_file(const char *dir, const char *leaf, void *context)
{
	(void)context;
	unlink(join(dir, leaf));
}

void remove_folder(const char *dir)
{
	each_file(dir, remove_file, NULL);
	rmdir(dir);
}

void make_folder(const char *dir)
{
	remove_folder(dir);
	if (mkdir(dir, 0777))
		fail(dir);
}

static void copy_file(const char *dir, const char *leaf, void *context)
{
	char piece[1 << 16];
	ssize_t len;
	int in, out;

	if (strcmp(leaf, "tables.list") && !link(join(dir, leaf), join(context, leaf)))
		return;
	in = open(join(dir, leaf), O_RDONLY);
	out = open(join(context, leaf), O_WRONLY | O_CREAT | O_EXCL, 0666);
	if (in < 0 || out < 0)
		fail(leaf);
	while ((len = read(in, piece, sizeof(piece))) > 0)
		if (write(out, piece, (size_t)len) != len)
			fail(leaf);
	close(in);
	close(out);
}

void copy_folder(const char *from, const char *to)
{
	make_folder(to);
	each_file(from, copy_file, (void *)to);
}
