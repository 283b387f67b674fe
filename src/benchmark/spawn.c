/* SPDX-License-Identifier: Apache-2.0 */
#include "benchmark/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/str.h"
#include "cli/output.h"

enum { OUTPUT_MAX = 1 << 20, GRACE = 2000 /* ms between SIGTERM and SIGKILL */ };

uint64_t nvb_boottime(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void nvb_command_result_release(struct nvb_command_result *result)
{
	free(result->output);
	free(result->message);
	*result = (struct nvb_command_result){0};
}

struct start {
	const struct nvb_command *command;
	int input, output, message;
	volatile int failed; /* errno of the child, which shares our memory until it is another program */
};

/* In the child. What is measured starts with no signal blocked and ends with us. */
static void become(struct start *start)
{
	const struct nvb_command *command = start->command;
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (dup2(start->input, 0) >= 0 && dup2(start->output, 1) >= 0 && dup2(start->message, 2) >= 0 &&
		(command->namespace_fd < 0 || setns(command->namespace_fd, CLONE_NEWNS) == 0))
		execvp(command->argv[0], (char *const *)command->argv);
	start->failed = errno;
	_exit(127);
}

/* Not inlined: a function that calls vfork keeps nothing in registers. */
static __attribute__((noinline)) pid_t spawn(struct start *start)
{
	pid_t pid = vfork();

	if (pid == 0)
		become(start);
	return pid;
}

static int begin(struct start *start, pid_t *pid, nvb_error **err)
{
	const char *name = start->command->argv[0];

	*pid = spawn(start);
	if (*pid < 0)
		return nvb_fail_errno(err, errno, "starting %s", name);
	if (!start->failed)
		return 0;
	waitpid(*pid, NULL, 0);
	*pid = -1;
	if (start->failed == ENOENT)
		return nvb_fail(err, NVB_ERR_NOT_FOUND, "there is no program %s", name);
	return nvb_fail_errno(err, start->failed, "executing %s", name);
}

/* --- a command that is waited for --- */

struct stream {
	int fd;
	struct nvb_strbuf text;
};

/* False at its end. */
static bool read_stream(struct stream *stream)
{
	char buffer[4096];
	ssize_t got = read(stream->fd, buffer, sizeof(buffer));

	if (got > 0 && stream->text.len + (size_t)got <= OUTPUT_MAX)
		nvb_sb_addn(&stream->text, buffer, (size_t)got);
	return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

struct running {
	const struct nvb_command *command;
	pid_t pid;
	int pidfd;
	struct stream output, message;
	uint64_t deadline, ended;
	int status;
};

static void end_group(pid_t pid, int pidfd)
{
	struct pollfd ended = {.fd = pidfd, .events = POLLIN};

	kill(-pid, SIGTERM);
	poll(&ended, 1, GRACE);
	/* Also who ignored it and was not its child; before it is reaped, when its number may be another's.
	 */
	kill(-pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int give_up(struct running *running, enum nvb_error_code code, nvb_error **err)
{
	const char *name = running->command->argv[0];

	end_group(running->pid, running->pidfd);
	if (code == NVB_ERR_CANCELLED)
		return nvb_fail(err, code, "interrupted");
	return nvb_fail(err, code, "%s did not end within %llu s", name,
		(unsigned long long)(running->command->limit / 1000000000));
}

static void reap(struct running *running)
{
	int status = 0;

	waitpid(running->pid, &status, 0);
	running->ended = nvb_boottime();
	running->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	/* What is left in the pipes; others may hold them open. */
	fcntl(running->output.fd, F_SETFL, O_NONBLOCK);
	fcntl(running->message.fd, F_SETFL, O_NONBLOCK);
	for (size_t before = SIZE_MAX; before != running->output.text.len;) {
		before = running->output.text.len;
		read_stream(&running->output);
	}
	for (size_t before = SIZE_MAX; before != running->message.text.len;) {
		before = running->message.text.len;
		read_stream(&running->message);
	}
}

static int watch(struct running *running, nvb_error **err)
{
	const struct nvb_command *command = running->command;
	struct pollfd fds[] = {
		{running->pidfd, POLLIN, 0},
		{running->output.fd, POLLIN, 0},
		{running->message.fd, POLLIN, 0},
		{command->cancel_fd, POLLIN, 0},
		{command->drain_fd, POLLIN, 0},
	};

	for (;;) {
		uint64_t now = nvb_boottime();
		int left = now >= running->deadline ? 0 : (int)((running->deadline - now) / 1000000 + 1);

		if (!left)
			return give_up(running, NVB_ERR_SYSTEM, err);
		if (poll(fds, NVB_ELEMENTS(fds), left) < 0 && errno != EINTR)
			return nvb_fail_errno(err, errno, "waiting for %s", command->argv[0]);
		if (fds[0].revents) {
			reap(running);
			return 0;
		}
		if (fds[3].revents)
			return give_up(running, NVB_ERR_CANCELLED, err);
		if (fds[1].revents && !read_stream(&running->output))
			fds[1].fd = -1;
		if (fds[2].revents && !read_stream(&running->message))
			fds[2].fd = -1;
		if (fds[4].revents)
			command->drain(command->drain_data);
	}
}

static int finish(struct running *running, struct nvb_command_result *result, nvb_error **err)
{
	size_t output_size = running->output.text.len, message_size = running->message.text.len;
	_cleanup_free_ char *output = NULL;
	char *message;

	nvb_sb_addn(&running->output.text, "", 1);
	nvb_sb_addn(&running->message.text, "", 1);
	output = nvb_sb_finish(&running->output.text);
	message = nvb_sb_finish(&running->message.text);
	if (!output || !message) {
		free(message);
		return nvb_fail_oom(err);
	}
	result->status = running->status;
	result->ended = running->ended;
	result->output = NVB_TAKE_PTR(output);
	result->message = message;
	result->output_size = output_size;
	result->message_size = message_size;
	return 0;
}

static int open_input(const struct nvb_command *command, nvb_error **err)
{
	int fd = command->input >= 0 ? fcntl(command->input, F_DUPFD_CLOEXEC, 3)
				     : open("/dev/null", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? nvb_fail_errno(err, errno, "standard input of %s", command->argv[0]) : fd;
}

int nvb_command_run(const struct nvb_command *command, struct nvb_command_result *result, nvb_error **err)
{
	struct running running = {.command = command, .pidfd = -1, .output = {-1, {0}}, .message = {-1, {0}}};
	int output[2] = {-1, -1}, message[2] = {-1, -1}, rc;
	_cleanup_close_ int input = open_input(command, err);

	if (input < 0)
		return input;
	if (pipe2(output, O_CLOEXEC) < 0 || pipe2(message, O_CLOEXEC) < 0) {
		rc = nvb_fail_errno(err, errno, "a pipe from %s", command->argv[0]);
	} else {
		const int out = command->output >= 0 ? command->output : output[1];
		struct start start = {command, input, out, message[1], 0};

		result->spawned = nvb_boottime();
		rc = begin(&start, &running.pid, err);
	}
	nvb_closep(&output[1]);
	nvb_closep(&message[1]);
	running.output.fd = output[0];
	running.message.fd = message[0];
	if (rc == 0 && (running.pidfd = (int)syscall(SYS_pidfd_open, running.pid, 0)) < 0) {
		rc = nvb_fail_errno(err, errno, "watching %s", command->argv[0]);
		kill(-running.pid, SIGKILL);
		waitpid(running.pid, NULL, 0);
	} else if (rc == 0) {
		running.deadline = result->spawned + command->limit;
		rc = watch(&running, err);
	}
	if (rc == 0)
		rc = finish(&running, result, err);
	nvb_closep(&running.pidfd);
	nvb_closep(&output[0]);
	nvb_closep(&message[0]);
	nvb_sb_release(&running.output.text);
	nvb_sb_release(&running.message.text);
	return rc;
}

char *nvb_last_line(const char *text, size_t size)
{
	_cleanup_free_ char *line = NULL;
	struct nvb_strbuf sb = {0};
	size_t begin;

	while (size && (text[size - 1] == '\n' || text[size - 1] == '\0' || text[size - 1] == '\r'))
		size--;
	begin = size;
	while (begin && text[begin - 1] != '\n')
		begin--;
	line = strndup(text + begin, size - begin);
	nvb_sb_add_visible(&sb, line ? line : "");
	return nvb_sb_finish(&sb);
}

int nvb_command_must(const struct nvb_command *command, struct nvb_command_result *result, nvb_error **err)
{
	_cleanup_command_result_ struct nvb_command_result own = {0};
	struct nvb_command_result *to = result ? result : &own;
	_cleanup_free_ char *line = NULL;
	int rc = nvb_command_run(command, to, err);

	if (rc < 0 || to->status == 0)
		return rc;
	line = nvb_last_line(to->message, to->message_size);
	rc = nvb_fail(err, NVB_ERR_SYSTEM, "%s failed with status %d%s%s", command->argv[0], to->status,
		line && *line ? ": " : "", line ? line : "");
	nvb_command_result_release(to);
	return rc;
}

/* --- a command that goes on --- */

pid_t nvb_command_start(const struct nvb_command *command, int *output, nvb_error **err)
{
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	_cleanup_close_ int input = open_input(command, err);
	_cleanup_close_ int reader = -1, writer = -1;
	int ends[2], rc;
	pid_t pid = -1;

	if (input < 0)
		return input;
	if (null < 0)
		return nvb_fail_errno(err, errno, "/dev/null");
	if (output) {
		if (pipe2(ends, O_CLOEXEC) < 0)
			return nvb_fail_errno(err, errno, "a pipe from %s", command->argv[0]);
		reader = ends[0];
		writer = ends[1];
	}
	rc = begin(&(struct start){command, input, output ? writer : null, null, 0}, &pid, err);
	if (rc < 0)
		return rc;
	if (output)
		*output = NVB_TAKE_FD(reader);
	return pid;
}

void nvb_command_stop(pid_t pid)
{
	int pidfd;

	if (pid <= 0)
		return;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	end_group(pid, pidfd);
	nvb_closep(&pidfd);
}
