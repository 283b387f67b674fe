/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "inventory/inventory.h"

/* One of the four: its own directory, else the common root, else the host's. */
static int open_one(
	struct nvb_root *root, const char *own, const char *common, const char *what, nvb_error **err)
{
	const char *path = own ? own : common ? common : "/";
	int rc = nvb_root_open(root, path, err);

	if (rc < 0)
		return nvb_wrap(err, rc, "%s", what);
	return 0;
}

/*
 * Every look-up below needs openat2(2), and takes any failure for "not there": where the call itself is
 * refused (a kernel before 5.6, a seccomp filter that does not know it) a host full of GPUs would look empty.
 */
static int check_openat2(const struct nvb_root *root, nvb_error **err)
{
	int fd = nvb_root_openat(root, "/", O_PATH | O_DIRECTORY, 0), rc;

	if (fd >= 0) {
		close(fd);
		return 0;
	}
	if (fd != -ENOSYS && fd != -EPERM)
		return nvb_fail_errno(err, -fd, "%s", root->path);
	rc = nvb_fail(
		err, NVB_ERR_UNSUPPORTED, "the system call openat2 is refused here (%s)", strerror(-fd));
	return nvb_hint(err, rc, "it needs Linux 5.6, and in a container a seccomp profile that allows it");
}

static int copy_library_path(struct nvb_roots *roots, const char *const *path, nvb_error **err)
{
	for (size_t i = 0; path && path[i]; i++) {
		if (path[i][0] != '/') {
			int rc = nvb_fail(
				err, NVB_ERR_INVALID, "library directory '%s' is not absolute", path[i]);

			return nvb_hint(err, rc, "name it as it is called below the driver root");
		}
		if (!nvb_strv_add(&roots->library_path, path[i]))
			return nvb_fail_oom(err);
	}
	return 0;
}

int nvb_roots_open(struct nvb_roots *roots, const struct nvb_inventory_options *options, nvb_error **err)
{
	static const struct nvb_inventory_options defaults = {.size = sizeof(defaults)};
	struct nvb_roots opened = {
		.driver = NVB_ROOT_INIT, .dev = NVB_ROOT_INIT, .proc = NVB_ROOT_INIT, .sys = NVB_ROOT_INIT};
	const struct nvb_inventory_options *o = options ? options : &defaults;
	int rc = open_one(&opened.driver, o->driver_root, o->root, "driver root", err);

	if (rc == 0)
		rc = open_one(&opened.dev, o->dev_root, o->root, "dev root", err);
	if (rc == 0)
		rc = open_one(&opened.proc, o->proc_root, o->root, "proc root", err);
	if (rc == 0)
		rc = open_one(&opened.sys, o->sys_root, o->root, "sys root", err);
	if (rc == 0)
		rc = check_openat2(&opened.driver, err);
	if (rc == 0)
		rc = copy_library_path(&opened, o->library_path, err);
	if (rc < 0) {
		nvb_roots_close(&opened);
		return rc;
	}
	*roots = opened;
	return 0;
}

void nvb_roots_close(struct nvb_roots *roots)
{
	nvb_root_close(&roots->driver);
	nvb_root_close(&roots->dev);
	nvb_root_close(&roots->proc);
	nvb_root_close(&roots->sys);
	nvb_strv_free(roots->library_path);
	roots->library_path = NULL;
}
