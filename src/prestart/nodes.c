/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
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

int nvb_node_make(const struct nvb_root *root, const struct nvb_source *source, nvb_error **err)
{
	const char *path = source->edit->device.container, *name;
	_cleanup_close_ int parent = -1;
	int rc;

	if (source->fd >= 0)
		return nvb_target_attach(root, path, false, source->fd, err);
	rc = is_there(root, source, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	parent = nvb_target_open_parent(root, path, &name, err);
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
