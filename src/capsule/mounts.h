/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_MOUNTS_H
#define NVB_CAPSULE_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/*
 * Mounts of this process alone. Everything a capsule's start needs is mounted in a mount namespace that dies
 * with its last process, so that whatever kills bolt, no mount is left on the host.
 */

/*
 * Puts this process into a mount namespace of its own that still sees what the host mounts later, and mounts
 * an empty tmpfs at `workspace`, an existing directory. Once per process.
 */
int nvb_mounts_private(const char *workspace, nvb_error **err);

/* An overlay to be mounted. */
struct nvb_overlay {
	const char *const *lower; /* host paths, the topmost first */
	size_t lower_count;	  /* at least two without an upper directory */
	const char *upper, *work; /* NULL: read-only */
	bool discard;		  /* nobody will want the upper directory after a crash: spare the syncing */
	bool user;		  /* this process is root of a user namespace only */
};

/* Mounts it at `target`. However many layers there are and however long their names. */
int nvb_overlay_mount(const struct nvb_overlay *overlay, const char *target, nvb_error **err);

#endif
