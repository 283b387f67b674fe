/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/kept.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"

/* The driver trusts what it finds in its cache, so nobody else may write there. */
static void make(
	const char *path, const struct nvb_edit *edit, uid_t uid, gid_t gid, const struct nvb_log *log)
{
	_cleanup_error_ nvb_error *why = NULL;
	_cleanup_free_ char *parent = strdup(path);
	char *slash = parent ? strrchr(parent, '/') : NULL;
	struct stat st;

	if (!slash)
		return;
	*slash = '\0';
	if (stat(path, &st) == 0) {
		if (st.st_uid != uid && uid != 0)
			nvb_warning(log,
				"%s: %s belongs to user %u, the container's program is user %u: nothing will "
				"be "
				"kept there",
				edit->rule, path, st.st_uid, uid);
		return;
	}
	if (nvb_file_mkdirs(AT_FDCWD, parent, 0755, &why) < 0)
		nvb_warning(log, "%s: left out: %s", edit->rule, nvb_error_message(why));
	else if (mkdir(path, 0700) < 0 && errno != EEXIST)
		nvb_warning(log, "%s: left out: %s: %s", edit->rule, path, strerror(errno));
	else if (lchown(path, uid, gid) < 0)
		nvb_warning(log, "%s: %s: %s", edit->rule, path, strerror(errno));
}

void nvb_kept_make(const struct nvb_plan *plan, uid_t uid, gid_t gid, const struct nvb_log *log)
{
	for (size_t i = 0; plan && i < plan->edit_count; i++)
		if (plan->edits[i].kind == NVB_EDIT_MOUNT && plan->edits[i].mount.make)
			make(plan->edits[i].mount.host, &plan->edits[i], uid, gid, log);
}
