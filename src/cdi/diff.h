/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CDI_DIFF_H
#define NVB_CDI_DIFF_H

#include "cdi/model.h"

/*
 * What two specs say differently, by device and edit: order, quoting, comments and format make no difference.
 * The table of the model's fields is walked, so a field that is added there is compared here.
 */
struct nvb_cdi_change {
	const char *device; /* in whose edits; NULL: in what all devices get, or in the spec itself */
	const char *part;   /* the field of the specification: "cdiVersion", "devices", "mounts", "env" ... */
	const char *subject;	    /* which of them: path, name, variable; NULL where there is but one */
	const char *field;	    /* what of it: "hostPath"; NULL: all of it is new or gone */
	const char *before, *after; /* as text; NULL: not there */
	/* Where all of a device, node, mount or hook is new or gone, or one of its fields changed: the object
	 * in each of the specs, or NULL. */
	const struct nvb_cdi_object *a, *b;
};

/* Zero-initialise; strings are the arena's or the specs'. */
struct nvb_cdi_diff {
	struct nvb_arena arena;
	struct nvb_cdi_change *changes; /* malloc'd */
	size_t count, capacity;
};
void nvb_cdi_diff_release(struct nvb_cdi_diff *diff);
#define _cleanup_cdi_diff_ _cleanup_(nvb_cdi_diff_release)

/* The specs must outlive *diff, which is to be zeroed. Fails only without memory. */
int nvb_cdi_diff(struct nvb_cdi_diff *diff, const struct nvb_cdi_spec *a, const struct nvb_cdi_spec *b,
	nvb_error **err);

/* "device 0: mounts /usr/bin/x: hostPath /a -> /b": one change on one line, as it is in the specs. False
 * without memory. */
struct nvb_strbuf;
void nvb_cdi_change_describe(struct nvb_strbuf *sb, const struct nvb_cdi_change *change);

#endif
