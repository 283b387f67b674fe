/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_MANIFEST_H
#define NVB_CAPSULE_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "capsule/store.h"

/*
 * What a pulled image consists of. Manifests, indexes and configs are hostile input: every digest is checked
 * for its form, every number for its range, before anything is opened by it. Source: OCI image specification.
 */

struct nvb_manifest_layer {
	char blob[NVB_DIGEST_HEX + 1];	  /* digest of the archive as it was moved */
	char diff_id[NVB_DIGEST_HEX + 1]; /* digest of its uncompressed bytes */
	uint64_t size;			  /* of the archive */
};

struct nvb_manifest {
	char config[NVB_DIGEST_HEX + 1];   /* the image id */
	struct nvb_manifest_layer *layers; /* malloc'd */
	size_t layer_count;
};

/* The digest of the one manifest that an OCI layout's index.json names. */
int nvb_manifest_of_index(const char *text, char digest[static NVB_DIGEST_HEX + 1], nvb_error **err);

/* Reads a manifest: config and layers, diff ids still empty. */
int nvb_manifest_read(const char *text, struct nvb_manifest *manifest, nvb_error **err);

/* Fills the diff ids in from the image's config; their number must be that of the layers. */
int nvb_manifest_read_config(struct nvb_manifest *manifest, const char *text, nvb_error **err);

void nvb_manifest_release(struct nvb_manifest *manifest);

#endif
