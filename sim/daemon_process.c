/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/daemon_process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/str.h"
#include "sim/daemon.h"
#include "sim/machine.h"

enum {
	STOP_MS = 5000, /* after that it is killed */
	COMMAND_MAX = PATH_MAX + 64,
};

/* The root that a process serves, if it is a daemon of ours: its command line is "nvbind-sim serve ROOT". */
static bool serves(pid_t pid, char *root, size_t size)
{
	_cleanup_free_ char *line = NULL;
	const char *name, *verb, *served;
	char path[64];
	size_t length;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	if (nvb_file_read(AT_FDCWD, path, COMMAND_MAX, &line, &length, NULL) < 0 || !length)
		return false;
	name = line;
	verb = name + strlen(name) + 1;
	if (!nvb_streq(name, SIM_DAEMON_NAME) || verb >= line + length || !nvb_streq(verb, SIM_DAEMON_VERB))
		return false;
	served = verb + strlen(verb) + 1;
	if (served >= line + length || strlen(served) >= size)
		return false;
	strcpy(root, served);
	return true;
}

pid_t sim_daemon_pid(const char *root)
{
	_cleanup_free_ char *text = NULL;
	char path[PATH_MAX], served[PATH_MAX];
	uint32_t pid;

	if ((size_t)snprintf(path, sizeof(path), "%s/" SIM_PID_FILE, root) >= sizeof(path) ||
		nvb_file_read(AT_FDCWD, path, 64, &text, NULL, NULL) < 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	if (!nvb_parse_u32(text, &pid) || pid < 2 || pid > INT32_MAX)
		return 0;
	return serves((pid_t)pid, served, sizeof(served)) && nvb_streq(served, root) ? (pid_t)pid : 0;
}

static int await_end(int process, int timeout_ms)
{
	struct pollfd wait = {.fd = process, .events = POLLIN};
	int rc;

	do
		rc = poll(&wait, 1, timeout_ms);
	while (rc < 0 && errno == EINTR);
	return rc;
}

int sim_daemon_stop(const char *root, nvb_error **err)
{
	pid_t pid = sim_daemon_pid(root);
	_cleanup_close_ int process = -1;

	if (!pid)
		return 0;
	process = (int)syscall(SYS_pidfd_open, pid, 0);
	/* Looked at again once held: the number could have gone to another process before. */
	if (process < 0 || sim_daemon_pid(root) != pid)
		return process < 0 && errno != ESRCH ? nvb_fail_errno(err, errno, "process %d", (int)pid) : 0;
	if (syscall(SYS_pidfd_send_signal, process, SIGTERM, NULL, 0) < 0 && errno != ESRCH)
		return nvb_fail_errno(err, errno, "stopping the daemon (process %d) of %s", (int)pid, root);
	if (await_end(process, STOP_MS) == 0) {
		syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0);
		if (await_end(process, STOP_MS) == 0)
			return nvb_fail(err, NVB_ERR_BUSY, "the daemon (process %d) of %s does not end",
				(int)pid, root);
	}
	return 0;
}

/* Waits for the daemon's word: "" when it serves, else why it cannot. */
static int read_verdict(int pipe, const char *root, nvb_error **err)
{
	char verdict[512];
	size_t length = 0;
	ssize_t n;

	while (length < sizeof(verdict) - 1 &&
		(n = read(pipe, verdict + length, sizeof(verdict) - 1 - length))) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return nvb_fail_errno(err, errno, "waiting for the daemon of %s", root);
		length += (size_t)n;
	}
	verdict[length] = '\0';
	if (length == 1 && verdict[0] == SIM_DAEMON_READY)
		return 0;
	return nvb_fail(err, NVB_ERR_SYSTEM, "the daemon of %s did not start: %s", root,
		length ? verdict : "it ended without a word");
}

/* In the child of the child: becomes the daemon, with the pipe as descriptor SIM_DAEMON_READY_FD. */
static void become_daemon(const char *root, int pipe)
{
	char name[] = SIM_DAEMON_NAME, verb[] = SIM_DAEMON_VERB;
	char *arguments[] = {name, verb, (char *)root, NULL};
	char *environment[] = {NULL};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		_exit(1);
	if (pipe == SIM_DAEMON_READY_FD ? fcntl(pipe, F_SETFD, 0) < 0 : dup2(pipe, SIM_DAEMON_READY_FD) < 0)
		_exit(1);
	/* Nothing of the caller's is to be held open. */
	if (syscall(SYS_close_range, SIM_DAEMON_READY_FD + 1, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */) < 0 &&
		errno != ENOSYS)
		_exit(1);
	if (chdir("/") < 0)
		_exit(1);
	execve("/proc/self/exe", arguments, environment);
	dprintf(SIM_DAEMON_READY_FD, "executing /proc/self/exe: %s", strerror(errno));
	_exit(1);
}

int sim_daemon_start(const char *root, nvb_error **err)
{
	int ends[2], status;
	pid_t child;
	int rc;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return nvb_fail_errno(err, errno, "a pipe");
	child = fork();
	if (child < 0) {
		rc = nvb_fail_errno(err, errno, "starting the daemon");
		close(ends[0]);
		close(ends[1]);
		return rc;
	}
	if (child == 0) {
		/* Twice, with a session between: the daemon is nobody's child and has no terminal. */
		setsid();
		if (fork() == 0)
			become_daemon(root, ends[1]);
		_exit(0);
	}
	close(ends[1]);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	rc = read_verdict(ends[0], root, err);
	close(ends[0]);
	return rc;
}

int sim_daemon_each(int (*found)(pid_t pid, const char *root, void *data), void *data)
{
	_cleanup_closedir_ DIR *proc = opendir("/proc");
	const struct dirent *entry;

	while (proc && (entry = readdir(proc))) {
		char root[PATH_MAX];
		uint32_t pid;
		int rc;

		if (!nvb_parse_u32(entry->d_name, &pid) || !serves((pid_t)pid, root, sizeof(root)))
			continue;
		rc = found((pid_t)pid, root, data);
		if (rc)
			return rc;
	}
	return 0;
}
