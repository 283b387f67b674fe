/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/health.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "base/file.h"
#include "capsule/exec.h"

enum phase {
	WAITING,  /* for the next check */
	STARTING, /* the runtime is bringing the check's program into the capsule */
	RUNNING,
	CLEANING, /* behind one that could not be run */
};

struct nvb_health {
	const struct nvb_health_check *check;
	const struct nvb_exec_target *target;
	void (*changed)(void *data, const struct nvb_health_report *report);
	void *data;
	struct nvb_health_report report;
	struct timespec opened; /* monotonic */
	bool paused;

	int epoll, timer;
	enum phase phase;
	pid_t process; /* the runtime, then the check's program; 0: none */
	int ended;     /* pidfd of it */
	struct nvb_exec_start start;
	int output; /* what the program writes */
	struct timespec began;
	size_t used;
	char text[NVB_HEALTH_OUTPUT + 1];
};

static uint64_t since(struct timespec then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)(now.tv_sec - then.tv_sec) * 1000000000 + (uint64_t)(now.tv_nsec - then.tv_nsec);
}

static bool in_start_period(const struct nvb_health *h)
{
	return h->report.state == NVB_HEALTH_STARTING && since(h->opened) < h->check->start_period;
}

static void arm(struct nvb_health *h, uint64_t nanoseconds)
{
	const struct itimerspec when = {.it_value = {.tv_sec = (time_t)(nanoseconds / 1000000000),
						.tv_nsec = (long)(nanoseconds % 1000000000)}};

	timerfd_settime(h->timer, 0, &when, NULL);
}

static void wait_for_next(struct nvb_health *h)
{
	bool soon = in_start_period(h) && h->check->start_interval < h->check->interval;

	h->phase = WAITING;
	arm(h, soon ? h->check->start_interval : h->check->interval);
}

static bool watch(const struct nvb_health *h, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return fd >= 0 && epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* Closing a descriptor ends its being watched: nobody else has it. */
static void drop(int *fd)
{
	nvb_closep(fd);
	*fd = -1;
}

static bool follow(struct nvb_health *h, pid_t process)
{
	h->process = process;
	h->ended = (int)syscall(SYS_pidfd_open, process, 0);
	return watch(h, h->ended);
}

/* Ends what the check has started. The runtime led a session of its own, and so may the program in it: what
 * it started in turn goes with it, but for what left the group. */
static void end_by_force(struct nvb_health *h)
{
	pid_t group;

	if (h->process <= 0)
		return;
	group = getpgid(h->process);
	if (group > 1 && group != getpgrp())
		kill(-group, SIGKILL);
	kill(h->process, SIGKILL);
	waitpid(h->process, NULL, 0);
	h->process = 0;
}

static void write_report(const struct nvb_health *h)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};
	_cleanup_free_ char *path = NULL;

	nvb_health_json(&h->report, &text);
	nvb_sb_addc(&text, '\n');
	if (!text.failed && asprintf(&path, "%s/" NVB_HEALTH_FILE, h->target->run) >= 0)
		nvb_file_write(AT_FDCWD, path, text.s, text.len, 0600, NULL);
}

static void read_output(struct nvb_health *h)
{
	enum { AT_ONCE = 32 };
	char rest[4096];
	ssize_t n = 1;

	/* What is too much is read and left, so that the program can go on. One that writes faster than it is
	 * read must not keep us from everything else. */
	for (int i = 0; n > 0 && i < AT_ONCE; i++) {
		size_t room = NVB_HEALTH_OUTPUT - h->used;

		n = read(h->output, room ? h->text + h->used : rest, room ? room : sizeof(rest));
		h->used += n > 0 && room ? (size_t)n : 0;
	}
	if (n == 0)
		drop(&h->output);
}

/*
 * What a runtime that failed had started already became ours, and whoever is not waited for keeps the
 * capsule's namespace of processes from ending. Not the capsule's first process: its end is for others.
 */
static void reap_orphans(const struct nvb_health *h)
{
	siginfo_t info = {0};

	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid > 0 &&
		info.si_pid != h->target->init && info.si_pid != h->process) {
		waitpid(info.si_pid, NULL, 0);
		info.si_pid = 0;
	}
}

/* They may need a moment to end. */
static void clean_up(struct nvb_health *h)
{
	enum { A_MOMENT = 100 * 1000 * 1000 };

	h->phase = CLEANING;
	arm(h, A_MOMENT);
}

static void finish(struct nvb_health *h, int status, const char *said)
{
	struct nvb_health_result result = {.start = h->began, .status = status};
	bool starting = in_start_period(h);

	if (h->output >= 0)
		read_output(h);
	drop(&h->output);
	drop(&h->ended);
	h->process = 0;
	nvb_exec_end(&h->start);
	h->text[h->used] = '\0';
	/* Output with a NUL inside ends there: it is for people. */
	result.output = strdup(said ? said : h->text);
	clock_gettime(CLOCK_REALTIME, &result.end);
	nvb_health_add(&h->report, h->check, result, starting);
	if (status < 0)
		clean_up(h);
	else
		wait_for_next(h);
	write_report(h);
	if (h->changed)
		h->changed(h->data, &h->report);
}

static void finish_failed(struct nvb_health *h, nvb_error *err)
{
	finish(h, -1, err ? nvb_error_message(err) : "the check could not be run");
}

static int launch(struct nvb_health *h, nvb_error **err)
{
	const char *const shell[] = {"/bin/sh", "-c", h->check->shell, NULL};
	const struct nvb_exec exec = {
		.args = h->check->shell ? (char *const *)shell : h->check->command,
	};
	_cleanup_close_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC), theirs = -1;
	int fds[2], rc = nvb_exec_prepare(h->target, &exec, &h->start, err);

	if (rc < 0)
		return rc;
	if (null < 0 || pipe2(fds, O_CLOEXEC) < 0)
		return nvb_fail_errno(err, errno, "pipe");
	h->output = fds[0];
	theirs = fds[1];
	fcntl(h->output, F_SETFL, O_NONBLOCK);
	h->start.launch.stdio[0] = null;
	h->start.launch.stdio[1] = h->start.launch.stdio[2] = theirs;
	rc = nvb_launch_begin(&h->start.launch, err);
	if (rc < 0)
		return rc;
	h->phase = STARTING;
	if (!follow(h, rc) || !watch(h, h->output)) {
		rc = nvb_fail_errno(err, errno, "watching the check");
		end_by_force(h);
	}
	return rc < 0 ? rc : 0;
}

static void begin(struct nvb_health *h)
{
	_cleanup_error_ nvb_error *err = NULL;

	clock_gettime(CLOCK_REALTIME, &h->began);
	h->used = 0;
	arm(h, h->check->timeout);
	if (launch(h, &err) < 0)
		finish_failed(h, err);
}

/* The runtime has ended: with its success the program runs, a child of ours. */
static void take_program(struct nvb_health *h, int wait_status)
{
	_cleanup_error_ nvb_error *err = NULL;
	const char *program = h->check->shell ? "/bin/sh" : h->check->command[0];
	pid_t init;

	drop(&h->ended);
	h->process = 0;
	if (!WIFEXITED(wait_status) || WEXITSTATUS(wait_status) != 0) {
		if (h->output >= 0)
			read_output(h);
		h->text[h->used] = '\0';
		nvb_launch_failure(&h->start.launch, wait_status, program, h->text, &err);
		finish_failed(h, err);
		return;
	}
	h->phase = RUNNING;
	if (nvb_launch_init(&h->start.launch, &init, &err) < 0 || !follow(h, init))
		finish_failed(h, err);
}

static void take_end(struct nvb_health *h)
{
	int status = 0;
	pid_t pid = waitpid(h->process, &status, WNOHANG);

	if (pid == 0 || (pid < 0 && errno == EINTR))
		return;
	if (h->phase == STARTING && pid > 0)
		take_program(h, status);
	else
		finish(h,
			pid < 0		      ? -1
			: WIFSIGNALED(status) ? 128 + WTERMSIG(status)
					      : WEXITSTATUS(status),
			pid < 0 ? "somebody else waited for the check" : NULL);
}

static void take_time(struct nvb_health *h)
{
	uint64_t times;
	char said[80];

	if (read(h->timer, &times, sizeof(times)) != sizeof(times))
		return;
	if (h->phase == CLEANING) {
		reap_orphans(h);
		wait_for_next(h);
		return;
	}
	if (h->phase == WAITING) {
		if (!h->paused)
			begin(h);
		return;
	}
	end_by_force(h);
	snprintf(said, sizeof(said), "the check took longer than %.10gs and was killed",
		(double)h->check->timeout / 1e9);
	finish(h, -1, said);
}

int nvb_health_open(const struct nvb_health_options *options, struct nvb_health **out, nvb_error **err)
{
	struct nvb_health *h = calloc(1, sizeof(*h));

	if (!h)
		return nvb_fail_oom(err);
	h->check = options->check;
	h->target = options->target;
	h->changed = options->changed;
	h->data = options->data;
	h->report.state = NVB_HEALTH_STARTING;
	h->ended = h->output = -1;
	clock_gettime(CLOCK_MONOTONIC, &h->opened);
	h->epoll = epoll_create1(EPOLL_CLOEXEC);
	h->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (h->epoll < 0 || !watch(h, h->timer)) {
		int failed = errno;

		nvb_health_close(h);
		return nvb_fail_errno(err, failed, "health checks");
	}
	wait_for_next(h);
	write_report(h);
	*out = h;
	return 0;
}

int nvb_health_fd(const struct nvb_health *h)
{
	return h->epoll;
}

void nvb_health_turn(struct nvb_health *h)
{
	struct epoll_event events[3];
	int count = epoll_wait(h->epoll, events, 3, 0);

	for (int i = 0; i < count; i++) {
		int fd = events[i].data.fd;

		if (fd == h->output)
			read_output(h);
		else if (fd == h->ended)
			take_end(h);
		else if (fd == h->timer)
			take_time(h);
		/* What another of these events was about may be gone by now. */
		if (fd != h->output)
			return;
	}
}

void nvb_health_pause(struct nvb_health *h, bool paused)
{
	if (h->paused == paused)
		return;
	h->paused = paused;
	/* A check that was frozen along with the capsule starts its time anew. */
	if (h->phase == WAITING || h->phase == CLEANING)
		wait_for_next(h);
	else
		arm(h, paused ? 0 : h->check->timeout);
}

void nvb_health_interrupt(struct nvb_health *h)
{
	h->paused = true;
	if (h->phase == WAITING || h->phase == CLEANING)
		return;
	end_by_force(h);
	drop(&h->output);
	drop(&h->ended);
	nvb_exec_end(&h->start);
	/* What it left is waited for; then the next begins when that is wanted again. */
	clean_up(h);
}

const struct nvb_health_report *nvb_health_get(const struct nvb_health *h)
{
	return &h->report;
}

void nvb_health_close(struct nvb_health *h)
{
	if (!h)
		return;
	end_by_force(h);
	nvb_exec_end(&h->start);
	drop(&h->output);
	drop(&h->ended);
	drop(&h->timer);
	drop(&h->epoll);
	nvb_health_report_release(&h->report);
	free(h);
}
