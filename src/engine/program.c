/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/program.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/mem.h"
#include "base/str.h"

enum { PATIENCE_MS = 10000, MOST_COMPLAINT = 400 };

char *engine_find_program(const char *name)
{
	/* Daemons live where an ordinary user's PATH does not lead. */
	static const char others[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	const char *path = getenv("PATH");
	_cleanup_free_ char *all = NULL;
	_cleanup_strv_ char **directories = NULL;
	struct stat st;

	if (asprintf(&all, "%s:%s", path ? path : "", others) < 0) {
		all = NULL;
		return NULL;
	}
	directories = nvb_strv_split(all, ":");
	nvb_strv_foreach (directory, directories) {
		char *full = NULL;

		if (**directory != '/')
			continue;
		if (asprintf(&full, "%s/%s", *directory, name) < 0)
			return NULL;
		if (stat(full, &st) == 0 && S_ISREG(st.st_mode) && access(full, X_OK) == 0)
			return full;
		free(full);
	}
	return NULL;
}

/* Reads until both ends are closed or time is up. */
struct listener {
	struct pollfd fds[2];
	char *buffers[2];
	size_t sizes[2], max[2];
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void listen_once(struct listener *l, int i)
{
	char scratch[4096];
	ssize_t n = read(l->fds[i].fd, scratch, sizeof(scratch));
	size_t room = l->max[i] - l->sizes[i], taken;

	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0) {
		l->fds[i].fd = -1;
		return;
	}
	taken = (size_t)n < room ? (size_t)n : room;
	memcpy(l->buffers[i] + l->sizes[i], scratch, taken);
	l->sizes[i] += taken;
}

/* False when time was up. */
static bool listen_to(struct listener *l)
{
	int64_t until = now_ms() + PATIENCE_MS;

	while (l->fds[0].fd >= 0 || l->fds[1].fd >= 0) {
		int64_t left = until - now_ms();

		if (left <= 0)
			return false;
		if (poll(l->fds, 2, (int)left) < 0 && errno != EINTR)
			return false;
		for (int i = 0; i < 2; i++)
			if (l->fds[i].fd >= 0 && l->fds[i].revents)
				listen_once(l, i);
	}
	return true;
}

static int start(const char *program, const char *const *argv, const int pipes[2][2], pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	int rc;

	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, pipes[0][1], 1);
	posix_spawn_file_actions_adddup2(&actions, pipes[1][1], 2);
	rc = posix_spawn(pid, program, &actions, &attributes, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return rc;
}

static int judge(const char *name, int status, bool in_time, const struct listener *l, nvb_error **err)
{
	int n = (int)strcspn(l->buffers[1], "\n");

	if (!in_time)
		return nvb_fail(err, NVB_ERR_BUSY, "%s: no answer in %d seconds", name, PATIENCE_MS / 1000);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return nvb_fail(err, NVB_ERR_SYSTEM, "%s failed%s%.*s", name, n ? ": " : "", n, l->buffers[1]);
}

int engine_ask_program(const char *const *argv, size_t max, char **output, nvb_error **err)
{
	_cleanup_free_ char *program = engine_find_program(argv[0]);
	_cleanup_free_ char *out = calloc(1, max + 1), *complaint = calloc(1, MOST_COMPLAINT + 1);
	_cleanup_close_ int out_read = -1, err_read = -1;
	struct listener l = {.buffers = {out, complaint}, .max = {max, MOST_COMPLAINT}};
	int pipes[2][2], rc, status = 0;
	bool in_time;
	pid_t pid;

	if (!program)
		return nvb_fail(err, NVB_ERR_NOT_FOUND, "%s is not installed", argv[0]);
	if (!out || !complaint)
		return nvb_fail_oom(err);
	if (pipe2(pipes[0], O_CLOEXEC) < 0)
		return nvb_fail_errno(err, errno, "a pipe");
	out_read = pipes[0][0];
	if (pipe2(pipes[1], O_CLOEXEC) < 0) {
		close(pipes[0][1]);
		return nvb_fail_errno(err, errno, "a pipe");
	}
	err_read = pipes[1][0];
	rc = start(program, argv, (const int(*)[2])pipes, &pid);
	close(pipes[0][1]);
	close(pipes[1][1]);
	if (rc)
		return nvb_fail_errno(err, rc, "%s", program);
	l.fds[0] = (struct pollfd){.fd = out_read, .events = POLLIN};
	l.fds[1] = (struct pollfd){.fd = err_read, .events = POLLIN};
	in_time = listen_to(&l);
	if (!in_time)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	rc = judge(argv[0], status, in_time, &l, err);
	if (rc == 0)
		*output = NVB_TAKE_PTR(out);
	return rc;
}

unsigned engine_program_version(const char *name)
{
	const char *const argv[] = {name, "--version", NULL};
	_cleanup_free_ char *output = NULL;
	unsigned major, minor;

	if (engine_ask_program(argv, 4096, &output, NULL) < 0)
		return 0;
	for (const char *p = output; *p; p++)
		if (isdigit((unsigned char)*p) && (p == output || strchr(" v", p[-1])) &&
			sscanf(p, "%u.%u.", &major, &minor) == 2 && major < 1000 && minor < 1000)
			return major * 1000 + minor;
	return 0;
}
