/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CDI_WRITE_H
#define NVB_CDI_WRITE_H

#include "cdi/model.h"
#include "nvbind/cdi.h"
#include "plan/plan.h"

/* The text of a spec; malloc'd. The same spec gives the same bytes. NVB_ERR_INVALID for a string that is not
 * UTF-8: no CDI spec can name such a path. */
int nvb_cdi_encode(const struct nvb_cdi_spec *spec, enum nvb_cdi_format format, char **text, size_t *size,
	nvb_error **err);

/* The spec of a plan. *spec must be zeroed; it borrows the plan's strings. */
int nvb_cdi_from_plan(struct nvb_cdi_spec *spec, const struct nvb_plan *plan,
	const struct nvb_cdi_options *options, nvb_error **err);

/* The hook that specs name when options say nothing: where nvbind-hook is installed. */
extern const char nvb_cdi_default_hook[];

#endif
