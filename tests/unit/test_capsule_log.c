/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "base/mem.h"
#include "base/str.h"
#include "scratch.h"
#include "supervisor/log.h"

/* A capsule's log: what was written comes out again, rotated, followed, cut off or not. */

static struct nvb_log_writer *open_writer(uint64_t max_size, uint32_t max_files)
{
	const struct nvb_log_options options = {.max_size = max_size, .max_files = max_files};
	struct nvb_log_writer *writer = NULL;

	assert_int_equal(nvb_log_writer_open(scratch_path("log"), NULL, &options, &writer, NULL), 0);
	return writer;
}

static struct nvb_log_reader *open_reader(void)
{
	struct nvb_log_reader *reader = NULL;

	assert_int_equal(nvb_log_reader_open(scratch_path("log"), &reader, NULL), 0);
	return reader;
}

static void say(struct nvb_log_writer *writer, const char *text)
{
	nvb_log_write(writer, NVB_LOG_STDOUT, text, strlen(text));
}

/* All that a reader gives, newlines included; system records in brackets. */
static char *drain(struct nvb_log_reader *reader, bool final)
{
	struct nvb_strbuf out = {0};
	struct nvb_log_record record;
	int rc;

	while ((rc = nvb_log_reader_next(reader, final, &record, NULL)) == 1) {
		if (record.stream == NVB_LOG_SYSTEM)
			nvb_sb_addc(&out, '[');
		nvb_sb_addn(&out, record.text, record.size);
		if (record.stream == NVB_LOG_SYSTEM)
			nvb_sb_addc(&out, ']');
		if (record.ends_line)
			nvb_sb_addc(&out, '\n');
	}
	assert_int_equal(rc, 0);
	nvb_sb_add(&out, "");
	return nvb_sb_finish(&out);
}

static void assert_log(const char *expected)
{
	struct nvb_log_reader *reader = open_reader();
	_cleanup_free_ char *all = drain(reader, true);

	assert_string_equal(all, expected);
	nvb_log_reader_close(reader);
}

static void assert_tail(uint64_t lines, const char *expected)
{
	struct nvb_log_reader *reader = open_reader();
	_cleanup_free_ char *all = NULL;

	assert_int_equal(nvb_log_reader_tail(reader, lines, NULL), 0);
	all = drain(reader, true);
	assert_string_equal(all, expected);
	nvb_log_reader_close(reader);
}

static void bytes_are_kept(void **state)
{
	static const char binary[] = "\x00\xff\r\x1b[0m\x80";
	struct nvb_log_writer *writer = open_writer(UINT64_MAX, 1);
	struct nvb_log_reader *reader = open_reader();
	struct nvb_log_record record;

	(void)state;
	nvb_log_write(writer, NVB_LOG_STDERR, binary, sizeof(binary) - 1);
	nvb_log_write(writer, NVB_LOG_STDERR, "\n", 1);
	assert_int_equal(nvb_log_reader_next(reader, false, &record, NULL), 1);
	assert_int_equal(record.stream, NVB_LOG_STDERR);
	assert_false(record.ends_line);
	assert_int_equal(record.size, sizeof(binary) - 1);
	assert_memory_equal(record.text, binary, sizeof(binary) - 1);
	assert_int_equal(nvb_log_reader_next(reader, false, &record, NULL), 1);
	assert_true(record.ends_line);
	assert_int_equal(record.size, 0);
	assert_true(labs(record.time.tv_sec - time(NULL)) < 100);
	assert_int_equal(nvb_log_reader_next(reader, false, &record, NULL), 0);
	nvb_log_reader_close(reader);
	nvb_log_writer_close(writer);
}

static void long_lines_are_parts(void **state)
{
	enum { SIZE = 3 * NVB_LOG_RECORD_TEXT + 5 };
	struct nvb_log_writer *writer = open_writer(20000, 100);
	char *line = malloc(SIZE + 2);

	(void)state;
	memset(line, 'x', SIZE);
	memcpy(line + SIZE, "\n", 2);
	say(writer, line);
	nvb_log_writer_close(writer);
	assert_log(line);
	free(line);
}

static void tail_counts_lines(void **state)
{
	struct nvb_log_writer *writer = open_writer(NVB_LOG_LEAST, 1000);
	char line[32];

	(void)state;
	assert_tail(5, "");
	for (int i = 0; i < 1000; i++) {
		snprintf(line, sizeof(line), "line %d\n", i);
		say(writer, line);
	}
	assert_tail(0, "");
	assert_tail(1, "line 999\n");
	assert_tail(3, "line 997\nline 998\nline 999\n");
	say(writer, "pro");
	say(writer, "mpt");
	assert_tail(1, "prompt");
	assert_tail(2, "line 999\nprompt");
	say(writer, "\n");
	assert_tail(2, "line 999\nprompt\n");
	nvb_log_writer_close(writer);
	/* Over many files. */
	for (uint64_t n = 50; n < 500; n += 50) {
		struct nvb_log_reader *reader = open_reader();
		_cleanup_free_ char *all = NULL;
		char first[32];

		assert_int_equal(nvb_log_reader_tail(reader, n + 1, NULL), 0);
		all = drain(reader, true);
		snprintf(first, sizeof(first), "line %d\n", 1000 - (int)n);
		assert_non_null(nvb_after(all, first));
		nvb_log_reader_close(reader);
	}
}

static void append_raw(const char *name, const char *text)
{
	int fd = openat(scratch.fd, name, O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(nvb_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static void warn(struct nvb_log_writer *writer, const char *text)
{
	nvb_log_write(writer, NVB_LOG_STDERR, text, strlen(text));
}

/* Streams that take turns in the middle of lines: a line that is shown is whole, and no other is. */
static void tail_of_interleaved_lines(void **state)
{
	static const char *const expected[] = {"", "abcdef\n", "abcdx1\nef\n", "old\nabcdx1\nef\n",
		"first\nold\nabcdx1\nef\n", "first\nold\nabcdx1\nef\n"};
	struct nvb_log_writer *writer = open_writer(UINT64_MAX, 1);

	(void)state;
	say(writer, "first\n");
	say(writer, "old\n");
	say(writer, "ab");
	say(writer, "cd");
	warn(writer, "x");
	warn(writer, "1\n");
	say(writer, "ef\n");
	nvb_log_writer_close(writer);
	for (size_t i = 0; i < NVB_ELEMENTS(expected); i++) {
		struct nvb_log_reader *reader = open_reader();
		_cleanup_free_ char *text = NULL;

		assert_int_equal(nvb_log_reader_tail(reader, i, NULL), 0);
		text = drain(reader, true);
		assert_string_equal(text, expected[i]);
		nvb_log_reader_close(reader);
	}
}

static void cut_lines_end(void **state)
{
	struct nvb_log_writer *writer = open_writer(UINT64_MAX, 1);

	(void)state;
	say(writer, "whole\n");
	nvb_log_writer_close(writer);
	append_raw("log/00000001.log", "2026-11-22T21:32:10.123456789Z stdout F half a li");
	assert_log("whole\nhalf a li\n");
	writer = open_writer(UINT64_MAX, 1);
	assert_log("whole\nhalf a li\n");
	say(writer, "next\n");
	nvb_log_writer_close(writer);
	assert_log("whole\nhalf a li\nnext\n");
	/* Where only a part of the prefix was written, there is nothing of the program's in it. */
	append_raw("log/00000001.log", "2026-11-22T21:32:10.12345");
	assert_log("whole\nhalf a li\nnext\n");
	writer = open_writer(UINT64_MAX, 1);
	say(writer, "last\n");
	nvb_log_writer_close(writer);
	assert_log("whole\nhalf a li\nnext\nlast\n");
}

static void one_writer(void **state)
{
	const struct nvb_log_options options = {.max_size = UINT64_MAX, .max_files = 1};
	struct nvb_log_writer *writer = open_writer(UINT64_MAX, 1), *second = NULL;

	(void)state;
	assert_int_equal(
		nvb_log_writer_open(scratch_path("log"), NULL, &options, &second, NULL), -NVB_ERR_BUSY);
	nvb_log_writer_close(writer);
	writer = open_writer(UINT64_MAX, 1);
	nvb_log_writer_close(writer);
}

enum { LINES = 200000 };

static void write_lines(void)
{
	struct nvb_log_writer *writer = open_writer(65536, 3);
	char chunk[8000];
	size_t used = 0;

	/* As a pipe gives them: in pieces that end anywhere. */
	for (int i = 0; i < LINES; i++) {
		used += (size_t)snprintf(chunk + used, sizeof(chunk) - used, "this is line %d\n", i);
		if (used > 7000 || i == LINES - 1) {
			size_t part = used - (size_t)i % 9;

			nvb_log_write(writer, NVB_LOG_STDOUT, chunk, part);
			memmove(chunk, chunk + part, used - part);
			used -= part;
		}
	}
	nvb_log_write(writer, NVB_LOG_STDOUT, chunk, used);
	nvb_log_writer_close(writer);
}

/* Takes records until there are none now; the lines must go on from *next. */
static void take_lines(struct nvb_log_reader *reader, int *next, char line[static 64], size_t *used)
{
	struct nvb_log_record record;
	char expected[64];
	int rc;

	while ((rc = nvb_log_reader_next(reader, false, &record, NULL)) == 1) {
		assert_true(*used + record.size < 63);
		memcpy(line + *used, record.text, record.size);
		*used += record.size;
		if (!record.ends_line)
			continue;
		line[*used] = '\0';
		snprintf(expected, sizeof(expected), "this is line %d", (*next)++);
		assert_string_equal(line, expected);
		*used = 0;
	}
	assert_int_equal(rc, 0);
}

/* A follower gets every line once and in order while far more is rotated away than is kept. */
static void followers_miss_nothing(void **state)
{
	struct nvb_log_writer *writer = open_writer(65536, 3);
	struct nvb_log_reader *reader = open_reader();
	char line[64];
	size_t used = 0;
	int next = 0, status = 0;
	pid_t pid;

	(void)state;
	nvb_log_writer_close(writer);
	/* From here on it holds the first file. */
	take_lines(reader, &next, line, &used);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		write_lines();
		_exit(0);
	}
	while (waitpid(pid, &status, WNOHANG) == 0)
		take_lines(reader, &next, line, &used);
	take_lines(reader, &next, line, &used);
	assert_int_equal(status, 0);
	assert_int_equal(next, LINES);
	assert_int_equal(nvb_log_reader_missed(reader).files, 0);
	assert_int_equal(nvb_log_reader_missed(reader).lines, 0);
	nvb_log_reader_close(reader);
}

static unsigned count_files(void)
{
	_cleanup_closedir_ DIR *dir = opendir(scratch_path("log"));
	unsigned count = 0;

	for (const struct dirent *entry; (entry = readdir(dir));)
		count += entry->d_name[0] != '.';
	return count;
}

static void no_more_files_are_kept(void **state)
{
	struct nvb_log_reader *reader;
	char line[64];
	size_t used = 0;
	int next;

	(void)state;
	write_lines();
	assert_int_equal(count_files(), 3);
	reader = open_reader();
	assert_int_equal(nvb_log_reader_tail(reader, 1000, NULL), 0);
	next = LINES - 1000;
	take_lines(reader, &next, line, &used);
	assert_int_equal(next, LINES);
	nvb_log_reader_close(reader);
}

/* One who was left behind is told. */
static void gaps_are_counted(void **state)
{
	struct nvb_log_writer *writer = open_writer(NVB_LOG_LEAST, 2);
	struct nvb_log_reader *reader = open_reader();
	_cleanup_free_ char *seen = NULL;

	(void)state;
	say(writer, "first\n");
	seen = drain(reader, false);
	assert_string_equal(seen, "first\n");
	nvb_log_writer_close(writer);
	/* Somebody cleans up by hand. */
	assert_int_equal(unlinkat(scratch.fd, "log/00000001.log", 0), 0);
	scratch_write("log/00000004.log", "2026-11-22T21:32:10.123456789Z stdout F fourth\nrubbish\n");
	free(NVB_TAKE_PTR(seen));
	seen = drain(reader, false);
	assert_string_equal(seen, "fourth\n");
	assert_int_equal(nvb_log_reader_missed(reader).files, 2);
	assert_int_equal(nvb_log_reader_missed(reader).lines, 1);
	nvb_log_reader_close(reader);
}

static void write_with_full_disk(void)
{
	struct rlimit limit = {.rlim_cur = 300, .rlim_max = RLIM_INFINITY};
	struct nvb_log_writer *writer = open_writer(UINT64_MAX, 1);
	char long_line[400];

	memset(long_line, 'l', sizeof(long_line) - 1);
	long_line[sizeof(long_line) - 1] = '\n';
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = 300;
	setrlimit(RLIMIT_FSIZE, &limit);
	say(writer, "fits\n");
	nvb_log_write(writer, NVB_LOG_STDOUT, long_line, sizeof(long_line));
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_FSIZE, &limit);
	say(writer, "fits again\n");
	nvb_log_writer_close(writer);
}

/* What a full disk swallowed is confessed; nothing is cut. */
static void losses_are_told(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		write_with_full_disk();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_log("fits\n[399 bytes of output are missing here: File too large]\nfits again\n");
}

static void options(void **state)
{
	static const char *const bad[] = {"", "max-size", "=1", "max-size=", "max-size=12", "max-size=x",
		"max-file=0", "max-file=-1", "max-file=1000000", "max-sise=10m", "compress=true"};
	struct nvb_log_options options;

	(void)state;
	nvb_log_options_init(&options);
	assert_int_equal(nvb_log_options_add(&options, "max-size=64k", NULL), 0);
	assert_int_equal(options.max_size, 65536);
	assert_int_equal(nvb_log_options_add(&options, "max-size=-1", NULL), 0);
	assert_true(options.max_size == UINT64_MAX);
	assert_int_equal(nvb_log_options_add(&options, "max-file=7", NULL), 0);
	assert_int_equal(options.max_files, 7);
	for (size_t i = 0; i < NVB_ELEMENTS(bad); i++) {
		_cleanup_error_ nvb_error *err = NULL;

		assert_int_equal(nvb_log_options_add(&options, bad[i], &err), -NVB_ERR_INVALID);
		assert_non_null(err);
	}
	assert_int_equal(options.max_files, 7);
}

static void moments(void **state)
{
	static const struct {
		const char *text;
		time_t seconds;
		long nanoseconds;
	} good[] = {
		{"1763847123", 1763847123, 0},
		{"1763847123.25", 1763847123, 250000000},
		{"2026-11-22T21:32:10Z", 1795383130, 0},
		{"2026-11-22t22:32:10.5+01:00", 1795383130, 500000000},
		{"2026-11-22 20:02-01:30", 1795383120, 0},
		{"2026-11-22", 1795305600, 0},
		{"10m", 1999999400, 7},
		{"1.5s", 1999999998, 500000007},
	};
	static const char *const bad[] = {"", "yesterday", "2026-13-01", "2026-11-22T", "2026-11-22T25:00",
		"2026-11-22T21:32:10X", "2026-11-22T21:32:10+1", "1763847123.", "-5m"};
	const struct timespec now = {.tv_sec = 2000000000, .tv_nsec = 7};
	struct timespec out;

	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	for (size_t i = 0; i < NVB_ELEMENTS(good); i++) {
		assert_int_equal(nvb_log_parse_time(good[i].text, "--since", now, &out, NULL), 0);
		assert_int_equal(out.tv_sec, good[i].seconds);
		assert_int_equal(out.tv_nsec, good[i].nanoseconds);
	}
	for (size_t i = 0; i < NVB_ELEMENTS(bad); i++) {
		_cleanup_error_ nvb_error *err = NULL;

		assert_int_equal(nvb_log_parse_time(bad[i], "--since", now, &out, &err), -NVB_ERR_INVALID);
		assert_non_null(strstr(nvb_error_message(err), "--since"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(bytes_are_kept),
		scratch_test(long_lines_are_parts),
		scratch_test(tail_counts_lines),
		scratch_test(cut_lines_end),
		scratch_test(one_writer),
		scratch_test(followers_miss_nothing),
		scratch_test(no_more_files_are_kept),
		scratch_test(gaps_are_counted),
		scratch_test(losses_are_told),
		cmocka_unit_test(options),
		cmocka_unit_test(moments),
		scratch_test(tail_of_interleaved_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
