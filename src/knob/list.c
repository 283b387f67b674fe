/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "knob/knob.h"
#include "knob/place.h"

/* Which knobs are turned, and for whom. */

int nvb_knobs_list(const struct nvb_root *root, struct nvb_knob_record **out, size_t *count, nvb_error **err)
{
	_cleanup_knob_place_ struct nvb_knob_place place = NVB_KNOB_PLACE_INIT;
	_cleanup_strv_ char **names = NULL;
	struct nvb_knob_record *list = NULL;
	size_t n = 0;
	int rc = nvb_knob_place_open(root, false, &place, err);

	if (rc == 0)
		rc = nvb_knob_place_names(&place, &names, err);
	if (rc < 0)
		return rc;
	list = calloc(nvb_strv_length(names) + 1, sizeof(*list));
	if (!list)
		return nvb_fail_oom(err);
	nvb_strv_foreach (name, names) {
		/* One that is gone since is none. */
		rc = nvb_knob_place_read(&place, *name, &list[n], err);
		if (rc == 0)
			n++;
		else if (rc == -NVB_ERR_NOT_FOUND)
			continue;
		else
			break;
	}
	if (rc < 0 && rc != -NVB_ERR_NOT_FOUND) {
		nvb_knobs_list_free(list, n);
		return rc;
	}
	*out = list;
	*count = n;
	return 0;
}

void nvb_knobs_list_free(struct nvb_knob_record *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		nvb_knob_record_release(&list[i]);
	free(list);
}

bool nvb_knobs_are_owed(const struct nvb_root *root)
{
	_cleanup_free_ char *boot = NULL;
	struct nvb_knob_record *list = NULL;
	size_t count = 0;
	bool owed = false;

	/* One that cannot be read is for nvbind knob list to complain of. */
	if (nvb_knobs_list(root, &list, &count, NULL) < 0 || !count) {
		free(list);
		return false;
	}
	if (nvb_file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &boot, NULL, NULL) == 0)
		boot[strcspn(boot, "\n")] = '\0';
	for (size_t i = 0; i < count && !owed; i++) {
		owed = !list[i].user_count || !boot || !nvb_streq(list[i].boot, boot);
		for (size_t u = 0; u < list[i].user_count && !owed; u++)
			owed = !nvb_knob_holder_lives(&list[i].users[u]);
	}
	nvb_knobs_list_free(list, count);
	return owed;
}
