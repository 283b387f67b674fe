/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/starter.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "capsule/record.h"
#include "capsule/start.h"
#include "capsule/terminal.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/criu.h"
#include "checkpoint/install.h"
#include "checkpoint/processes.h"
#include "checkpoint/unpack.h"
#include "container/container.h"
#include "container/params.h"
#include "supervisor/holder.h"
#include "supervisor/report.h"

/* In the child. */
struct starting {
	const struct nvb_starter *starter;
	struct nvb_start start;
	struct nvb_terminal terminal;
};

static int open_terminal(struct nvb_start *start, nvb_error **err)
{
	struct starting *s = start->data;

	return start->spec->terminal ? nvb_terminal_open(&s->terminal, start->state.workspace, err) : 0;
}

/* What a failed runtime wrote, which is in the pipe of the container that never came to be. */
static void read_said(int fd, char *text, size_t size)
{
	size_t used = 0;
	ssize_t n;

	while (fd >= 0 && used + 1 < size && (n = read(fd, text + used, size - 1 - used)) > 0)
		used += (size_t)n;
	text[used] = '\0';
}

/*
 * A CRIU that is killed leaves processes that keep its end of the runtime's socket, on which that would wait
 * for ever. The runtime reaps a CRIU that has ended within a moment; one that lies there for a second was
 * killed.
 */
static void wait_for_restore(pid_t runtime)
{
	enum { A_SECOND = 1000 };
	_cleanup_close_ int process = (int)syscall(SYS_pidfd_open, runtime, 0);
	struct pollfd fds = {.fd = process, .events = POLLIN};
	int seen = 0, n;

	while (process >= 0 && (n = poll(&fds, 1, A_SECOND)) <= 0) {
		if (n < 0 && errno != EINTR)
			return;
		seen = n == 0 && nvb_process_has_corpse(runtime, "criu") ? seen + 1 : 0;
		if (seen > 1)
			kill(runtime, SIGKILL);
	}
}

static int wait_for_runtime(struct starting *s, pid_t runtime, int *status, nvb_error **err)
{
	struct nvb_start *start = &s->start;
	int ended;
	char said[2048];

	if (start->launch.images)
		wait_for_restore(runtime);
	while (waitpid(runtime, &ended, 0) < 0)
		if (errno != EINTR)
			return nvb_fail_errno(err, errno, "waiting for %s", start->runtime);
	if (WIFEXITED(ended) && WEXITSTATUS(ended) == 0)
		return 0;
	read_said(s->starter->error, said, sizeof(said));
	*status = nvb_launch_failure(&start->launch, ended, start->process.args[0], said, err);
	return -(int)nvb_error_code(*err);
}

/* Whether the images are whole, and whether they will never be; nothing is read, since others look there,
 * too. */
static bool wait_until_whole(const struct nvb_restoring *restoring)
{
	struct pollfd whole = {.fd = restoring->whole, .events = POLLIN};

	while (poll(&whole, 1, -1) < 0)
		if (errno != EINTR)
			return false;
	return whole.revents & POLLIN;
}

static bool is_never_whole(const struct nvb_restoring *restoring)
{
	struct pollfd whole = {.fd = restoring->whole, .events = POLLIN};

	return poll(&whole, 1, 0) > 0 && !(whole.revents & POLLIN);
}

/* That of crun which loads CRIU's library when it needs it. */
static int explain_library(const struct starting *s, nvb_error **err)
{
	if (!*err || !strstr(nvb_error_message(*err), "libcriu"))
		return -(int)nvb_error_code(*err);
	nvb_error_free(NVB_TAKE_PTR(*err));
	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_UNSUPPORTED, "%s restores by libcriu, which is not installed",
			s->start.runtime),
		"install libcriu (libcriu2), or runc, which needs CRIU alone");
}

/* What the runtime says of a restore is that CRIU failed; why, CRIU's log says. */
static int explain(const struct starting *s, nvb_error **err)
{
	_cleanup_close_ int directory = open(s->start.state.workspace, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *reason = nvb_criu_reason(directory, "restore.log");

	/* Who unpacks them says why. */
	if (is_never_whole(s->starter->restoring)) {
		nvb_error_free(NVB_TAKE_PTR(*err));
		return nvb_fail(err, NVB_ERR_CANCELLED, "the snapshot was not unpacked to its end");
	}
	if (!reason)
		return explain_library(s, err);
	nvb_error_free(NVB_TAKE_PTR(*err));
	return nvb_fail(err, NVB_ERR_UNSUPPORTED, "CRIU cannot restore the processes: %s", reason);
}

/* runc starts CRIU before it looks at an image, so it is started at once, and what stands before CRIU waits:
 * half of what a runtime does is done meanwhile. crun reads first. */
static const char *choose_front(const struct starting *s)
{
	const char *front = s->starter->host->criu_front;

	return front && !nvb_runtime_is_crun(s->start.runtime) && access(front, X_OK) == 0 ? front : NULL;
}

/* Where CRIU is the runtime's to find, and its images. *env is for nvb_strv_free. */
static int use_images(struct starting *s, char **images, char ***env, nvb_error **err)
{
	const struct nvb_restoring *restoring = s->starter->restoring;
	_cleanup_free_ char *links = nvb_state_join(s->start.state.workspace, "criu-bin"), *params = NULL;
	char whole[64];
	struct nvb_criu_use use = {
		.criu = restoring->criu,
		.version = restoring->criu_version,
		.front = choose_front(s),
		.whole = whole,
		.links = links,
		.cgroup = s->starter->entry->cgroup,
		.gives_up = restoring->large,
	};

	/* What they lie in may have no name. */
	if (asprintf(images, "/proc/%d/fd/%d", getpid(), restoring->images) < 0)
		*images = NULL;
	snprintf(whole, sizeof(whole), "/proc/%d/fd/%d", getpid(), restoring->whole);
	/* Where the mask is not wanted any more the mount is there all the same, with what the host has. */
	if (nvb_params_read(NVB_DRIVER_PARAMS, &params, NULL) == 0 && !params)
		nvb_file_read(AT_FDCWD, NVB_DRIVER_PARAMS, 1 << 16, &params, NULL, NULL);
	use.params = params;
	*env = links ? nvb_criu_environment(&use) : NULL;
	if (!*images || !*env)
		return nvb_fail(err, NVB_ERR_SYSTEM, "what CRIU needs cannot be written to %s",
			links ? links : "memory");
	s->start.launch.images = *images;
	s->start.launch.environment = *env;
	s->start.launch.tcp = restoring->tcp;
	s->start.launch.gives_up = restoring->large;
	return use.front || wait_until_whole(restoring) ? 0 : explain(s, err);
}

static int launch(struct starting *s, pid_t *init, int *master, int *status, nvb_error **err)
{
	_cleanup_free_ char *images = NULL;
	_cleanup_strv_ char **env = NULL;
	struct nvb_start *start = &s->start;
	pid_t runtime;
	int rc = s->starter->restoring ? use_images(s, &images, &env, err)
				       : nvb_start_check_program(start, status, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < NVB_ELEMENTS(start->launch.stdio); i++)
		start->launch.stdio[i] = s->starter->pipes->given[i];
	start->launch.console = s->terminal.socket_path;
	runtime = nvb_start_launch(start, err);
	if (runtime < 0)
		return runtime;
	rc = wait_for_runtime(s, runtime, status, err);
	if (rc < 0 && images)
		rc = explain(s, err);
	if (rc == 0 && start->spec->terminal)
		rc = nvb_terminal_take(&s->terminal, master, err);
	if (rc == 0)
		rc = nvb_launch_init(&start->launch, init, err);
	if (rc == 0)
		rc = nvb_start_note(start, *init, err);
	if (rc == 0 && images)
		rc = nvb_restore_finish(start, s->starter->restoring, *init, err);
	return rc;
}

/* Its files: the snapshot's, or its own, whatever a restore that was killed has left. */
static int put_files(const struct nvb_starter *starter, nvb_error **err)
{
	if (starter->restoring)
		return nvb_restore_install(starter->entry, starter->restoring->directory, err);
	nvb_restore_undo(starter->entry);
	nvb_unpack_sweep(starter->entry->data);
	return 0;
}

static _Noreturn void run(const struct nvb_starter *starter, pid_t supervisor, int socket)
{
	struct starting s = {.starter = starter, .terminal = NVB_TERMINAL_INIT};
	struct nvb_held held = {.terminal = true, .fds = {-1, starter->relay[0], starter->relay[1]}};
	_cleanup_error_ nvb_error *err = NULL;
	_cleanup_free_ char *gone = NULL;
	int status = 125, master = -1, rc;
	pid_t init = 0;

	nvb_start_init(&s.start, starter->host, starter->definition);
	s.start.entered = open_terminal;
	s.start.data = &s;
	s.start.entry = *starter->entry;
	s.start.image = *starter->image;
	s.start.image_open = true;
	s.start.restores = starter->restoring;
	rc = put_files(starter, &err);
	if (rc == 0)
		rc = nvb_start_prepare(&s.start, &err);
	if (rc == 0)
		rc = launch(&s, &init, &master, &status, &err);
	held.fds[0] = master;
	if (rc == 0 && master >= 0)
		rc = nvb_holder_name(starter->entry, &held, &err);
	if (rc == 0 && starter->restoring)
		rc = nvb_restore_settle(starter->entry, &gone, &err);
	if (rc < 0) {
		/* What came up half is the supervisor's to end; its files must not be in use then. */
		if (starter->restoring) {
			nvb_entry_kill(&s.start.entry, starter->host->log);
			nvb_start_unmount(&s.start);
			nvb_restore_undo(starter->entry);
		}
		nvb_start_give_back(&s.start);
		nvb_report_failure(socket, status, err);
		_exit(1);
	}
	if (master >= 0)
		prctl(PR_SET_PDEATHSIG, 0);
	nvb_report_ok(socket, init, master);
	if (starter->restoring) {
		nvb_restore_tidy(gone, starter->restoring->images);
		close(starter->restoring->whole);
	}
	if (master >= 0)
		nvb_holder_hold(starter->entry, &held, supervisor);
	_exit(0);
}

int nvb_starter_begin(const struct nvb_starter *starter, pid_t *pid, int *socket, nvb_error **err)
{
	pid_t parent = getpid();
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return nvb_fail_errno(err, errno, "starting a capsule");
	*pid = fork();
	if (*pid < 0) {
		int failed = errno;

		close(pair[0]);
		close(pair[1]);
		return nvb_fail_errno(err, failed, "starting a capsule");
	}
	if (*pid == 0) {
		/* Half a start is nobody's: it ends with who asked for it. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		close(pair[0]);
		run(starter, parent, pair[1]);
	}
	close(pair[1]);
	*socket = pair[0];
	return 0;
}
