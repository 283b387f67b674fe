/* SPDX-License-Identifier: Apache-2.0 */
#include "container/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/guard.h"
#include "base/mem.h"
#include "base/mount_id.h"
#include "base/str.h"
#include "container/own_tmpfs.h"

/* Cuts the last part off `path` in place and returns it, or NULL when there is none left. */
static char *cut_last(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash)
		return NULL;
	*slash = '\0';
	return slash + 1;
}

/*
 * What `directory` means in `content` with all links followed, also when its last parts do not exist there
 * yet. A part that exists and yet leads nowhere (a dangling link) is refused: a directory in `top` would hide
 * it.
 */
static int resolve(
	const struct nvb_root *content, const char *directory, char *out, size_t size, nvb_error **err)
{
	char head[PATH_MAX], tail[PATH_MAX] = "";
	struct stat st;

	if ((size_t)snprintf(head, sizeof(head), "/%s", directory + strspn(directory, "/")) >= sizeof(head))
		return nvb_fail(err, NVB_ERR_INVALID, "%s: path too long", directory);
	for (;;) {
		_cleanup_free_ char *real = NULL;
		_cleanup_error_ nvb_error *why = NULL;
		char *last, joined[PATH_MAX];

		if (nvb_root_realpath(content, *head ? head : "/", &real, &why) == 0) {
			const char *base = nvb_streq(real, "/") ? "" : real;

			if ((size_t)snprintf(out, size, "%s%s", base, tail) >= size)
				return nvb_fail(err, NVB_ERR_INVALID, "%s: path too long", directory);
			return 0;
		}
		if (nvb_error_errno(why) != ENOENT || nvb_root_stat(content, head, false, &st) != -ENOENT)
			return nvb_fail_errno(err, nvb_error_errno(why) ?: EIO, "%s", directory);
		last = cut_last(head);
		if (!last || nvb_streq(last, ".."))
			return nvb_fail_errno(err, ENOENT, "%s", directory);
		if ((size_t)snprintf(joined, sizeof(joined), "/%s%s", last, tail) >= sizeof(joined))
			return nvb_fail(err, NVB_ERR_INVALID, "%s: path too long", directory);
		memcpy(tail, joined, sizeof(tail));
	}
}

/* One directory of `top`, made as its counterpart in `content` is. `path` is resolved and begins with "/". */
static int make_directory(const struct nvb_place *place, int parent, const char *path, const char *name)
{
	struct stat st;
	bool known = nvb_root_stat(place->content, path, true, &st) == 0 && S_ISDIR(st.st_mode);

	if (mkdirat(parent, name, known ? st.st_mode & 07777 : 0755) < 0)
		return errno == EEXIST ? 0 : -errno;
	/* An overlay shows the attributes of the uppermost directory. The umask may have taken bits away;
	 * `top` is our own, so nobody can put a link in the way. */
	if (known && fchownat(parent, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != EPERM)
		return -errno;
	return fchmodat(parent, name, known ? st.st_mode & 07777 : 0755, 0) < 0 ? -errno : 0;
}

/* Opens a resolved directory in `top`, making what is missing. fd or -errno. */
static int open_in_top(const struct nvb_place *place, char *path)
{
	int fd = nvb_root_openat(place->top, path, O_PATH | O_DIRECTORY, 0);

	if (fd != -ENOENT)
		return fd;
	fd = nvb_root_openat(place->top, "/", O_PATH | O_DIRECTORY, 0);
	for (char *name = path + strspn(path, "/"), *end; fd >= 0 && *name; name = end) {
		_cleanup_close_ int parent = fd;
		char saved;
		int rc;

		end = strchrnul(name, '/');
		saved = *end;
		*end = '\0';
		rc = make_directory(place, parent, path, name);
		fd = rc < 0 ? rc : nvb_root_openat(place->top, path, O_PATH | O_DIRECTORY, 0);
		*end = saved;
		end += strspn(end, "/");
	}
	return fd;
}

static int open_layered_parent(
	const struct nvb_place *place, const char *path, const char **name, nvb_error **err)
{
	char directory[PATH_MAX];
	const char *slash = strrchr(path, '/');
	const char *last = slash ? slash + 1 : path;
	_cleanup_free_ char *parent = strndup(path, (size_t)(last - path));
	int rc, fd;

	if (!parent)
		return nvb_fail_oom(err);
	if (!*last || nvb_streq(last, ".") || nvb_streq(last, ".."))
		return nvb_fail(err, NVB_ERR_INVALID, "%s: does not end in a file name", path);
	while (*parent && nvb_ends_with(parent, "/"))
		parent[strlen(parent) - 1] = '\0';
	rc = resolve(place->content, parent, directory, sizeof(directory), err);
	if (rc < 0)
		return rc;
	fd = open_in_top(place, directory);
	if (fd < 0)
		return nvb_fail_errno(err, -fd, "%s", path);
	*name = last;
	return fd;
}

int nvb_place_check(const struct nvb_place *place, int directory, const char *path, nvb_error **err)
{
	uint64_t mount;

	if (nvb_place_is_layered(place) || !nvb_guard("volumes"))
		return 0;
	mount = nvb_mount_id(directory);
	if ((mount && mount == nvb_mount_id(place->top->fd)) || nvb_is_own_tmpfs(place->top, directory))
		return 0;
	return nvb_fail(err, NVB_ERR_PERMISSION, "%s: lies in a volume", path);
}

/* The nearest directory above `path` that exists, open. fd or -errno. */
static int open_ancestor(const struct nvb_root *root, const char *path)
{
	_cleanup_free_ char *copy = strdup(path);
	int fd = -ENOENT;

	if (!copy)
		return -ENOMEM;
	while (fd == -ENOENT && cut_last(copy))
		fd = nvb_root_openat(root, copy, O_PATH | O_DIRECTORY, 0);
	return fd == -ENOENT ? nvb_root_openat(root, "/", O_PATH | O_DIRECTORY, 0) : fd;
}

/* The same place may be reached another way a moment later; what is opened at the end is checked again. */
static int open_plain_parent(
	const struct nvb_place *place, const char *path, const char **name, nvb_error **err)
{
	_cleanup_error_ nvb_error *why = NULL;
	_cleanup_close_ int ancestor = -1, parent = nvb_root_open_parent(place->top, path, false, name, &why);
	int rc;

	if (parent == -NVB_ERR_NOT_FOUND) {
		ancestor = open_ancestor(place->top, path);
		if (ancestor < 0)
			return nvb_fail_errno(err, -ancestor, "%s", path);
		rc = nvb_place_check(place, ancestor, path, err);
		if (rc < 0)
			return rc;
		parent = nvb_root_open_parent(place->top, path, true, name, err);
	} else if (parent < 0) {
		nvb_error_move(err, NVB_TAKE_PTR(why));
	}
	if (parent < 0)
		return parent;
	rc = nvb_place_check(place, parent, path, err);
	return rc < 0 ? rc : NVB_TAKE_FD(parent);
}

int nvb_place_open_parent(const struct nvb_place *place, const char *path, const char **name, nvb_error **err)
{
	return nvb_place_is_layered(place) ? open_layered_parent(place, path, name, err)
					   : open_plain_parent(place, path, name, err);
}

int nvb_place_open_content_parent(
	const struct nvb_place *place, const char *path, const char **name, nvb_error **err)
{
	_cleanup_error_ nvb_error *why = NULL;
	int fd = nvb_root_open_parent(place->content, path, false, name, &why);

	if (fd < 0 && nvb_error_code(why) != NVB_ERR_NOT_FOUND)
		nvb_error_move(err, NVB_TAKE_PTR(why));
	return fd;
}
