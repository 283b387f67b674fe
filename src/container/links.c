/* SPDX-License-Identifier: Apache-2.0 */
#include "container/links.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "container/container.h"

enum existing {
	NOTHING,
	RIGHT_LINK,
	OTHER_LINK,
	NO_LINK,
};

static int look(int parent, const char *name, const char *target, enum existing *found)
{
	char present[PATH_MAX];
	ssize_t n = readlinkat(parent, name, present, sizeof(present));

	if (n < 0) {
		if (errno != ENOENT && errno != EINVAL)
			return -errno;
		*found = errno == ENOENT ? NOTHING : NO_LINK;
		return 0;
	}
	*found = (size_t)n == strlen(target) && memcmp(present, target, (size_t)n) == 0 ? RIGHT_LINK
											: OTHER_LINK;
	return 0;
}

static int random_name(char *name, size_t size)
{
	uint64_t token;

	if (getrandom(&token, sizeof(token), 0) != sizeof(token))
		return -errno;
	snprintf(name, size, ".nvb-%016llx", (unsigned long long)token);
	return 0;
}

/*
 * Puts a link in place of another one. What is taken out is looked at once more: if somebody put a file there
 * meanwhile, it goes back. Returns an outcome or -errno.
 */
static int replace_link(int parent, const char *name, const char *target)
{
	char temporary[32];
	struct stat st;
	int rc = random_name(temporary, sizeof(temporary));

	if (rc < 0)
		return rc;
	if (symlinkat(target, parent, temporary) < 0)
		return -errno;
	if (renameat2(parent, temporary, parent, name, RENAME_EXCHANGE) < 0) {
		rc = -errno;
		unlinkat(parent, temporary, 0);
		return rc;
	}
	if (fstatat(parent, temporary, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISLNK(st.st_mode)) {
		renameat2(parent, temporary, parent, name, RENAME_EXCHANGE);
		unlinkat(parent, temporary, 0);
		return NVB_LINK_LEFT;
	}
	return unlinkat(parent, temporary, 0) < 0 ? -errno : NVB_LINK_MADE;
}

static int put_link(int parent, const char *name, const char *target, enum existing found)
{
	switch (found) {
	case RIGHT_LINK:
		return NVB_LINK_KEPT;
	case NO_LINK:
		return NVB_LINK_LEFT;
	case OTHER_LINK:
		return replace_link(parent, name, target);
	case NOTHING:
		break;
	}
	if (symlinkat(target, parent, name) == 0)
		return NVB_LINK_MADE;
	return errno == EEXIST ? NVB_LINK_LEFT : -errno;
}

/* The directory of the link before: a driver's links lie side by side. */
struct neighbour {
	const char *path; /* of that link */
	size_t size;	  /* of its directory's part, with the slash; 0 when nothing is known */
	int fd;		  /* as the container has it, or -NVB_ERR_NOT_FOUND */
	int top;	  /* in a layered place's top, or -1 when it was not needed yet */
	bool checked;	  /* it may be written to */
};
#define NEIGHBOUR_INIT              \
	{                           \
		.fd = -1, .top = -1 \
	}

static void forget(struct neighbour *n)
{
	nvb_closep(&n->fd);
	nvb_closep(&n->top);
	*n = (struct neighbour)NEIGHBOUR_INIT;
}

static bool is_beside(const struct neighbour *n, const struct nvb_link *link, const char **name)
{
	if (n->size == 0 || strncmp(link->path, n->path, n->size) != 0)
		return false;
	*name = link->path + n->size;
	return **name && !strchr(*name, '/') && !nvb_streq(*name, ".") && !nvb_streq(*name, "..");
}

/* The link's directory as the container has it; it stays *n's. fd or negated code, as for
 * nvb_place_open_content_parent. */
static int content_parent(const struct nvb_place *place, const struct nvb_link *link, struct neighbour *n,
	const char **name, nvb_error **err)
{
	const char *slash = strrchr(link->path, '/');
	int fd;

	if (is_beside(n, link, name))
		return n->fd;
	fd = nvb_place_open_content_parent(place, link->path, name, err);
	forget(n);
	/* In a layer nobody but us makes what was not there. */
	if (slash && (fd >= 0 || (fd == -NVB_ERR_NOT_FOUND && nvb_place_is_layered(place))))
		*n = (struct neighbour){
			.path = link->path, .size = (size_t)(slash + 1 - link->path), .fd = fd, .top = -1};
	return fd;
}

/* Where the link is to be written; *opened when the caller has to close it. */
static int writable_parent(const struct nvb_place *place, const struct nvb_link *link, struct neighbour *n,
	const char **name, int *opened, nvb_error **err)
{
	int fd;

	if (n->top >= 0 && is_beside(n, link, name))
		return n->top;
	fd = nvb_place_open_parent(place, link->path, name, err);
	if (fd >= 0 && nvb_place_is_layered(place) && is_beside(n, link, name))
		n->top = fd;
	else
		*opened = fd;
	return fd;
}

static int make_link(
	const struct nvb_place *place, const struct nvb_link *link, struct neighbour *n, nvb_error **err)
{
	_cleanup_close_ int opened = -1;
	enum existing found = NOTHING;
	bool in_content = true;
	const char *name;
	int rc = 0, parent;

	/* First without creating anything: a read-only root that has the link has nothing wrong with it. */
	parent = content_parent(place, link, n, &name, err);
	if (parent >= 0)
		rc = look(parent, name, link->target, &found);
	else if (parent != -NVB_ERR_NOT_FOUND)
		return nvb_wrap(err, parent, "link %s", link->path);
	if (rc == 0 &&
		(parent < 0 || (nvb_place_is_layered(place) && (found == NOTHING || found == OTHER_LINK)))) {
		parent = writable_parent(place, link, n, &name, &opened, err);
		if (parent < 0)
			return nvb_wrap(err, parent, "link %s", link->path);
		in_content = false;
		rc = look(parent, name, link->target, &found);
	}
	if (rc == 0 && in_content && !n->checked && (found == NOTHING || found == OTHER_LINK)) {
		rc = nvb_place_check(place, parent, link->path, err);
		if (rc < 0)
			return nvb_wrap(err, rc, "link");
		n->checked = true;
	}
	if (rc == 0)
		rc = put_link(parent, name, link->target, found);
	return rc < 0 ? nvb_fail_errno(err, -rc, "link %s", link->path) : rc;
}

int nvb_link_make(const struct nvb_place *place, const struct nvb_link *link, nvb_error **err)
{
	_cleanup_(forget) struct neighbour n = NEIGHBOUR_INIT;

	return make_link(place, link, &n, err);
}

void nvb_links_make(
	const struct nvb_place *place, const struct nvb_link *links, size_t count, const struct nvb_log *log)
{
	_cleanup_(forget) struct neighbour n = NEIGHBOUR_INIT;

	for (size_t i = 0; i < count; i++) {
		_cleanup_error_ nvb_error *why = NULL;
		int rc = make_link(place, &links[i], &n, &why);

		if (rc < 0)
			nvb_warning(log, "link left out: %s", nvb_error_message(why));
		else if (rc == NVB_LINK_LEFT)
			nvb_warning(log, "link %s left out: the image has a file of its own there",
				links[i].path);
		else if (rc == NVB_LINK_MADE)
			nvb_debug(log, "link %s -> %s", links[i].path, links[i].target);
	}
}

bool nvb_link_meaning(const struct nvb_link *link, char *out, size_t size)
{
	const char *slash = strrchr(link->path, '/');
	size_t length = *link->target == '/' || !slash ? 0 : (size_t)(slash - link->path);

	if (length >= size)
		return false;
	memcpy(out, link->path, length);
	for (const char *part = link->target, *end; *part; part = end + (*end == '/')) {
		size_t n;

		end = strchrnul(part, '/');
		n = (size_t)(end - part);
		if (n == 0 || (n == 1 && *part == '.'))
			continue;
		if (n == 2 && part[0] == '.' && part[1] == '.') {
			while (length && out[--length] != '/')
				;
			continue;
		}
		if (length + n + 2 > size)
			return false;
		out[length++] = '/';
		memcpy(out + length, part, n);
		length += n;
	}
	out[length] = '\0';
	return length > 0;
}
