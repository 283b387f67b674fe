/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "mps/mps.h"

/* Running nvidia-cuda-mps-control: as the daemon, or with commands for it. */

enum { PATIENCE_MS = 15000, LARGEST_REPLY = 1 << 16 };

/* What it says and where it ends: everything a child needs is made before fork. */
struct job {
	char *pipe, *log, *libraries, *visible;
	char *arguments[3];
	char *environment[7];
	char *shm; /* to be its /dev/shm; NULL: as it is */
};

static void release_job(struct job *job)
{
	free(job->pipe);
	free(job->log);
	free(job->libraries);
	free(job->visible);
	free(job->shm);
}

static bool join_uuids(const struct nvb_mps *mps, char **out)
{
	struct nvb_strbuf sb = {0};

	nvb_sb_add(&sb, "CUDA_VISIBLE_DEVICES=");
	for (size_t i = 0; mps->uuids && mps->uuids[i]; i++)
		nvb_sb_addf(&sb, "%s%s", i ? "," : "", mps->uuids[i]);
	*out = nvb_sb_finish(&sb);
	return *out;
}

static int make_job(struct job *job, const struct nvb_mps *mps, bool daemon, nvb_error **err)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", home[] = "HOME=/", option[] = "-d";
	bool ok = asprintf(&job->pipe, "CUDA_MPS_PIPE_DIRECTORY=%s/pipe", mps->directory) >= 0 &&
		  asprintf(&job->log, "CUDA_MPS_LOG_DIRECTORY=%s/log", mps->directory) >= 0;
	size_t n = 0;

	if (ok && daemon)
		ok = join_uuids(mps, &job->visible) && asprintf(&job->shm, "%s/shm", mps->directory) >= 0;
	if (ok && mps->library_path)
		ok = asprintf(&job->libraries, "LD_LIBRARY_PATH=%s", mps->library_path) >= 0;
	if (!ok)
		return nvb_fail_oom(err);
	job->arguments[0] = (char *)(uintptr_t)mps->program;
	job->arguments[1] = daemon ? option : NULL;
	job->environment[n++] = path;
	job->environment[n++] = home;
	job->environment[n++] = job->pipe;
	job->environment[n++] = job->log;
	if (job->visible)
		job->environment[n++] = job->visible;
	if (job->libraries)
		job->environment[n++] = job->libraries;
	return 0;
}

/* In the child: system calls and nothing else, until it is the program. */
static void become(const struct job *job, int in, int out, pid_t parent)
{
	sigset_t none;

	/* Not one that becomes a daemon when nobody is left to know of it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(126);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid();
	if (job->shm && (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
				mount(job->shm, "/dev/shm", NULL, MS_BIND, NULL) < 0))
		_exit(126);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(126);
	execve(job->arguments[0], job->arguments, job->environment);
	_exit(127);
}

/* What it prints until it closes its end, or its time is up. */
static int listen_to(int fd, struct nvb_strbuf *said, nvb_error **err)
{
	struct timespec now, start;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (;;) {
		struct pollfd polled = {.fd = fd, .events = POLLIN};
		char buffer[512];
		ssize_t n;
		int64_t left;

		clock_gettime(CLOCK_MONOTONIC, &now);
		left = PATIENCE_MS -
		       ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000);
		if (left <= 0)
			return nvb_fail(
				err, NVB_ERR_UNSUPPORTED, "no answer within %d seconds", PATIENCE_MS / 1000);
		if (poll(&polled, 1, (int)left) < 0 && errno != EINTR)
			return nvb_fail_errno(err, errno, "poll");
		if (!polled.revents)
			continue;
		n = read(fd, buffer, sizeof(buffer));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		if (said->len + (size_t)n <= LARGEST_REPLY)
			nvb_sb_addf(said, "%.*s", (int)n, buffer);
	}
}

static int end(pid_t pid, bool force)
{
	int status = 0;

	if (force)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* *status is its exit status, *said what it printed. */
static int run(
	const struct job *job, const char *input, struct nvb_strbuf *said, int *status, nvb_error **err)
{
	_cleanup_close_ int in = -1, in_far = -1, out = -1, out_far = -1;
	int pair[2], rc;
	pid_t parent = getpid(), pid;

	if (pipe2(pair, O_CLOEXEC) < 0)
		return nvb_fail_errno(err, errno, "pipe");
	in_far = pair[0];
	in = pair[1];
	if (pipe2(pair, O_CLOEXEC) < 0)
		return nvb_fail_errno(err, errno, "pipe");
	out = pair[0];
	out_far = pair[1];
	/* Commands are short and a pipe is not: written before anybody reads. */
	rc = nvb_write_all(in, input, strlen(input));
	pid = rc < 0 ? -1 : fork();
	if (pid < 0)
		return nvb_fail_errno(err, rc < 0 ? -rc : errno, "starting %s", job->arguments[0]);
	if (pid == 0)
		become(job, in_far, out_far, parent);
	nvb_closep(&in);
	in = -1;
	nvb_closep(&out_far);
	out_far = -1;
	rc = listen_to(out, said, err);
	*status = end(pid, rc < 0);
	if (rc == 0 && said->failed)
		rc = nvb_fail_oom(err);
	return rc;
}

/* Its words on one line, for messages. */
static void flatten(struct nvb_strbuf *said)
{
	while (said->len && strchr(" \n", said->s[said->len - 1]))
		said->s[--said->len] = '\0';
	for (size_t i = 0; i < said->len; i++)
		if ((unsigned char)said->s[i] < ' ' || said->s[i] == 0x7f)
			said->s[i] = ' ';
}

static int explain(const struct nvb_mps *mps, int status, struct nvb_strbuf *said, nvb_error **err)
{
	flatten(said);
	if (strcasestr(said->s ? said->s : "", "cannot find MPS control daemon"))
		return nvb_fail(err, NVB_ERR_NOT_FOUND, "no MPS daemon answers in %s/pipe", mps->directory);
	if (status == 127)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED, "%s cannot be executed", mps->program);
	if (status == 126)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED,
			"no mount namespace for the MPS daemon, whose /dev/shm is its own");
	return nvb_fail(err, NVB_ERR_UNSUPPORTED, "%s: %s", mps->program,
		said->len ? said->s : "it failed without a word");
}

int nvb_mps_control(const struct nvb_mps *mps, const char *commands, char **reply, nvb_error **err)
{
	_cleanup_(release_job) struct job job = {0};
	_cleanup_strbuf_ struct nvb_strbuf said = {0};
	int status, rc = make_job(&job, mps, false, err);

	if (rc == 0)
		rc = run(&job, commands, &said, &status, err);
	if (rc < 0)
		return nvb_wrap(err, rc, "MPS");
	if (status)
		return explain(mps, status, &said, err);
	nvb_sb_add(&said, "");
	*reply = nvb_sb_finish(&said);
	said = (struct nvb_strbuf){0};
	return *reply ? 0 : nvb_fail_oom(err);
}

int nvb_mps_run_daemon(const struct nvb_mps *mps, nvb_error **err)
{
	_cleanup_(release_job) struct job job = {0};
	_cleanup_strbuf_ struct nvb_strbuf said = {0};
	int status, rc = make_job(&job, mps, true, err);

	if (rc == 0)
		rc = run(&job, "", &said, &status, err);
	if (rc < 0)
		return nvb_wrap(err, rc, "MPS");
	return status ? explain(mps, status, &said, err) : 0;
}
