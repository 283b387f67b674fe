/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_EXPORTER_EXPORTER_H
#define NVB_EXPORTER_EXPORTER_H

#include "base/error.h"
#include "exporter/text.h"
#include "nvbind/sampler.h"

/* A sample as metrics. docs/exporter.md lists them. */

/* What the exporter itself did until now. */
struct nvb_exporter_self {
	uint64_t scrapes;	 /* that were answered */
	uint64_t refused;	 /* requests that were answered with an error */
	uint64_t connections;	 /* that are open */
	uint64_t cpu_ns;	 /* of this process, without the sampler's child */
	uint64_t resident_bytes; /* the same; 0 unknown */
};

/*
 * nvbind's own names, in base units. What the driver does not tell has no line; a GPU that is lost keeps
 * nvbind_gpu_up with 0 and loses the others. The text is appended to *out.
 */
int nvb_exporter_render(const nvb_sample *sample, const struct nvb_exporter_self *self,
	enum nvb_dialect dialect, struct nvb_strbuf *out, nvb_error **err);

/*
 * The names, units and labels of NVIDIA's dcgm-exporter, in the older format alone, as it has them: its
 * counters lack the ending that OpenMetrics demands. `host` is the label Hostname.
 */
int nvb_exporter_render_dcgm(
	const nvb_sample *sample, const char *host, struct nvb_strbuf *out, nvb_error **err);

#endif
