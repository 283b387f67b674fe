/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor/ask.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

enum { PATIENCE_MS = 2000 };

static const char *const names[NVB_DOCTOR_PROGRAMS] = {
	[NVB_DOCTOR_DOCKER] = "dockerd",
	[NVB_DOCTOR_PODMAN] = "podman",
	[NVB_DOCTOR_CONTAINERD] = "containerd",
	[NVB_DOCTOR_CRIO] = "crio",
	[NVB_DOCTOR_CRUN] = "crun",
	[NVB_DOCTOR_RUNC] = "runc",
	[NVB_DOCTOR_CRIU] = "criu",
};

char *nvb_doctor_find_program(const char *name)
{
	static const char others[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	_cleanup_strv_ char **directories = NULL;
	_cleanup_free_ char *all = NULL;
	const char *path = getenv("PATH");
	struct stat st;

	if (asprintf(&all, "%s:%s", path ? path : "", others) < 0) {
		all = NULL;
		return NULL;
	}
	directories = nvb_strv_split(all, ":");
	nvb_strv_foreach (directory, directories) {
		char *full = NULL;

		if (**directory != '/' || asprintf(&full, "%s/%s", *directory, name) < 0)
			continue;
		if (stat(full, &st) == 0 && S_ISREG(st.st_mode) && access(full, X_OK) == 0)
			return full;
		free(full);
	}
	return NULL;
}

/* Starts a program whose standard output, and error with `both`, can be read from *from. */
static int start(char *const *argv, bool both, pid_t *pid, int *from)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int ends[2], rc;
	sigset_t none;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
	if (both)
		posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
	else
		posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	rc = posix_spawn(pid, argv[0], &actions, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	close(ends[1]);
	if (rc)
		close(ends[0]);
	else
		*from = ends[0];
	return -rc;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Reads until the end of it; what has no room is dropped. False when time was up. */
static bool read_all(int fd, char *buffer, size_t max, size_t *size, int64_t until)
{
	for (;;) {
		struct pollfd pfd = {.fd = fd, .events = POLLIN};
		int64_t left = until - now_ms();
		char scratch[4096];
		size_t room;
		ssize_t n;

		if (left <= 0 || (poll(&pfd, 1, (int)left) < 0 && errno != EINTR))
			return false;
		if (!pfd.revents)
			continue;
		n = read(fd, scratch, sizeof(scratch));
		if (n == 0 || (n < 0 && errno != EINTR))
			return true;
		if (n < 0)
			continue;
		room = max - *size;
		room = (size_t)n < room ? (size_t)n : room;
		memcpy(buffer + *size, scratch, room);
		*size += room;
	}
}

static int wait_for(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 127;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int nvb_doctor_call(char *const *argv, bool errors, size_t max, int limit_ms, char **output, nvb_error **err)
{
	_cleanup_free_ char *buffer = calloc(1, max + 1);
	_cleanup_close_ int from = -1;
	size_t size = 0;
	bool in_time;
	int status, rc;
	pid_t pid;

	if (!buffer)
		return nvb_fail_oom(err);
	rc = start(argv, errors, &pid, &from);
	if (rc < 0)
		return nvb_fail_errno(err, -rc, "%s", argv[0]);
	in_time = read_all(from, buffer, max, &size, now_ms() + limit_ms);
	if (!in_time)
		kill(pid, SIGKILL);
	status = wait_for(pid);
	if (!in_time)
		return nvb_fail(err, NVB_ERR_BUSY, "%s: no end in %d seconds", argv[0], limit_ms / 1000);
	*output = NVB_TAKE_PTR(buffer);
	return status;
}

static char *path_of(
	enum nvb_doctor_program program, const char *fabric_manager, const char *criu, bool engines)
{
	if (program == NVB_DOCTOR_FABRIC_MANAGER)
		return fabric_manager ? strdup(fabric_manager) : NULL;
	if (!engines)
		return NULL;
	if (program == NVB_DOCTOR_CRIU && criu)
		return access(criu, X_OK) == 0 ? strdup(criu) : NULL;
	return nvb_doctor_find_program(names[program]);
}

void nvb_doctor_versions_start(
	struct nvb_doctor_versions *versions, const char *fabric_manager, const char *criu, bool engines)
{
	for (int i = 0; i < NVB_DOCTOR_PROGRAMS; i++) {
		struct nvb_doctor_question *q = &versions->questions[i];

		q->from = -1;
		q->path = path_of((enum nvb_doctor_program)i, fabric_manager, criu, engines);
		if (q->path)
			start((char *const[]){q->path, (char *)"--version", NULL}, false, &q->pid, &q->from);
	}
	versions->started = true;
}

/* The first number in a text that looks like a version, in its place. */
static void keep_version(char *text)
{
	for (char *p = text; *p; p++) {
		size_t n = strspn(p, "0123456789.");

		if (isdigit((unsigned char)*p) && (p == text || strchr(" v:\n", p[-1])) &&
			memchr(p, '.', n)) {
			memmove(text, p, n);
			text[n] = '\0';
			return;
		}
		p += n ? n - 1 : 0;
	}
	*text = '\0';
}

static void read_answers(struct nvb_doctor_versions *versions)
{
	int64_t until = now_ms() + PATIENCE_MS;

	for (int i = 0; i < NVB_DOCTOR_PROGRAMS; i++) {
		struct nvb_doctor_question *q = &versions->questions[i];

		if (q->from < 0)
			continue;
		if (!read_all(q->from, q->answer, sizeof(q->answer) - 1, &q->size, until))
			kill(q->pid, SIGKILL);
		q->answer[q->size] = '\0';
		close(q->from);
		q->from = -1;
		wait_for(q->pid);
		keep_version(q->answer);
	}
	versions->read = true;
}

const char *nvb_doctor_version(struct nvb_doctor_versions *versions, enum nvb_doctor_program program)
{
	if (!versions->read)
		read_answers(versions);
	return versions->questions[program].path ? versions->questions[program].answer : NULL;
}

void nvb_doctor_versions_stop(struct nvb_doctor_versions *versions)
{
	for (int i = 0; versions->started && i < NVB_DOCTOR_PROGRAMS; i++) {
		struct nvb_doctor_question *q = &versions->questions[i];

		free(q->path);
		if (q->from < 0)
			continue;
		kill(q->pid, SIGKILL);
		close(q->from);
		wait_for(q->pid);
	}
	*versions = (struct nvb_doctor_versions){0};
}

int nvb_doctor_compare_versions(const char *a, const char *b)
{
	while (*a && *b) {
		unsigned long x = strtoul(a, (char **)&a, 10), y = strtoul(b, (char **)&b, 10);

		if (x != y)
			return x < y ? -1 : 1;
		if (*a != '.' || *b != '.')
			return 0;
		a++;
		b++;
	}
	return 0;
}
