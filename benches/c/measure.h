/* Time, bytes and memory of a workload, and the line that reports them. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "library.h"

/* Around what is measured. Of several laps the least counts. */
void start_lap(void);
void stop_lap(void);

/*
 * Prints workload, operations of a lap, CPU and wall nanoseconds of a lap, bytes written, largest
 * memory and memory on the heap in KiB, records, and their sum.
 */
void report(const char *workload, uint64_t operations, uint64_t bytes, const struct found *found);

/* The line of a workload that the library does not offer. */
void report_missing(const char *workload);

/* Bytes that this process has written so far, and the size of all files of a folder. */
uint64_t bytes_written(void);
uint64_t folder_size(const char *dir);

/* Makes an empty folder, or a copy of another; removes it. Tables are linked, not copied. */
void make_folder(const char *dir);
void copy_folder(const char *from, const char *to);
void remove_folder(const char *dir);

/* `dir` and `leaf` with a slash between them; kept for ever. */
const char *join(const char *dir, const char *leaf);

void fail(const char *what);

#endif
