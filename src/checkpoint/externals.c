/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/externals.h"

#include <errno.h>
#include <fcntl.h>
#include <json.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/mountinfo.h"
#include "base/root.h"
#include "base/str.h"
#include "checkpoint/criu.h"
#include "container/container.h"

/* Targets of the bind mounts in config.json, from process.json: *targets for nvb_strv_free. */
static int read_binds(const char *run, char ***targets, nvb_error **err)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	_cleanup_strv_ char **list = NULL;
	json_object *object, *binds = NULL;
	int rc = asprintf(&path, "%s/process.json", run) < 0
			 ? nvb_fail_oom(err)
			 : nvb_file_read(AT_FDCWD, path, 1 << 22, &text, NULL, err);

	if (rc < 0)
		return rc;
	object = json_tokener_parse(text);
	if (!json_object_is_type(object, json_type_object) ||
		!json_object_object_get_ex(object, "binds", &binds) ||
		!json_object_is_type(binds, json_type_array))
		rc = nvb_hint(err,
			nvb_fail(err, NVB_ERR_UNSUPPORTED,
				"the capsule was started by an earlier version, which did not write down its "
				"mounts"),
			"restart it once");
	for (size_t i = 0; rc == 0 && i < json_object_array_length(binds); i++)
		if (!nvb_strv_add(&list, json_object_get_string(json_object_array_get_idx(binds, i))))
			rc = nvb_fail_oom(err);
	json_object_put(object);
	if (rc == 0)
		*targets = NVB_TAKE_PTR(list);
	return rc;
}

static bool is_below(const char *path, const char *directory)
{
	const char *rest = nvb_after(path, directory);

	return rest && *rest == '/';
}

/* A masked file: the null device of the container's own /dev, or of the host's, over one of the kernel's. */
static bool is_mask(const struct nvb_mountinfo *mount)
{
	return (is_below(mount->point, "/proc") || is_below(mount->point, "/sys")) &&
	       nvb_ends_with(mount->root, "/null");
}

/* A masked directory: one of the host's that is empty, as crun has it from 1.24 on. What other runtimes mount
 * there is a file system of its own, which CRIU keeps. */
static bool is_masked_directory(const struct nvb_mountinfo *mount)
{
	return (is_below(mount->point, "/proc") || is_below(mount->point, "/sys")) &&
	       nvb_ends_with(mount->root, "/.empty-directory");
}

/* Every hierarchy of v1 is a mount of its own, whose source is another for another container. */
static bool is_hierarchy(const struct nvb_mountinfo *mount)
{
	return nvb_streq(mount->type, "cgroup") && is_below(mount->point, "/sys/fs/cgroup");
}

/* Whether config.json mounts something of the host there, maybe by another path, where the image has links.
 * Runtimes that restore resolve these first, and call the mount what they found. */
static bool is_bind(const struct nvb_root *root, const char *point, char *const *binds)
{
	if (nvb_strv_contains(binds, point))
		return true;
	nvb_strv_foreach (bind, binds) {
		_cleanup_free_ char *resolved = NULL;

		if (nvb_root_realpath(root, *bind, &resolved, NULL) == 0 && nvb_streq(resolved, point))
			return true;
	}
	return false;
}

static bool add_mount(
	char ***list, const struct nvb_mountinfo *mount, const struct nvb_root *root, char *const *binds)
{
	if (nvb_streq(mount->point, NVB_DRIVER_PARAMS))
		return nvb_strv_add(list, "mnt[" NVB_DRIVER_PARAMS "]:" NVB_CRIU_PARAMS);
	if (is_mask(mount))
		return nvb_strv_addf(list, "mnt[%s]:/dev/null", mount->point);
	if (is_masked_directory(mount))
		return nvb_strv_addf(list, "mnt[%s]:" NVB_CRIU_EMPTY, mount->point);
	if (is_hierarchy(mount))
		return nvb_strv_addf(list, "mnt[%s]:" NVB_CRIU_HIERARCHY "%s", mount->point,
			strrchr(mount->point, '/') + 1);
	if (is_bind(root, mount->point, binds))
		return nvb_strv_addf(list, "mnt[%s]:%s", mount->point, mount->point);
	return true;
}

static int add_network(char ***list, pid_t init, nvb_error **err)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", init);
	if (stat(path, &st) < 0)
		return nvb_fail_errno(err, errno, "%s", path);
	return nvb_strv_addf(list, "net[%llu]:extRootNetNS", (unsigned long long)st.st_ino)
		       ? 0
		       : nvb_fail_oom(err);
}

int nvb_externals_make(const char *run, pid_t init, bool netns, char ***externals, nvb_error **err)
{
	_cleanup_strv_ char **binds = NULL, **list = NULL;
	_cleanup_free_ char *text = NULL;
	_cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
	struct nvb_mountinfo mount;
	char path[64], *rest;
	int rc = read_binds(run, &binds, err);

	snprintf(path, sizeof(path), "/proc/%d/root", init);
	if (rc == 0)
		rc = nvb_root_open(&root, path, err);
	snprintf(path, sizeof(path), "/proc/%d/mountinfo", init);
	if (rc == 0)
		rc = nvb_file_read(AT_FDCWD, path, NVB_MOUNTINFO_MAX, &text, NULL, err);
	if (rc < 0)
		return rc;
	rest = text;
	while (nvb_mountinfo_next(&rest, &mount))
		if (!add_mount(&list, &mount, &root, binds))
			return nvb_fail_oom(err);
	if (netns)
		rc = add_network(&list, init, err);
	if (rc == 0)
		*externals = NVB_TAKE_PTR(list);
	return rc;
}
