/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory/nvml_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "base/str.h"
#include "inventory/nvml_abi.h"

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int nvb_nvml_library(const struct nvb_inventory *inventory, char **path, nvb_error **err)
{
	int rc;

	for (size_t i = 0; i < inventory->file_count; i++) {
		const struct nvb_file *file = &inventory->files[i];

		if (!nvb_streq0(file->soname, "libnvidia-ml.so.1") || file->elf_class != 8 * sizeof(void *))
			continue;
		*path = nvb_root_host_path(&inventory->roots.driver, file->path);
		return *path ? 0 : nvb_fail_oom(err);
	}
	rc = nvb_fail(err, NVB_ERR_NOT_FOUND,
		"libnvidia-ml.so.1 is not among the driver's libraries below %s",
		inventory->roots.driver.path);
	return nvb_hint(
		err, rc, "install the driver's NVML package, or name its directory with --library-path");
}

/* In the child: nothing of the caller's shows or is heard, and it ends when the caller does. */
_Noreturn static void run_child(
	nvb_nvml_child_function child, const char *library, int in, int out, pid_t parent)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	/* A caller that is gone shows by the write, not by a signal. */
	signal(SIGPIPE, SIG_IGN);
	if (null >= 0)
		for (int i = 0; i <= 2; i++)
			dup2(null, i);
	_exit(child(library, in, out));
}

int nvb_nvml_start(
	struct nvb_nvml_process *process, nvb_nvml_child_function child, const char *library, nvb_error **err)
{
	_cleanup_close_ int ours_in = -1, ours_out = -1, theirs_in = -1, theirs_out = -1;
	_cleanup_free_ char *name = strdup(library);
	pid_t parent = getpid(), pid;
	int down[2], up[2];

	if (!name)
		return nvb_fail_oom(err);
	/* A socket, since writing to a pipe whose reader is gone would raise a signal in the caller. */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, down) < 0)
		return nvb_fail_errno(err, errno, "socketpair");
	theirs_in = down[0];
	ours_out = down[1];
	if (pipe2(up, O_CLOEXEC) < 0)
		return nvb_fail_errno(err, errno, "pipe");
	ours_in = up[0];
	theirs_out = up[1];
	pid = fork();
	if (pid < 0)
		return nvb_fail_errno(err, errno, "fork");
	if (pid == 0) {
		/* Else it would hold its own input open, and never see the end of it. */
		close(ours_out);
		close(ours_in);
		run_child(child, library, theirs_in, theirs_out, parent);
	}
	*process = (struct nvb_nvml_process){.pid = pid,
		.to = NVB_TAKE_FD(ours_out),
		.from = NVB_TAKE_FD(ours_in),
		.library = NVB_TAKE_PTR(name)};
	return 0;
}

static int limit_of(const struct nvb_nvml_process *process)
{
	return process->limit_ms ? process->limit_ms : NVB_NVML_LIMIT_MS;
}

/* Waits for the child; its status, or 0 where somebody else took it (a caller that ignores SIGCHLD). */
static int reap(struct nvb_nvml_process *process)
{
	int status = 0;
	pid_t rc;

	if (!process->pid)
		return 0;
	do
		rc = waitpid(process->pid, &status, 0);
	while (rc < 0 && errno == EINTR);
	process->pid = 0;
	return rc < 0 ? 0 : status;
}

void nvb_nvml_stop(struct nvb_nvml_process *process)
{
	enum { PATIENCE_MS = 2000, PAUSE_NS = 1000000 };
	int64_t limit = now_ms() + PATIENCE_MS;

	nvb_closep(&process->to);
	nvb_closep(&process->from);
	process->to = process->from = -1;
	while (process->pid) {
		pid_t rc = waitpid(process->pid, NULL, WNOHANG);

		if (rc < 0 && errno == EINTR)
			continue;
		if (rc != 0)
			process->pid = 0;
		else if (now_ms() >= limit)
			kill(process->pid, SIGKILL);
		if (process->pid)
			nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
	}
	free(process->library);
	process->library = NULL;
}

/* What became of a child that did not do its part; it is gone afterwards. */
static int fail_with(struct nvb_nvml_process *process, int sys, nvb_error **err)
{
	int status, rc;

	if (sys && process->pid)
		kill(process->pid, SIGKILL);
	status = reap(process);
	if (sys == ETIMEDOUT) {
		rc = nvb_fail_errno(err, ETIMEDOUT, "%s gave no answer within %d s", process->library,
			limit_of(process) / 1000);
		return nvb_hint(err, rc, "a GPU may hang: see the kernel's log for NVRM: Xid");
	}
	if (sys)
		return nvb_fail_errno(err, sys, "%s", process->library);
	if (WIFSIGNALED(status))
		return nvb_fail(err, NVB_ERR_SYSTEM, "%s crashed (%s)", process->library,
			strsignal(WTERMSIG(status)));
	return nvb_fail(err, NVB_ERR_CORRUPT, "%s: the answer is cut off", process->library);
}

/* Ready within the limit: 1; else 0 with *sys set. */
static bool wait_for(int fd, short events, int64_t limit, int *sys)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = events};
		int64_t left = limit - now_ms();
		int rc = left > 0 ? poll(&p, 1, (int)left) : 0;

		if (rc > 0)
			return true;
		if (rc < 0 && errno == EINTR)
			continue;
		*sys = rc == 0 ? ETIMEDOUT : errno;
		return false;
	}
}

/* At most `size` bytes; how many, 0 at the end, -errno. */
static ssize_t read_some(int fd, void *data, size_t size, int64_t limit)
{
	ssize_t n;
	int sys;

	do {
		if (!wait_for(fd, POLLIN, limit, &sys))
			return -sys;
		n = read(fd, data, size);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	return n < 0 ? -errno : n;
}

int nvb_nvml_receive(struct nvb_nvml_process *process, void *data, size_t size, nvb_error **err)
{
	int64_t limit = now_ms() + limit_of(process);
	char *to = data;

	while (size) {
		ssize_t n = read_some(process->from, to, size, limit);

		if (n <= 0)
			return fail_with(process, (int)-n, err);
		to += n;
		size -= (size_t)n;
	}
	return 0;
}

int nvb_nvml_receive_all(
	struct nvb_nvml_process *process, size_t max, char **data, size_t *size, nvb_error **err)
{
	int64_t limit = now_ms() + limit_of(process);
	_cleanup_free_ char *buffer = NULL;
	size_t used = 0, capacity = 0;
	int status;

	for (;;) {
		ssize_t n;

		if (used == capacity) {
			size_t wanted = capacity ? capacity * 2 : 16384;
			char *grown = used > max ? NULL : realloc(buffer, wanted);

			if (!grown)
				return fail_with(process, ENOMEM, err);
			buffer = grown;
			capacity = wanted;
		}
		n = read_some(process->from, buffer + used, capacity - used, limit);
		if (n < 0)
			return fail_with(process, (int)-n, err);
		if (n == 0)
			break;
		used += (size_t)n;
	}
	status = reap(process);
	if (WIFSIGNALED(status))
		return nvb_fail(err, NVB_ERR_SYSTEM, "%s crashed (%s)", process->library,
			strsignal(WTERMSIG(status)));
	*data = NVB_TAKE_PTR(buffer);
	*size = used;
	return 0;
}

int nvb_nvml_send(struct nvb_nvml_process *process, const void *data, size_t size, nvb_error **err)
{
	int64_t limit = now_ms() + limit_of(process);
	const char *from = data;

	while (size) {
		ssize_t n;
		int sys;

		if (!wait_for(process->to, POLLOUT, limit, &sys))
			return fail_with(process, sys, err);
		n = send(process->to, from, size, MSG_NOSIGNAL);
		if (n < 0 && errno == EPIPE)
			return fail_with(process, 0, err);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return fail_with(process, errno, err);
		from += n > 0 ? n : 0;
		size -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static const struct failure {
	int32_t result;
	enum nvb_error_code code;
	const char *what, *hint;
} failures[] = {
	{NVML_DRIVER_NOT_LOADED, NVB_ERR_UNSUPPORTED, "the NVIDIA kernel module is not loaded",
		"modprobe nvidia"},
	{NVML_LIB_RM_VERSION_MISMATCH, NVB_ERR_STALE, "library and kernel module are of different versions",
		"reboot, or unload and load the nvidia modules"},
	{NVML_NO_PERMISSION, NVB_ERR_PERMISSION, "no permission", "check the modes of /dev/nvidia*"},
	{NVML_GPU_IS_LOST, NVB_ERR_UNSUPPORTED, "a GPU has fallen off the bus",
		"see the kernel's log for NVRM: Xid"},
	{NVML_INSUFFICIENT_POWER, NVB_ERR_UNSUPPORTED, "a GPU lacks a power cable",
		"check the external power cables"},
	{NVML_FUNCTION_NOT_FOUND, NVB_ERR_UNSUPPORTED, "it lacks functions that every NVML has",
		"is it a stub of the CUDA toolkit?"},
	{NVML_NOT_SUPPORTED, NVB_ERR_UNSUPPORTED, "the GPU does not support it", NULL},
	{NVML_IN_USE, NVB_ERR_BUSY, "the GPU is in use", NULL},
	{NVML_INSUFFICIENT_RESOURCES, NVB_ERR_BUSY, "there is no place left for it", NULL},
	{NVML_NOT_FOUND, NVB_ERR_NOT_FOUND, "it is not there", NULL},
	{NVML_INVALID_ARGUMENT, NVB_ERR_UNSUPPORTED, "the driver does not take that value", NULL},
	{NVML_RESET_REQUIRED, NVB_ERR_UNSUPPORTED, "the GPU needs a reset", "nvidia-smi --gpu-reset"},
	{NVML_TIMEOUT, NVB_ERR_SYSTEM, "the driver did not answer in time",
		"see the kernel's log for NVRM: Xid"},
};

int nvb_nvml_fail(nvb_error **err, int32_t result, const char *fmt, ...)
{
	char what[512];
	va_list args;
	int rc;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	for (size_t i = 0; i < NVB_ELEMENTS(failures); i++) {
		if (failures[i].result != result)
			continue;
		rc = nvb_fail(err, failures[i].code, "%s: %s", what, failures[i].what);
		return failures[i].hint ? nvb_hint(err, rc, "%s", failures[i].hint) : rc;
	}
	return nvb_fail(err, NVB_ERR_SYSTEM, "%s: NVML error %d", what, result);
}
