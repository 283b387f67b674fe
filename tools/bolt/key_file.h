/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOLT_KEY_FILE_H
#define BOLT_KEY_FILE_H

#include "base/error.h"

/* --key-file as a supervisor can read it later, from wherever it runs: *path is malloc'd, NULL for NULL.
 * Whether it is fit for a key is looked at here, so that nobody finds out when a snapshot is wanted. */
int key_file_find(const char *given, char **path, nvb_error **err);

#endif
