/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/install.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/root.h"
#include "base/str.h"
#include "capsule/record.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/freezer.h"
#include "gpustate/gpustate.h"

/* The directories that are moved. */
struct places {
	char *restore, *upper, *own, *old, *work, *old_work;
};

static void release(struct places *p)
{
	free(p->restore);
	free(p->upper);
	free(p->own);
	free(p->old);
	free(p->work);
	free(p->old_work);
}

static bool find(const struct nvb_entry *entry, struct places *p)
{
	p->restore = nvb_state_join(entry->data, NVB_CHECKPOINT_RESTORE);
	p->own = nvb_state_join(entry->data, "upper");
	p->work = nvb_state_join(entry->data, "work");
	p->upper = p->restore ? nvb_state_join(p->restore, "upper") : NULL;
	p->old = p->restore ? nvb_state_join(p->restore, "old") : NULL;
	p->old_work = p->restore ? nvb_state_join(p->restore, "old-work") : NULL;
	return p->own && p->work && p->upper && p->old && p->old_work;
}

static bool is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

/* Two moves, of which each state tells what was done: "old" is there from the first on, "upper" until the
 * second. */
static int exchange(const struct places *p, nvb_error **err)
{
	if (!is_there(p->upper))
		return 0;
	if (!is_there(p->own) && mkdir(p->own, 0755) < 0)
		return nvb_fail_errno(err, errno, "%s", p->own);
	if (rename(p->own, p->old) < 0 || rename(p->upper, p->own) < 0)
		return nvb_fail_errno(err, errno, "bringing the capsule's files back");
	/* What overlayfs keeps there belongs to the other directory, and goes with it. */
	return rename(p->work, p->old_work) == 0 ? 0 : nvb_file_remove_tree(AT_FDCWD, p->work, err);
}

int nvb_restore_install(const struct nvb_entry *entry, const char *directory, nvb_error **err)
{
	_cleanup_(release) struct places p = {0};
	int rc;

	if (!find(entry, &p))
		return nvb_fail_oom(err);
	nvb_restore_undo(entry);
	if (rename(directory, p.restore) < 0)
		return nvb_fail_errno(err, errno, "%s", directory);
	rc = exchange(&p, err);
	if (rc < 0)
		nvb_restore_undo(entry);
	return rc;
}

void nvb_restore_undo(const struct nvb_entry *entry)
{
	_cleanup_(release) struct places p = {0};

	if (!find(entry, &p) || !is_there(p.restore))
		return;
	if (is_there(p.old)) {
		/* What was there for a moment is no more than a copy. */
		if (is_there(p.own) && nvb_file_remove_tree(AT_FDCWD, p.own, NULL) < 0)
			return;
		if (rename(p.old, p.own) < 0)
			return;
		nvb_file_remove_tree(AT_FDCWD, p.work, NULL);
	}
	nvb_file_remove_tree(AT_FDCWD, p.restore, NULL);
}

int nvb_restore_settle(const struct nvb_entry *entry, char **gone, nvb_error **err)
{
	_cleanup_free_ char *restore = nvb_state_join(entry->data, NVB_CHECKPOINT_RESTORE),
			    *name = nvb_state_join(entry->data, "restoring-done"),
			    *other = nvb_state_join(entry->data, "restoring-done-XXXXXX");

	if (!restore || !name || !other)
		return nvb_fail_oom(err);
	if (rename(restore, name) == 0) {
		*gone = NVB_TAKE_PTR(name);
		return 0;
	}
	/* An earlier one is still there, and may be for good: files that may not be removed. */
	if ((errno != ENOTEMPTY && errno != EEXIST) || !mkdtemp(other) || rename(restore, other) < 0)
		return nvb_fail_errno(err, errno, "%s", restore);
	*gone = NVB_TAKE_PTR(other);
	return 0;
}

void nvb_restore_tidy(const char *gone, int images)
{
	pid_t pid = fork();

	if (pid != 0)
		close(images);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	if (pid != 0)
		return;
	/* Nobody waits for it, nor for a descriptor that it has. The images are the last that goes. */
	if (fork() == 0 && setsid() >= 0 && dup2(images, 0) == 0 && close_range(1, ~0U, 0) == 0)
		nvb_file_remove_tree(AT_FDCWD, gone, NULL);
	_exit(0);
}

/* What stands there was opened and looked at: its processes run already, and their root may put a link to a
 * file of the host's, or anything else, in the place of what was made a moment before. */
int nvb_restore_own_node(int parent, const char *name, const struct nvb_restored_node *node, nvb_error **err)
{
	_cleanup_close_ int fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char path[64];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return nvb_fail_errno(err, errno, "%s", name);
	if (!S_ISCHR(st.st_mode) || st.st_rdev != node->number)
		return nvb_fail(err, NVB_ERR_CONFLICT, "%s was replaced while it was made", name);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fchownat(fd, "", node->uid, node->gid, AT_EMPTY_PATH) < 0 || chmod(path, node->mode) < 0)
		return nvb_fail_errno(err, errno, "%s", name);
	return 0;
}

/* Its /dev is as it was, so it lacks the nodes of GPUs that it did not have. */
static int make_node(const struct nvb_root *root, const struct nvb_edit *edit, nvb_error **err)
{
	const char *path = edit->device.container, *name;
	_cleanup_close_ int parent = -1;
	struct nvb_restored_node node;
	struct stat host, st;
	int rc;

	if (stat(edit->device.host, &host) < 0 || !S_ISCHR(host.st_mode))
		return 0;
	if (nvb_root_stat(root, path, false, &st) == 0) {
		if (S_ISCHR(st.st_mode) && st.st_rdev == host.st_rdev)
			return 0;
		return nvb_fail(err, NVB_ERR_CONFLICT,
			"%s in the snapshot is another device (%u:%u) than here (%u:%u)", path,
			major(st.st_rdev), minor(st.st_rdev), major(host.st_rdev), minor(host.st_rdev));
	}
	parent = nvb_root_open_parent(root, path, true, &name, err);
	if (parent < 0)
		return parent;
	node = (struct nvb_restored_node){
		.number = host.st_rdev,
		.uid = edit->device.has_uid ? edit->device.uid : host.st_uid,
		.gid = edit->device.has_gid ? edit->device.gid : host.st_gid,
		.mode = (edit->device.has_mode ? edit->device.mode : host.st_mode) & 0777,
	};
	if (mknodat(parent, name, S_IFCHR | 0600, node.number) < 0)
		return nvb_fail_errno(err, errno, "%s", path);
	rc = nvb_restore_own_node(parent, name, &node, err);
	return rc < 0 ? nvb_wrap(err, rc, "%s", path) : 0;
}

/* What has its number may be another process meanwhile, and that root the host's: it is the one that is in
 * the group, and was all the time. */
int nvb_restore_open_root(pid_t init, const char *group, struct nvb_root *root, nvb_error **err)
{
	_cleanup_close_ int process = (int)syscall(SYS_pidfd_open, init, 0);
	struct pollfd ended = {.fd = process, .events = POLLIN};
	_cleanup_free_ int *pids = NULL;
	size_t count = 0;
	char path[64];
	bool found = false;
	int rc;

	snprintf(path, sizeof(path), "/proc/%d/root", init);
	rc = process < 0 ? nvb_fail_errno(err, errno, "process %d", init) : nvb_root_open(root, path, err);
	if (rc == 0)
		rc = nvb_gpu_state_cgroup(group, &pids, &count, err);
	for (size_t i = 0; i < count; i++)
		found |= pids[i] == init;
	if (rc == 0 && (!found || poll(&ended, 1, 0) != 0))
		rc = nvb_fail(
			err, NVB_ERR_NOT_FOUND, "process %d, the restored capsule's first, has ended", init);
	return rc;
}

static int make_nodes(const struct nvb_start *start, pid_t init, nvb_error **err)
{
	_cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
	_cleanup_free_ char *freezer = NULL;
	const struct nvb_plan *plan = start->gpu.plan;
	int rc = nvb_freezer_find(start->entry.cgroup, &freezer, err);

	if (rc == 0)
		rc = nvb_restore_open_root(init, freezer, &root, err);
	for (size_t i = 0; rc == 0 && i < plan->edit_count; i++)
		if (plan->edits[i].kind == NVB_EDIT_DEVICE)
			rc = make_node(&root, &plan->edits[i], err);
	return rc < 0 ? nvb_wrap(err, rc, "device nodes of the restored capsule") : 0;
}

static int restore_gpus(const struct nvb_start *start, const struct nvb_restoring *restoring, nvb_error **err)
{
	_cleanup_free_ char *freezer = NULL;
	_cleanup_free_ int *pids = NULL;
	nvb_gpu_state *gpu = NULL;
	size_t count = 0;
	int rc = nvb_freezer_find(start->entry.cgroup, &freezer, err);

	if (rc == 0)
		rc = nvb_gpu_state_cgroup(freezer, &pids, &count, err);
	if (rc == 0 && !count)
		rc = nvb_fail(err, NVB_ERR_NOT_FOUND, "nothing that was restored is in %s", freezer);
	if (rc == 0)
		rc = nvb_gpu_state_open(start->gpu.inventory, NULL, &gpu, err);
	if (rc == 0)
		rc = nvb_state_restore_surely(gpu, pids, count, restoring->pairs, restoring->pair_count, err);
	nvb_gpu_state_close(gpu);
	return rc;
}

int nvb_restore_finish(
	const struct nvb_start *start, const struct nvb_restoring *restoring, pid_t init, nvb_error **err)
{
	int rc = 0;

	if (start->gpu.plan)
		rc = make_nodes(start, init, err);
	if (rc == 0 && restoring->gpus && !start->gpu.inventory)
		rc = nvb_fail(
			err, NVB_ERR_CONFLICT, "the snapshot has a GPU's state, and the capsule no GPU");
	if (rc == 0 && restoring->gpus)
		rc = restore_gpus(start, restoring, err);
	return rc;
}
