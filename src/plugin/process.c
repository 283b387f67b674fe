/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/userns.h"
#include "plugin/record.h"

enum { NOBODY = 65534, PATIENCE_MS = 2000 };

/* What a plugin may use. Forking is what its filter forbids: RLIMIT_NPROC counts all of a user's processes.
 */
static const struct {
	__rlimit_resource_t resource;
	rlim_t limit;
} limits[] = {
	{RLIMIT_AS, 256UL << 20},
	{RLIMIT_CPU, 2},
	{RLIMIT_FSIZE, 0},
	{RLIMIT_NOFILE, 64},
	{RLIMIT_CORE, 0},
	{RLIMIT_STACK, 8UL << 20},
	{RLIMIT_MEMLOCK, 0},
};

static bool give_up_privileges(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

	/* In a user namespace there may be no other user. */
	if (geteuid() == 0 && !nvb_in_user_namespace() &&
		(syscall(SYS_setgroups, 0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
			setresuid(NOBODY, NOBODY, NOBODY) < 0))
		return false;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &header, none) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return false;
	for (size_t i = 0; i < NVB_ELEMENTS(limits); i++)
		if (setrlimit(limits[i].resource, &(struct rlimit){limits[i].limit, limits[i].limit}) < 0)
			return false;
	return true;
}

/* The helper has a C library to start and to be given its root by: nothing else is in its environment. */
static void become(const char *helper, int plugin, int input, int output, pid_t parent)
{
	char *const argv[] = {(char *)helper, NULL}, *const environment[] = {NULL};
	sigset_t none;

	/* Beyond the places where they go, so that none is overwritten before it is moved. */
	plugin = fcntl(plugin, F_DUPFD, 10);
	input = fcntl(input, F_DUPFD, 10);
	output = fcntl(output, F_DUPFD, 10);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (setsid() < 0 || chdir("/") < 0 || plugin < 0 || input < 0 || output < 0)
		_exit(125);
	close(0);
	if (open("/dev/null", O_RDWR) != 0 || dup2(output, 1) < 0 || dup2(0, 2) < 0 ||
		dup2(plugin, NVB_PLUGIN_FD) < 0 || dup2(input, NVB_PLUGIN_INPUT_FD) < 0 ||
		close_range(NVB_PLUGIN_INPUT_FD + 1, ~0U, 0) < 0 || !give_up_privileges() ||
		/* Behind the change of user, which takes it away. */
		prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(125);
	execve(helper, argv, environment);
	_exit(126);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Reads until the end; what went wrong, or NULL. */
static const char *read_all(int fd, struct nvb_strbuf *out)
{
	int64_t end = now_ms() + PATIENCE_MS;
	char buffer[4096];

	for (;;) {
		struct pollfd poller = {.fd = fd, .events = POLLIN};
		int64_t left = end - now_ms();
		int n = left > 0 ? poll(&poller, 1, (int)left) : 0;
		ssize_t got;

		if (n == 0)
			return "it took longer than 2 seconds";
		got = n < 0 ? -1 : read(fd, buffer, sizeof(buffer));
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got <= 0)
			return got < 0 ? "its output cannot be read" : NULL;
		if (out->len + (size_t)got > NVB_RECORD_SIZE_MAX)
			return "it wrote more than a MiB";
		nvb_sb_addn(out, buffer, (size_t)got);
	}
}

/* It has closed its output, and has nothing left to do. */
static const char *await_end(pid_t pid, int *status)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd poller = {.fd = pidfd, .events = POLLIN};
	int n = 1;

	if (pidfd >= 0)
		do {
			n = poll(&poller, 1, PATIENCE_MS);
		} while (n < 0 && errno == EINTR);
	if (n == 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
	return n == 0 ? "it did not end" : NULL;
}

static int judge(int status, nvb_error **err)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return nvb_fail(err, NVB_ERR_CORRUPT, "it made a system call that plugins may not make");
	if (WIFSIGNALED(status))
		return nvb_fail(err, NVB_ERR_CORRUPT, "it crashed: %s", strsignal(WTERMSIG(status)));
	if (WEXITSTATUS(status) == 126)
		return nvb_fail(err, NVB_ERR_SYSTEM, "nvbind-plugin cannot be run by everybody");
	if (WEXITSTATUS(status) == 125)
		return nvb_fail(err, NVB_ERR_SYSTEM, "its process could not be made safe");
	/* With a reason among its records. */
	if (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != NVB_PLUGIN_STATUS_FAILED)
		return nvb_fail(err, NVB_ERR_CORRUPT, "it ended its process with %d", WEXITSTATUS(status));
	return 0;
}

static int memory_of(const struct nvb_strbuf *input)
{
	_cleanup_close_ int fd = memfd_create("input", MFD_CLOEXEC);

	if (fd < 0 || nvb_write_all(fd, input->s, input->len) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return -1;
	return NVB_TAKE_FD(fd);
}

int nvb_plugin_process(const char *helper, int plugin, const struct nvb_strbuf *input, char **output,
	size_t *size, nvb_error **err)
{
	_cleanup_close_ int in = memory_of(input), from = -1, to = -1;
	_cleanup_strbuf_ struct nvb_strbuf out = {0};
	const char *wrong, *end;
	int ends[2], status = 0, rc;
	pid_t parent = getpid(), pid;

	if (in < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return nvb_fail_errno(err, errno, "a pipe");
	from = ends[0];
	to = ends[1];
	pid = fork();
	if (pid < 0)
		return nvb_fail_errno(err, errno, "a process");
	if (pid == 0)
		become(helper, plugin, in, to, parent);
	nvb_closep(&to);
	to = -1;
	wrong = read_all(from, &out);
	if (wrong)
		kill(pid, SIGKILL);
	end = await_end(pid, &status);
	if (wrong || end)
		return nvb_fail(err, NVB_ERR_CORRUPT, "%s", wrong ? wrong : end);
	rc = judge(status, err);
	if (rc < 0)
		return rc;
	*size = out.len;
	*output = nvb_sb_finish(&out);
	return *output ? 0 : nvb_fail_oom(err);
}
