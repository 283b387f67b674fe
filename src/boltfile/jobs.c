/* SPDX-License-Identifier: Apache-2.0 */
#include "boltfile/jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

/* A child says how it ended in one go, when it is at its end: result or code, message, hint. */
struct report {
	int rc;
	bool hint;
	size_t message_size, hint_size;
};

enum { TURN_MS = 50, LONGEST_TEXT = 64 * 1024 };

static void write_report(int fd, int rc, const nvb_error *error)
{
	const char *message = error ? nvb_error_message(error) : "";
	const char *hint = error && nvb_error_hint(error) ? nvb_error_hint(error) : "";
	struct report report = {.rc = rc,
		.hint = *hint,
		.message_size = strnlen(message, LONGEST_TEXT),
		.hint_size = strnlen(hint, LONGEST_TEXT)};

	nvb_write_all(fd, &report, sizeof(report));
	nvb_write_all(fd, message, report.message_size);
	nvb_write_all(fd, hint, report.hint_size);
}

static _Noreturn void child(struct nvb_jobs *jobs, size_t job, int fd)
{
	nvb_error *err = NULL;
	sigset_t none;
	int rc;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	rc = jobs->run(jobs->data, job, &err);
	write_report(fd, rc, err);
	_exit(0);
}

static void set_state(struct nvb_jobs *jobs, struct nvb_job *job, enum nvb_job_state state)
{
	job->state = state;
	if (jobs->changed)
		jobs->changed(jobs->data, job);
}

/* What there is of its report. A descriptor that has no more is closed. */
static void read_report(struct nvb_job *job)
{
	enum { LONGEST = sizeof(struct report) + 2 * LONGEST_TEXT };
	char part[4096];
	ssize_t n = 0;

	while (job->report >= 0 && job->said.len < LONGEST && (n = read(job->report, part, sizeof(part))) > 0)
		nvb_sb_addn(&job->said, part, (size_t)n);
	if (job->report >= 0 &&
		(n == 0 || job->said.len >= LONGEST || (n < 0 && errno != EAGAIN && errno != EINTR)))
		close(NVB_TAKE_FD(job->report));
}

/* The texts behind a whole report; malloc'd. */
static bool parse_report(const struct nvb_strbuf *said, struct report *report, char **message, char **hint)
{
	if (said->failed || said->len < sizeof(*report))
		return false;
	memcpy(report, said->s, sizeof(*report));
	if (report->message_size > LONGEST_TEXT || report->hint_size > LONGEST_TEXT ||
		said->len - sizeof(*report) < report->message_size + report->hint_size)
		return false;
	*message = strndup(said->s + sizeof(*report), report->message_size);
	*hint = strndup(said->s + sizeof(*report) + report->message_size, report->hint_size);
	return *message && *hint;
}

/* The child has ended, or was told to. Its supervisor, which lives on, may have the other end of the report's
 * pipe: the child's end is the end of what it says, and not that of the pipe. */
static void finish(struct nvb_jobs *jobs, struct nvb_job *job)
{
	struct report report;
	_cleanup_free_ char *message = NULL, *hint = NULL;
	bool told;
	int status = 0;

	while (waitpid(job->child, &status, 0) < 0 && errno == EINTR)
		;
	job->child = 0;
	read_report(job);
	told = parse_report(&job->said, &report, &message, &hint);
	nvb_sb_release(&job->said);
	nvb_closep(&job->report);
	nvb_closep(&job->process);
	job->report = job->process = -1;
	if (!told)
		nvb_fail(&job->error, NVB_ERR_CANCELLED,
			WIFSIGNALED(status) ? "stopped by signal %d" : "ended without a word",
			WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	else if (report.rc < 0)
		/* Who pulls images has said itself why it could not. */
		nvb_fail(&job->error, (enum nvb_error_code) - report.rc, "%s",
			*message ? message : "it could not be started, for the reason above");
	if (told && report.rc < 0 && report.hint)
		nvb_hint(&job->error, report.rc, "%s", hint);
	job->result = told && report.rc >= 0 ? report.rc : -1;
	set_state(jobs, job, job->error ? NVB_JOB_FAILED : NVB_JOB_DONE);
}

static int begin(struct nvb_jobs *jobs, size_t index, nvb_error **err)
{
	struct nvb_job *job = &jobs->list[index];
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return nvb_fail_errno(err, errno, "a pipe for %s", job->name);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	job->child = fork();
	if (job->child < 0) {
		int code = errno;

		close(ends[0]);
		close(ends[1]);
		return nvb_fail_errno(err, code, "a process for %s", job->name);
	}
	if (job->child == 0) {
		close(ends[0]);
		child(jobs, index, ends[1]);
	}
	close(ends[1]);
	job->report = ends[0];
	job->process = (int)syscall(SYS_pidfd_open, job->child, 0);
	if (job->process < 0) {
		int code = errno;

		kill(job->child, SIGTERM);
		finish(jobs, job);
		return nvb_fail_errno(err, code, "a process for %s", job->name);
	}
	set_state(jobs, job, NVB_JOB_RUNNING);
	return 0;
}

/* 1: it can begin; 0: not yet; -1: never, with its error set. */
static int is_ready(struct nvb_jobs *jobs, struct nvb_job *job)
{
	for (size_t i = 0; i < job->after_count; i++) {
		const struct nvb_job *other = &jobs->list[job->after[i].job];
		int met;

		if (other->state == NVB_JOB_FAILED || other->state == NVB_JOB_LEFT_OUT) {
			nvb_fail(&job->error, NVB_ERR_CONFLICT, "it depends on %s, which %s", other->name,
				other->state == NVB_JOB_FAILED ? "failed" : "was left out");
			return -1;
		}
		if (other->state != NVB_JOB_DONE)
			return 0;
		met = jobs->met
			      ? jobs->met(jobs->data, job->after[i].job, job->after[i].condition, &job->error)
			      : 1;
		if (met < 0 && !job->error)
			nvb_fail(&job->error, NVB_ERR_CONFLICT, "%s did not get that far", other->name);
		if (met <= 0)
			return met < 0 ? -1 : 0;
	}
	return 1;
}

static size_t running(const struct nvb_jobs *jobs)
{
	size_t n = 0;

	for (size_t i = 0; i < jobs->count; i++)
		n += jobs->list[i].state == NVB_JOB_RUNNING;
	return n;
}

/* Begins what can begin; *waits becomes whether something is left that waits. Again after one was left out,
 * since others may come after it. */
static int begin_ready(struct nvb_jobs *jobs, bool *waits, nvb_error **err)
{
	bool again = true;

	while (again) {
		again = false;
		*waits = false;
		for (size_t i = 0; i < jobs->count; i++) {
			struct nvb_job *job = &jobs->list[i];
			int ready, rc;

			if (job->state != NVB_JOB_WAITING)
				continue;
			ready = is_ready(jobs, job);
			if (ready < 0) {
				set_state(jobs, job, NVB_JOB_LEFT_OUT);
				again = true;
			}
			*waits = *waits || ready >= 0;
			if (ready <= 0 || running(jobs) >= NVB_JOBS_AT_ONCE)
				continue;
			rc = begin(jobs, i, err);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

/* Waits for a report, for what else is polled, or a moment where a condition has to be looked at again. */
static int wait_for_one(struct nvb_jobs *jobs, bool waits)
{
	struct pollfd fds[2 * NVB_JOBS_AT_ONCE + 1];
	size_t which[NVB_JOBS_AT_ONCE + 1], n = 0;
	int rc = 0;

	for (size_t i = 0; i < jobs->count && n < NVB_JOBS_AT_ONCE; i++)
		if (jobs->list[i].state == NVB_JOB_RUNNING) {
			which[n] = i;
			fds[2 * n] = (struct pollfd){.fd = jobs->list[i].report, .events = POLLIN};
			fds[2 * n++ + 1] = (struct pollfd){.fd = jobs->list[i].process, .events = POLLIN};
		}
	fds[2 * n] = (struct pollfd){.fd = jobs->extra, .events = POLLIN};
	if (poll(fds, 2 * n + 1, waits ? TURN_MS : -1) <= 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (fds[2 * i].revents)
			read_report(&jobs->list[which[i]]);
		if (fds[2 * i + 1].revents)
			finish(jobs, &jobs->list[which[i]]);
	}
	if (fds[2 * n].revents && jobs->turn)
		rc = jobs->turn(jobs->data);
	return rc;
}

static void end_all(struct nvb_jobs *jobs)
{
	for (size_t i = 0; i < jobs->count; i++)
		if (jobs->list[i].state == NVB_JOB_RUNNING)
			kill(jobs->list[i].child, SIGTERM);
	for (size_t i = 0; i < jobs->count; i++)
		if (jobs->list[i].state == NVB_JOB_RUNNING)
			finish(jobs, &jobs->list[i]);
}

int nvb_jobs_run(struct nvb_jobs *jobs, nvb_error **err)
{
	bool waits = true;
	int rc;

	for (size_t i = 0; i < jobs->count; i++)
		jobs->list[i].report = jobs->list[i].process = -1;
	for (;;) {
		rc = begin_ready(jobs, &waits, err);
		if (rc != 0 || (!waits && !running(jobs)))
			break;
		rc = wait_for_one(jobs, waits);
		if (rc != 0)
			break;
	}
	if (rc != 0)
		end_all(jobs);
	return rc;
}

size_t nvb_jobs_failed(const struct nvb_jobs *jobs)
{
	size_t n = 0;

	for (size_t i = 0; i < jobs->count; i++)
		n += jobs->list[i].state == NVB_JOB_FAILED || jobs->list[i].state == NVB_JOB_LEFT_OUT;
	return n;
}

void nvb_jobs_release(struct nvb_jobs *jobs)
{
	for (size_t i = 0; i < jobs->count; i++)
		nvb_error_free(jobs->list[i].error);
}
