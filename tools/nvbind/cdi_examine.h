/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_TOOL_CDI_EXAMINE_H
#define NVBIND_TOOL_CDI_EXAMINE_H

#include "cdi/registry.h"
#include "cdi/stale.h"
#include "cdi_make.h"

/* All specs of this host, each with what is wrong with it: what status prints and refresh acts on. */

enum cdi_state { CDI_FRESH, CDI_HIDDEN, CDI_STALE, CDI_CONFLICT, CDI_INVALID };

struct cdi_file {
	const char *path;		     /* the registry's */
	const struct nvb_cdi_source *source; /* NULL: it could not be read */
	const char *made_by;	      /* "nvbind", "nvidia-ctk" or "another program"; NULL: not known */
	char *line;		      /* its recipe as written; NULL: none, or not to be followed */
	struct nvb_cdi_recipe recipe; /* of `line` */
	char *why_not; /* why a spec of ours cannot be made again, whatever this host has; NULL: it can */
	struct cdi_made made; /* the same made again; spec.devices NULL: could not be made */
	struct nvb_cdi_findings findings;
	enum cdi_state state;
	bool rewritten; /* since it was looked at */
};

struct cdi_examination {
	struct nvb_cdi_registry registry;
	struct cdi_hosts hosts;
	struct cdi_file *files; /* those that could not be read first, then in the registry's order */
	size_t count;
	bool unreadable; /* a directory or file could not be read or understood */
};
void cdi_examination_release(struct cdi_examination *examination);
#define _cleanup_examination_ _cleanup_(cdi_examination_release)

/* Looks at every spec; touches nothing. *examination must be zeroed. */
int cdi_examine(struct cdi_examination *examination, nvb_error **err);

/* "fresh", "stale" ... */
const char *cdi_state_name(enum cdi_state state);

#endif
