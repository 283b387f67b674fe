/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/userns.h"
#include "prestart/parts.h"

/* v1: one rule a write, in the words of the kernel's devices.txt. */
static int allow_v1(int cgroup, const struct nvb_device_rule *rules, size_t count, nvb_error **err)
{
	_cleanup_close_ int fd = openat(cgroup, "devices.allow", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return nvb_fail_errno(err, errno, "devices.allow");
	for (size_t i = 0; i < count; i++) {
		char line[64];
		int n = snprintf(line, sizeof(line), "%c %u:%u %s", rules[i].type, rules[i].major,
			rules[i].minor, rules[i].access);
		int rc = nvb_write_all(fd, line, (size_t)n);

		if (rc < 0)
			return nvb_fail_errno(err, -rc, "device rule '%s'", line);
	}
	return 0;
}

int nvb_rules_allow(pid_t pid, const struct nvb_device_rule *rules, size_t count, const struct nvb_log *log,
	nvb_error **err)
{
	struct nvb_device_cgroup cgroup = {0};
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	int rc;

	/* Without the host's root the runtime restricts no devices, and who does is not ours to change. */
	if (!count || nvb_in_user_namespace()) {
		nvb_debug(log, "device rules are left to the host's root");
		return 0;
	}
	rc = nvb_device_cgroup_find(pid, &cgroup, err);
	if (rc < 0)
		return rc;
	path = cgroup.path;
	if (!path) {
		nvb_warning(log, "the container has no cgroup of its own: device rules stay as they are");
		return 0;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return nvb_fail_errno(err, errno, "cgroup %s", path);
	rc = cgroup.v2 ? nvb_program_allow(fd, rules, count, log, err) : allow_v1(fd, rules, count, err);
	return rc < 0 ? nvb_wrap(err, rc, "cgroup %s", path) : 0;
}
