/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BASE_ELF_FILE_H
#define NVB_BASE_ELF_FILE_H

#include <stdint.h>

#include "base/error.h"

/*
 * What one needs to know about an ELF file to have it found by a dynamic linker: machine and DT_SONAME.
 * Source: System V gABI chapters 4 and 5. The file may come out of a container: every number in it is
 * hostile; three or four preads of bounded size is all that is done with it.
 */
enum { NVB_ELF_SONAME_MAX = 255 };

struct nvb_elf {
	unsigned elf_class;		     /* 32 or 64 */
	uint16_t machine;		     /* EM_X86_64 ... of <elf.h> */
	uint16_t type;			     /* ET_DYN ... */
	char soname[NVB_ELF_SONAME_MAX + 1]; /* "" when it has none; never with a "/" */
};

/* Reads from an open regular file (its offset is not used); `name` is for messages. NVB_ERR_CORRUPT for what
 * is no little-endian ELF file or contradicts itself. */
int nvb_elf_read(int fd, const char *name, struct nvb_elf *elf, nvb_error **err);

#endif
