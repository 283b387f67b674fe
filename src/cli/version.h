/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CLI_VERSION_H
#define NVB_CLI_VERSION_H

#include "cli/options.h"

/* The verb `version` of every program: what --version prints, or JSON with what was built into it. */
extern const struct nvb_option_group nvb_version_groups[];
int nvb_version_verb(int argc, char **argv, nvb_error **err);

#define NVB_VERB_VERSION                                                                         \
	{                                                                                        \
		.name = "version", .summary = "print the version", .groups = nvb_version_groups, \
		.run = nvb_version_verb,                                                         \
	}

#endif
