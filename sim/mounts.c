/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/mounts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* As /proc/self/mountinfo writes paths: blanks and backslashes in octal (proc(5)). */
static char *escape(const char *path)
{
	_cleanup_strbuf_ struct nvb_strbuf out = {0};

	for (const char *p = path; *p; p++) {
		if (strchr(" \t\n\\", *p))
			nvb_sb_addf(&out, "\\%03o", (unsigned)(unsigned char)*p);
		else
			nvb_sb_addc(&out, *p);
	}
	return nvb_sb_finish(&out);
}

int sim_check_no_mounts(const char *root, nvb_error **err)
{
	_cleanup_fclose_ FILE *mounts = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *escaped = escape(root), *line = NULL;
	size_t capacity = 0;

	if (!mounts)
		return nvb_fail_errno(err, errno, "/proc/self/mountinfo");
	if (!escaped)
		return nvb_fail_oom(err);
	while (getline(&line, &capacity, mounts) > 0) {
		const char *below;
		int at = 0;

		if (sscanf(line, "%*s %*s %*s %*s %n", &at) < 0 || !at)
			continue;
		line[(size_t)at + strcspn(line + at, " \n")] = '\0';
		below = nvb_after(line + at, escaped);
		if (below && *below == '/')
			return nvb_hint(err,
				nvb_fail(err, NVB_ERR_BUSY, "something is mounted at %s", line + at),
				"unmount it first");
	}
	return 0;
}
