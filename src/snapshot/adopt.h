/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SNAPSHOT_ADOPT_H
#define NVB_SNAPSHOT_ADOPT_H

#include "snapshot/snapshot.h"

/*
 * What an imported snapshot is called here. It keeps its number and the time it was taken at; but one that
 * another of its capsule has here, or that nobody can have counted up to, becomes the next, and a time to
 * come is now: else it would be CAPSULE@latest, or the latest of all, whatever is taken after it. With the
 * capsule's lock. *changed: the manifest was.
 */
int nvb_snapshot_adopt(const struct nvb_snapshots *store, struct nvb_snapshot_manifest *manifest,
	bool *changed, nvb_error **err);

#endif
