/* SPDX-License-Identifier: Apache-2.0 */
#include "base/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/guard.h"
#include "base/mem.h"
#include "base/str.h"

enum { MOST_LINKS = 40 }; /* as the kernel: ELOOP */

struct walk {
	int stack[NVB_WALK_DEEPEST]; /* the directories below the root that we are in */
	size_t depth;
	int root;
	int links;
	char rest[2 * PATH_MAX]; /* what is left to be walked */
	char part[NAME_MAX + 1];
	bool last;	/* nothing stands behind the part */
	bool directory; /* but a slash */
};

static void leave(struct walk *w)
{
	while (w->depth)
		close(w->stack[--w->depth]);
}

static int here(const struct walk *w)
{
	return w->depth ? w->stack[w->depth - 1] : w->root;
}

/* Takes the next part off the rest. 1, 0 at the end, or -errno. */
static int next_part(struct walk *w)
{
	const char *from = w->rest + strspn(w->rest, "/"), *behind;
	size_t n = strcspn(from, "/");

	if (n == 0)
		return 0;
	if (n > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(w->part, from, n);
	w->part[n] = '\0';
	behind = from + n + strspn(from + n, "/");
	w->last = *behind == '\0';
	w->directory = from[n] == '/';
	memmove(w->rest, behind, strlen(behind) + 1);
	return 1;
}

static int enter(struct walk *w, int fd)
{
	if (w->depth == NVB_WALK_DEEPEST) {
		close(fd);
		return -ENAMETOOLONG;
	}
	w->stack[w->depth++] = fd;
	return 0;
}

static int go_up(struct walk *w)
{
	int fd;

	if (!nvb_guard("walk-dotdot")) {
		fd = openat(here(w), "..", O_PATH | O_CLOEXEC);
		return fd < 0 ? -errno : enter(w, fd);
	}
	if (w->depth)
		close(w->stack[--w->depth]);
	return 0;
}

/* Puts the target of an open link before the rest. */
static int take_link(struct walk *w, int link)
{
	char target[PATH_MAX];
	size_t left = strlen(w->rest), n;
	ssize_t length = readlinkat(link, "", target, sizeof(target));

	if (length < 0)
		return -errno;
	n = (size_t)length;
	if (n == 0)
		return -ENOENT;
	if (++w->links > MOST_LINKS)
		return -ELOOP;
	if (n == sizeof(target) || n + 1 + left + 1 > sizeof(w->rest))
		return -ENAMETOOLONG;
	if (*target == '/')
		leave(w);
	/* The slash also where nothing is left: "link/" must be a directory. */
	memmove(w->rest + n + (w->directory ? 1 : 0), w->rest, left + 1);
	memcpy(w->rest, target, n);
	if (w->directory)
		w->rest[n] = '/';
	return 0;
}

/* Opens the part where it stands, which is no link to be followed. */
static int open_part(const struct walk *w, int flags, mode_t mode)
{
	int fd = openat(
		here(w), w->part, flags | (w->directory ? O_DIRECTORY : 0) | O_NOFOLLOW | O_CLOEXEC, mode);

	return fd < 0 ? -errno : fd;
}

static int open_here(const struct walk *w, int flags)
{
	int fd;

	if (flags & O_CREAT)
		return -EISDIR;
	fd = openat(here(w), ".", flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* One part of the way. The descriptor if it was the last one, -EINPROGRESS to go on, or -errno. */
static int step(struct walk *w, int flags, mode_t mode)
{
	const bool creates = w->last && (flags & O_CREAT);
	const bool follows = !w->last || w->directory || !(flags & O_NOFOLLOW);
	_cleanup_close_ int fd = -1;
	struct stat st;
	int rc;

	if (nvb_streq(w->part, "."))
		return -EINPROGRESS;
	if (nvb_streq(w->part, ".."))
		return (rc = go_up(w)) < 0 ? rc : -EINPROGRESS;
	if (creates && (flags & O_EXCL))
		return open_part(w, flags, mode);
	fd = openat(here(w), w->part, O_PATH | O_CLOEXEC | (nvb_guard("walk-nofollow") ? O_NOFOLLOW : 0));
	if (fd < 0)
		return errno == ENOENT && creates ? open_part(w, flags, mode) : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode) && follows)
		return (rc = take_link(w, fd)) < 0 ? rc : -EINPROGRESS;
	if (w->last)
		return open_part(w, flags, mode);
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	rc = enter(w, NVB_TAKE_FD(fd));
	return rc < 0 ? rc : -EINPROGRESS;
}

int nvb_walk_open(int root, const char *path, int flags, mode_t mode)
{
	_cleanup_(leave) struct walk w = {.root = root};
	size_t n = strlen(path);
	int rc;

	if (n == 0)
		return -ENOENT;
	if (n >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(w.rest, path, n + 1);
	while ((rc = next_part(&w)) > 0) {
		int fd = step(&w, flags, mode);

		if (fd != -EINPROGRESS)
			return fd;
	}
	return rc < 0 ? rc : open_here(&w, flags);
}
