/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_ELF_WRITER_H
#define SIM_ELF_WRITER_H

#include <stddef.h>

#include "base/error.h"

/*
 * Small but real ELF files, written without a compiler: shared objects that any dynamic loader maps and
 * ldconfig and readelf accept, and static programs that say one line and exit. Formats: System V gABI
 * chapters 4 and 5, the i386, x86-64 and AArch64 psABIs, glibc's DT_GNU_HASH.
 */
enum sim_elf_machine {
	SIM_ELF_X86_64,
	SIM_ELF_I386,
	SIM_ELF_AARCH64,
};

struct sim_elf_library {
	enum sim_elf_machine machine;
	const char *soname;	    /* DT_SONAME, or NULL for none (X driver modules, wine) */
	const char *const *needed;  /* DT_NEEDED, NULL-terminated; NULL for none */
	const char *const *symbols; /* exported data symbols, NULL-terminated; all name `text` */
	const char *text;	    /* what the symbols point at: a NUL-terminated string */
};

/* Builds the file in memory; *image belongs to the caller. Fails only without memory. */
int sim_elf_library(const struct sim_elf_library *library, char **image, size_t *size, nvb_error **err);

/*
 * A static program without interpreter that writes `message` to stderr and exits with `status`: it runs in
 * any container, also in one without a shell or a C library.
 */
int sim_elf_program(enum sim_elf_machine machine, const char *message, unsigned char status, char **image,
	size_t *size, nvb_error **err);

#endif
