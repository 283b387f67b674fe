/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/root.h"
#include "snapshot/reader.h"

/*
 * Files by their entries, without content; afterwards what belongs to them besides it. Every name is one part
 * of a path below a directory that was made a moment before, and nothing that exists is opened to be written.
 */

struct creating {
	const struct nvb_tree_index *tree;
	struct nvb_root root;
	uint32_t parent; /* whose directory is open */
	int parent_fd;
	nvb_error **err;
};

static int fail_entry(const struct creating *c, size_t entry, int sys, const char *what)
{
	_cleanup_free_ char *path = nvb_entry_path(c->tree, entry);

	return nvb_fail_errno(c->err, sys, "%s %s/%s", what, c->tree->name, path ?: "?");
}

/* The directory of an entry; those of one directory come one behind the other. */
static int enter_parent(struct creating *c, size_t entry)
{
	_cleanup_free_ char *path = NULL;
	uint32_t parent = c->tree->entries[entry].parent;
	int fd;

	if (c->parent_fd >= 0 && c->parent == parent)
		return 0;
	path = nvb_entry_path(c->tree, parent);
	if (!path)
		return nvb_fail_oom(c->err);
	fd = nvb_root_openat(&c->root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd < 0)
		return fail_entry(c, parent, -fd, "opening");
	if (c->parent_fd >= 0)
		close(c->parent_fd);
	c->parent_fd = fd;
	c->parent = parent;
	return 0;
}

static int begin(struct creating *c, const struct nvb_tree_index *tree, int dirfd, nvb_error **err)
{
	int fd = openat(dirfd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	*c = (struct creating){.tree = tree, .root = NVB_ROOT_INIT, .parent_fd = -1, .err = err};
	if (fd < 0)
		return nvb_fail_errno(err, errno, "the directory to extract into");
	return nvb_root_from_fd(&c->root, fd, tree->name, err);
}

static void end(struct creating *c)
{
	if (c->parent_fd >= 0)
		close(c->parent_fd);
	nvb_root_close(&c->root);
}

static int create_file(const struct creating *c, const struct nvb_tree_entry *e)
{
	_cleanup_close_ int fd =
		openat(c->parent_fd, e->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	return e->size && ftruncate(fd, (off_t)e->size) < 0 ? -errno : 0;
}

static int create_node(const struct creating *c, const struct nvb_tree_entry *e)
{
	static const mode_t types[NVB_ENTRY_TYPES] = {[NVB_ENTRY_CHARACTER] = S_IFCHR,
		[NVB_ENTRY_BLOCK] = S_IFBLK,
		[NVB_ENTRY_FIFO] = S_IFIFO,
		[NVB_ENTRY_SOCKET] = S_IFSOCK};

	return mknodat(c->parent_fd, e->name, types[e->type] | 0600, makedev(e->major, e->minor)) < 0 ? -errno
												      : 0;
}

static int create_link(const struct creating *c, const struct nvb_tree_entry *e)
{
	_cleanup_free_ char *path = nvb_entry_path(c->tree, e->link);

	if (!path)
		return -ENOMEM;
	/* linkat follows no link at the end of the old path; those before are directories that we made. */
	return linkat(c->root.fd, path, c->parent_fd, e->name, 0) < 0 ? -errno : 0;
}

static int create_entry(struct creating *c, size_t entry)
{
	const struct nvb_tree_entry *e = &c->tree->entries[entry];
	int rc = enter_parent(c, entry);

	if (rc < 0)
		return rc;
	switch (e->type) {
	case NVB_ENTRY_DIRECTORY:
		rc = mkdirat(c->parent_fd, e->name, 0700) < 0 ? -errno : 0;
		break;
	case NVB_ENTRY_FILE:
		rc = create_file(c, e);
		break;
	case NVB_ENTRY_SYMLINK:
		rc = symlinkat(e->target, c->parent_fd, e->name) < 0 ? -errno : 0;
		break;
	case NVB_ENTRY_HARDLINK:
		rc = create_link(c, e);
		break;
	default:
		rc = create_node(c, e);
		break;
	}
	return rc < 0 ? fail_entry(c, entry, -rc, "making") : 0;
}

int nvb_create_tree(const struct nvb_tree_index *tree, int dirfd, nvb_error **err)
{
	struct creating c;
	int rc = begin(&c, tree, dirfd, err);

	for (size_t i = 1; rc == 0 && i < tree->count; i++)
		rc = create_entry(&c, i);
	end(&c);
	return rc;
}

/* Owner, mode, attributes and times: in this order, since a new owner takes set-user-ID bits and capabilities
 * away, and all of them change times. */

static int set_xattrs(const struct creating *c, const struct nvb_tree_entry *e, int dirfd, const char *name)
{
	char path[64 + 256];

	(void)c;
	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dirfd, name);
	for (size_t i = 0; i < e->xattr_count; i++)
		if (lsetxattr(path, e->xattrs[i].name, e->xattrs[i].value, e->xattrs[i].size, 0) < 0)
			return -errno;
	return 0;
}

static int set_owner(const struct nvb_tree_entry *e, int dirfd, const char *name)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	/* Who is not root may keep what is his. */
	if (st.st_uid == e->uid && st.st_gid == e->gid)
		return 0;
	return fchownat(dirfd, name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int set_attributes(struct creating *c, size_t entry, int dirfd, const char *name)
{
	const struct nvb_tree_entry *e = &c->tree->entries[entry];
	const struct timespec times[2] = {e->atime, e->mtime};
	int rc = set_owner(e, dirfd, name);

	if (rc < 0)
		return fail_entry(c, entry, -rc, "owner of");
	/* Nothing but links has no mode; what stands there is what was made, so nothing is followed. */
	if (e->type != NVB_ENTRY_SYMLINK && fchmodat(dirfd, name, e->mode, 0) < 0)
		return fail_entry(c, entry, errno, "mode of");
	rc = set_xattrs(c, e, dirfd, name);
	if (rc < 0)
		return fail_entry(c, entry, -rc, "extended attributes of");
	if (utimensat(dirfd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_entry(c, entry, errno, "times of");
	return 0;
}

static int finish_entries(struct creating *c)
{
	int rc = 0;

	/* Backwards: a directory after what is in it. */
	for (size_t i = c->tree->count; rc == 0 && i-- > 1;) {
		if (c->tree->entries[i].type == NVB_ENTRY_HARDLINK)
			continue;
		rc = enter_parent(c, i);
		if (rc == 0)
			rc = set_attributes(c, i, c->parent_fd, c->tree->entries[i].name);
	}
	return rc;
}

int nvb_finish_tree(const struct nvb_tree_index *tree, int dirfd, nvb_error **err)
{
	struct creating c;
	int rc = begin(&c, tree, dirfd, err);

	if (rc == 0)
		rc = finish_entries(&c);
	if (rc == 0)
		rc = set_attributes(&c, 0, dirfd, ".");
	end(&c);
	return rc;
}
