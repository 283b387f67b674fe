/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_INVENTORY_LIBS_H
#define NVB_INVENTORY_LIBS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * THE table of the driver's libraries: which is for what. Everything that treats a library by its name reads
 * this table.
 */
enum nvb_lib_flags {
	NVB_LIB_OWN_VERSION = 1 << 0, /* its file is not named after the driver's version */
	NVB_LIB_MODULE = 1 << 1,      /* opened by path in its directory, not found by the linker */
	NVB_LIB_PREFIX = 1 << 2,      /* the name is the beginning of several */
};

struct nvb_lib {
	const char *name;      /* of the file, up to ".so" */
	const char *rule;      /* id for reasons: "lib.cuda" */
	unsigned capabilities; /* enum nvb_capability */
	unsigned flags;
	const char *links; /* further names that programs look for, separated by blanks; relative to the
			      directory of the library, or NULL */
	const char *reason;
};

/* The row for a file name ("libcuda.so.550.54.15", "libcuda.so"), or NULL. */
const struct nvb_lib *nvb_lib_find(const char *file_name);

/* The row of everything the table does not know that carries the driver's version: every GPU container gets
 * it, since leaving out what a newer driver needs breaks it, and a file too many does not. */
extern const struct nvb_lib nvb_lib_other;

/* The part behind ".so." ("550.54.15"), "" for "libcuda.so", NULL for what is no library's name. */
const char *nvb_lib_version(const char *file_name);

#endif
