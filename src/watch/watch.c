/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/inotify.h>
#include <sys/statfs.h>

#include "base/log.h"
#include "base/str.h"
#include "inventory/listing.h"
#include "watch/uevent.h"

enum {
	ENTRIES = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB,
	CONTENT = IN_CLOSE_WRITE, /* never of /dev: every writer to /dev/null would wake us */
	GONE = IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED,
	PROC_DEPTH = 6, /* /proc/driver/nvidia/capabilities/gpu0/mig/gi1/ci0 */
};

int nvb_watcher_open(struct nvb_watcher *watcher, const struct nvb_log *log, nvb_error **err)
{
	int inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), uevents;

	if (inotify < 0)
		return nvb_fail_errno(err, errno, "inotify");
	uevents = nvb_uevent_open();
	if (uevents < 0)
		nvb_warning(log,
			"no uevents can be had here (%s): a driver that is loaded or unloaded is seen "
			"by its device nodes alone",
			strerrordesc_np(-uevents));
	*watcher =
		(struct nvb_watcher){.inotify = inotify, .uevents = uevents < 0 ? -1 : uevents, .log = log};
	return 0;
}

void nvb_watcher_close(struct nvb_watcher *watcher)
{
	nvb_closep(&watcher->inotify);
	nvb_closep(&watcher->uevents);
	for (size_t i = 0; i < watcher->count; i++)
		free(watcher->watched[i].name);
	free(watcher->watched);
	*watcher = (struct nvb_watcher){.inotify = -1, .uevents = -1};
}

static int remember(struct nvb_watcher *watcher, int wd, const char *name, nvb_error **err)
{
	struct nvb_watched watched = {.wd = wd};

	for (size_t i = 0; i < watcher->count; i++)
		if (watcher->watched[i].wd == wd && nvb_streq0(watcher->watched[i].name, name))
			return 0;
	watched.name = name ? strdup(name) : NULL;
	if ((name && !watched.name) || !NVB_GROW(watcher->watched, watcher->count, watcher->capacity)) {
		free(watched.name);
		return nvb_fail_oom(err);
	}
	watcher->watched[watcher->count++] = watched;
	return 0;
}

/* What an open directory holds; `name` NULL: all of it. */
static int add_open(struct nvb_watcher *watcher, int fd, uint32_t content, const char *name, nvb_error **err)
{
	char path[32];
	int wd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	wd = inotify_add_watch(watcher->inotify, path, ENTRIES | content | GONE | IN_MASK_ADD);
	if (wd < 0 && (errno == ENOSPC || errno == ENOMEM))
		return nvb_hint(
			err, nvb_fail_errno(err, errno, "inotify"), "raise fs.inotify.max_user_watches");
	if (wd < 0) { /* not ours to read: it will not change what we read either */
		nvb_debug(watcher->log, "a directory cannot be watched: %s", strerrordesc_np(errno));
		return 0;
	}
	return remember(watcher, wd, name, err);
}

/* Where anybody makes files all the time nothing is waited for: it would wake us for each of them. */
static bool is_for_all(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (st.st_mode & S_ISVTX) && (st.st_mode & S_IWOTH);
}

/* Only these are of interest among all that comes and goes in /dev. */
static const char *const node_names[] = {"nvidia*", "dri", "infiniband", "gdrdrv", "dxg"};

static int add_dev(struct nvb_watcher *watcher, int fd, nvb_error **err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(node_names); i++)
		rc = add_open(watcher, fd, 0, node_names[i], err);
	return rc;
}

static bool is_dev(const char *path)
{
	const char *rest = nvb_after(path, "/dev");

	return rest && (!*rest || *rest == '/');
}

/* Opens the nearest directory on the way that is there; `path` is cut to it ("" is the root). */
static int open_nearest(const struct nvb_root *root, char *path)
{
	for (;;) {
		int fd = nvb_root_openat(root, *path ? path : "/", O_PATH | O_DIRECTORY, 0);
		char *slash = strrchr(path, '/');

		if (fd >= 0 || !slash)
			return fd;
		*slash = '\0';
	}
}

/*
 * Watches a directory below a root; where it is not there, the nearest one above it for the next name on the
 * way. `entry`: only this name in it matters.
 */
static int add_below(struct nvb_watcher *watcher, const struct nvb_root *root, const char *path,
	const char *entry, nvb_error **err)
{
	_cleanup_free_ char *there = strdup(path), *next = NULL;
	_cleanup_close_ int fd = -1;
	size_t length;

	if (!there)
		return nvb_fail_oom(err);
	fd = open_nearest(root, there);
	if (fd < 0)
		return 0;
	length = strlen(there);
	if (path[length]) { /* the first part of what is missing */
		const char *rest = path + length + 1;

		next = strndup(rest, strcspn(rest, "/"));
		if (!next)
			return nvb_fail_oom(err);
		entry = next;
	}
	if (!entry && nvb_streq(path, "/dev"))
		return add_dev(watcher, fd, err);
	return entry && is_for_all(fd) ? 0 : add_open(watcher, fd, is_dev(there) ? 0 : CONTENT, entry, err);
}

static int add_entry(
	struct nvb_watcher *watcher, const struct nvb_root *root, const char *path, nvb_error **err)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *directory = slash ? strndup(path, (size_t)(slash - path)) : NULL;

	return !slash	    ? 0
	       : !directory ? nvb_fail_oom(err)
			    : add_below(watcher, root, directory, slash + 1, err);
}

int nvb_watcher_add_directory(struct nvb_watcher *watcher, const char *path, nvb_error **err)
{
	_cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
	int rc = nvb_root_open(&root, "/", err);

	return rc < 0 ? rc : add_below(watcher, &root, path, NULL, err);
}

int nvb_watcher_add_file(struct nvb_watcher *watcher, const char *path, nvb_error **err)
{
	_cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
	int rc = nvb_root_open(&root, "/", err);

	return rc < 0 ? rc : add_entry(watcher, &root, path, err);
}

static int add_tree(struct nvb_watcher *watcher, const struct nvb_root *root, const char *path,
	unsigned depth, nvb_error **err)
{
	_cleanup_listing_ struct nvb_listing listing = {0};
	int rc = add_below(watcher, root, path, NULL, err);

	if (rc < 0 || !depth || nvb_listing_read(root, path, &listing) < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < listing.count; i++) {
		_cleanup_free_ char *below = NULL;
		struct stat st;

		if (asprintf(&below, "%s/%s", path, listing.entries[i].name) < 0) {
			below = NULL;
			return nvb_fail_oom(err);
		}
		if (nvb_root_stat(root, below, false, &st) == 0 && S_ISDIR(st.st_mode))
			rc = add_tree(watcher, root, below, depth - 1, err);
	}
	return rc;
}

/* Nothing but the kernel's own /proc can change without a word. */
static int add_proc(struct nvb_watcher *watcher, const struct nvb_root *proc, nvb_error **err)
{
	_cleanup_close_ int fd = nvb_root_openat(proc, "/proc", O_PATH | O_DIRECTORY, 0);
	struct statfs fs;
	int rc;

	if (fd < 0 || fstatfs(fd, &fs) < 0 || fs.f_type == PROC_SUPER_MAGIC)
		return 0;
	rc = add_entry(watcher, proc, "/proc/devices", err);
	if (rc == 0)
		rc = add_tree(watcher, proc, "/proc/driver", PROC_DEPTH, err);
	return rc;
}

int nvb_watcher_add_inventory(
	struct nvb_watcher *watcher, const struct nvb_inventory *inventory, nvb_error **err)
{
	const struct nvb_roots *roots = &inventory->roots;
	int rc = add_proc(watcher, &roots->proc, err);

	for (size_t i = 0; rc == 0 && i < inventory->fingerprint.count; i++) {
		const struct nvb_watch *watch = &inventory->fingerprint.watches[i];
		const struct nvb_root *root = watch->root == NVB_WATCH_DEV    ? &roots->dev
					      : watch->root == NVB_WATCH_PROC ? &roots->proc
					      : watch->root == NVB_WATCH_SYS  ? &roots->sys
									      : &roots->driver;
		struct stat st;

		if (watch->how == NVB_WATCH_INODE ||
			(nvb_root_stat(root, watch->path, true, &st) == 0 && !S_ISDIR(st.st_mode)))
			rc = add_entry(watcher, root, watch->path, err);
		else
			rc = add_below(watcher, root, watch->path, NULL, err);
	}
	return rc;
}

/* A name, or the beginning of names with a '*' behind it. */
static bool is_named(const char *pattern, const char *name)
{
	size_t n = strlen(pattern);

	return n && pattern[n - 1] == '*' ? strncmp(pattern, name, n - 1) == 0 : nvb_streq(pattern, name);
}

static bool matters(const struct nvb_watcher *watcher, const struct inotify_event *event)
{
	if (event->mask & (IN_Q_OVERFLOW | GONE))
		return true;
	for (size_t i = 0; i < watcher->count; i++)
		if (watcher->watched[i].wd == event->wd &&
			(!watcher->watched[i].name ||
				(event->len && is_named(watcher->watched[i].name, event->name))))
			return true;
	return false;
}

int nvb_watcher_drain(struct nvb_watcher *watcher, nvb_error **err)
{
	_Alignas(struct inotify_event) char buffer[16 * 1024];
	int found = watcher->uevents < 0 ? 0 : nvb_uevent_drain(watcher->uevents);

	if (found < 0)
		return nvb_fail_errno(err, -found, "uevents");
	for (;;) {
		ssize_t n = read(watcher->inotify, buffer, sizeof(buffer));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return found;
		if (n <= 0)
			return nvb_fail_errno(err, n ? errno : EIO, "inotify");
		for (char *p = buffer; p < buffer + n;) {
			const struct inotify_event *event = (const void *)p;

			found |= matters(watcher, event);
			p += sizeof(*event) + event->len;
		}
	}
}
