/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_OCI_ASKED_H
#define NVB_OCI_ASKED_H

#include "request/environment.h"

/*
 * Reads what a config.json says that can ask for devices: in one strict pass over the text, without a tree of
 * it. What the rules have no use for is not copied; whether it is granted is for nvb_asked_request.
 * *asked is empty before; release it also after a failure. Errors: NVB_ERR_CORRUPT with the JSON path, as for
 * nvb_oci_edit.
 */
int nvb_oci_asked(const char *config, size_t size, const struct nvb_asked_rules *rules,
	struct nvb_asked *asked, nvb_error **err);

#endif
