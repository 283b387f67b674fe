/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "capsule/attach.h"
#include "capsule/mounts.h"

enum { LARGEST_RECORD = 4 << 20 };

static int write_file(const char *path, const char *text, size_t size, nvb_error **err)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc = fd < 0 ? -errno : nvb_write_all(fd, text, size);

	return rc < 0 ? nvb_fail_errno(err, -rc, "%s", path) : 0;
}

int nvb_exec_record(const char *run, const struct nvb_bundle *bundle, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};
	_cleanup_free_ char *path = NULL;
	/* What there is to warn of has been said of config.json. */
	struct nvb_bundle quiet = *bundle;
	int rc;

	quiet.log = NULL;
	rc = nvb_bundle_write_process(&quiet, &text, err);

	if (rc < 0)
		return rc;
	if (asprintf(&path, "%s/process.json", run) < 0)
		return nvb_fail_oom(err);
	return write_file(path, text.s, text.len, err);
}

/* Once something of a process is open its number may be another's; that it still lives then says that what is
 * open was its own. */
static int check_alive(pid_t init, uint64_t init_started, nvb_error **err)
{
	return nvb_proc_is_alive(init, init_started)
		       ? 0
		       : nvb_fail(err, NVB_ERR_CONFLICT, "the capsule's program has just ended");
}

int nvb_exec_open_root(pid_t init, uint64_t init_started, struct nvb_root *root, nvb_error **err)
{
	char path[64];
	int rc;

	snprintf(path, sizeof(path), "/proc/%d/root", init);
	rc = nvb_root_open(root, path, err);
	if (rc < 0)
		return nvb_wrap(err, rc, "the capsule's files");
	rc = check_alive(init, init_started, err);
	if (rc < 0)
		nvb_root_close(root);
	return rc;
}

int nvb_exec_enter_user_namespace(pid_t init, uint64_t init_started, bool rootless, nvb_error **err)
{
	_cleanup_close_ int fd = -1;
	char path[64];
	int rc;

	if (!rootless)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/ns/user", init);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	rc = check_alive(init, init_started, err);
	if (rc < 0)
		return rc;
	if (fd < 0 || setns(fd, CLONE_NEWUSER) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return nvb_fail_errno(err, errno, "entering the capsule's user namespace");
	return 0;
}

/*
 * runc starts from the directory that it was given as root. That one only exists in the mount namespace of
 * whoever started the capsule; an empty one of the same name, in a namespace of its own, will do: it is left
 * at once.
 */
static int make_root_directory(const char *bundle, nvb_error **err)
{
	_cleanup_free_ char *path = NULL;
	int rc;

	if (!bundle)
		return 0;
	if (asprintf(&path, "%s/rootfs", bundle) < 0)
		return nvb_fail_oom(err);
	if (access(path, F_OK) == 0)
		return 0;
	rc = nvb_mounts_private(bundle, err);
	return rc < 0 ? rc : nvb_file_mkdirs(AT_FDCWD, path, 0700, err);
}

/* In the child that becomes the runtime. */
static bool enter(const void *data)
{
	const struct nvb_exec_start *start = data;
	_cleanup_error_ nvb_error *err = NULL;
	int rc = nvb_exec_enter_user_namespace(start->init, start->init_started, start->rootless, &err);

	if (rc == 0)
		rc = make_root_directory(start->bundle, &err);
	if (rc < 0)
		dprintf(STDERR_FILENO, "%s\n", err ? nvb_error_message(err) : "out of memory");
	return rc == 0;
}

static int describe(const struct nvb_exec_target *target, const struct nvb_exec *exec, char **out,
	char **bundle, bool *cgroup, nvb_error **err)
{
	_cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
	_cleanup_free_ char *path = NULL, *record = NULL;
	int rc;

	if (asprintf(&path, "%s/process.json", target->run) < 0)
		return nvb_fail_oom(err);
	rc = nvb_file_read(AT_FDCWD, path, LARGEST_RECORD, &record, NULL, err);
	if (rc < 0)
		return rc;
	*bundle = nvb_exec_recorded_bundle(record);
	*cgroup = !nvb_ends_with(record, "\"cgroup\":false}");
	rc = nvb_exec_open_root(target->init, target->init_started, &root, err);
	return rc < 0 ? rc : nvb_exec_describe(record, exec, &root, out, err);
}

void nvb_exec_end(struct nvb_exec_start *start)
{
	if (*start->directory)
		nvb_file_remove_tree(AT_FDCWD, start->directory, NULL);
	free(start->process);
	free(start->bundle);
	*start = (struct nvb_exec_start){0};
}

int nvb_exec_prepare(const struct nvb_exec_target *target, const struct nvb_exec *exec,
	struct nvb_exec_start *start, nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	bool cgroup = false;
	int rc;

	*start = (struct nvb_exec_start){
		.init = target->init, .init_started = target->init_started, .rootless = target->rootless};
	rc = describe(target, exec, &text, &start->bundle, &cgroup, err);
	if (rc < 0) {
		nvb_exec_end(start);
		return rc;
	}
	if (snprintf(start->directory, sizeof(start->directory), "%s/exec.XXXXXX", target->run) >=
		(int)sizeof(start->directory)) {
		*start->directory = '\0';
		nvb_exec_end(start);
		return nvb_fail(err, NVB_ERR_INVALID, "%s: too long a path", target->run);
	}
	if (!mkdtemp(start->directory)) {
		rc = nvb_fail_errno(err, errno, "%s", start->directory);
		*start->directory = '\0';
		nvb_exec_end(start);
		return rc;
	}
	rc = asprintf(&start->process, "%s/process.json", start->directory) < 0
		     ? nvb_fail_oom(err)
		     : write_file(start->process, text, strlen(text), err);
	if (rc < 0) {
		nvb_exec_end(start);
		return rc;
	}
	/* Only the paths count for the runtime's command line. */
	start->entry = (struct nvb_entry){
		.runtime = (char *)target->runtime,
		.runtime_root = (char *)target->runtime_root,
		.cgroup = cgroup ? (char *)"" : NULL,
		.lock = -1,
	};
	snprintf(start->entry.id, sizeof(start->entry.id), "%s", target->id);
	start->launch = (struct nvb_launch){
		.entry = &start->entry,
		.bundle = start->directory,
		.process = start->process,
		.stdio = {-1, -1, -1},
		.enter = enter,
		.enter_data = start,
	};
	return 0;
}

static int note_start(void *data, pid_t init, nvb_error **err)
{
	(void)data;
	(void)init;
	(void)err;
	return 0;
}

/* The program gets nothing of ours, and nobody waits for it. */
static int run_detached(struct nvb_exec_start *start, const char *program, int *status, nvb_error **err)
{
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int pid, wait_status;

	if (null < 0)
		return nvb_fail_errno(err, errno, "/dev/null");
	for (int i = 0; i < 3; i++)
		start->launch.stdio[i] = null;
	pid = nvb_launch_begin(&start->launch, err);
	if (pid < 0)
		return pid;
	while (waitpid(pid, &wait_status, 0) < 0)
		if (errno != EINTR)
			return nvb_fail_errno(err, errno, "waiting for %s", start->entry.runtime);
	if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0) {
		*status = 0;
		return 0;
	}
	*status = nvb_launch_failure(&start->launch, wait_status, program, "", err);
	return -NVB_ERR_SYSTEM;
}

static int run_attached(
	struct nvb_exec_start *start, const struct nvb_exec *exec, int *status, nvb_error **err)
{
	struct nvb_attachment *attachment;
	int rc = nvb_attach_open(exec->terminal, exec->interactive, start->directory, &attachment, err);
	int pid;

	if (rc < 0)
		return rc;
	nvb_attach_launch(attachment, &start->launch);
	pid = nvb_launch_begin(&start->launch, err);
	rc = pid < 0 ? pid
		     : nvb_attach_run(
			       attachment, &start->launch, pid, exec->args[0], note_start, NULL, status, err);
	nvb_attach_close(attachment);
	return rc;
}

int nvb_exec_run(
	const struct nvb_exec_target *target, const struct nvb_exec *exec, int *status, nvb_error **err)
{
	/* Once there, its signals reach programs of every user. */
	int rc = nvb_exec_enter_user_namespace(target->init, target->init_started, target->rootless, err);
	struct nvb_exec_target inside = *target;
	struct nvb_exec_start start;

	inside.rootless = false;
	*status = 125;
	if (rc == 0)
		rc = nvb_exec_prepare(&inside, exec, &start, err);
	if (rc < 0)
		return rc;
	rc = exec->detach ? run_detached(&start, exec->args[0], status, err)
			  : run_attached(&start, exec, status, err);
	nvb_exec_end(&start);
	return rc;
}
