/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_NAMES_H
#define NVB_CAPSULE_NAMES_H

#include "base/error.h"
#include "capsule/state.h"

/*
 * Names of capsules: symbolic links below <data>/names that lead to ids. A capsule that is renamed has two
 * for a moment, and after a crash then for longer: the one that its record does not say is stale.
 */

/* Under the state's lock. NVB_ERR_CONFLICT says whose it is. A NULL name is fine. */
int nvb_name_claim(const struct nvb_state *state, const char *name, const char *id, nvb_error **err);
/* If it is that capsule's. */
void nvb_name_give_back(const struct nvb_state *state, const char *name, const char *id);
/* The id behind a name; false when there is none, or a stale one. */
bool nvb_name_find(const struct nvb_state *state, const char *name, char id[static NVB_CAPSULE_ID + 1]);

#endif
