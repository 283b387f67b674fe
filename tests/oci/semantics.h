/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_OCI_SEMANTICS_H
#define TESTS_OCI_SEMANTICS_H

#include <stdbool.h>

#include "plan/plan.h"

/*
 * Judges an edited config.json with json-c, which shares no code with the splicer: everything of the plan is
 * in it once, in force, and what is left when the plan's things are taken out is the original. The plan's
 * devices must have known numbers and its paths be clean.
 */

/* NULL when the edit is right, else what is wrong with it (static string, or `buffer`). */
const char *oci_judge(const char *before, size_t before_size, const char *after, size_t after_size,
	const struct nvb_plan *plan, const char *hook_path, char *buffer, size_t buffer_size);

/* A small plan with every kind of edit; names that need escapes included. Free with nvb_plan_free. */
struct nvb_plan *oci_sample_plan(void);

/* Parts of one, for plans made by hand. All strings are borrowed. */
struct nvb_plan *oci_empty_plan(void);
void oci_add_device(struct nvb_plan *plan, const char *path, uint32_t major, uint32_t minor);
void oci_add_mount(struct nvb_plan *plan, const char *host, const char *container);
void oci_add_env(struct nvb_plan *plan, const char *name, const char *value);
void oci_add_link(struct nvb_plan *plan, const char *path, const char *target);
void oci_add_gid(struct nvb_plan *plan, uint32_t gid);
void oci_add_rlimit(struct nvb_plan *plan, const char *name, uint64_t value);
void oci_add_shm(struct nvb_plan *plan, uint64_t size);

#endif
