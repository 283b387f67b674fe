/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CONTAINER_COMPAT_NOTE_H
#define NVB_CONTAINER_COMPAT_NOTE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/*
 * The note by which a libcuda of a cuda-compat package says on which drivers it runs: section
 * ".note.cuda.fwd_compatibility", owner "NVIDIA Corporation", a JSON object with "Driver": [535, 550, ...].
 * Source: NVIDIA's enable-cuda-compat hook, and `readelf -p .note.cuda.fwd_compatibility` of such a library.
 */
enum { NVB_COMPAT_BRANCHES_MAX = 64 };

struct nvb_compat_note {
	bool present;
	unsigned branches[NVB_COMPAT_BRANCHES_MAX]; /* major versions of drivers */
	size_t count;
};

/* Reads it from an open regular file of an image; a few preads of bounded size. NVB_ERR_CORRUPT for what is
 * no 64-bit little-endian ELF file or contradicts itself; a file without the note gives present = false. */
int nvb_compat_note_read(int fd, const char *name, struct nvb_compat_note *note, nvb_error **err);

#endif
