/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mountinfo.h"
#include "base/str.h"
#include "prestart/parts.h"

enum { CGROUP_MAX = 1 << 20 };

/*
 * The process's path in one hierarchy, out of /proc/<pid>/cgroup ("4:devices:/docker/abc", "0::/docker/abc");
 * malloc'd, NULL when it is not listed.
 */
static char *path_in(const char *text, const char *controller)
{
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;
		const char *end = line + strcspn(line, "\n");
		char names[256];

		if (!path || path > end || (size_t)(path - list) > sizeof(names))
			continue;
		memcpy(names, list + 1, (size_t)(path - list - 1));
		names[path - list - 1] = '\0';
		if (*controller ? nvb_mountinfo_has_option(names, controller) : !*names)
			return strndup(path + 1, (size_t)(end - path - 1));
	}
	return NULL;
}

/* Of the mount that decides: the v1 hierarchy with the devices controller where one is mounted, as runtimes
 * do on hosts with both, else the v2 hierarchy. */
static bool find_mount(char *mountinfo, struct nvb_mountinfo *found, bool *v2)
{
	struct nvb_mountinfo mount;
	bool any = false;

	while (nvb_mountinfo_next(&mountinfo, &mount)) {
		if (nvb_streq(mount.type, "cgroup") && nvb_mountinfo_has_option(mount.options, "devices")) {
			*found = mount;
			*v2 = false;
			return true;
		}
		if (nvb_streq(mount.type, "cgroup2") && !any) {
			*found = mount;
			*v2 = true;
			any = true;
		}
	}
	return any;
}

/* Where a path of the hierarchy is on this host; NULL when the mount does not show it. malloc'd. */
static char *on_host(const struct nvb_mountinfo *mount, const char *path)
{
	const char *rest = nvb_streq(mount->root, "/") ? path : nvb_after(path, mount->root);
	char *joined;

	if (!rest || (*rest && *rest != '/') || strstr(path, "/.."))
		return NULL;
	return asprintf(&joined, "%s%s", mount->point, rest) < 0 ? NULL : joined;
}

int nvb_device_cgroup_read(char *mountinfo, const char *theirs, const char *ours,
	struct nvb_device_cgroup *cgroup, nvb_error **err)
{
	_cleanup_free_ char *their_path = NULL, *our_path = NULL;
	struct nvb_mountinfo mount;
	bool v2;

	if (!find_mount(mountinfo, &mount, &v2))
		return nvb_fail(err, NVB_ERR_UNSUPPORTED,
			"neither cgroup v2 nor the devices controller of v1 is mounted on this host");
	their_path = path_in(theirs, v2 ? "" : "devices");
	our_path = path_in(ours, v2 ? "" : "devices");
	if (!their_path)
		return nvb_fail(err, NVB_ERR_CORRUPT, "the container's process is in no device cgroup");
	*cgroup = (struct nvb_device_cgroup){.v2 = v2};
	/* A runtime that was told to leave cgroups alone leaves the container in its own: that is not ours to
	 * change. */
	if (nvb_streq(their_path, "/") || (our_path && nvb_streq(their_path, our_path)))
		return 0;
	cgroup->path = on_host(&mount, their_path);
	if (!cgroup->path)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED,
			"the container's cgroup %s is not below %s, mounted at %s", their_path, mount.root,
			mount.point);
	return 0;
}

int nvb_device_cgroup_find(pid_t pid, struct nvb_device_cgroup *cgroup, nvb_error **err)
{
	_cleanup_free_ char *mountinfo = NULL, *theirs = NULL, *ours = NULL;
	char path[64];
	int rc;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	rc = nvb_file_read(AT_FDCWD, path, CGROUP_MAX, &theirs, NULL, err);
	if (rc == 0)
		rc = nvb_file_read(AT_FDCWD, "/proc/self/cgroup", CGROUP_MAX, &ours, NULL, err);
	if (rc == 0)
		rc = nvb_file_read(
			AT_FDCWD, "/proc/self/mountinfo", NVB_MOUNTINFO_MAX, &mountinfo, NULL, err);
	return rc < 0 ? rc : nvb_device_cgroup_read(mountinfo, theirs, ours, cgroup, err);
}
