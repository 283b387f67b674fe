/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "prestart/parts.h"

/* A privileged container has all nodes of its host already, in a volume perhaps. 1 when this one is there, 0
 * when nothing is. */
static int is_there(const struct nvb_root *root, const struct nvb_source *source, nvb_error **err)
{
	const char *path = source->edit->device.container;
	struct stat st;
	int rc = nvb_root_stat(root, path, false, &st);

	if (rc < 0)
		return rc == -ENOENT ? 0 : nvb_fail_errno(err, -rc, "%s", path);
	if ((st.st_mode & S_IFMT) != (source->mode & S_IFMT) || st.st_rdev != source->device)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_CONFLICT, "%s: the container has something else there", path),
			"leave it out of the container's devices and volumes");
	return 1;
}

static int enter_directory(const struct nvb_root *root, const char *path,
	struct nvb_node_directory *directory, const char **name, nvb_error **err)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;
	int fd;

	if (directory->fd >= 0 && directory->length == length && memcmp(directory->path, path, length) == 0) {
		*name = slash + 1;
		return directory->fd;
	}
	fd = nvb_target_open_parent(root, path, name, err);
	if (fd < 0)
		return fd;
	nvb_closep(&directory->fd);
	*directory = (struct nvb_node_directory){fd, path, length};
	return fd;
}

int nvb_node_make(const struct nvb_root *root, const struct nvb_source *source,
	struct nvb_node_directory *directory, nvb_error **err)
{
	const char *path = source->edit->device.container, *name;
	int parent, rc;

	if (source->fd >= 0)
		return nvb_target_attach(root, path, false, source->fd, err);
	rc = is_there(root, source, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	parent = enter_directory(root, path, directory, &name, err);
	if (parent < 0)
		return parent;
	/* The mode is exact: the umask is ours and takes nothing away. */
	if (mknodat(parent, name, source->mode, source->device) < 0)
		return nvb_fail_errno(err, errno, "making device node %s", path);
	if ((source->uid || source->gid) &&
		fchownat(parent, name, source->uid, source->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return nvb_fail_errno(err, errno, "owner of device node %s", path);
	return 0;
}
