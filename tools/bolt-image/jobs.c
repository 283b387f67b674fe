/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/str.h"
#include "bolt-image.h"
#include "cli/progress.h"

/*
 * Layers unpack in processes of their own: each changes its root directory, and several keep several
 * processors busy. A child reports on a pipe, a line at a time: "p BYTES" while it reads, then "d DIGEST
 * SIZE" or "e CODE MESSAGE".
 */

enum { JOBS_MOST = 8, REPORT_EVERY = 4 * 1024 * 1024 };

struct reporter {
	int fd;
	uint64_t told;
};

static void report_progress(void *data, uint64_t bytes)
{
	struct reporter *reporter = data;
	char line[48];
	int n;

	if (bytes < reporter->told + REPORT_EVERY)
		return;
	reporter->told = bytes;
	n = snprintf(line, sizeof(line), "p %llu\n", (unsigned long long)bytes);
	nvb_write_all(reporter->fd, line, (size_t)n);
}

static void report_result(int fd, const struct layer *layer, int rc, const nvb_error *error)
{
	char line[960];
	int n;

	if (rc == 0)
		n = snprintf(
			line, sizeof(line), "d %s %llu\n", layer->diff_id, (unsigned long long)layer->size);
	else
		n = snprintf(line, sizeof(line), "e %d %.900s", -rc, nvb_error_message(error));
	for (char *p = line; p < line + n && rc; p++)
		if (*p == '\n')
			*p = ' ';
	nvb_write_all(fd, line, (size_t)n);
	if (rc)
		nvb_write_all(fd, "\n", 1);
}

static _Noreturn void child(const struct nvb_store *store, const struct layer_job *job, int fd)
{
	struct reporter reporter = {.fd = fd};
	struct layer layer = {0};
	nvb_error *error = NULL;
	int directory, rc;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	directory = openat(store->fd, job->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (directory < 0)
		rc = nvb_fail_errno(&error, errno, "%s/%s", store->path, job->directory);
	else
		rc = layer_unpack(directory, &job->source, &layer, report_progress, &reporter, &error);
	report_result(fd, &layer, rc, error);
	_exit(rc < 0);
}

static int start(const struct nvb_store *store, struct layer_job *job, nvb_error **err)
{
	int fds[2];

	if (mkdirat(store->fd, job->directory, 0700) < 0)
		return nvb_fail_errno(err, errno, "%s/%s", store->path, job->directory);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return nvb_fail_errno(err, errno, "pipe");
	job->pid = fork();
	if (job->pid == 0) {
		close(fds[0]);
		child(store, job, fds[1]);
	}
	close(fds[1]);
	if (job->pid < 0) {
		close(fds[0]);
		return nvb_fail_errno(err, errno, "fork");
	}
	job->pipe = fds[0];
	return 0;
}

static int take_line(struct layer_job *job, char *line, nvb_error **err)
{
	unsigned long long size;
	unsigned code;
	int at = 0;

	if (sscanf(line, "p %llu", &size) == 1) {
		job->bytes = size;
		return 0;
	}
	if (sscanf(line, "d %64s %llu", job->layer.diff_id, &size) == 2 &&
		nvb_is_digest(job->layer.diff_id)) {
		job->layer.size = size;
		job->done = true;
		return 0;
	}
	if (sscanf(line, "e %u %n", &code, &at) == 1 && at)
		return nvb_fail(err, (enum nvb_error_code)code, "%s", line + at);
	return nvb_fail(err, NVB_ERR_CORRUPT, "unpacking a layer: the process said '%.40s'", line);
}

/* Reads what the child wrote; 1 while it lives, 0 at its end. */
static int take_report(struct layer_job *job, nvb_error **err)
{
	ssize_t n = read(job->pipe, job->line + job->line_used, sizeof(job->line) - 1 - job->line_used);
	char *newline;
	int rc;

	if (n < 0)
		return errno == EINTR ? 1 : nvb_fail_errno(err, errno, "unpacking a layer");
	if (n == 0)
		return job->done ? 0 : nvb_fail(err, NVB_ERR_SYSTEM, "unpacking a layer: the process died");
	job->line_used += (size_t)n;
	job->line[job->line_used] = '\0';
	while ((newline = strchr(job->line, '\n'))) {
		*newline = '\0';
		rc = take_line(job, job->line, err);
		if (rc < 0)
			return rc;
		job->line_used -= (size_t)(newline + 1 - job->line);
		memmove(job->line, newline + 1, job->line_used + 1);
	}
	return 1;
}

static void finish(struct layer_job *job, bool stop)
{
	if (job->pid <= 0)
		return;
	if (stop)
		kill(job->pid, SIGKILL);
	while (waitpid(job->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	close(job->pipe);
	job->pid = 0;
	job->pipe = -1;
}

static uint64_t bytes_done(const struct layer_job *jobs, size_t count)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < count; i++)
		bytes += jobs[i].done ? jobs[i].source.size : jobs[i].bytes;
	return bytes;
}

/* One turn: waits for reports, takes them. Ends jobs that are done and says by how many fewer run. */
static int turn(struct layer_job *jobs, size_t count, size_t *running, nvb_error **err)
{
	struct pollfd fds[JOBS_MOST];
	struct layer_job *who[JOBS_MOST];
	nfds_t n = 0;

	for (size_t i = 0; i < count; i++)
		if (jobs[i].pid > 0) {
			who[n] = &jobs[i];
			fds[n++] = (struct pollfd){.fd = jobs[i].pipe, .events = POLLIN};
		}
	if (poll(fds, n, -1) < 0 && errno != EINTR)
		return nvb_fail_errno(err, errno, "poll");
	if (stop_requested())
		return stop_error(err);
	for (nfds_t i = 0; i < n; i++) {
		int rc = fds[i].revents ? take_report(who[i], err) : 1;

		if (rc < 0)
			return rc;
		if (rc == 0) {
			finish(who[i], false);
			--*running;
		}
	}
	return 0;
}

int layer_jobs_run(const struct nvb_store *store, struct layer_job *jobs, size_t count, const char *label,
	nvb_error **err)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	size_t most = processors < 1 ? 1 : processors > JOBS_MOST ? JOBS_MOST : (size_t)processors;
	struct nvb_progress progress = {0};
	size_t started = 0, running = 0;
	uint64_t total = 0;
	int rc = 0;

	if (count)
		owners_enter(true);
	for (size_t i = 0; i < count; i++)
		total += jobs[i].source.size;
	nvb_progress_begin(&progress, label, total);
	while (rc == 0 && (started < count || running)) {
		if (started < count && running < most) {
			rc = start(store, &jobs[started++], err);
			running += rc == 0;
		} else {
			rc = turn(jobs, count, &running, err);
			nvb_progress_set(&progress, bytes_done(jobs, count));
		}
	}
	for (size_t i = 0; i < count; i++)
		finish(&jobs[i], true);
	nvb_progress_end(&progress);
	return rc;
}
