/*
 * Scratch folders and the files in them. One folder from mkdtemp below $TMPDIR (or /tmp) holds all
 * of a program's; it is removed at the end. Include after test.h.
 */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

static char scratch_root[2048];

static inline int scratch_remove_entry(const char *path, const struct stat *st, int type,
				       struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void scratch_remove(void)
{
	if (scratch_root[0])
		nftw(scratch_root, scratch_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	scratch_root[0] = 0;
}

/* A path inside the scratch folder; the last sixteen results stay valid. */
static inline const char *scratch_path(const char *name)
{
	static char paths[16][4096];
	static unsigned next;
	char *path = paths[next++ % COUNT(paths)];

	if (!scratch_root[0]) {
		const char *tmp = getenv("TMPDIR");
		snprintf(scratch_root, sizeof(scratch_root), "%s/reftable-test-XXXXXX",
			 tmp && *tmp ? tmp : "/tmp");
		if (!mkdtemp(scratch_root)) {
			perror(scratch_root);
			exit(1);
		}
		test_cleanup = scratch_remove;
	}
	snprintf(path, sizeof(paths[0]), "%s/%s", scratch_root, name);
	return path;
}

/* A new empty folder. */
static inline const char *scratch_dir(void)
{
	static int number;
	char name[32];
	const char *path;

	snprintf(name, sizeof(name), "%d", number++);
	path = scratch_path(name);
	REQUIRE(mkdir(path, 0777) == 0);
	return path;
}

/* `dir`/`name`; the last sixteen results stay valid. */
static inline const char *in_dir(const char *dir, const char *name)
{
	static char paths[16][4096];
	static unsigned next;
	char *path = paths[next++ % COUNT(paths)];

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

static inline int exists(const char *dir, const char *name)
{
	struct stat st;
	return lstat(in_dir(dir, name), &st) == 0;
}

static inline int write_file(const char *path, const void *data, size_t size)
{
	FILE *file = fopen(path, "wb");
	size_t written = file ? fwrite(data, 1, size, file) : 0;

	if (file && fclose(file))
		return -1;
	return file && written == size ? 0 : -1;
}

static inline int write_text(const char *dir, const char *name, const char *text)
{
	return write_file(in_dir(dir, name), text, strlen(text));
}

/* The bytes of a file, with a NUL behind them; the caller frees them. NULL if there is none. */
static inline char *read_file(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	char *data;
	long length;
	size_t got;

	if (!file)
		return NULL;
	fseek(file, 0, SEEK_END);
	length = ftell(file);
	rewind(file);
	data = malloc((size_t)length + 1);
	got = fread(data, 1, (size_t)length, file);
	data[got] = 0;
	fclose(file);
	if (size)
		*size = got;
	return data;
}

/* Number of entries of a folder whose names contain `part` ("" for all). */
static inline int entries_with(const char *dir, const char *part)
{
	DIR *folder = opendir(dir);
	struct dirent *entry;
	int count = 0;

	if (!folder)
		return -1;
	while ((entry = readdir(folder)) != NULL)
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
		    strstr(entry->d_name, part))
			count++;
	closedir(folder);
	return count;
}

/* Number of tables that tables.list names; 0 if there is no list. */
static inline int listed_tables(const char *dir)
{
	char *list = read_file(in_dir(dir, "tables.list"), NULL);
	char *line = list ? strtok(list, "\n") : NULL;
	int count = 0;

	for (; line; line = strtok(NULL, "\n"))
		count++;
	free(list);
	return count;
}

/* The name of table `number` (from 0) of the list; "" if there is none. */
static inline const char *listed_table(const char *dir, int number)
{
	static char name[256];
	char *list = read_file(in_dir(dir, "tables.list"), NULL);
	char *line = list ? strtok(list, "\n") : NULL;

	while (line && number-- > 0)
		line = strtok(NULL, "\n");
	snprintf(name, sizeof(name), "%s", line ? line : "");
	free(list);
	return name;
}

/* True if the folder holds nothing but the list and the tables that it names. */
static inline int is_tidy(const char *dir)
{
	int tables = listed_tables(dir);
	int i;

	for (i = 0; i < tables; i++)
		if (!exists(dir, listed_table(dir, i)))
			return 0;
	return entries_with(dir, "") == tables + (exists(dir, "tables.list") ? 1 : 0);
}

/* Number of file descriptors that are open in this process. */
static inline int open_descriptors(void)
{
	int fd, count = 0;

	for (fd = 0; fd < 256; fd++)
		if (fcntl(fd, F_GETFD) != -1)
			count++;
	return count;
}

#endif
