/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CHECKPOINT_IMAGES_H
#define NVB_CHECKPOINT_IMAGES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A directory in memory, without a name, where CRIU's images of so many bytes are unpacked for a restore: on
 * a disk each of some twenty files takes as long as all of them here, and large ones would be on their way to
 * it before CRIU has read them again. Its content goes with its last descriptor, however that is closed. -1:
 * there is not room for the images and the processes at once, or the kernel has no such thing.
 */
int nvb_images_in_memory(uint64_t bytes);
/* Whether there is that room now. */
bool nvb_images_fit_memory(uint64_t bytes);

/* So many that how memory is used decides how long a restore takes; of less, each further call does. */
bool nvb_images_are_large(uint64_t bytes);

#endif
