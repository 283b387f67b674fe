/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BASE_ERROR_H
#define NVB_BASE_ERROR_H

#include <stdarg.h>

#include "nvbind/error.h"

/*
 * How errors travel: every function that can fail takes `nvb_error **err` last and returns 0 or a negated
 * enum nvb_error_code. `err` may be NULL (the caller wants only the code). The one who finds the failure says
 * what happened and why; callers add the context they alone know (nvb_wrap); whoever knows what mends it adds
 *a hint. An error is set once: setting over an existing one is a bug and keeps the first.
 *
 *	if (fd < 0)
 *		return nvb_fail_errno(err, errno, "opening %s", path);
 *	...
 *	rc = nvb_elf_read(fd, &elf, err);
 *	if (rc < 0)
 *		return nvb_wrap(err, rc, "library %s", path);
 */

/* Sets the error and returns -code. */
int nvb_fail(nvb_error **err, enum nvb_error_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), cold));

/* Sets the error from an errno value: the code follows from it, the message ends in its text. Returns -code.
 */
int nvb_fail_errno(nvb_error **err, int sys, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), cold));

/* Sets NVB_ERR_NO_MEMORY without allocating. */
int nvb_fail_oom(nvb_error **err) __attribute__((cold));

/* Puts context before the message ("<context>: <message>") and returns rc unchanged. */
int nvb_wrap(nvb_error **err, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4), cold));

/* Says what the user can do, replacing an earlier hint, and returns rc unchanged. */
int nvb_hint(nvb_error **err, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4), cold));

/* Hands an error on from a place that held it locally; frees it if err is NULL. */
void nvb_error_move(nvb_error **err, nvb_error *from);

static inline void nvb_error_freep(nvb_error **error)
{
	nvb_error_free(*error);
}
#define _cleanup_error_ __attribute__((cleanup(nvb_error_freep)))

#endif
