/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BENCHMARK_BUNDLE_H
#define NVB_BENCHMARK_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* What becomes of a config.json of bolt's so that a runtime can be started with it once more. */
struct nvb_bundle_change {
	const char *const *args; /* the program */
	const char *root;	 /* absolute path of the root file system */
	const char *cgroup;	 /* path of a control group of its own; left out where it had none */
	bool ask_for_gpus;	 /* NVIDIA_VISIBLE_DEVICES=all in front of its environment */
};

/* Splices; everything else stays byte for byte. *edited is malloc'd. */
int nvb_bundle_change(const char *config, size_t size, const struct nvb_bundle_change *change, char **edited,
	nvb_error **err);

#endif
