/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_EXPORTER_FAMILY_H
#define NVB_EXPORTER_FAMILY_H

#include "exporter/text.h"
#include "nvbind/sampler.h"

/* A metric of the sampler that is a family as it stands; its help is the sampler's. */
struct nvb_metric_family {
	enum nvb_metric metric;
	const char *gpu, *mig; /* names; NULL: MIG devices have none */
	const char *unit;
	enum nvb_family_type type;
};

/* What is not here is another metric's rate, or has a family of its own (throttle reasons). */
extern const struct nvb_metric_family nvb_metric_families[];
extern const size_t nvb_metric_family_count;

#endif
