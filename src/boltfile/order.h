/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BOLTFILE_ORDER_H
#define NVB_BOLTFILE_ORDER_H

#include "boltfile/boltfile.h"

/* Who waits for whom. */

enum nvb_condition { NVB_WAIT_STARTED, NVB_WAIT_HEALTHY, NVB_WAIT_COMPLETED };

/* One element of nvb_service.depends_on, taken apart; false for one that is malformed. `service` is an index
 * into the file's services. */
struct nvb_dependency {
	size_t service;
	enum nvb_condition condition;
};
bool nvb_dependency_parse(const struct nvb_boltfile *file, const char *word, struct nvb_dependency *out);

/* "a -> b -> a", the first circle there is, in the arena; NULL when there is none. *failed: without memory.
 */
const char *nvb_boltfile_circle(const struct nvb_boltfile *file, struct nvb_arena *arena,
	const struct nvb_service **at, bool *failed);

/* Marks the services that the named ones need, themselves included; all when there are no names. `wanted` has
 * an element for each service of the file. */
int nvb_boltfile_select(const struct nvb_boltfile *file, char *const *names, size_t count, bool dependencies,
	bool *wanted, nvb_error **err);

#endif
