/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SAMPLER_LINK_H
#define NVB_SAMPLER_LINK_H

#include "inventory/nvml_process.h"
#include "sampler/wire.h"

/* The child and what it says. Nobody ever waits for it: not to answer, not to end. */
struct nvb_sampler_link {
	struct nvb_nvml_process process;
	struct nvb_said_reader reader;
	struct nvb_said_hello hello; /* once reader.has_hello */
};
#define NVB_SAMPLER_LINK_INIT                    \
	{                                        \
		.process = NVB_NVML_PROCESS_INIT \
	}

static inline bool nvb_link_runs(const struct nvb_sampler_link *link)
{
	return link->process.from >= 0;
}

int nvb_link_start(struct nvb_sampler_link *link, const char *library, nvb_error **err);
/* False: it could not be asked now. */
bool nvb_link_ask(struct nvb_sampler_link *link, const struct nvb_sampler_ask *ask);
/* Takes what has come: 0, NVB_ERR_CORRUPT, NVB_ERR_SYSTEM where it has ended, or the handler's failure. */
int nvb_link_take(struct nvb_sampler_link *link, nvb_said_handler *handler, void *data, nvb_error **err);
/* Kills it and forgets it. Where its end cannot be had at once (a thread of it hangs in the kernel), its
 * number is returned, to be waited for later; else 0. */
pid_t nvb_link_end(struct nvb_sampler_link *link);

#endif
