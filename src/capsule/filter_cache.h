/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_FILTER_CACHE_H
#define NVB_CAPSULE_FILTER_CACHE_H

#include "base/error.h"
#include "capsule/state.h"

/*
 * System call filters that the OCI runtime has compiled before. Compiling docker's default profile takes
 * libseccomp some 10 ms of a start. crun leaves what came out as "seccomp.bpf" in its state of the container,
 * and takes a compiled filter as an annotation (crun(1), NVB_FILTER_ANNOTATION). A runtime that knows neither
 * leaves nothing to keep, and one that does not know the annotation compiles the profile, which stays in
 * config.json.
 */
#define NVB_FILTER_ANNOTATION "run.oci.seccomp_bpf_data"

/* Whether somebody sets filters by annotations himself: then ours stay out of it. */
bool nvb_filter_annotated(char *const *annotations);

/* The filter that this very program file made of this very profile (linux.seccomp as JSON), in base64;
 * malloc'd, or NULL. */
char *nvb_filter_recall(const struct nvb_state *state, const char *runtime, const char *profile);

/* After a start: keeps the filter for the next one. NVB_ERR_NOT_FOUND: the runtime left none. */
int nvb_filter_keep(
	const struct nvb_state *state, const struct nvb_entry *entry, const char *profile, nvb_error **err);

#endif
