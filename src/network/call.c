/* SPDX-License-Identifier: Apache-2.0 */
#include "network/call.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/mem.h"

enum { PATIENCE_MS = 60 * 1000, LARGEST_OUTPUT = 1 << 20 };

const char *const nvb_call_system_directories[] = {
	"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", NULL};

char *nvb_call_find(const char *const *directories, const char *name)
{
	for (; *directories; directories++) {
		char *path;

		if (asprintf(&path, "%s/%s", *directories, name) < 0)
			return NULL;
		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}

void nvb_call_release(struct nvb_call *call)
{
	free(call->output);
	free(call->errors);
	call->output = call->errors = NULL;
}

/* In the child, which shares our memory until it is the program: system calls and nothing else. */
static __attribute__((noinline)) void become(const struct nvb_call *call, const int stdio[static 3])
{
	sigset_t none;

	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int i = 0; i < 3; i++)
		if (stdio[i] == i ? fcntl(i, F_SETFD, 0) < 0 : dup2(stdio[i], i) < 0)
			_exit(125);
	execve(call->argv[0], (char *const *)call->argv, (char *const *)call->environment);
	_exit(127);
}

/* Files in memory instead of pipes: nobody has to read while the program runs. */
static int memory(const char *text)
{
	int fd = memfd_create("call", MFD_CLOEXEC);

	if (fd < 0)
		return -1;
	if (text && (nvb_write_all(fd, text, strlen(text)) < 0 || lseek(fd, 0, SEEK_SET) < 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int take_text(int fd, const char *name, char **text, nvb_error **err)
{
	if (lseek(fd, 0, SEEK_SET) < 0 ||
		(lseek(fd, 0, SEEK_END) > LARGEST_OUTPUT && ftruncate(fd, LARGEST_OUTPUT) < 0))
		return nvb_fail_errno(err, errno, "%s", name);
	lseek(fd, 0, SEEK_SET);
	return nvb_file_read_fd(fd, name, LARGEST_OUTPUT, text, NULL, err);
}

static int wait_for(pid_t pid, const char *name, int *status, nvb_error **err)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd poller = {.fd = pidfd, .events = POLLIN};
	int raw, n = 1;

	if (pidfd >= 0)
		do {
			n = poll(&poller, 1, PATIENCE_MS);
		} while (n < 0 && errno == EINTR);
	if (n == 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &raw, 0) < 0)
		if (errno != EINTR)
			return nvb_fail_errno(err, errno, "waiting for %s", name);
	if (n == 0)
		return nvb_fail(err, NVB_ERR_SYSTEM, "%s did not end within a minute", name);
	*status = WIFSIGNALED(raw) ? 128 + WTERMSIG(raw) : WEXITSTATUS(raw);
	return 0;
}

/* A function of its own: what vfork(2) shares is this frame. */
static __attribute__((noinline)) pid_t begin(const struct nvb_call *call, const int stdio[static 3])
{
	pid_t pid = vfork();

	if (pid == 0)
		become(call, stdio);
	return pid;
}

int nvb_call(struct nvb_call *call, nvb_error **err)
{
	_cleanup_close_ int in = call->input ? memory(call->input) : open("/dev/null", O_RDONLY | O_CLOEXEC),
			    out = memory(NULL), errors = memory(NULL);
	const int stdio[3] = {in, out, errors};
	pid_t pid;
	int rc;

	if (in < 0 || out < 0 || errors < 0)
		return nvb_fail_errno(err, errno, "files for %s", call->argv[0]);
	pid = begin(call, stdio);
	if (pid < 0)
		return nvb_fail_errno(err, errno, "starting %s", call->argv[0]);
	rc = wait_for(pid, call->argv[0], &call->status, err);
	if (rc == 0)
		rc = take_text(out, call->argv[0], &call->output, err);
	if (rc == 0)
		rc = take_text(errors, call->argv[0], &call->errors, err);
	return rc;
}
