/* SPDX-License-Identifier: Apache-2.0 */
#include "../nvbind/cdi_examine.h"
#include "verb.h"

static enum nvb_doctor_spec_state state_of(enum cdi_state state)
{
	switch (state) {
	case CDI_HIDDEN:
		return NVB_DOCTOR_SPEC_HIDDEN;
	case CDI_STALE:
		return NVB_DOCTOR_SPEC_STALE;
	case CDI_CONFLICT:
		return NVB_DOCTOR_SPEC_CONFLICT;
	case CDI_INVALID:
		return NVB_DOCTOR_SPEC_INVALID;
	case CDI_FRESH:
	default:
		return NVB_DOCTOR_SPEC_FRESH;
	}
}

int doctor_specs(void (*each)(const struct nvb_doctor_spec *spec, void *data), void *data, nvb_error **err)
{
	_cleanup_examination_ struct cdi_examination x = {0};
	int rc = cdi_examine(&x, err);

	for (size_t i = 0; rc == 0 && i < x.count; i++) {
		const struct cdi_file *file = &x.files[i];

		each(
			&(struct nvb_doctor_spec){
				.path = file->path,
				.reason = file->findings.count ? file->findings.items[0].message : NULL,
				.state = state_of(file->state),
				.refreshable = file->line && !file->why_not &&
					       !file->findings.by_kind[NVB_CDI_STALE_UNMADE],
			},
			data);
	}
	return rc;
}
