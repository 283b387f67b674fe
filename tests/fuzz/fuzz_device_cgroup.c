/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "fuzz.h"
#include "prestart/parts.h"

/* A mountinfo, and behind a NUL a /proc/<pid>/cgroup: what is found lies below a mount point of the first. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = strndup((const char *)data, size);
	size_t first = text ? strlen(text) : 0;
	_cleanup_free_ char *theirs =
		first < size ? strndup((const char *)data + first + 1, size - first - 1) : strdup("0::/a\n");
	/* The kernel writes no ".." into a mountinfo. */
	bool clean = text && !strstr(text, "..") && !strchr(text, '\\');
	struct nvb_device_cgroup cgroup = {.path = NULL};
	_cleanup_error_ nvb_error *err = NULL;

	if (!text || !theirs)
		return 0;
	if (nvb_device_cgroup_read(text, theirs, "0::/\n", &cgroup, &err) < 0)
		FUZZ_CHECK(*nvb_error_message(err) && !cgroup.path);
	else if (cgroup.path)
		FUZZ_CHECK(!clean || !strstr(cgroup.path, "/.."));
	free(cgroup.path);
	return 0;
}
