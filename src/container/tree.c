/* SPDX-License-Identifier: Apache-2.0 */
#include "container/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "container/tree_file.h"
#include "container/tree_name.h"

struct source {
	const struct nvb_file *file;
	struct stat st;
};

struct build {
	const struct nvb_inventory *inventory;
	struct source *sources;
	size_t count;
	char name[NVB_TREE_NAME_MAX];
	size_t linked, cloned, copied;
};

static void release(struct build *b)
{
	free(b->sources);
}

static bool belongs(const struct nvb_file *file, unsigned capabilities)
{
	if (!nvb_file_is_for_tree(file) || nvb_file_is_without(file, capabilities))
		return false;
	return file->capabilities == 0 || (file->capabilities & capabilities);
}

/* Looks at every file that belongs into the tree, and names the tree after what it sees. */
static int survey(struct build *b, unsigned capabilities, nvb_error **err)
{
	const struct nvb_inventory *inventory = b->inventory;
	struct nvb_tree_digest digest = NVB_TREE_DIGEST_INIT;

	b->sources = calloc(inventory->file_count + 1, sizeof(*b->sources));
	if (!b->sources)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < inventory->file_count; i++) {
		const struct nvb_file *file = &inventory->files[i];
		struct source *s = &b->sources[b->count];
		int rc;

		if (!belongs(file, capabilities))
			continue;
		rc = nvb_root_stat(&inventory->roots.driver, file->path, true, &s->st);
		if (rc < 0)
			return nvb_fail_errno(err, -rc, "driver file %s", file->path);
		s->file = file;
		b->count++;
		nvb_tree_digest_file(&digest, file, &s->st);
	}
	if (b->count == 0)
		return nvb_fail(err, NVB_ERR_NOT_FOUND, "no driver files for a driver tree");
	nvb_tree_name(&digest, inventory->driver.version, b->name);
	return 0;
}

static bool unchanged(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* mkdir -p in a tree: every container reads there, whatever umask the one who builds it has. */
static int make_directories(int tree, char *directory, nvb_error **err)
{
	for (char *p = directory;; p++) {
		char end = *p;

		if (end && end != '/')
			continue;
		*p = '\0';
		if ((mkdirat(tree, directory, 0755) < 0 || fchmodat(tree, directory, 0755, 0) < 0) &&
			errno != EEXIST)
			return nvb_fail_errno(err, errno, "driver tree: %s", directory);
		*p = end;
		if (!end)
			return 0;
	}
}

/* Opens the directory of the tree that `path` lies in, making it. fd or negated code. */
static int open_parent(int tree, const char *path, const char **name, nvb_error **err)
{
	const char *relative = path + strspn(path, "/"), *slash = strrchr(relative, '/');
	_cleanup_free_ char *directory = NULL;
	int fd, rc;

	*name = slash ? slash + 1 : relative;
	directory = slash ? strndup(relative, (size_t)(slash - relative)) : strdup(".");
	if (!directory)
		return nvb_fail_oom(err);
	fd = openat(tree, directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		rc = make_directories(tree, directory, err);
		if (rc < 0)
			return rc;
		fd = openat(tree, directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	return fd < 0 ? nvb_fail_errno(err, errno, "driver tree: %s", directory) : fd;
}

static int add_file(struct build *b, int tree, const struct source *s, nvb_error **err)
{
	const char *name;
	_cleanup_close_ int from = nvb_root_openat(&b->inventory->roots.driver, s->file->path, O_PATH, 0);
	_cleanup_close_ int parent = -1;
	struct stat st;
	int how;

	if (from < 0)
		return nvb_fail_errno(err, -from, "driver file %s", s->file->path);
	if (fstat(from, &st) < 0)
		return nvb_fail_errno(err, errno, "driver file %s", s->file->path);
	if (!unchanged(&st, &s->st))
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_STALE, "driver file %s changed while the driver tree was made",
				s->file->path),
			"the driver is being installed: try again when that is done");
	parent = open_parent(tree, s->file->path, &name, err);
	if (parent < 0)
		return parent;
	how = nvb_tree_place_file(from, parent, name);
	if (how < 0)
		return nvb_fail_errno(err, -how, "driver tree: %s", s->file->path);
	b->linked += how == NVB_TREE_LINKED;
	b->cloned += how == NVB_TREE_CLONED;
	b->copied += how == NVB_TREE_COPIED;
	return 0;
}

static int add_link(int tree, const struct nvb_link *link, nvb_error **err)
{
	const char *name;
	_cleanup_close_ int parent = open_parent(tree, link->path, &name, err);

	if (parent < 0)
		return parent;
	/* Two files may ask for one link; the file that is named so itself needs none. */
	if (symlinkat(link->target, parent, name) < 0 && errno != EEXIST)
		return nvb_fail_errno(err, errno, "driver tree: link %s", link->path);
	return 0;
}

static int fill(struct build *b, int tree, nvb_error **err)
{
	int rc = 0;

	/* Files first: where a link has a file's name, the file counts. */
	for (size_t i = 0; rc == 0 && i < b->count; i++)
		rc = add_file(b, tree, &b->sources[i], err);
	for (size_t i = 0; rc == 0 && i < b->count; i++)
		for (size_t k = 0; rc == 0 && k < b->sources[i].file->link_count; k++)
			rc = add_link(tree, &b->sources[i].file->links[k], err);
	/* After a crash the tree is there whole or not at all; hard links need no data written. */
	if (rc == 0 && b->copied + b->cloned > 0 && syncfs(tree) < 0)
		rc = nvb_fail_errno(err, errno, "driver tree");
	return rc;
}

/* Makes the directory that becomes the tree. The lock tells nvb_tree_prune that somebody is at work. */
static int make_temporary(int base, char name[NVB_TREE_NAME_MAX], nvb_error **err)
{
	uint64_t token;
	int fd;

	if (getrandom(&token, sizeof(token), 0) != sizeof(token))
		return nvb_fail_errno(err, errno, "driver tree");
	snprintf(name, NVB_TREE_NAME_MAX, NVB_TREE_UNFINISHED "%016llx", (unsigned long long)token);
	if (mkdirat(base, name, 0755) < 0)
		return nvb_fail_errno(err, errno, "driver tree");
	fd = openat(base, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return nvb_fail_errno(err, errno, "driver tree");
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 || fchmod(fd, 0755) < 0) {
		int sys = errno;

		close(fd);
		return nvb_fail_errno(err, sys, "driver tree");
	}
	return fd;
}

static int make(struct build *b, int base, const struct nvb_log *log, nvb_error **err)
{
	char temporary[NVB_TREE_NAME_MAX];
	_cleanup_close_ int tree = make_temporary(base, temporary, err);
	int rc;

	if (tree < 0)
		return tree;
	rc = fill(b, tree, err);
	if (rc == 0 && renameat2(base, temporary, base, b->name, RENAME_NOREPLACE) == 0) {
		nvb_info(log, "driver tree %s: %zu files linked, %zu cloned, %zu copied", b->name, b->linked,
			b->cloned, b->copied);
		return 0;
	}
	/* EEXIST: another process was faster, with the same files. */
	if (rc == 0 && errno != EEXIST)
		rc = nvb_fail_errno(err, errno, "driver tree %s", b->name);
	nvb_file_remove_tree(base, temporary, NULL);
	return rc;
}

/* True when the tree is there; notes that it was wanted just now, which nvb_tree_prune respects. Whoever may
 * not note it is no owner and does not prune either. */
static bool is_there(int base, const char *name)
{
	struct stat st;

	if (fstatat(base, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
		return false;
	utimensat(base, name, NULL, AT_SYMLINK_NOFOLLOW);
	return true;
}

/* The directory of trees. Whoever can write there decides what containers load, so it must be ours or root's.
 */
static int open_base(const char *base, nvb_error **err)
{
	struct stat st;
	int rc = nvb_file_mkdirs(AT_FDCWD, base, 0755, err), fd;

	if (rc < 0)
		return rc;
	fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return nvb_fail_errno(err, errno, "%s", base);
	if (fstat(fd, &st) == 0 && (st.st_uid == geteuid() || st.st_uid == 0) && !(st.st_mode & 0022))
		return fd;
	close(fd);
	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_PERMISSION, "%s: others could put files into driver trees there", base),
		"it must belong to you or root and be writable for nobody else");
}

/* The path goes into specs that are read from anywhere. */
static int join(const char *base, const char *name, char **path, nvb_error **err)
{
	_cleanup_free_ char *absolute = *base == '/' ? NULL : realpath(base, NULL);
	char *joined;

	if (*base != '/' && !absolute)
		return nvb_fail_errno(err, errno, "%s", base);
	if (asprintf(&joined, "%s/%s", absolute ? absolute : base, name) < 0)
		return nvb_fail_oom(err);
	*path = joined;
	return 0;
}

static int ensure(const struct nvb_inventory *inventory, unsigned capabilities, const char *base, char **path,
	const struct nvb_log *log, nvb_error **err)
{
	_cleanup_(release) struct build b = {.inventory = inventory};
	_cleanup_close_ int fd = -1;
	int rc = survey(&b, capabilities, err);

	if (rc < 0)
		return rc;
	fd = open_base(base, err);
	if (fd < 0)
		return fd;
	if (!is_there(fd, b.name)) {
		rc = make(&b, fd, log, err);
		if (rc < 0)
			return rc;
	}
	return join(base, b.name, path, err);
}

int nvb_tree_ensure(const struct nvb_inventory *inventory, unsigned capabilities, const char *base,
	char **path, const struct nvb_log *log, nvb_error **err)
{
	/* A file that is touched once makes another tree; a driver that is being installed takes longer. */
	for (int left = 3; left > 0; left--) {
		_cleanup_error_ nvb_error *changed = NULL;
		int rc = ensure(inventory, capabilities, base, path, log, left > 1 ? &changed : err);

		if (rc != -NVB_ERR_STALE || left == 1) {
			if (err && changed)
				*err = NVB_TAKE_PTR(changed);
			return rc;
		}
	}
	return 0;
}

int nvb_tree_path(const struct nvb_inventory *inventory, unsigned capabilities, const char *base, char **path,
	nvb_error **err)
{
	_cleanup_(release) struct build b = {.inventory = inventory};
	int rc = survey(&b, capabilities, err);

	return rc < 0 ? rc : join(base, b.name, path, err);
}
