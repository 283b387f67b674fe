/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "capsule/locate.h"
#include "cli/output.h"
#include "supervisor/log.h"
#include "surge_project.h"

/* What several capsules write, side by side: whole lines, each behind the name of its service. */

enum { LONGEST_LINE = 64 * 1024, NOW_AND_THEN = 100, RARELY = 500 };

struct source {
	const char *label;
	struct nvb_located capsule;
	struct nvb_log_reader *reader;
	struct nvb_strbuf line[NVB_LOG_STREAMS]; /* begun there, not at its end yet */
	unsigned colour;
	unsigned dead_looks;
	bool ended;
};

struct follower {
	const struct nvb_state *state;
	const struct surge_logs *logs;
	struct source *sources;
	size_t count;
	size_t width; /* of the widest label */
	bool colours;
	int watch;
};

/* The terminal's colours but black, white, and red, which means that something is wrong. */
static const char *const colours[] = {"\033[36m", "\033[33m", "\033[32m", "\033[35m", "\033[34m"};

static int print_line(const struct follower *f, struct source *source, enum nvb_log_stream stream,
	const struct nvb_log_record *record, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf out = {0};
	char time[NVB_LOG_TIME];
	int fd = stream == NVB_LOG_STDOUT ? STDOUT_FILENO : STDERR_FILENO, rc;

	if (!f->logs->no_prefix)
		nvb_sb_addf(&out, "%s%-*s |%s ", f->colours ? colours[source->colour] : "", (int)f->width,
			source->label, f->colours ? "\033[0m" : "");
	if (f->logs->timestamps) {
		nvb_log_format_time(record->time, time);
		nvb_sb_addf(&out, "%s ", time);
	}
	if (stream == NVB_LOG_SYSTEM)
		nvb_sb_add(&out, "bolt: ");
	nvb_sb_addn(&out, source->line[stream].s ? source->line[stream].s : "", source->line[stream].len);
	nvb_sb_addc(&out, '\n');
	nvb_sb_release(&source->line[stream]);
	if (out.failed)
		return nvb_fail_oom(err);
	rc = nvb_write_all(fd, out.s, out.len);
	return rc < 0 ? nvb_fail_errno(err, -rc, "writing the logs") : 0;
}

/* Its log is whole once the record says that it has ended: its first process may be gone before the last of
 * its output is written down. One that looks dead is looked at again (see nvb_up). */
static bool has_ended(const struct follower *f, struct source *source)
{
	enum { LOOKS = 4 };
	_cleanup_capsule_info_ struct nvb_capsule_info info = {0};

	if (nvb_capsule_info_of(f->state, source->capsule.id, &info, NULL) < 0)
		return true;
	if (info.state == NVB_CAPSULE_DEAD)
		return ++source->dead_looks >= LOOKS;
	source->dead_looks = 0;
	return !nvb_capsule_is_up(&info);
}

/* Everything that one has written since the last time. */
static int print_source(const struct follower *f, struct source *source, nvb_error **err)
{
	struct nvb_log_record record;
	int rc;

	/* Looked at first, so that what it wrote before its end is read after. */
	source->ended = has_ended(f, source);
	while ((rc = nvb_log_reader_next(source->reader, source->ended, &record, err)) > 0) {
		struct nvb_strbuf *line = &source->line[record.stream];

		nvb_sb_addn(line, record.text, record.size);
		if (record.ends_line || line->len > LONGEST_LINE)
			rc = print_line(f, source, record.stream, &record, err);
		if (rc < 0)
			return rc;
	}
	for (int s = 0; rc == 0 && source->ended && s < NVB_LOG_STREAMS; s++)
		if (source->line[s].len)
			rc = print_line(f, source, (enum nvb_log_stream)s, &record, err);
	return rc;
}

static int open_source(struct follower *f, const struct nvb_state *state,
	const struct nvb_project_capsule *capsule, const char *label, nvb_error **err)
{
	struct source *source = &f->sources[f->count];
	uint64_t lines;
	int rc = nvb_locate(state, capsule->info.id, &source->capsule, err);

	if (rc < 0)
		return rc;
	f->count++;
	source->label = label;
	rc = nvb_log_reader_open(source->capsule.logs, &source->reader, err);
	if (rc < 0 || !f->logs->tail || nvb_streq(f->logs->tail, "all"))
		return rc;
	if (!nvb_parse_u64(f->logs->tail, &lines))
		return nvb_fail(err, NVB_ERR_INVALID, "--tail '%s': must be a number of lines, or all",
			f->logs->tail);
	return nvb_log_reader_tail(source->reader, lines, err);
}

static void close_all(struct follower *f)
{
	for (size_t i = 0; i < f->count; i++) {
		for (int s = 0; s < NVB_LOG_STREAMS; s++)
			nvb_sb_release(&f->sources[i].line[s]);
		nvb_log_reader_close(f->sources[i].reader);
		nvb_located_release(&f->sources[i].capsule);
	}
	free(f->sources);
	if (f->watch >= 0)
		close(f->watch);
}

/* Where no watch is to be had (there are few per user) a look now and then must do. */
static void open_watch(struct follower *f)
{
	f->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	for (size_t i = 0; f->watch >= 0 && i < f->count; i++)
		if (inotify_add_watch(f->watch, f->sources[i].capsule.logs, IN_MODIFY | IN_CREATE) < 0 ||
			inotify_add_watch(f->watch, f->sources[i].capsule.run,
				IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE | IN_DELETE_SELF) < 0) {
			close(f->watch);
			f->watch = -1;
		}
}

/* 1: a signal came. */
static int wait_for_change(struct follower *f)
{
	struct pollfd fds[] = {
		{.fd = f->watch, .events = POLLIN}, {.fd = f->logs->signals, .events = POLLIN}};
	char events[4096];

	if (poll(fds, NVB_ELEMENTS(fds), f->watch >= 0 ? RARELY : NOW_AND_THEN) <= 0)
		return 0;
	while (fds[0].revents && read(f->watch, events, sizeof(events)) > 0)
		;
	return fds[1].revents != 0;
}

static bool all_ended(const struct follower *f)
{
	for (size_t i = 0; i < f->count; i++)
		if (!f->sources[i].ended)
			return false;
	return true;
}

static int run(struct follower *f, nvb_error **err)
{
	int rc = 0;

	if (f->logs->follow)
		open_watch(f);
	for (;;) {
		for (size_t i = 0; rc == 0 && i < f->count; i++)
			rc = print_source(f, &f->sources[i], err);
		if (rc < 0 || !f->logs->follow || all_ended(f) || wait_for_change(f))
			return rc;
	}
}

int surge_print_logs(const struct surge *surge, const struct nvb_project_capsules *capsules,
	const bool *which, const struct surge_logs *logs, nvb_error **err)
{
	struct follower f = {
		.state = &surge->state, .logs = logs, .watch = -1, .colours = nvb_colour(stdout)};
	struct nvb_arena labels = {0};
	int rc = 0;

	f.sources = calloc(capsules->count + 1, sizeof(*f.sources));
	if (!f.sources)
		return nvb_fail_oom(err);
	for (size_t i = 0; rc == 0 && i < capsules->count; i++) {
		const struct nvb_project_capsule *capsule = &capsules->list[i];
		const struct nvb_service *service = nvb_boltfile_service(&surge->file, capsule->service);
		const char *label = capsule->service;

		if (!which[i])
			continue;
		if (service && nvb_service_replicas(service) > 1)
			label = nvb_arena_printf(&labels, "%s-%u", capsule->service, capsule->number);
		rc = label ? open_source(&f, &surge->state, capsule, label, err) : nvb_fail_oom(err);
		if (rc < 0)
			break;
		f.sources[f.count - 1].colour = (unsigned)((f.count - 1) % NVB_ELEMENTS(colours));
		if (strlen(label) > f.width)
			f.width = strlen(label);
	}
	if (rc == 0)
		rc = run(&f, err);
	close_all(&f);
	nvb_arena_release(&labels);
	return rc;
}
