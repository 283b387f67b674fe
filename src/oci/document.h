/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_OCI_DOCUMENT_H
#define NVB_OCI_DOCUMENT_H

#include "base/jscan.h"
#include "oci/items.h"
#include "oci/places.h"

/*
 * A config.json as one strict pass sees it: where its places are, how it is indented, and which of its
 * elements have the name of an item.
 */
struct oci_site {
	enum { OCI_ABSENT, OCI_NULL, OCI_PRESENT } state;
	struct nvb_jscan_extent at; /* a null has open and close around it */
	size_t first; /* offset of the first key or element; its white space goes before others */
};

/* An element that an item replaces. In the order of the text. */
struct oci_match {
	size_t at, size;
	uint32_t item;
};

struct oci_document {
	const char *text;
	size_t size;
	struct oci_site sites[OCI_PLACE_COUNT];
	bool user_namespace;
	bool spaced; /* "key": value, not "key":value */
	struct oci_match *matches;
	size_t match_count, match_capacity;
	struct oci_items *items;
	struct nvb_arena arena; /* strings that had to be decoded */
	struct nvb_jscan js;
};

/* Reads it and marks the items that are found. Errors: NVB_ERR_CORRUPT with the JSON path. */
int oci_document_read(struct oci_document *document, const char *text, size_t size, struct oci_items *items,
	nvb_error **err);
void oci_document_release(struct oci_document *document);

#endif
