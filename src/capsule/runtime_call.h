/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_RUNTIME_CALL_H
#define NVB_CAPSULE_RUNTIME_CALL_H

#include "base/error.h"
#include "base/str.h"
#include "capsule/spec.h"
#include "capsule/state.h"

/* Calls of the OCI runtime for a container that runs: <runtime> VERB [OPTION VALUE] <id>, waited for. */

/* `option` is NULL or a pair. What the runtime says of a failure is the error. */
int nvb_runtime_call(
	const struct nvb_entry *entry, const char *verb, const char *const *option, nvb_error **err);

/* Limits of a container that runs. Those that are not said stay as they are. */
int nvb_runtime_update(
	const struct nvb_entry *entry, const struct nvb_resources *resources, nvb_error **err);

/* As members of linux.resources in config.json, each with a comma before it. `near` are the processors to use
 * where none are said, or NULL. */
void nvb_resources_write(const struct nvb_resources *resources, const char *near, struct nvb_strbuf *out);

#endif
