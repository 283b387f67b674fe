/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOLT_TRUST_H
#define BOLT_TRUST_H

#include <stdbool.h>

#include "snapshot/snapshot.h"

/*
 * What somebody takes on trust who restores or imports a snapshot that this host has not signed: shown on
 * stderr, and agreed to at a terminal. Without one --trust has said it.
 */
struct trust {
	bool yes;      /* agreed to beforehand */
	bool in_place; /* into the capsule that it was taken of, whose settings are this host's own */
};

/* For struct nvb_snapshot_options and struct nvb_restore; NVB_ERR_PERMISSION where the answer is no. */
int trust_ask(const struct trust *trust, const struct nvb_snapshot_manifest *manifest, nvb_error **err);

#endif
