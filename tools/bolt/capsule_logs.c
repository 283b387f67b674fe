/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "capsule/locate.h"
#include "cli/output.h"
#include "host.h"
#include "supervisor/foreground.h"
#include "supervisor/log.h"
#include "supervisor/supervisor.h"
#include "verbs.h"

/* bolt capsule logs: what a detached capsule printed. */

static struct {
	bool follow, timestamps;
	const char *tail, *since, *until;
} opt;

static const struct nvb_option logs_options[] = {
	{"follow", 'f', NVB_OPTION_FLAG(&opt.follow), "go on until the capsule ends"},
	{"tail", 'n', NVB_OPTION_STRING("LINES", &opt.tail), "begin with the last lines (all)"},
	{"since", 0, NVB_OPTION_STRING("TIME", &opt.since),
		"begin there: 10m ago, 2026-11-22T21:30:00, or seconds since 1970"},
	{"until", 0, NVB_OPTION_STRING("TIME", &opt.until), "end there"},
	{"timestamps", 't', NVB_OPTION_FLAG(&opt.timestamps), "put its time before every line"},
	{NULL},
};
const struct nvb_option_group capsule_logs_groups[] = {{"Options", logs_options}, {NULL}};

enum { BUFFER = 64 * 1024 };

struct printer {
	struct timespec since, until;
	bool has_since, has_until;
	bool past;		       /* a record from behind `until` was seen */
	bool in_line[NVB_LOG_STREAMS]; /* a line was begun there and has not ended */
	int fd;			       /* of what is in the buffer */
	size_t used;
	char buffer[BUFFER];
};

static int flush(struct printer *p, nvb_error **err)
{
	int rc = nvb_write_all(p->fd, p->buffer, p->used);

	p->used = 0;
	return rc < 0 ? nvb_fail_errno(err, -rc, "writing the log") : 0;
}

static int put(struct printer *p, const char *text, size_t size, nvb_error **err)
{
	int rc = p->used + size > BUFFER ? flush(p, err) : 0;

	/* No record is larger than the buffer. */
	if (rc == 0) {
		memcpy(p->buffer + p->used, text, size);
		p->used += size;
	}
	return rc;
}

static bool is_before(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

static int print_start(struct printer *p, const struct nvb_log_record *record, nvb_error **err)
{
	char time[NVB_LOG_TIME];
	int rc = 0;

	if (opt.timestamps) {
		nvb_log_format_time(record->time, time);
		time[NVB_LOG_TIME - 1] = ' ';
		rc = put(p, time, NVB_LOG_TIME, err);
	}
	if (rc == 0 && record->stream == NVB_LOG_SYSTEM)
		rc = put(p, "bolt: ", 6, err);
	return rc;
}

static int print_record(struct printer *p, const struct nvb_log_record *record, nvb_error **err)
{
	int fd = record->stream == NVB_LOG_STDOUT ? STDOUT_FILENO : STDERR_FILENO, rc = 0;

	if (p->has_since && is_before(record->time, p->since))
		return 0;
	if (p->has_until && is_before(p->until, record->time)) {
		p->past = true;
		return 0;
	}
	if (fd != p->fd)
		rc = flush(p, err);
	p->fd = fd;
	if (rc == 0 && !p->in_line[record->stream])
		rc = print_start(p, record, err);
	if (rc == 0)
		rc = put(p, record->text, record->size, err);
	if (rc == 0 && record->ends_line)
		rc = put(p, "\n", 1, err);
	p->in_line[record->stream] = !record->ends_line;
	return rc;
}

/* Everything there is now. */
static int print_all(struct printer *p, struct nvb_log_reader *reader, bool final, nvb_error **err)
{
	struct nvb_log_record record;
	int rc;

	while (!p->past && (rc = nvb_log_reader_next(reader, final, &record, err)) > 0) {
		rc = print_record(p, &record, err);
		if (rc < 0)
			return rc;
	}
	if (!p->past && rc < 0)
		return rc;
	return flush(p, err);
}

/* Milliseconds until `until`, at most `most`. */
static int time_left(const struct printer *p, int most)
{
	struct timespec now;
	int64_t left;

	if (!p->has_until)
		return most;
	clock_gettime(CLOCK_REALTIME, &now);
	left = (int64_t)(p->until.tv_sec - now.tv_sec) * 1000 + (p->until.tv_nsec - now.tv_nsec) / 1000000 +
	       1;
	return left < 0 ? 0 : left < most ? (int)left : most;
}

/*
 * Waits until something has changed. Files in the log's directory and in the capsule's own, which says
 * whether it runs, are watched; where no watch is to be had (there are few per user) a look now and then must
 * do.
 */
static void wait_for_change(int watch, const struct printer *p)
{
	enum { NOW_AND_THEN = 200, RARELY = 5000 };
	char events[4096];
	struct pollfd fd = {.fd = watch, .events = POLLIN};

	poll(&fd, watch >= 0, time_left(p, watch >= 0 ? RARELY : NOW_AND_THEN));
	if (watch >= 0 && read(watch, events, sizeof(events)) < 0 && errno != EAGAIN && errno != EINTR)
		time_left(p, 0);
}

static int open_watch(const struct nvb_located *capsule)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (fd >= 0 &&
		(inotify_add_watch(fd, capsule->logs, IN_MODIFY | IN_CREATE) < 0 ||
			inotify_add_watch(fd, capsule->run,
				IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_DELETE) < 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int follow(
	struct printer *p, struct nvb_log_reader *reader, struct nvb_located *capsule, nvb_error **err)
{
	_cleanup_close_ int watch = open_watch(capsule);
	int rc = 0;

	while (rc == 0 && !p->past) {
		bool runs;

		/* First, so that what it wrote before its end is read after. */
		nvb_located_refresh(capsule);
		runs = capsule->init != 0 || nvb_located_is_kept(capsule);
		rc = print_all(p, reader, !runs, err);
		if (rc < 0 || !runs || (p->has_until && time_left(p, 1) == 0))
			break;
		wait_for_change(watch, p);
	}
	return rc;
}

static int read_options(struct printer *p, struct nvb_log_reader *reader, nvb_error **err)
{
	struct timespec now;
	uint64_t lines;
	int rc = 0;

	clock_gettime(CLOCK_REALTIME, &now);
	if (opt.since)
		rc = nvb_log_parse_time(opt.since, "--since", now, &p->since, err);
	if (rc == 0 && opt.until)
		rc = nvb_log_parse_time(opt.until, "--until", now, &p->until, err);
	p->has_since = opt.since;
	p->has_until = opt.until;
	if (rc < 0 || !opt.tail || nvb_streq(opt.tail, "all"))
		return rc;
	if (!nvb_parse_u64(opt.tail, &lines))
		return nvb_fail(
			err, NVB_ERR_INVALID, "--tail '%s': must be a number of lines, or all", opt.tail);
	return nvb_log_reader_tail(reader, lines, err);
}

static void report_missed(const struct nvb_log_reader *reader)
{
	struct nvb_log_missed missed = nvb_log_reader_missed(reader);

	if (missed.files)
		nvb_report_warning("bolt", "%" PRIu64 " files of the log were removed before they were read",
			missed.files);
	if (missed.lines)
		nvb_report_warning("bolt", "%" PRIu64 " lines of the log are damaged", missed.lines);
}

int capsule_logs(int argc, char **argv, nvb_error **err)
{
	_cleanup_state_ struct nvb_state state = {0};
	_cleanup_located_ struct nvb_located capsule = {0};
	static struct printer printer = {.fd = STDOUT_FILENO};
	struct nvb_log_reader *reader = NULL;
	pid_t keeper;
	int rc = nvb_state_open(&state, err);

	(void)argc;
	if (rc == 0)
		rc = nvb_locate(&state, argv[0], &capsule, err);
	if (rc == 0 && nvb_foreground_has(&state, capsule.id, &keeper))
		rc = nvb_foreground_refuse(capsule.id, keeper, "it prints there, and no log is kept", err);
	if (rc == 0)
		rc = nvb_log_reader_open(capsule.logs, &reader, err);
	/* What a killed supervisor has not written down another one does. */
	if (rc == 0 && nvb_supervisor_ensure(run_host(), &state, capsule.id, NULL) == 0)
		nvb_located_refresh(&capsule);
	if (rc == 0)
		rc = read_options(&printer, reader, err);
	if (rc == 0)
		rc = opt.follow ? follow(&printer, reader, &capsule, err)
				: print_all(&printer, reader, !capsule.init, err);
	if (reader)
		report_missed(reader);
	nvb_log_reader_close(reader);
	return rc;
}
