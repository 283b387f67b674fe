/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_CUDA_TRANSFER_H
#define SIM_CUDA_TRANSFER_H

#include "sim/cuda/driver.h"

/*
 * The content of one allocation from the device into the process, where a private copy takes the place of its
 * mapping, which nobody can read; and back, behind which the place has to be mapped anew. After a failure all
 * is where it was, unless *lost says that it could not be put back.
 */
bool cuda_transfer_out(const struct memory *memory, const struct allocation *allocation, bool *lost);
bool cuda_transfer_in(const struct memory *memory, const struct allocation *allocation, bool *lost);

/* The device's memory at the allocation's place, where its copy is. */
bool cuda_map_device(const struct memory *memory, const struct allocation *allocation);

#endif
