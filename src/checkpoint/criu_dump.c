/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "checkpoint/criu.h"
#include "checkpoint/criu_rpc.h"

/* One dump. */

/* Fields of criu_opts. Source: images/rpc.proto of CRIU 4.2. */
enum {
	IMAGES_DIR_FD = 1,
	PID = 2,
	LEAVE_RUNNING = 3,
	TCP_ESTABLISHED = 5,
	FILE_LOCKS = 8,
	LOG_LEVEL = 9,
	LOG_FILE = 10,
	NOTIFY_SCRIPTS = 12,
	WORK_DIR_FD = 17,
	MANAGE_CGROUPS_MODE = 34,
	GHOST_LIMIT = 35,
	EXTERNAL = 37,
	FREEZE_CGROUP = 44,
	ORPHAN_PTS_MASTER = 50,
};

enum {
	/* criu_cg_mode. The runtime puts what it restores into the capsule's groups; CRIU would also write
	 * down, and make again, every group of hierarchies that the capsule has no group of its own in. */
	IGNORE_CGROUPS = 0,
	LOG_MESSAGES = 4,  /* down to "info": a failure's cause mostly stands before its error */
	GHOSTS = 64 << 20, /* what files that were removed and are still open may have; CRIU's own is 1 MiB */
};

static void put_options(const struct nvb_criu_dump *dump, struct nvb_strbuf *out)
{
	nvb_criu_put_number(out, IMAGES_DIR_FD, (uint64_t)dump->images);
	nvb_criu_put_number(out, WORK_DIR_FD, (uint64_t)dump->work);
	nvb_criu_put_number(out, PID, (uint64_t)dump->pid);
	nvb_criu_put_number(out, LEAVE_RUNNING, dump->leave_running);
	nvb_criu_put_number(out, TCP_ESTABLISHED, dump->tcp);
	nvb_criu_put_number(out, FILE_LOCKS, 1);
	nvb_criu_put_number(out, LOG_LEVEL, LOG_MESSAGES);
	nvb_criu_put_text(out, LOG_FILE, "dump.log");
	nvb_criu_put_number(out, NOTIFY_SCRIPTS, 1);
	nvb_criu_put_number(out, MANAGE_CGROUPS_MODE, IGNORE_CGROUPS);
	nvb_criu_put_number(out, GHOST_LIMIT, GHOSTS);
	/* The master of its terminal is held outside. */
	nvb_criu_put_number(out, ORPHAN_PTS_MASTER, 1);
	if (dump->freezer)
		nvb_criu_put_text(out, FREEZE_CGROUP, dump->freezer);
	nvb_strv_foreach (external, dump->externals)
		nvb_criu_put_text(out, EXTERNAL, *external);
}

char *nvb_criu_reason(int directory, const char *log)
{
	_cleanup_close_ int fd = openat(directory, log, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	_cleanup_fclose_ FILE *file = NULL;
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	char *first = NULL;

	file = fd < 0 ? NULL : fdopen(fd, "r");
	if (!file)
		return NULL;
	fd = -1;
	/* "(00.012345) Error (criu/mount.c:1088): mnt: 241:./etc/hosts doesn't have a proper root mount" */
	while (!first && getline(&line, &size, file) > 0) {
		char *error = strstr(line, "Error ("), *text = error ? strstr(error, "): ") : NULL;

		/* It goes on without more descriptors, which takes CAP_SYS_RESOURCE. */
		if (!text || strstr(text, "RLIMIT_NOFILE"))
			continue;
		text[strcspn(text, "\n")] = '\0';
		first = strdup(text + 3);
	}
	return first;
}

static int explain(const struct nvb_criu_dump *dump, const struct nvb_criu_answer *answer, nvb_error **err)
{
	_cleanup_free_ char *reason = nvb_criu_reason(dump->work, "dump.log");

	nvb_fail(err, NVB_ERR_UNSUPPORTED, "CRIU cannot save the processes: %s",
		reason		   ? reason
		: *answer->message ? answer->message
		: answer->number   ? strerror(answer->number)
				   : "it gives no reason");
	if (reason && strstr(reason, "Can't get rlimit"))
		return nvb_hint(err, -NVB_ERR_UNSUPPORTED,
			"without CAP_SYS_RESOURCE, which root lacks here, processes of other users cannot be "
			"saved");
	return -NVB_ERR_UNSUPPORTED;
}

/*
 * Waits until it says something or is dead. Processes that it had for a look at the kernel outlive it when it
 * is killed, and keep its end of the socket: an end of file might never come.
 */
static void wait_for(const struct nvb_criu_dump *dump, int socket, int process)
{
	enum { TICK_MS = 100 };
	struct pollfd fds[] = {{.fd = socket, .events = POLLIN}, {.fd = process, .events = POLLIN}};
	int n;

	do {
		n = poll(fds, 2, dump->working ? TICK_MS : -1);
		if (n == 0)
			dump->working(dump->data);
	} while (n == 0 || (n < 0 && errno == EINTR && !dump->working));
	if (n > 0 && process >= 0 && fds[1].revents && !(fds[0].revents & POLLIN))
		shutdown(socket, SHUT_RDWR);
}

/* Reaps it, and ends what is left of its session. */
static void reap(pid_t pid)
{
	siginfo_t info;

	/* As long as it is not reaped its number is no other's. */
	while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR)
		;
	kill(-pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* What comes before its answer: notifications, each of which it waits for. */
static int converse(const struct nvb_criu_dump *dump, int socket, int process, struct nvb_criu_answer *answer,
	nvb_error **err)
{
	nvb_error *refused = NULL;
	int why = 0;

	for (;;) {
		int rc;

		wait_for(dump, socket, process);
		rc = nvb_criu_read(socket, answer, err);
		if (rc == 0 && answer->type == NVB_CRIU_NOTIFY) {
			if (nvb_streq(answer->script, "post-dump") && dump->dumped)
				why = dump->dumped(dump->data, &refused);
			rc = nvb_criu_notified(socket, why == 0, err);
			if (rc == 0)
				continue;
		}
		/* Who has gone was told to, or not: what we refused for is what counts. */
		if (why < 0) {
			if (rc < 0 && err)
				nvb_error_free(NVB_TAKE_PTR(*err));
			nvb_error_move(err, refused);
			return why;
		}
		return rc;
	}
}

int nvb_criu_dump(const struct nvb_criu_dump *dump, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf options = {0};
	_cleanup_close_ int socket = -1, process = -1;
	struct nvb_criu_answer answer = {0};
	char plugins[64];
	pid_t pid;
	int rc;

	snprintf(plugins, sizeof(plugins), "/proc/%d/fd/%d", getpid(), dump->images);
	/* It opens the directories as /proc/<our number>/fd/<theirs>. */
	put_options(dump, &options);
	if (options.failed)
		return nvb_fail_oom(err);
	rc = nvb_criu_start(dump->criu, plugins, &pid, &socket, err);
	if (rc < 0)
		return rc;
	process = (int)syscall(SYS_pidfd_open, pid, 0);
	rc = nvb_criu_ask(socket, NVB_CRIU_DUMP, &options, err);
	if (rc == 0)
		rc = converse(dump, socket, process, &answer, err);
	close(NVB_TAKE_FD(socket));
	reap(pid);
	if (rc < 0)
		return rc;
	return answer.success ? 0 : explain(dump, &answer, err);
}
