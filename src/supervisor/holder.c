/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/holder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "capsule/record.h"

enum {
	LOOK_SECONDS = 5,
	TEXT = 128,
};

/* The descriptors have the same numbers in the holder as in who forked it, so that they are right from its
 * first moment on. */
struct name {
	pid_t pid;
	uint64_t started;
	struct nvb_held held;
};

static char *path_of(const struct nvb_entry *entry)
{
	return nvb_state_join(entry->run, "holder");
}

static bool read_name(const struct nvb_entry *entry, struct name *out)
{
	_cleanup_free_ char *path = path_of(entry), *text = NULL;
	int *fds = out->held.fds;
	char kind[16];

	if (!path || nvb_file_read(AT_FDCWD, path, TEXT, &text, NULL, NULL) < 0 ||
		sscanf(text, "%d %" SCNu64 " %15s %d %d %d", &out->pid, &out->started, kind, &fds[0], &fds[1],
			&fds[2]) != 6)
		return false;
	out->held.terminal = nvb_streq(kind, "terminal");
	return true;
}

static int write_name(const struct nvb_entry *entry, pid_t pid, const struct nvb_held *held, nvb_error **err)
{
	_cleanup_free_ char *path = path_of(entry);
	const int *fds = held->fds;
	char text[TEXT];
	int n = snprintf(text, sizeof(text), "%d %" PRIu64 " %s %d %d %d\n", pid, nvb_proc_start_time(pid),
		held->terminal ? "terminal" : "pipes", fds[0], fds[1], fds[2]);

	return path ? nvb_file_write_unflushed(AT_FDCWD, path, text, (size_t)n, 0600, err)
		    : nvb_fail_oom(err);
}

/* Whoever waits for the end of our output, or for a lock that the supervisor has, shall not wait for a
 * holder. */
static void close_all_but(const int fds[static 3])
{
	unsigned from = 0;

	for (;;) {
		unsigned next = ~0U;

		for (int i = 0; i < 3; i++)
			if (fds[i] >= 0 && (unsigned)fds[i] >= from && (unsigned)fds[i] < next)
				next = (unsigned)fds[i];
		if (next > from)
			close_range(from, next == ~0U ? next : next - 1, 0);
		if (next == ~0U)
			return;
		from = next + 1;
	}
}

static bool is_named(const struct nvb_entry *entry, pid_t pid, uint64_t started)
{
	struct name name;

	return read_name(entry, &name) && name.pid == pid && name.started == started;
}

_Noreturn void nvb_holder_hold(const struct nvb_entry *entry, const struct nvb_held *held, pid_t supervisor)
{
	pid_t pid = getpid();
	uint64_t started = nvb_proc_start_time(pid);
	struct pollfd gone = {.events = POLLIN};

	close_all_but(held->fds);
	prctl(PR_SET_NAME, "bolt-holder");
	/* Where only a parent may, the next supervisor of the same user could not take what we hold. */
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	gone.fd = (int)syscall(SYS_pidfd_open, supervisor, 0);
	while (gone.fd >= 0 && getppid() == supervisor && poll(&gone, 1, -1) < 0 && errno == EINTR)
		;
	while (is_named(entry, pid, started))
		sleep(LOOK_SECONDS);
	_exit(0);
}

int nvb_holder_name(const struct nvb_entry *entry, const struct nvb_held *held, nvb_error **err)
{
	return write_name(entry, getpid(), held, err);
}

int nvb_holder_begin(
	const struct nvb_entry *entry, const struct nvb_held *held, int *process, nvb_error **err)
{
	_cleanup_close_ int fd = -1;
	pid_t parent = getpid(), pid = fork();
	int rc;

	if (pid < 0)
		return nvb_fail_errno(err, errno, "fork");
	if (pid == 0)
		nvb_holder_hold(entry, held, parent);
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	rc = fd < 0 ? nvb_fail_errno(err, errno, "pidfd") : write_name(entry, pid, held, err);
	if (rc < 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return rc;
	}
	*process = NVB_TAKE_FD(fd);
	return 0;
}

int nvb_holder_find(const struct nvb_entry *entry, struct nvb_held *held)
{
	_cleanup_close_ int process = -1;
	struct name name;

	if (!read_name(entry, &name))
		return -1;
	process = (int)syscall(SYS_pidfd_open, name.pid, 0);
	/* The number may be another process's by now; once the descriptor is open it cannot change any more.
	 */
	if (process < 0 || !nvb_proc_is_alive(name.pid, name.started))
		return -1;
	*held = name.held;
	for (int i = 0; i < 3; i++) {
		if (held->fds[i] >= 0)
			held->fds[i] = (int)syscall(SYS_pidfd_getfd, process, held->fds[i], 0);
		if (held->fds[i] >= 0)
			fcntl(held->fds[i], F_SETFD, FD_CLOEXEC);
	}
	return NVB_TAKE_FD(process);
}

void nvb_holder_forget(const struct nvb_entry *entry)
{
	_cleanup_free_ char *path = path_of(entry);

	if (path)
		unlink(path);
}

bool nvb_holder_is_named(const struct nvb_entry *entry)
{
	_cleanup_free_ char *path = path_of(entry);

	return path && access(path, F_OK) == 0;
}

void nvb_holder_end(int process)
{
	if (process < 0)
		return;
	syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0);
	/* No child of ours where another supervisor forked it. */
	while (waitid(P_PIDFD, (id_t)process, &(siginfo_t){0}, WEXITED) < 0 && errno == EINTR)
		;
	close(process);
}
