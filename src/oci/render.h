/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_OCI_RENDER_H
#define NVB_OCI_RENDER_H

#include "base/str.h"
#include "oci/items.h"

/* Writes items as elements of a config.json: one line each, in the spacing of the document. */
struct oci_writer {
	struct nvb_strbuf out;
	bool spaced;   /* a space behind ':' and ',' */
	bool not_utf8; /* something could not be said in JSON; sticky */
	/* The options written last, and where: most mounts of a plan share theirs. */
	const char *const *options;
	size_t options_at, options_size;
};

void oci_write_item(struct oci_writer *writer, const struct oci_items *items, const struct oci_item *item);

/* A key and its colon. */
void oci_write_key(struct oci_writer *writer, const char *name);

#endif
