/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "base/str.h"
#include "scratch.h"
#include "supervisor/log.h"

/* Output on its way from a pipe to the log, while who carries it is killed. */

static char log_path[sizeof(scratch.path) + 16], spool_path[sizeof(scratch.path) + 16];

static int setup(void **state)
{
	if (scratch_make(state) < 0)
		return -1;
	snprintf(log_path, sizeof(log_path), "%s/log", scratch.path);
	snprintf(spool_path, sizeof(spool_path), "%s/spool", scratch.path);
	return 0;
}

static char *read_log(void)
{
	struct nvb_strbuf out = {0};
	struct nvb_log_reader *reader;
	struct nvb_log_record record;
	int rc;

	assert_int_equal(nvb_log_reader_open(log_path, &reader, NULL), 0);
	while ((rc = nvb_log_reader_next(reader, true, &record, NULL)) == 1) {
		nvb_sb_addn(&out, record.text, record.size);
		if (record.ends_line)
			nvb_sb_addc(&out, '\n');
	}
	assert_int_equal(rc, 0);
	assert_int_equal(nvb_log_reader_missed(reader).lines, 0);
	nvb_log_reader_close(reader);
	nvb_sb_add(&out, "");
	return nvb_sb_finish(&out);
}

/* A program that writes numbered lines into a pipe, some of them longer than a record. */
static pid_t begin_talking(int pipe, unsigned lines)
{
	pid_t pid = fork();

	if (pid == 0) {
		FILE *out = fdopen(pipe, "w");

		for (unsigned i = 1; out && i <= lines; i++)
			fprintf(out, "%u%*s\n", i, i % 500 == 0 ? 20000 : (int)(i % 90), "");
		_exit(!out || fclose(out) != 0);
	}
	assert_true(pid > 0);
	return pid;
}

/* Takes until the end; true when that was reached before somebody killed it. */
static void take_all(int pipe, const struct nvb_log_options *options, int at_end)
{
	static char piece[NVB_LOG_PIECE];
	struct nvb_log_writer *writer;
	ssize_t n = -EAGAIN;

	if (nvb_log_writer_open(log_path, spool_path, options, &writer, NULL) < 0)
		_exit(1);
	while (n > 0 || n == -EAGAIN || n == -EINTR)
		n = nvb_log_take(writer, NVB_LOG_STDOUT, pipe, piece);
	_exit(n < 0 || write(at_end, "", 1) != 1);
}

/* Kills one that takes after another, at any moment, until one comes to the end. */
static unsigned take_killed(int pipe, const struct nvb_log_options *options)
{
	unsigned kills = 0, seed = 7;
	int end[2];
	char byte;

	assert_int_equal(pipe2(end, O_NONBLOCK), 0);
	while (read(end[0], &byte, 1) != 1) {
		pid_t pid = fork();

		if (pid == 0)
			take_all(pipe, options, end[1]);
		assert_true(pid > 0);
		usleep((unsigned)rand_r(&seed) % 1500);
		kill(pid, SIGKILL);
		kills++;
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
	close(end[0]);
	close(end[1]);
	return kills;
}

static void assert_lines_once(unsigned lines)
{
	_cleanup_free_ char *all = read_log();
	char *save, *line = strtok_r(all, "\n", &save);

	for (unsigned i = 1; i <= lines; i++, line = strtok_r(NULL, "\n", &save)) {
		assert_non_null(line);
		assert_int_equal(strtoul(line, NULL, 10), i);
		assert_int_equal(
			strlen(line), snprintf(NULL, 0, "%u", i) + (i % 500 == 0 ? 20000 : (int)(i % 90)));
	}
	assert_null(line);
}

static void kill_takers(uint64_t max_size)
{
	enum { NUMBERS = 40000 };
	const struct nvb_log_options options = {.max_size = max_size, .max_files = NVB_LOG_FILES_MOST};
	int pipe[2];
	pid_t talker;

	assert_int_equal(pipe2(pipe, O_CLOEXEC), 0);
	assert_int_equal(fcntl(pipe[0], F_SETFL, O_NONBLOCK), 0);
	talker = begin_talking(pipe[1], NUMBERS);
	close(pipe[1]);
	assert_true(take_killed(pipe[0], &options) > 0);
	close(pipe[0]);
	assert_int_equal(waitpid(talker, NULL, 0), talker);
	assert_lines_once(NUMBERS);
}

static void one_killed_while_it_takes_loses_nothing_and_doubles_nothing(void **state)
{
	(void)state;
	kill_takers(UINT64_MAX);
}

static void nor_one_killed_while_it_rotates(void **state)
{
	(void)state;
	kill_takers(NVB_LOG_LEAST * 5);
}

static void a_spool_that_is_none_is_begun_anew(void **state)
{
	const struct nvb_log_options options = {.max_size = UINT64_MAX, .max_files = 1};
	static char piece[NVB_LOG_PIECE];
	_cleanup_free_ char *all = NULL;
	struct nvb_log_writer *writer;
	int pipe[2];

	(void)state;
	memset(piece, 0xff, sizeof(piece));
	scratch_write("spool", "rubbish");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pipe2(pipe, O_CLOEXEC | O_NONBLOCK), 0);
		assert_int_equal(nvb_log_writer_open(log_path, spool_path, &options, &writer, NULL), 0);
		assert_int_equal(write(pipe[1], "line\n", 5), 5);
		assert_int_equal(nvb_log_take(writer, NVB_LOG_STDOUT, pipe[0], piece), 5);
		assert_int_equal(nvb_log_take(writer, NVB_LOG_STDOUT, pipe[0], piece), -EAGAIN);
		close(pipe[1]);
		assert_int_equal(nvb_log_take(writer, NVB_LOG_STDOUT, pipe[0], piece), 0);
		close(pipe[0]);
		nvb_log_writer_close(writer);
		/* The second time: its notes lead behind what it holds. */
		memset(piece, 0xff, sizeof(piece));
		assert_int_equal(nvb_file_write(scratch.fd, "spool", piece, sizeof(piece), 0600, NULL), 0);
	}
	all = read_log();
	assert_string_equal(all, "line\nline\n");
}

#define spool_test(f) cmocka_unit_test_setup_teardown(f, setup, scratch_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		spool_test(one_killed_while_it_takes_loses_nothing_and_doubles_nothing),
		spool_test(nor_one_killed_while_it_rotates),
		spool_test(a_spool_that_is_none_is_begun_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
