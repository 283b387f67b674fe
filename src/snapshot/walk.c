/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "snapshot/cut.h"
#include "snapshot/writer.h"

/* Takes a directory as a tree. What stands there was written by a capsule, but nobody writes now. */

enum {
	DEEPEST = NVB_DEPTH_MAX, /* each is open while those in it are walked */
	LONGEST = NVB_PATH_MAX,	 /* a restore has to open it */
};

struct link {
	ino_t inode; /* 0: free */
	size_t entry;
};

struct walk {
	nvb_snapshot_writer *w;
	struct nvb_tree_index *tree;
	dev_t device;
	char path[PATH_MAX]; /* of what is looked at, for messages */
	size_t length;
	unsigned depth;
	struct link *links; /* files with several names, by inode */
	size_t link_count, link_capacity;
	nvb_error **err;
};

static int fail_here(struct walk *walk, int sys)
{
	return nvb_fail_errno(walk->err, sys, "%s/%s", walk->tree->name, walk->path);
}

/* Hard links. */

static struct link *link_slot(struct link *links, size_t capacity, ino_t inode)
{
	size_t i = (size_t)(inode * 0x9e3779b97f4a7c15u) & (capacity - 1);

	while (links[i].inode && links[i].inode != inode)
		i = (i + 1) & (capacity - 1);
	return &links[i];
}

static bool grow_links(struct walk *walk)
{
	size_t capacity = walk->link_capacity ? 2 * walk->link_capacity : 64;
	struct link *links;

	if (walk->link_count < walk->link_capacity / 2)
		return true;
	links = calloc(capacity, sizeof(*links));
	if (!links)
		return false;
	for (size_t i = 0; i < walk->link_capacity; i++)
		if (walk->links[i].inode)
			*link_slot(links, capacity, walk->links[i].inode) = walk->links[i];
	free(walk->links);
	walk->links = links;
	walk->link_capacity = capacity;
	return true;
}

/* Attributes. */

/* A path that names the file itself and not what it leads to: attributes of links and nodes cannot be read by
 * a descriptor. */
static void proc_path(char *buffer, size_t size, int dirfd, const char *name)
{
	snprintf(buffer, size, "/proc/self/fd/%d/%s", dirfd, name);
}

static int take_xattr(struct walk *walk, const char *path, const char *name, struct nvb_xattr *xattr)
{
	_cleanup_free_ uint8_t *value = malloc(NVB_XATTR_MAX);
	ssize_t n;

	if (!value)
		return nvb_fail_oom(walk->err);
	n = lgetxattr(path, name, value, NVB_XATTR_MAX);
	if (n < 0)
		return nvb_wrap(walk->err, fail_here(walk, errno), "attribute %s", name);
	xattr->name = nvb_arena_strdup(&walk->w->index.arena, name);
	xattr->value = nvb_arena_memdup(&walk->w->index.arena, value, n ? (size_t)n : 1);
	xattr->size = (size_t)n;
	return xattr->name && xattr->value ? 0 : nvb_fail_oom(walk->err);
}

static int take_xattrs(struct walk *walk, int dirfd, const char *name, struct nvb_tree_entry *e)
{
	char path[64 + NAME_MAX];
	_cleanup_free_ char *names = NULL;
	ssize_t size;
	size_t count = 0;
	int rc = 0;

	proc_path(path, sizeof(path), dirfd, name);
	size = llistxattr(path, NULL, 0);
	if (size < 0 && errno == ENOTSUP)
		return 0;
	if (size < 0)
		return fail_here(walk, errno);
	if (size == 0)
		return 0;
	names = malloc((size_t)size + 1);
	if (!names)
		return nvb_fail_oom(walk->err);
	size = llistxattr(path, names, (size_t)size);
	if (size < 0)
		return fail_here(walk, errno);
	names[size] = '\0';
	for (const char *p = names; p < names + size; p += strlen(p) + 1)
		count++;
	e->xattrs = nvb_arena_alloc(&walk->w->index.arena, count * sizeof(*e->xattrs) + 1);
	if (!e->xattrs)
		return nvb_fail_oom(walk->err);
	for (const char *p = names; rc == 0 && p < names + size; p += strlen(p) + 1)
		rc = take_xattr(walk, path, p, &e->xattrs[e->xattr_count++]);
	return rc;
}

static int take_target(struct walk *walk, int dirfd, const char *name, struct nvb_tree_entry *e)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dirfd, name, target, sizeof(target));

	if (n < 0)
		return fail_here(walk, errno);
	e->target = nvb_arena_strndup(&walk->w->index.arena, target, (size_t)n);
	return e->target ? 0 : nvb_fail_oom(walk->err);
}

static enum nvb_entry_type type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return NVB_ENTRY_DIRECTORY;
	case S_IFREG:
		return NVB_ENTRY_FILE;
	case S_IFLNK:
		return NVB_ENTRY_SYMLINK;
	case S_IFCHR:
		return NVB_ENTRY_CHARACTER;
	case S_IFBLK:
		return NVB_ENTRY_BLOCK;
	case S_IFIFO:
		return NVB_ENTRY_FIFO;
	default:
		return NVB_ENTRY_SOCKET;
	}
}

/* A new entry at the end; *number is which. */
static int add_entry(
	struct walk *walk, size_t parent, int dirfd, const char *name, const struct stat *st, size_t *number)
{
	struct nvb_tree_index *tree = walk->tree;
	struct nvb_tree_entry e = {
		.type = type_of(st->st_mode),
		.parent = (uint32_t)parent,
		.name = nvb_arena_strdup(&walk->w->index.arena, tree->count ? name : ""),
		.mode = st->st_mode & 07777,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.atime = st->st_atim,
		.mtime = st->st_mtim,
	};
	int rc;

	if (tree->count == NVB_ENTRIES_MAX)
		return nvb_fail(walk->err, NVB_ERR_UNSUPPORTED, "%s: too many files", tree->name);
	if (!e.name || !NVB_GROW(tree->entries, tree->count, tree->capacity))
		return nvb_fail_oom(walk->err);
	if (e.type == NVB_ENTRY_FILE)
		e.size = (uint64_t)st->st_size;
	if (e.type == NVB_ENTRY_CHARACTER || e.type == NVB_ENTRY_BLOCK) {
		e.major = major(st->st_rdev);
		e.minor = minor(st->st_rdev);
	}
	rc = take_xattrs(walk, dirfd, name, &e);
	if (rc == 0 && e.type == NVB_ENTRY_SYMLINK)
		rc = take_target(walk, dirfd, name, &e);
	if (rc < 0)
		return rc;
	*number = tree->count;
	tree->entries[tree->count++] = e;
	return 0;
}

static int add_hardlink(struct walk *walk, size_t parent, const char *name, size_t to)
{
	struct nvb_tree_index *tree = walk->tree;
	const char *kept = nvb_arena_strdup(&walk->w->index.arena, name);

	if (!kept || !NVB_GROW(tree->entries, tree->count, tree->capacity))
		return nvb_fail_oom(walk->err);
	tree->entries[tree->count++] = (struct nvb_tree_entry){
		.type = NVB_ENTRY_HARDLINK, .parent = (uint32_t)parent, .name = kept, .link = (uint32_t)to};
	return 0;
}

/* Content. */

/* A stretch of data, cut where regions end, so that the same file is cut at the same places again. */
static int queue_data(struct walk *walk, struct nvb_taken *file, uint64_t from, uint64_t to)
{
	int rc = 0;

	while (rc == 0 && from < to) {
		uint64_t end = (from / NVB_REGION + 1) * NVB_REGION;

		if (end > to)
			end = to;
		rc = nvb_workers_queue(walk->w, file, from, (size_t)(end - from), walk->err);
		from = end;
	}
	return rc;
}

/* Holes are not read. A file system that cannot tell has none. */
static int queue_content(struct walk *walk, struct nvb_taken *file)
{
	uint64_t size = (uint64_t)file->st.st_size, at = 0;
	int rc = 0;

	if ((uint64_t)file->st.st_blocks * 512 >= size)
		return queue_data(walk, file, 0, size);
	while (rc == 0 && at < size) {
		off_t data = lseek(file->fd, (off_t)at, SEEK_DATA), hole;

		if (data < 0 && errno == ENXIO)
			break;
		hole = data < 0 ? -1 : lseek(file->fd, data, SEEK_HOLE);
		if (data < 0 || hole < 0)
			return queue_data(walk, file, at, size);
		rc = queue_data(walk, file, (uint64_t)data, (uint64_t)hole < size ? (uint64_t)hole : size);
		at = (uint64_t)hole;
	}
	return rc;
}

static int open_content(struct walk *walk, int dirfd, const char *name, const struct stat *st)
{
	int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	int fd = openat(dirfd, name, flags | O_NOATIME);
	struct stat now;

	if (fd < 0 && errno == EPERM)
		fd = openat(dirfd, name, flags);
	if (fd < 0)
		return fail_here(walk, errno);
	if (fstat(fd, &now) < 0 || now.st_ino != st->st_ino || now.st_dev != st->st_dev) {
		close(fd);
		return nvb_fail(walk->err, NVB_ERR_STALE, "%s/%s changed while it was taken",
			walk->tree->name, walk->path);
	}
	return fd;
}

static int take_content(struct walk *walk, int dirfd, const char *name, const struct stat *st, size_t entry)
{
	struct nvb_taken *file = walk->depth == 1 ? nvb_followed_take(walk->w, st) : NULL;
	int rc, fd;

	if (!file) {
		if (st->st_size == 0)
			return 0;
		fd = open_content(walk, dirfd, name, st);
		if (fd < 0)
			return fd;
		file = nvb_taken_new(fd, st, walk->path);
		if (!file)
			return nvb_fail_oom(walk->err);
		file->entry = entry;
		file->next = walk->w->taken;
		walk->w->taken = file;
		rc = queue_content(walk, file);
		return rc < 0 ? rc : nvb_taken_leave(file, walk->err);
	}
	file->entry = entry;
	file->next = walk->w->taken;
	walk->w->taken = file;
	return file->queued == (uint64_t)st->st_size
		       ? 0
		       : nvb_fail(walk->err, NVB_ERR_STALE, "%s/%s is still being written", walk->tree->name,
				 walk->path);
}

/* Directories. */

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_names(struct walk *walk, int dirfd, char ***names)
{
	_cleanup_strv_ char **found = calloc(1, sizeof(*found));
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	size_t count = 0, capacity = 1;
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return fail_here(walk, errno);
	while ((errno = 0, entry = readdir(dir))) {
		if (nvb_streq(entry->d_name, ".") || nvb_streq(entry->d_name, ".."))
			continue;
		/* nvb_strv_add counts from the start each time: too slow for large directories. */
		if (!found || !NVB_GROW(found, count + 1, capacity))
			return nvb_fail_oom(walk->err);
		found[count + 1] = NULL;
		found[count] = strdup(entry->d_name);
		if (!found[count++])
			return nvb_fail_oom(walk->err);
	}
	if (errno)
		return fail_here(walk, errno);
	qsort(found, count, sizeof(*found), compare_names);
	*names = NVB_TAKE_PTR(found);
	return 0;
}

static int enter(struct walk *walk, const char *name)
{
	size_t n = strlen(name);

	if (walk->length + n + 2 > LONGEST)
		return nvb_fail(walk->err, NVB_ERR_UNSUPPORTED, "%s: a path longer than %d bytes: %.60s...",
			walk->tree->name, LONGEST, walk->path);
	if (walk->length)
		walk->path[walk->length++] = '/';
	memcpy(walk->path + walk->length, name, n + 1);
	walk->length += n;
	return 0;
}

static void leave(struct walk *walk, size_t length)
{
	walk->length = length;
	walk->path[length] = '\0';
}

static int take_directory(struct walk *walk, int dirfd, size_t entry);

static int take_file(struct walk *walk, int dirfd, const char *name, const struct stat *st, size_t parent)
{
	struct link *link = NULL;
	size_t entry;
	int rc;

	if (st->st_nlink > 1) {
		if (!grow_links(walk))
			return nvb_fail_oom(walk->err);
		link = link_slot(walk->links, walk->link_capacity, st->st_ino);
		if (link->inode)
			return add_hardlink(walk, parent, name, link->entry);
	}
	rc = add_entry(walk, parent, dirfd, name, st, &entry);
	if (rc == 0 && link) {
		*link = (struct link){st->st_ino, entry};
		walk->link_count++;
	}
	if (rc == 0 && S_ISREG(st->st_mode))
		rc = take_content(walk, dirfd, name, st, entry);
	return rc;
}

static int take_subdirectory(
	struct walk *walk, int dirfd, const char *name, const struct stat *st, size_t parent)
{
	_cleanup_close_ int fd = -1;
	size_t entry;
	int rc = add_entry(walk, parent, dirfd, name, st, &entry);

	if (rc < 0)
		return rc;
	if (st->st_dev != walk->device)
		return 0;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? fail_here(walk, errno) : take_directory(walk, fd, entry);
}

/* First what is no directory, so that whoever makes the tree again has a directory's files in one go. */
static int take_names(struct walk *walk, int dirfd, char *const *names, size_t parent, bool directories)
{
	int rc = 0;

	nvb_strv_foreach (name, names) {
		size_t length = walk->length;
		struct stat st;

		rc = enter(walk, *name);
		if (rc < 0)
			break;
		if (fstatat(dirfd, *name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			rc = fail_here(walk, errno);
		else if (S_ISDIR(st.st_mode) && directories)
			rc = take_subdirectory(walk, dirfd, *name, &st, parent);
		else if (!S_ISDIR(st.st_mode) && !directories)
			rc = take_file(walk, dirfd, *name, &st, parent);
		if (rc < 0)
			break;
		leave(walk, length);
	}
	return rc;
}

static int take_directory(struct walk *walk, int dirfd, size_t entry)
{
	_cleanup_strv_ char **names = NULL;
	int rc = 0;

	if (++walk->depth > DEEPEST)
		rc = nvb_fail(walk->err, NVB_ERR_UNSUPPORTED,
			"%s/%.60s...: directories nested deeper than %d", walk->tree->name, walk->path,
			DEEPEST);
	if (rc == 0)
		rc = list_names(walk, dirfd, &names);
	if (rc == 0)
		rc = take_names(walk, dirfd, names, entry, false);
	if (rc == 0)
		rc = take_names(walk, dirfd, names, entry, true);
	walk->depth--;
	return rc;
}

int nvb_walk_tree(nvb_snapshot_writer *w, const char *name, int dirfd, nvb_error **err)
{
	_cleanup_free_ struct walk *walk = calloc(1, sizeof(*walk));
	struct stat st = {0};
	size_t entry;
	int rc = 0;

	if (!walk)
		return nvb_fail_oom(err);
	walk->w = w;
	walk->err = err;
	walk->tree = &w->index.trees[w->index.tree_count];
	walk->tree->name = nvb_arena_strdup(&w->index.arena, name);
	if (!walk->tree->name)
		return nvb_fail_oom(err);
	w->index.tree_count++;
	if (fstat(dirfd, &st) < 0)
		rc = fail_here(walk, errno);
	walk->device = st.st_dev;
	if (rc == 0 && !S_ISDIR(st.st_mode))
		rc = fail_here(walk, ENOTDIR);
	if (rc == 0)
		rc = add_entry(walk, 0, dirfd, ".", &st, &entry);
	if (rc == 0)
		rc = take_directory(walk, dirfd, entry);
	free(walk->links);
	return rc;
}
