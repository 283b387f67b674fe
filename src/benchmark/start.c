/* SPDX-License-Identifier: Apache-2.0 */
#include "benchmark/start.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/jscan.h"
#include "base/str.h"

/* --- what the container's program says --- */

/* The word behind `name` in a line of names and values; malloc'd, NULL when there is none. */
static char *word_behind(const char *line, const char *name)
{
	_cleanup_free_ char *copy = strndup(line, strcspn(line, "\r\n"));
	_cleanup_strv_ char **words = copy ? nvb_strv_split(copy, " ") : NULL;

	for (size_t i = 1; words && words[0] && words[i] && words[i + 1]; i += 2)
		if (nvb_streq(words[i], name))
			return strdup(words[i + 1]);
	return NULL;
}

static bool time_behind(const char *line, const char *name, uint64_t *time)
{
	_cleanup_free_ char *word = word_behind(line, name);

	return word && nvb_parse_u64(word, time) && *time;
}

int nvb_start_read_report(
	const char *output, bool gpu, const char *clock, struct nvb_start_times *times, nvb_error **err)
{
	const char *line = strstr(output, "nvbind-benchmark first ");
	_cleanup_free_ char *theirs = line ? word_behind(line, "clock") : NULL;
	uint64_t gpus = 0;

	if (!line || !time_behind(line, "first", &times->first) ||
		(gpu && (!time_behind(line, "begin", &times->gpu_begin) ||
				!time_behind(line, "end", &times->gpu_end) ||
				!time_behind(line, "gpus", &gpus))))
		return nvb_fail(err, NVB_ERR_CORRUPT, "the container's program did not say what it should");
	if (clock && *clock && (!theirs || !nvb_streq(theirs, clock)))
		return nvb_fail(err, NVB_ERR_UNSUPPORTED,
			"the container has a clock of its own (time namespace), which says nothing here");
	times->gpus = gpus > 100000 ? 100000 : (unsigned)gpus;
	return 0;
}

/* --- what bolt's log says --- */

struct message {
	uint64_t time; /* realtime, ns */
	char *text;
};

static uint64_t parse_time(const char *text)
{
	struct tm tm = {0};
	unsigned micro;
	time_t seconds;

	if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%6uZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
		    &tm.tm_min, &tm.tm_sec, &micro) != 7)
		return 0;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	seconds = timegm(&tm);
	return seconds <= 0 ? 0 : (uint64_t)seconds * 1000000000 + (uint64_t)micro * 1000;
}

static void read_message(const char *line, size_t size, struct message *message)
{
	_cleanup_jscan_ struct nvb_jscan js;
	struct nvb_json key, value;
	int rc;

	nvb_jscan_begin(&js, line, size);
	rc = nvb_jscan_enter(&js, NVB_JSON_OBJECT, NULL);
	while (rc == 0 && nvb_jscan_next(&js, &key, NULL) > 0) {
		_cleanup_free_ char *text = NULL;

		rc = nvb_jscan_value(&js, &value, NULL);
		if (rc < 0 || value.type != NVB_JSON_STRING || !(text = nvb_json_strdup(&value)))
			continue;
		if (nvb_json_equals(&key, "time", strlen("time"))) {
			message->time = parse_time(text);
		} else if (nvb_json_equals(&key, "message", strlen("message"))) {
			free(message->text);
			message->text = NVB_TAKE_PTR(text);
		}
	}
}

uint64_t nvb_start_read_log(const char *log, size_t size, uint64_t spawned)
{
	uint64_t planned = 0, bundle = 0, before = 0;

	for (const char *line = log, *end = log + size; line < end;) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		struct message message = {0, NULL};

		stop = stop ? stop : end;
		read_message(line, (size_t)(stop - line), &message);
		if (message.text && message.time > spawned && nvb_streq(message.text, "GPUs are planned"))
			planned = message.time - spawned;
		if (message.text && before && message.time > before &&
			nvb_streq(message.text, "the bundle is written"))
			bundle = message.time - before;
		before = message.time ? message.time : before;
		free(message.text);
		line = stop + 1;
	}
	return planned && bundle ? planned + bundle : 0;
}

/* --- one start --- */

static uint64_t realtime(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Of all that a failed command wrote: bolt's log would be its last line otherwise. */
static char *why(const struct nvb_command_result *result, bool own_log)
{
	struct message message = {0, NULL};
	_cleanup_free_ char *last = NULL;
	size_t size = result->message_size;
	const char *text = result->message;

	while (own_log && size) {
		size_t begin;

		while (size && text[size - 1] == '\n')
			size--;
		begin = size;
		while (begin && text[begin - 1] != '\n')
			begin--;
		if (memmem(text + begin, size - begin, "\"level\":\"error\"",
			    strlen("\"level\":\"error\""))) {
			read_message(text + begin, size - begin, &message);
			if (message.text)
				return message.text;
		}
		size = begin;
	}
	last = nvb_last_line(result->message, result->message_size);
	return last && *last ? NVB_TAKE_PTR(last) : nvb_last_line(result->output, result->output_size);
}

/* Until everybody has closed it: the container's processes hold its other end. */
static int read_to_end(
	const struct nvb_benchmark *benchmark, int fd, struct nvb_strbuf *text, nvb_error **err)
{
	enum { LIMIT = 60000 /* ms */, TEXT_MAX = 1 << 20 };
	struct pollfd fds[] = {{fd, POLLIN, 0}, {benchmark->cancel_fd, POLLIN, 0}};
	char buffer[4096];
	ssize_t got = 1;

	while (got > 0) {
		int ready = poll(fds, 2, LIMIT);

		if (ready > 0 && fds[1].revents)
			return nvb_fail(err, NVB_ERR_CANCELLED, "interrupted");
		if (ready == 0)
			return nvb_fail(err, NVB_ERR_SYSTEM, "the container does not end");
		got = read(fd, buffer, sizeof(buffer));
		if (got > 0 && text->len < TEXT_MAX)
			nvb_sb_addn(text, buffer, (size_t)got);
	}
	return got < 0 ? nvb_fail_errno(err, errno, "reading from the container") : 0;
}

/* One step, and what is left behind of a container where it fails. */
static int run_step(struct nvb_subject *subject, struct nvb_benchmark *benchmark, const char *const *argv,
	int output, struct nvb_command_result *result, nvb_error **err)
{
	struct nvb_command command = nvb_benchmark_command(benchmark, argv);

	command.namespace_fd = subject->namespace_fd;
	command.output = output;
	nvb_command_result_release(result);
	return nvb_command_run(&command, result, err);
}

/* As an engine does it: create, start, and delete when it has ended. */
static int run_steps(struct nvb_subject *subject, struct nvb_benchmark *benchmark,
	struct nvb_command_result *result, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};
	_cleanup_close_ int reader = -1, writer = -1;
	uint64_t spawned;
	int ends[2], rc;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return nvb_fail_errno(err, errno, "a pipe from the container");
	reader = ends[0];
	writer = ends[1];
	rc = run_step(subject, benchmark, subject->argv, writer, result, err);
	spawned = result->spawned;
	nvb_closep(&writer);
	writer = -1;
	if (rc == 0 && result->status == 0)
		rc = run_step(subject, benchmark, subject->start, -1, result, err);
	if (rc == 0 && result->status == 0)
		rc = read_to_end(benchmark, reader, &text, err);
	if (rc == 0 && result->status == 0)
		rc = run_step(subject, benchmark, subject->remove, -1, result, err);
	if (rc < 0 || result->status)
		return rc;
	nvb_sb_addn(&text, "", 1);
	free(result->output);
	result->output_size = text.len - 1;
	result->output = nvb_sb_finish(&text);
	result->spawned = spawned;
	return result->output ? 0 : nvb_fail_oom(err);
}

static int run_whole(struct nvb_subject *subject, struct nvb_benchmark *benchmark,
	struct nvb_command_result *result, nvb_error **err)
{
	return subject->start ? run_steps(subject, benchmark, result, err)
			      : run_step(subject, benchmark, subject->argv, -1, result, err);
}

int nvb_subject_start(struct nvb_subject *subject, struct nvb_benchmark *benchmark,
	struct nvb_start_times *times, nvb_error **err)
{
	_cleanup_command_result_ struct nvb_command_result result = {0};
	struct nvb_start_times read = {0};
	char clock[64] = "";
	uint64_t began;
	int rc;

	if (readlink("/proc/self/ns/time", clock, sizeof(clock) - 1) < 0)
		clock[0] = '\0';
	if (subject->file) {
		rc = nvb_file_write_unflushed(
			AT_FDCWD, subject->file, subject->text, strlen(subject->text), 0600, err);
		if (rc < 0)
			return rc;
	}
	if (benchmark->events)
		nvb_process_events_clear(benchmark->events);
	began = realtime();
	rc = run_whole(subject, benchmark, &result, err);
	if (rc < 0)
		return rc;
	if (result.status) {
		_cleanup_free_ char *line = why(&result, subject->own_log);

		return nvb_fail(err, NVB_ERR_SYSTEM, "the container was not run (status %d)%s%s",
			result.status, line && *line ? ": " : "", line ? line : "");
	}
	rc = nvb_start_read_report(result.output, subject->gpu, clock, &read, err);
	if (rc < 0)
		return rc;
	read.spawned = result.spawned;
	read.ended = result.ended;
	if (read.first < read.spawned || read.ended < read.first || read.gpu_end < read.gpu_begin ||
		(subject->gpu && (read.gpu_begin < read.first || read.gpu_end > read.ended)))
		return nvb_fail(err, NVB_ERR_CORRUPT, "the container's clock and ours do not agree");
	if (subject->own_log)
		read.planned = nvb_start_read_log(result.message, result.message_size, began);
	if (benchmark->events)
		rc = nvb_process_events_phases(
			benchmark->events, read.spawned, read.first, &read.phases, err);
	if (rc == 0)
		*times = read;
	return rc;
}
