/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SNAPSHOT_CUT_H
#define NVB_SNAPSHOT_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Where a file is cut into chunks. Cuts are made between pages and by what stands in the page before: memory
 * that comes to lie some pages further on in an image is cut at the same places and found again. Chunks are
 * 12 to 64 KiB, 24 on average: a block of 64 KiB that changes makes some 90 KiB of new chunks wherever it
 * lies. Runs of zero pages are no chunks. It works on any bytes, best on those of memory.
 *
 * It begins anew at every region, which is a fixed part of a file, so that several can work at one.
 */
enum {
	NVB_REGION = 8 << 20,
	NVB_CUT_MIN = 3,      /* pages */
	NVB_CUT_ZERO_MIN = 4, /* zero pages in a row that are left out */
};

struct nvb_cut {
	size_t offset, size;
	bool zero;
};

/* The piece that begins at `offset`; false at the end. */
bool nvb_cut_next(const uint8_t *data, size_t size, size_t offset, struct nvb_cut *cut);

#endif
