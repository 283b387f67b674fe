/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_SECCOMP_H
#define NVB_CAPSULE_SECCOMP_H

#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

/*
 * The system calls a capsule may make, as the OCI specification's linux.seccomp object: the same in effect as
 * Docker's documented default profile for these capabilities (bits by number). What is not listed fails with
 * EPERM, clone3 with ENOSYS so that the C library falls back to clone, whose flags a filter can see.
 */
void nvb_seccomp_default(struct nvb_strbuf *out, uint64_t capabilities);

/*
 * A profile of the user's own, in the form docker reads (names, args, includes and excludes by capability and
 * architecture, archMap) or in the OCI specification's. `name` is for messages.
 */
int nvb_seccomp_file(struct nvb_strbuf *out, const char *json, size_t size, const char *name,
	uint64_t capabilities, nvb_error **err);

/* The JSON name of this machine's architecture ("SCMP_ARCH_X86_64"). */
const char *nvb_seccomp_native(void);

#endif
