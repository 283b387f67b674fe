/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "snapshot/adopt.h"
#include "snapshot/reader.h"

/* Above that only a number that nobody counted up to. */
enum { COUNTED_MOST = 1000000 };

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int nvb_snapshot_adopt(
	const struct nvb_snapshots *store, struct nvb_snapshot_manifest *m, bool *changed, nvb_error **err)
{
	struct nvb_snapshot_info *list = NULL;
	uint64_t highest = 0, now = now_ns();
	size_t count = 0;
	bool taken = false;
	int rc = nvb_snapshots_list_lean(store, m->capsule, &list, &count, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < count; i++) {
		if (!nvb_streq0(list[i].manifest.capsule, m->capsule))
			continue;
		taken |= list[i].manifest.number == m->number;
		if (list[i].manifest.number > highest)
			highest = list[i].manifest.number;
	}
	nvb_snapshot_infos_free(list, count);
	*changed = false;
	if (taken || !m->number || (m->number > COUNTED_MOST && m->number > highest + 1)) {
		m->number = highest + 1;
		*changed = true;
	}
	if (m->created > now) {
		m->created = now;
		*changed = true;
	}
	return 0;
}
