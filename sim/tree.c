/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "base/str.h"

static int make_parent(const struct sim_tree *tree, const char *path, nvb_error **err)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *parent = strndup(path, (size_t)(slash - path));

	if (!parent)
		return nvb_fail_oom(err);
	/* Most often only the last part is missing. */
	if (mkdirat(tree->fd, parent, 0755) == 0)
		return 0;
	return nvb_file_mkdirs(tree->fd, parent, 0755, err);
}

static const char *below(const char *path)
{
	return path + (*path == '/');
}

int sim_tree_mkdir(struct sim_tree *tree, const char *path, nvb_error **err)
{
	return nvb_file_mkdirs(tree->fd, below(path), 0755, err);
}

/* An open, new, empty file; its parents are made when they are missing. */
static int create(const struct sim_tree *tree, const char *path, mode_t mode, nvb_error **err)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
	int fd = openat(tree->fd, below(path), flags, mode);
	int rc;

	if (fd < 0 && errno == ENOENT) {
		rc = make_parent(tree, below(path), err);
		if (rc < 0)
			return rc;
		fd = openat(tree->fd, below(path), flags, mode);
	}
	if (fd < 0)
		return nvb_fail_errno(err, errno, "writing %s%s", tree->path, path);
	return fd;
}

int sim_tree_put(
	struct sim_tree *tree, const char *path, const void *data, size_t size, mode_t mode, nvb_error **err)
{
	_cleanup_close_ int fd = create(tree, path, mode, err);
	int rc;

	if (fd < 0)
		return fd;
	rc = nvb_write_all(fd, data, size);
	/* The umask must not decide, and setuid bits survive no write. */
	if (rc == 0 && fchmod(fd, mode) < 0)
		rc = -errno;
	return rc < 0 ? nvb_fail_errno(err, -rc, "writing %s%s", tree->path, path) : 0;
}

int sim_tree_text(struct sim_tree *tree, const char *path, const char *text, nvb_error **err)
{
	return sim_tree_put(tree, path, text, strlen(text), 0644, err);
}

int sim_tree_textf(struct sim_tree *tree, const char *path, nvb_error **err, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		return nvb_fail_oom(err);
	}
	return sim_tree_put(tree, path, text, (size_t)n, 0644, err);
}

int sim_tree_link(struct sim_tree *tree, const char *path, const char *target, nvb_error **err)
{
	int rc;

	if (symlinkat(target, tree->fd, below(path)) == 0)
		return 0;
	if (errno == ENOENT) {
		rc = make_parent(tree, below(path), err);
		if (rc < 0)
			return rc;
		if (symlinkat(target, tree->fd, below(path)) == 0)
			return 0;
	}
	return nvb_fail_errno(err, errno, "linking %s%s", tree->path, path);
}

int sim_tree_copy(struct sim_tree *tree, const char *path, const char *from, mode_t mode, nvb_error **err)
{
	_cleanup_close_ int in = open(from, O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int out = -1;
	struct stat st;
	off_t left;

	if (in < 0 || fstat(in, &st) < 0)
		return nvb_fail_errno(err, errno, "%s", from);
	out = create(tree, path, mode, err);
	if (out < 0)
		return out;
	for (left = st.st_size; left > 0;) {
		ssize_t n = copy_file_range(in, NULL, out, NULL, (size_t)left, 0);

		if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP))
			n = sendfile(out, in, NULL, (size_t)left);
		if (n < 0)
			return nvb_fail_errno(err, errno, "copying %s to %s%s", from, tree->path, path);
		if (n == 0)
			return nvb_fail(err, NVB_ERR_CORRUPT, "%s became shorter while it was copied", from);
		left -= n;
	}
	return fchmod(out, mode) < 0 ? nvb_fail_errno(err, errno, "%s%s", tree->path, path) : 0;
}

int sim_tree_node(
	struct sim_tree *tree, const char *path, unsigned major, unsigned minor, mode_t mode, nvb_error **err)
{
	int rc;

	if (tree->nodes_refused)
		return 0;
	rc = mknodat(tree->fd, below(path), S_IFCHR | mode, makedev(major, minor)) < 0 ? -errno : 0;
	if (rc == -ENOENT) {
		rc = make_parent(tree, below(path), err);
		if (rc < 0)
			return rc;
		rc = mknodat(tree->fd, below(path), S_IFCHR | mode, makedev(major, minor)) < 0 ? -errno : 0;
	}
	if (rc == -EPERM) {
		tree->nodes_refused = true;
		nvb_warning(tree->log,
			"making device nodes needs root (CAP_MKNOD): %s/dev has none, so simulated programs "
			"will "
			"find no GPU",
			tree->path);
		return 0;
	}
	if (rc == 0 && fchmodat(tree->fd, below(path), mode, 0) < 0)
		rc = -errno;
	return rc < 0 ? nvb_fail_errno(err, -rc, "making node %s%s", tree->path, path) : 0;
}

/* A socket file that nobody listens on. */
int sim_tree_socket(struct sim_tree *tree, const char *path, nvb_error **err)
{
	int rc = make_parent(tree, below(path), err);

	if (rc < 0)
		return rc;
	if (mknodat(tree->fd, below(path), S_IFSOCK | 0666, 0) < 0)
		return nvb_fail_errno(err, errno, "making socket %s%s", tree->path, path);
	return 0;
}

const char *sim_tree_state_directory(const struct sim_layout *layout)
{
	return layout->store ? layout->store : layout->libraries;
}

uint32_t sim_tree_drm_of_device(const struct sim_scenario *scenario, size_t device)
{
	uint32_t n = 0;

	for (size_t i = 0; i < device; i++)
		n += scenario->device[i].drm;
	return n;
}

uint32_t sim_tree_drm_of_gpu(const struct sim_scenario *scenario, uint32_t gpu)
{
	uint32_t n = sim_tree_drm_of_device(scenario, scenario->device_count);

	for (uint32_t i = 0; i < gpu; i++)
		n += scenario->host[i].drm;
	return n;
}
