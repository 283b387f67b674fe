/* SPDX-License-Identifier: Apache-2.0 */
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
