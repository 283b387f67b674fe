/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SHIM_CANDIDATES_H
#define NVB_SHIM_CANDIDATES_H

#include "base/error.h"

/*
 * The first of `runtimes` (absolute paths, or names looked for where systems keep programs, never where PATH
 * leads: an engine's may be anybody's) that is a program and not the one that asks, under whatever name: a
 * shim that stands in the place of runc would otherwise call itself for ever. `self` is the asking program's
 * file. `runtimes` NULL: runc, crun. On success *path is malloc'd. NVB_ERR_NOT_FOUND names all that were
 * tried.
 */
int shim_find_runtime(char *const *runtimes, const char *self, char **path, nvb_error **err);

#endif
