/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SNAPSHOT_TAR_H
#define NVB_SNAPSHOT_TAR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/*
 * The headers of an exported snapshot: ustar, every one a regular file of mode 0600 of root and of no time.
 * Who reads makes the header that must stand there and compares: so no byte of one is open to interpretation.
 */
enum { NVB_TAR_BLOCK = 512, NVB_TAR_NAME = 100 };

/* name: at most 99 bytes; size: below 8 GiB. */
void nvb_tar_header(uint8_t header[static NVB_TAR_BLOCK], const char *name, uint64_t size);
/* The size that a header says; false where it is none of ours. *name: as above, any. */
bool nvb_tar_parse(
	const uint8_t header[static NVB_TAR_BLOCK], char name[static NVB_TAR_NAME], uint64_t *size);
/* Bytes of zeros behind so many of content. */
unsigned nvb_tar_padding(uint64_t size);

#endif
