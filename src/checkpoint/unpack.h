/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CHECKPOINT_UNPACK_H
#define NVB_CHECKPOINT_UNPACK_H

#include <stdbool.h>

#include "base/error.h"
#include "snapshot/snapshot.h"

/* A snapshot that is unpacked for a restore. */
struct nvb_unpacking {
	char *directory; /* beside the capsule's files, "restoring-..." */
	int lock;	 /* the directory, which is swept where nobody has its lock; -1: there is none */
	int images;	 /* the directory of CRIU's, which may be elsewhere; -1: there is none */
	bool large;	 /* CRIU's images are */
};
#define NVB_UNPACKING_INIT               \
	{                                \
		.lock = -1, .images = -1 \
	}

/* Takes away what somebody who was killed had unpacked in a capsule's directory. */
void nvb_unpack_sweep(const char *data);
/* The capsule's files, below its directory `data`, and the places of all else. Takes away what somebody who
 * was killed had unpacked there. */
int nvb_unpack_files(struct nvb_unpacking *u, nvb_snapshot *snapshot, const char *data, nvb_error **err);
/* CRIU's images, for the capsule of that id. The directory may be elsewhere by now. */
int nvb_unpack_images(const struct nvb_unpacking *u, nvb_snapshot *snapshot, const char *id, nvb_error **err);
/* The directory goes where it is still there. */
void nvb_unpacking_release(struct nvb_unpacking *u);

#endif
