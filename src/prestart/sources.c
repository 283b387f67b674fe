/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "base/userns.h"
#include "prestart/parts.h"

/* What the options of our own plans mean to mount_setattr(2); binding and privacy are how it is done here. */
static const struct {
	const char *name;
	uint64_t attribute;
} options[] = {
	{"ro", MOUNT_ATTR_RDONLY},
	{"nosuid", MOUNT_ATTR_NOSUID},
	{"nodev", MOUNT_ATTR_NODEV},
	{"noexec", MOUNT_ATTR_NOEXEC},
	{"bind", 0},
	{"rbind", 0},
	{"private", 0},
	{"rprivate", 0},
};

static int read_options(const char *const *words, uint64_t *attributes, nvb_error **err)
{
	*attributes = 0;
	for (; words && *words; words++) {
		size_t i = 0;

		while (i < NVB_ELEMENTS(options) && !nvb_streq(options[i].name, *words))
			i++;
		if (i == NVB_ELEMENTS(options))
			return nvb_fail(err, NVB_ERR_UNSUPPORTED, "mount option '%s'", *words);
		*attributes |= options[i].attribute;
	}
	return 0;
}

/* A private clone of what is mounted there, attached nowhere. fd or -errno. */
static int clone_mount(const char *host, uint64_t attributes)
{
	struct mount_attr attr = {.attr_set = attributes, .propagation = MS_PRIVATE};
	int fd = open_tree(AT_FDCWD, host, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

	if (fd < 0)
		return -errno;
	if (mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0) {
		int sys = errno;

		close(fd);
		return -sys;
	}
	return fd;
}

static int open_mount(struct nvb_source *source, nvb_error **err)
{
	uint64_t attributes;
	struct stat st;
	int rc = read_options(source->edit->mount.options, &attributes, err);

	if (rc < 0)
		return nvb_wrap(err, rc, "mount of %s", source->edit->mount.host);
	source->fd = clone_mount(source->edit->mount.host, attributes);
	if (source->fd == -ENOSYS)
		return nvb_hint(err, nvb_fail_errno(err, ENOSYS, "mount of %s", source->edit->mount.host),
			"a prestart hook needs Linux 5.12; use nvbind-runtime or CDI");
	if (source->fd < 0)
		return nvb_fail_errno(err, -source->fd, "mount of %s", source->edit->mount.host);
	if (fstat(source->fd, &st) < 0)
		return nvb_fail_errno(err, errno, "mount of %s", source->edit->mount.host);
	source->directory = S_ISDIR(st.st_mode);
	return 0;
}

/* The node on the host has the numbers, owner and mode; in a user namespace it goes in itself, since a node
 * that is made there cannot be opened. */
static int open_node(struct nvb_source *source, bool attach, nvb_error **err)
{
	const char *host = source->edit->device.host;
	struct stat st;

	if (stat(host, &st) < 0)
		return nvb_fail_errno(err, errno, "device node %s", host);
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return nvb_fail(err, NVB_ERR_INVALID, "%s is no device node", host);
	if (source->edit->device.known_numbers &&
		st.st_rdev != makedev(source->edit->device.major, source->edit->device.minor))
		return nvb_fail(err, NVB_ERR_STALE, "device node %s has become another device", host);
	source->device = st.st_rdev;
	source->mode = st.st_mode;
	source->uid = st.st_uid;
	source->gid = st.st_gid;
	if (!attach)
		return 0;
	source->fd = clone_mount(host, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	return source->fd < 0 ? nvb_fail_errno(err, -source->fd, "mount of %s", host) : 0;
}

int nvb_sources_open(struct nvb_prestart *prestart, nvb_error **err)
{
	const struct nvb_plan *plan = prestart->plan;
	bool attach = prestart->user_namespace || nvb_in_user_namespace();

	prestart->sources = calloc(plan->edit_count + 1, sizeof(*prestart->sources));
	if (!prestart->sources)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < plan->edit_count; i++) {
		struct nvb_source source = {.edit = &plan->edits[i], .fd = -1};
		_cleanup_error_ nvb_error *why = NULL;
		int rc;

		if (source.edit->kind == NVB_EDIT_MOUNT)
			rc = open_mount(&source, &why);
		else if (source.edit->kind == NVB_EDIT_DEVICE)
			rc = open_node(&source, attach, &why);
		else
			continue;
		/* What is optional and has gone since the plan was made is left out. */
		if (rc < 0 && !source.edit->required) {
			nvb_warning(prestart->log, "left out: %s", nvb_error_message(why));
			nvb_closep(&source.fd);
			continue;
		}
		if (rc < 0) {
			nvb_closep(&source.fd);
			nvb_error_move(err, NVB_TAKE_PTR(why));
			return rc;
		}
		prestart->sources[prestart->source_count++] = source;
	}
	return 0;
}
