/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_ENGINE_REPLACE_H
#define NVB_ENGINE_REPLACE_H

#include <stddef.h>
#include <sys/stat.h>

#include "base/error.h"

/*
 * Replaces a configuration file so that a reader, and a crash, sees the old text or the new one: mode, owner
 * and extended attributes (SELinux' label, access lists) go over to the new file. `path` is the file itself,
 * no link to it. `seen` is how the file was when it was read, NULL when it was not there: NVB_ERR_BUSY when
 * somebody has changed it since. A new file gets mode 0644.
 */
int engine_replace(const char *path, const struct stat *seen, const void *data, size_t size, nvb_error **err);

/* The directories above `path` that are missing, outermost first; NULL-terminated, may be empty (NULL). */
int engine_missing_directories(const char *path, char ***missing, nvb_error **err);

#endif
