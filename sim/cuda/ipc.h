/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_CUDA_IPC_H
#define SIM_CUDA_IPC_H

#include "sim/cuda/driver.h"

/* Memory of another process, mapped here. */
struct import {
	char *address;
	uint64_t size;
	struct context *context;
	struct import *next;
};

/* Whether this process shares memory with others: has given a handle of what it still has, or has opened one.
 */
bool cuda_shares_memory(const struct driver *driver);
/* Whether size bytes from an address lie in memory of another process'. */
bool cuda_is_imported(const struct driver *driver, CUdeviceptr pointer, uint64_t size);
/* What was opened in a context, which goes. */
void cuda_close_imports(struct driver *driver, const struct context *context);

#endif
