/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/str.h"
#include "boltfile/order.h"
#include "cli/output.h"
#include "surge_file.h"
#include "surge_project.h"
#include "verbs.h"

/* bolt surge up: the services of a Boltfile as capsules. In the foreground it prints what they print until
 * they have ended, or until ^C, which stops them. */

static struct {
	bool detach, recreate, no_deps, remove_orphans, no_prefix;
} opt;

static const struct nvb_option up_options[] = {
	{"detach", 'd', NVB_OPTION_FLAG(&opt.detach), "leave them running, and print nothing of theirs"},
	{"force-recreate", 0, NVB_OPTION_FLAG(&opt.recreate), "make capsules anew that have not changed"},
	{"no-deps", 0, NVB_OPTION_FLAG(&opt.no_deps), "not what the services named depend on"},
	{"remove-orphans", 0, NVB_OPTION_FLAG(&opt.remove_orphans),
		"remove capsules of services that are not in the file any more"},
	{"no-log-prefix", 0, NVB_OPTION_FLAG(&opt.no_prefix), "print the lines of the services alone"},
	{NULL},
};
const struct nvb_option_group surge_up_groups[] = {
	{"Options", up_options}, {"Boltfile", surge_file_options}, {NULL}};

static void say_changed(void *data, const struct nvb_job *job)
{
	static const char *const results[] = {[NVB_UP_UNCHANGED] = "runs, unchanged",
		[NVB_UP_STARTED] = "started",
		[NVB_UP_CREATED] = "created and started",
		[NVB_UP_RECREATED] = "made anew and started"};

	(void)data;
	if (job->state == NVB_JOB_DONE && job->result >= 0 && (size_t)job->result < NVB_ELEMENTS(results))
		surge_say(job->name, results[job->result], true);
	else if (job->state == NVB_JOB_FAILED)
		surge_say(job->name, "failed", false);
	else if (job->state == NVB_JOB_LEFT_OUT)
		surge_say(job->name, "left out", false);
}

/* Signals become readable: ^C and its like stop the services instead of this process alone. */
static int open_signals(nvb_error **err)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? nvb_fail_errno(err, errno, "signalfd") : fd;
}

static int take_signal(int fd)
{
	struct signalfd_siginfo info;

	return read(fd, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : 0;
}

struct interrupt {
	int fd, signal;
};

static int note_signal(void *data)
{
	struct interrupt *interrupt = data;

	interrupt->signal = take_signal(interrupt->fd);
	return interrupt->signal;
}

static int remove_orphans(const struct surge *surge, nvb_error **err)
{
	_cleanup_capsules_ struct nvb_project_capsules capsules = {0};
	_cleanup_free_ bool *which = NULL;
	int rc = nvb_project_capsules_read(&surge->state, &surge->file, &capsules, err);
	size_t orphans = 0;

	if (rc < 0)
		return rc;
	which = calloc(capsules.count + 1, sizeof(*which));
	if (!which)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < capsules.count; i++) {
		const struct nvb_service *service =
			nvb_boltfile_service(&surge->file, capsules.list[i].service);

		which[i] = !service || capsules.list[i].number > nvb_service_replicas(service);
		orphans += which[i];
		if (which[i] && !opt.remove_orphans)
			nvb_report_warning("bolt",
				"capsule %s is of service '%s', which the file does not have so (any more); "
				"--remove-orphans removes it",
				capsules.list[i].info.name, capsules.list[i].service);
	}
	if (!orphans || !opt.remove_orphans)
		return 0;
	return surge_work(surge, &capsules, which, NVB_PROJECT_REMOVE, -1, err);
}

static int end_at_signal(void *data)
{
	(void)data;
	return 1;
}

/* ^C: all that were to be brought up are stopped; another ^C kills them. */
static int stop_all(const struct surge *surge, const bool *wanted, int signals, nvb_error **err)
{
	_cleanup_capsules_ struct nvb_project_capsules capsules = {0};
	_cleanup_free_ bool *which = NULL;
	_cleanup_work_ struct nvb_project_work work = {0};
	int rc = nvb_project_capsules_read(&surge->state, &surge->file, &capsules, err);

	which = calloc(capsules.count + 1, sizeof(*which));
	if (rc == 0 && !which)
		rc = nvb_fail_oom(err);
	for (size_t i = 0; rc == 0 && i < capsules.count; i++) {
		const struct nvb_service *service =
			nvb_boltfile_service(&surge->file, capsules.list[i].service);

		which[i] = service && wanted[service - surge->file.services];
	}
	if (rc == 0)
		rc = nvb_project_work_prepare(
			&surge->project, &capsules, which, NVB_PROJECT_STOP, &work, err);
	if (rc < 0)
		return rc;
	fputs("stopping; ^C again kills\n", stderr);
	work.jobs.extra = signals;
	work.jobs.turn = end_at_signal;
	rc = nvb_jobs_run(&work.jobs, err);
	if (rc > 0)
		return surge_work(surge, &capsules, which, NVB_PROJECT_KILL, -1, err);
	return rc < 0 ? rc : surge_report_failed(&work.jobs, err);
}

static int choose(const struct surge *surge, int argc, char **argv, bool **wanted, nvb_error **err)
{
	bool *chosen = calloc(surge->file.service_count + 1, sizeof(*chosen));
	int rc;

	if (!chosen)
		return nvb_fail_oom(err);
	rc = nvb_boltfile_select(&surge->file, argv, (size_t)argc, !opt.no_deps, chosen, err);
	if (rc < 0) {
		free(chosen);
		return rc;
	}
	*wanted = chosen;
	return 0;
}

static int follow(const struct surge *surge, const bool *wanted, int signals, nvb_error **err)
{
	_cleanup_capsules_ struct nvb_project_capsules capsules = {0};
	_cleanup_free_ bool *which = NULL;
	const struct surge_logs logs = {.follow = true, .no_prefix = opt.no_prefix, .signals = signals};
	int rc = nvb_project_capsules_read(&surge->state, &surge->file, &capsules, err);

	which = calloc(capsules.count + 1, sizeof(*which));
	if (rc == 0 && !which)
		rc = nvb_fail_oom(err);
	for (size_t i = 0; rc == 0 && i < capsules.count; i++) {
		const struct nvb_service *service =
			nvb_boltfile_service(&surge->file, capsules.list[i].service);

		which[i] = service && wanted[service - surge->file.services];
	}
	return rc < 0 ? rc : surge_print_logs(surge, &capsules, which, &logs, err);
}

/* 128 + signal when one came. */
static int bring_up(const struct surge *surge, const bool *wanted, int signals, nvb_error **err)
{
	_cleanup_up_ struct nvb_up up = {0};
	struct interrupt interrupt = {.fd = signals};
	int rc = nvb_up_prepare(&surge->project, wanted, opt.recreate, &up, err);

	if (rc < 0)
		return rc;
	up.changed = say_changed;
	up.turn = note_signal;
	up.data = &interrupt;
	up.jobs.extra = signals;
	rc = nvb_jobs_run(&up.jobs, err);
	if (rc > 0)
		return 128 + interrupt.signal;
	return rc < 0 ? rc : surge_report_failed(&up.jobs, err);
}

int surge_up(int argc, char **argv, nvb_error **err)
{
	_cleanup_surge_ struct surge surge = {0};
	_cleanup_free_ bool *wanted = NULL;
	_cleanup_close_ int signals = -1;
	int rc = surge_open(&surge, false, err), stopped;

	if (rc == 0)
		rc = choose(&surge, argc, argv, &wanted, err);
	if (rc == 0)
		rc = surge_host_ready(&surge, wanted, err);
	if (rc == 0)
		rc = nvb_boltfile_check_services(
			&surge.file, &surge.project.define, surge.project.host->profiles, wanted, err);
	if (rc == 0)
		rc = remove_orphans(&surge, err);
	if (rc == 0)
		rc = nvb_project_make_parts(&surge.project, wanted, err);
	if (rc < 0)
		return rc;
	signals = open_signals(err);
	if (signals < 0)
		return signals;
	rc = bring_up(&surge, wanted, signals, err);
	if (rc < 0 || (rc == 0 && opt.detach))
		return rc;
	if (rc == 0)
		rc = follow(&surge, wanted, signals, err);
	if (rc < 0)
		return rc;
	stopped = take_signal(signals);
	if (!rc && !stopped)
		return 0;
	rc = rc ? rc : 128 + stopped;
	stopped = stop_all(&surge, wanted, signals, err);
	return stopped < 0 ? stopped : rc;
}
