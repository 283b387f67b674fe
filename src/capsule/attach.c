/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "base/str.h"
#include "capsule/stream.h"
#include "capsule/terminal.h"

struct nvb_attachment {
	bool terminal, interactive;
	sigset_t old_mask;
	bool masked;
	int signals;  /* signalfd */
	int given[3]; /* the container's ends, closed once the runtime has them */
	struct nvb_stream in, out, error;
	struct nvb_terminal tty;
	pid_t runtime, init;
	int runtime_status;
	int pending;	/* signals that came before the container could take them: the last one */
	int impatience; /* requests to end so far */
	bool init_ended;
	int init_status;
};

/* What is handed on to the container's first process: every signal that somebody sends on purpose. Not what
 * the kernel sends about ourselves, nor job control of a shell. */
void nvb_attach_forwarded(sigset_t *set)
{
	static const int kept[] = {SIGCHLD, SIGPIPE, SIGURG, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, SIGSEGV,
		SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, SIGKILL, SIGSTOP, SIGPROF};

	sigfillset(set);
	for (size_t i = 0; i < NVB_ELEMENTS(kept); i++)
		sigdelset(set, kept[i]);
}

static int open_signals(struct nvb_attachment *a, nvb_error **err)
{
	sigset_t set;

	nvb_attach_forwarded(&set);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, &a->old_mask) < 0)
		return nvb_fail_errno(err, errno, "signals");
	a->masked = true;
	signal(SIGPIPE, SIG_IGN);
	a->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (a->signals < 0)
		return nvb_fail_errno(err, errno, "signals");
	/* The container's first process is the runtime's child; when the runtime ends it becomes ours. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return nvb_fail_errno(err, errno, "adopting the container's process");
	return 0;
}

/* A pipe; `ours` is made non-blocking, which the container's end must not be. */
static int make_pipe(int *ours, int *theirs, bool we_read, nvb_error **err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return nvb_fail_errno(err, errno, "pipe");
	*ours = fds[we_read ? 0 : 1];
	*theirs = fds[we_read ? 1 : 0];
	fcntl(*ours, F_SETFL, O_NONBLOCK | (we_read ? O_RDONLY : O_WRONLY));
	return 0;
}

static int open_streams(struct nvb_attachment *a, nvb_error **err)
{
	int rc = 0;

	if (a->interactive && !a->terminal) {
		rc = make_pipe(&a->in.to, &a->given[0], false, err);
		a->in.from = STDIN_FILENO;
		a->in.close_to = true;
	} else {
		a->given[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (a->given[0] < 0)
			return nvb_fail_errno(err, errno, "/dev/null");
	}
	if (rc == 0)
		rc = make_pipe(&a->out.from, &a->given[1], true, err);
	if (rc == 0)
		rc = make_pipe(&a->error.from, &a->given[2], true, err);
	a->out.to = STDOUT_FILENO;
	a->error.to = STDERR_FILENO;
	a->out.close_from = a->error.close_from = true;
	/* What comes before the container runs is the runtime's, not the program's. */
	a->error.held = true;
	return rc;
}

int nvb_attach_open(
	bool terminal, bool interactive, const char *directory, struct nvb_attachment **out, nvb_error **err)
{
	struct nvb_attachment *a = calloc(1, sizeof(*a));
	int rc;

	if (!a)
		return nvb_fail_oom(err);
	*a = (struct nvb_attachment){
		.terminal = terminal,
		.interactive = interactive,
		.signals = -1,
		.given = {-1, -1, -1},
		.in = NVB_STREAM_INIT,
		.out = NVB_STREAM_INIT,
		.error = NVB_STREAM_INIT,
		.tty = NVB_TERMINAL_INIT,
	};
	rc = open_signals(a, err);
	if (rc == 0)
		rc = open_streams(a, err);
	if (rc == 0 && terminal)
		rc = nvb_terminal_open(&a->tty, directory, err);
	if (rc < 0) {
		nvb_attach_close(a);
		return rc;
	}
	*out = a;
	return 0;
}

static void close_given(struct nvb_attachment *a)
{
	for (int i = 0; i < 3; i++) {
		nvb_closep(&a->given[i]);
		a->given[i] = -1;
	}
}

void nvb_attach_launch(const struct nvb_attachment *a, struct nvb_launch *launch)
{
	memcpy(launch->stdio, a->given, sizeof(launch->stdio));
	launch->console = a->terminal ? a->tty.socket_path : NULL;
}

static bool asks_to_end(int signal)
{
	return signal == SIGINT || signal == SIGTERM || signal == SIGHUP || signal == SIGQUIT;
}

/* A first process takes only the signals it has handlers for, so a program that has none could not be ended
 * from the keyboard: the third request ends it by force. */
static void forward(struct nvb_attachment *a, int signal)
{
	enum { PATIENCE = 3 };
	bool force;

	if (signal == SIGWINCH && a->terminal) {
		nvb_terminal_resize(&a->tty);
		return;
	}
	a->impatience += asks_to_end(signal);
	force = a->impatience >= PATIENCE && asks_to_end(signal);
	if (signal != SIGWINCH)
		a->pending = signal;
	/* Neither is there before the runtime was started, nor once the container has ended. */
	if (a->init > 0)
		kill(a->init, force ? SIGKILL : signal);
	else if (a->runtime > 0 && force)
		kill(a->runtime, SIGKILL);
}

static void read_signals(struct nvb_attachment *a)
{
	struct signalfd_siginfo info;

	while (read(a->signals, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo != SIGCHLD)
			forward(a, (int)info.ssi_signo);
}

void nvb_attach_close(struct nvb_attachment *a)
{
	if (!a)
		return;
	nvb_terminal_close(&a->tty);
	nvb_stream_close(&a->in);
	nvb_stream_close(&a->out);
	nvb_stream_close(&a->error);
	close_given(a);
	/* Those that still came were for the container: none shall end us on the way out. */
	a->init = a->runtime = 0;
	read_signals(a);
	nvb_closep(&a->signals);
	if (a->masked)
		sigprocmask(SIG_SETMASK, &a->old_mask, NULL);
	free(a);
}

int nvb_attach_interrupted(struct nvb_attachment *a)
{
	read_signals(a);
	return asks_to_end(a->pending) ? a->pending : 0;
}

/* In raw mode no key ends the input: the caller's terminal was closed. So shall be the container's. */
static void pass_hangup(struct nvb_attachment *a)
{
	if (!a->tty.raw || a->in.from >= 0 || a->tty.master < 0)
		return;
	nvb_stream_close(&a->out);
	a->tty.master = -1;
}

/* Waits for something to happen, and does it. */
static int turn(struct nvb_attachment *a, nvb_error **err)
{
	struct pollfd fds[10] = {{.fd = a->signals, .events = POLLIN}};
	nfds_t n = 1;

	n += nvb_stream_poll(&a->in, fds + n);
	n += nvb_stream_poll(&a->out, fds + n);
	n += nvb_stream_poll(&a->error, fds + n);
	n += nvb_terminal_poll(&a->tty, fds + n);
	if (poll(fds, n, -1) < 0 && errno != EINTR)
		return nvb_fail_errno(err, errno, "waiting for the container");
	read_signals(a);
	nvb_stream_pump(&a->in);
	nvb_stream_pump(&a->out);
	nvb_stream_pump(&a->error);
	pass_hangup(a);
	return nvb_terminal_pump(&a->tty, a->interactive, &a->in, &a->out, err);
}

static bool has_ended(pid_t pid, int *status)
{
	return waitpid(pid, status, WNOHANG) == pid;
}

static int wait_for_runtime(struct nvb_attachment *a, nvb_error **err)
{
	int rc = 0;

	while (rc == 0 && !has_ended(a->runtime, &a->runtime_status))
		rc = turn(a, err);
	return rc;
}

/* All of a container's processes are gone with its first one: what is in the pipes is all there will be. Who
 * does not take it can only be left by a request to end. */
static void drain(struct nvb_attachment *a)
{
	struct nvb_stream *const streams[] = {&a->out, &a->error};

	a->init = a->runtime = a->pending = 0;
	for (size_t i = 0; i < NVB_ELEMENTS(streams); i++)
		while (!nvb_stream_drain(streams[i], a->signals)) {
			read_signals(a);
			if (asks_to_end(a->pending))
				return;
		}
}

static int wait_for_init(struct nvb_attachment *a, nvb_error **err)
{
	int rc = 0;

	if (a->pending)
		kill(a->init, a->pending);
	while (rc == 0 && !has_ended(a->init, &a->init_status))
		rc = turn(a, err);
	if (rc == 0)
		drain(a);
	return rc;
}

/* What a failed runtime wrote on its standard error, which is held back from the caller's. */
static void read_said(struct nvb_attachment *a, char *text, size_t size)
{
	size_t used = 0;
	ssize_t n;

	while (used + 1 < size && (n = read(a->error.from, text + used, size - 1 - used)) > 0)
		used += (size_t)n;
	text[used] = '\0';
}

/* What was lost on its way out must not pass for success. */
static int check_output(const struct nvb_attachment *a, int *status, nvb_error **err)
{
	int failed = a->out.failed ? a->out.failed : a->error.failed;

	if (!failed)
		return 0;
	if (*status == 0)
		*status = 125;
	return nvb_fail_errno(err, failed, "writing the program's %s", a->out.failed ? "output" : "errors");
}

int nvb_attach_run(struct nvb_attachment *a, const struct nvb_launch *launch, pid_t pid, const char *program,
	int (*started)(void *data, pid_t init, nvb_error **err), void *data, int *status, nvb_error **err)
{
	char said[2048];
	int rc;

	a->runtime = pid;
	close_given(a);
	rc = wait_for_runtime(a, err);
	*status = 125;
	if (rc < 0)
		return rc;
	if (!WIFEXITED(a->runtime_status) || WEXITSTATUS(a->runtime_status) != 0) {
		if (a->impatience && WIFSIGNALED(a->runtime_status)) {
			*status = 128 + a->pending;
			return nvb_fail(err, NVB_ERR_CANCELLED, "ended while the container was starting");
		}
		read_said(a, said, sizeof(said));
		*status = nvb_launch_failure(launch, a->runtime_status, program, said, err);
		return -NVB_ERR_SYSTEM;
	}
	rc = nvb_launch_init(launch, &a->init, err);
	if (rc == 0)
		rc = started(data, a->init, err);
	if (rc < 0)
		return rc;
	a->error.held = false;
	rc = wait_for_init(a, err);
	if (rc < 0)
		return rc;
	*status = WIFSIGNALED(a->init_status) ? 128 + WTERMSIG(a->init_status) : WEXITSTATUS(a->init_status);
	return check_output(a, status, err);
}
