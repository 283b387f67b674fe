/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <time.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "container/tree.h"
#include "container/tree_name.h"

enum {
	/* Between nvb_tree_ensure and the mount a container is being made: nobody takes this long. */
	GRACE_SECONDS = 600,
	MOUNTINFO_MAX = 64 * 1024 * 1024,
};

struct tree {
	char name[NVB_TREE_NAME_MAX];
	bool used;
};

/* What decides which mounts a process's mountinfo shows: those of its namespace that lie below its root. */
struct view {
	ino_t space;
	dev_t root_device;
	ino_t root;
};

struct trees {
	struct tree *items;
	size_t count, capacity;
	struct view *views; /* looked at */
	size_t view_count, view_capacity;
};

static void release(struct trees *t)
{
	free(t->items);
	free(t->views);
}

static bool is_recent(int base, const char *name)
{
	struct stat st;

	return fstatat(base, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	       time(NULL) - st.st_mtim.tv_sec < GRACE_SECONDS;
}

/* A tree whose maker is gone. Whoever makes one holds its lock. */
static void remove_leftover(int base, const char *name)
{
	_cleanup_close_ int fd = openat(base, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		nvb_file_remove_tree(base, name, NULL);
}

static bool is_kept(const char *name, const char *const *keep)
{
	for (size_t i = 0; keep && keep[i]; i++) {
		const char *slash = strrchr(keep[i], '/');

		if (nvb_streq(name, slash ? slash + 1 : keep[i]))
			return true;
	}
	return false;
}

static int list_trees(struct trees *t, int base, const char *const *keep, nvb_error **err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int copy = openat(base, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *entry;

	dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir) {
		nvb_closep(&copy);
		return nvb_fail_errno(err, errno, "driver trees");
	}
	while ((entry = readdir(dir))) {
		const char *name = entry->d_name;

		if (nvb_after(name, NVB_TREE_UNFINISHED) || nvb_after(name, NVB_TREE_GIVEN_UP)) {
			remove_leftover(base, name);
			continue;
		}
		if (!nvb_tree_is_name(name) || strlen(name) >= NVB_TREE_NAME_MAX || is_kept(name, keep) ||
			is_recent(base, name))
			continue;
		if (!NVB_GROW(t->items, t->count, t->capacity))
			return nvb_fail_oom(err);
		t->items[t->count] = (struct tree){.used = false};
		strcpy(t->items[t->count++].name, name);
	}
	return 0;
}

/* Notes what the process sees; false when that was seen before or is gone. */
static bool is_new_view(struct trees *t, int proc, const char *pid, nvb_error **err, int *rc)
{
	char path[64];
	struct stat space, root;

	snprintf(path, sizeof(path), "%.20s/ns/mnt", pid);
	if (fstatat(proc, path, &space, 0) < 0)
		return false;
	snprintf(path, sizeof(path), "%.20s/root", pid);
	if (fstatat(proc, path, &root, 0) < 0)
		return false;
	for (size_t i = 0; i < t->view_count; i++)
		if (t->views[i].space == space.st_ino && t->views[i].root == root.st_ino &&
			t->views[i].root_device == root.st_dev)
			return false;
	if (!NVB_GROW(t->views, t->view_count, t->view_capacity)) {
		*rc = nvb_fail_oom(err);
		return false;
	}
	t->views[t->view_count++] = (struct view){space.st_ino, root.st_dev, root.st_ino};
	return true;
}

/* Bind mounts show the tree's name in the mount's root, overlays in their options. */
static int mark_used(struct trees *t, int proc, const char *pid, nvb_error **err)
{
	_cleanup_error_ nvb_error *why = NULL;
	_cleanup_free_ char *table = NULL;
	char path[64];
	int rc;

	snprintf(path, sizeof(path), "%.20s/mountinfo", pid);
	rc = nvb_file_read(proc, path, MOUNTINFO_MAX, &table, NULL, &why);
	/* A process may end while we look: its mounts are gone then, or others have them too. */
	if (rc < 0 && (nvb_error_errno(why) == ENOENT || nvb_error_errno(why) == ESRCH ||
			      nvb_error_errno(why) == EINVAL))
		return 0;
	if (rc < 0) {
		nvb_error_move(err, NVB_TAKE_PTR(why));
		return rc;
	}
	for (size_t i = 0; i < t->count; i++)
		t->items[i].used |= strstr(table, t->items[i].name) != NULL;
	return 0;
}

static int look_at_mounts(struct trees *t, nvb_error **err)
{
	_cleanup_closedir_ DIR *proc = opendir("/proc");
	const struct dirent *entry;
	int rc = 0;

	if (!proc)
		return nvb_fail_errno(err, errno, "/proc");
	while (rc == 0 && (entry = readdir(proc)))
		if (isdigit((unsigned char)entry->d_name[0]) &&
			is_new_view(t, dirfd(proc), entry->d_name, err, &rc))
			rc = mark_used(t, dirfd(proc), entry->d_name, err);
	return rc;
}

/* Under another name first, so that nobody finds half a tree. */
static int remove_tree(int base, const char *name, nvb_error **err)
{
	char given_up[64];
	uint64_t token;

	if (getrandom(&token, sizeof(token), 0) != sizeof(token))
		return nvb_fail_errno(err, errno, "driver tree %s", name);
	snprintf(given_up, sizeof(given_up), NVB_TREE_GIVEN_UP "%016llx", (unsigned long long)token);
	if (renameat(base, name, base, given_up) < 0)
		return errno == ENOENT ? 0 : nvb_fail_errno(err, errno, "driver tree %s", name);
	return nvb_file_remove_tree(base, given_up, err);
}

int nvb_tree_prune(const char *base, const char *const *keep, const struct nvb_log *log, nvb_error **err)
{
	_cleanup_(release) struct trees trees = {0};
	_cleanup_close_ int fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return errno == ENOENT ? 0 : nvb_fail_errno(err, errno, "%s", base);
	rc = list_trees(&trees, fd, keep, err);
	if (rc == 0 && trees.count)
		rc = look_at_mounts(&trees, err);
	for (size_t i = 0; rc == 0 && i < trees.count; i++) {
		if (trees.items[i].used)
			continue;
		rc = remove_tree(fd, trees.items[i].name, err);
		if (rc == 0)
			nvb_info(log, "driver tree %s removed", trees.items[i].name);
	}
	return rc;
}
