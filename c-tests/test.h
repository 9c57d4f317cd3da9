/*
 * A tiny test frame: named test functions, checks that are counted, one line at the end.
 *
 * Include this first (it chooses the C library's POSIX interface). A program is
 *
 *	static void nothing_is_found_in_an_empty_stack(void) { CHECK_INT(f(), 1); }
 *	int main(int argc, char **argv)
 *	{
 *		TESTS_BEGIN(argc, argv);
 *		RUN(nothing_is_found_in_an_empty_stack);
 *		return TESTS_END();
 *	}
 *
 * A failed check prints its place and goes on. Arguments choose tests by parts of their names.
 * The exit status is 0 only if at least one check ran and none failed.
 */
#ifndef TEST_H
#define TEST_H

#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 700
#endif

#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
	const char *program;
	const char *name; /* of the running test */
	char **chosen;
	int tests;
	long checks;
	long failures;
} test_state;

/* Also clears the way for programs that use a scratch folder, see scratch.h. */
static void (*test_cleanup)(void);

static inline void test_failed(const char *file, int line, const char *what)
{
	test_state.failures++;
	fprintf(stderr, "%s:%d: %s: failed: %s\n", file, line, test_state.name, what);
}

static inline int test_check(int ok, const char *file, int line, const char *what)
{
	test_state.checks++;
	if (!ok)
		test_failed(file, line, what);
	return ok;
}

static inline int test_check_int(long long found, long long expected, const char *file, int line,
				 const char *what)
{
	test_state.checks++;
	if (found == expected)
		return 1;
	test_failed(file, line, what);
	fprintf(stderr, "    found %lld, expected %lld\n", found, expected);
	return 0;
}

static inline int test_check_str(const char *found, const char *expected, const char *file,
				 int line, const char *what)
{
	test_state.checks++;
	if (found == expected || (found && expected && !strcmp(found, expected)))
		return 1;
	test_failed(file, line, what);
	fprintf(stderr, "    found    %s\n    expected %s\n", found ? found : "NULL",
		expected ? expected : "NULL");
	return 0;
}

static inline int test_check_mem(const void *found, const void *expected, size_t size,
				 const char *file, int line, const char *what)
{
	test_state.checks++;
	if (found && expected && !memcmp(found, expected, size))
		return 1;
	test_failed(file, line, what);
	return 0;
}

/* Each is an expression that is true if the check passed. */
#define CHECK(condition) test_check(!!(condition), __FILE__, __LINE__, #condition)
#define CHECK_INT(found, expected)                                                              \
	test_check_int((long long)(found), (long long)(expected), __FILE__, __LINE__,           \
		       #found " == " #expected)
#define CHECK_STR(found, expected)                                                              \
	test_check_str((found), (expected), __FILE__, __LINE__, #found " is " #expected)
#define CHECK_MEM(found, expected, size)                                                        \
	test_check_mem((found), (expected), (size), __FILE__, __LINE__, #found " is " #expected)

/* For what the rest of a program cannot do without: stops the program. */
#define REQUIRE(condition)                                                                      \
	do {                                                                                    \
		if (!CHECK(condition)) {                                                        \
			if (test_cleanup)                                                       \
				test_cleanup();                                                 \
			exit(1);                                                                \
		}                                                                               \
	} while (0)

/* A crash or a hang names the test that was running. */
static void test_signal(int number)
{
	static const char text[] = ": signal in test ";
	ssize_t ignored = write(2, test_state.program, strlen(test_state.program));
	ignored = write(2, text, sizeof(text) - 1);
	ignored = write(2, test_state.name, strlen(test_state.name));
	ignored = write(2, "\n", 1);
	(void)ignored;
	signal(number, SIG_DFL);
	raise(number);
}

static inline void test_begin(int argc, char **argv, const char *file)
{
	const char *slash = strrchr(file, '/');
	test_state.program = slash ? slash + 1 : file;
	test_state.name = "start";
	test_state.chosen = argc > 1 ? argv + 1 : NULL;
	signal(SIGSEGV, test_signal);
	signal(SIGBUS, test_signal);
	signal(SIGABRT, test_signal);
	signal(SIGALRM, test_signal);
	alarm(1200);
}

static inline void test_run(void (*test)(void), const char *name)
{
	char **part = test_state.chosen;
	while (part && *part && !strstr(name, *part))
		part++;
	if (part && !*part)
		return;
	test_state.name = name;
	test_state.tests++;
	test();
}

static inline int test_end(void)
{
	test_state.name = "end";
	if (test_cleanup)
		test_cleanup();
	if (test_state.failures)
		fprintf(stderr, "%s: %ld of %ld checks FAILED\n", test_state.program,
			test_state.failures, test_state.checks);
	else
		printf("%s: %d tests, %ld checks passed\n", test_state.program, test_state.tests,
		       test_state.checks);
	return test_state.failures || !test_state.checks;
}

#define TESTS_BEGIN(argc, argv) test_begin((argc), (argv), __FILE__)
#define RUN(test) test_run((test), #test)
#define TESTS_END() test_end()

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/*
 * Runs `body` in a child process and returns its exit status, or 1000 + the signal that ended it.
 * The child's status is what `body` gives to exit(); if it returns, 0 or, after a failed check, 1.
 */
static inline int test_in_child(void (*body)(void *), void *arg)
{
	int status = 0;
	pid_t child;

	fflush(stdout);
	fflush(stderr);
	child = fork();
	if (child == 0) {
		long before = test_state.failures;
		body(arg);
		exit(test_state.failures != before);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

#endif
