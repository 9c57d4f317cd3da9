/*
 * The functions that an archive for git takes from its host, made of POSIX and counted. Include in
 * one file of a program, after test.h and scratch.h.
 *
 * Temporary files have no private pointer, as with hosts that need none; locks have one.
 */
#ifndef HOST_H
#define HOST_H

#include <errno.h>
#include <fcntl.h>
#include <time.h>

struct host_file {
	const char *path;
	int fd;
	void *priv;
};

/* What the library holds, and what it has asked for. */
static struct {
	int files;
	int locks;
	int syncs;
	long list_timeout_ms;
	long table_timeout_ms;
	/* Called when a temporary file is made, with the argument. */
	void (*when_made)(void *arg);
	void *arg;
	/* How many of the next removals fail. */
	int failing_removals;
} host;

enum { HOST_IO_ERROR = -2, HOST_LOCK_ERROR = -5 };

uint32_t reftable_rand(void)
{
	static uint32_t state = 1;

	return state = state * 1664525 + 1013904223;
}

uint64_t reftable_time_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int reftable_fsync(int fd)
{
	host.syncs++;
	return fsync(fd);
}

int tmpfile_from_pattern(struct host_file *out, const char *pattern)
{
	char *path = strdup(pattern);
	int fd = mkstemp(path);

	if (fd < 0) {
		free(path);
		return HOST_IO_ERROR;
	}
	host.files++;
	if (host.when_made)
		host.when_made(host.arg);
	out->path = path;
	out->fd = fd;
	return 0;
}

int tmpfile_close(struct host_file *file)
{
	int fd = file->fd;

	file->fd = -1;
	return fd < 0 ? 0 : close(fd);
}

static inline int host_remove(const char *path)
{
	if (host.failing_removals) {
		host.failing_removals--;
		errno = ESTALE;
		return -1;
	}
	return unlink(path);
}

/* Ends the file, whatever has become of its name. */
static inline int host_end(struct host_file *file, int result)
{
	tmpfile_close(file);
	free((char *)file->path);
	file->path = NULL;
	host.files--;
	return result ? HOST_IO_ERROR : 0;
}

int tmpfile_delete(struct host_file *file)
{
	return host_end(file, host_remove(file->path));
}

int tmpfile_rename(struct host_file *file, const char *path)
{
	return host_end(file, rename(file->path, path));
}

int flock_acquire(struct host_file *lock, const char *target, long timeout_ms)
{
	size_t size = strlen(target) + sizeof(".lock");
	char *path = malloc(size);

	if (strstr(target, "tables.list"))
		host.list_timeout_ms = timeout_ms;
	else
		host.table_timeout_ms = timeout_ms;
	snprintf(path, size, "%s.lock", target);
	lock->fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
	if (lock->fd < 0) {
		free(path);
		return errno == EEXIST ? HOST_LOCK_ERROR : HOST_IO_ERROR;
	}
	host.locks++;
	lock->path = path;
	lock->priv = strdup(target);
	return 0;
}

int flock_close(struct host_file *lock)
{
	return tmpfile_close(lock);
}

static inline int host_unlock(struct host_file *lock, int result)
{
	tmpfile_close(lock);
	free((char *)lock->path);
	free(lock->priv);
	lock->path = NULL;
	lock->priv = NULL;
	host.locks--;
	return result ? HOST_IO_ERROR : 0;
}

int flock_release(struct host_file *lock)
{
	return host_unlock(lock, host_remove(lock->path));
}

int flock_commit(struct host_file *lock)
{
	return host_unlock(lock, rename(lock->path, lock->priv));
}

#endif
