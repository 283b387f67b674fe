/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_OCI_PLACES_H
#define NVB_OCI_PLACES_H

#include "base/jscan.h"

/*
 * The places of a config.json that a plan's edits go to, as a tree: one table drives reading, creating what
 * is missing, and writing. Source: the OCI runtime specification 1.2, config.md and config-linux.md.
 */
enum oci_place {
	OCI_ROOT,
	OCI_VERSION,
	OCI_PROCESS,
	OCI_ENV,
	OCI_USER,
	OCI_GIDS,
	OCI_RLIMITS,
	OCI_MOUNTS,
	OCI_HOOKS,
	OCI_PRESTART,
	OCI_CREATE_RUNTIME,
	OCI_CREATE_CONTAINER,
	OCI_START_CONTAINER,
	OCI_POSTSTART,
	OCI_POSTSTOP,
	OCI_LINUX,
	OCI_NAMESPACES,
	OCI_DEVICES,
	OCI_RESOURCES,
	OCI_RULES,
	OCI_PLACE_COUNT,
};

struct oci_place_rule {
	enum nvb_json_type type;
	enum oci_place parent; /* always a smaller number */
};

extern const struct oci_place_rule oci_places[OCI_PLACE_COUNT];

/* The keys of an object place that lead to places, and which ones; NULL-terminated. */
struct oci_children {
	const char *names[8];
	enum oci_place places[8];
};

const struct oci_children *oci_children(enum oci_place place);

/* The hook stage of that name, or OCI_PLACE_COUNT. */
enum oci_place oci_hook_stage(const char *name);

#endif
