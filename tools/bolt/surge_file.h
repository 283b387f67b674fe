/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOLT_SURGE_FILE_H
#define BOLT_SURGE_FILE_H

#include "boltfile/boltfile.h"
#include "cli/options.h"

/* What the verbs of a Boltfile have in common: which file, how strict. */

extern const struct nvb_option surge_file_options[];

/* Reads the file that the options name, Boltfile.toml without them. Notes become warnings on stderr, or, with
 * --strict, an error. */
int surge_file_read(struct nvb_boltfile *file, nvb_error **err);

/* The same for verbs that look at capsules that are there: notes are not said again. */
int surge_file_read_quietly(struct nvb_boltfile *file, nvb_error **err);

bool surge_file_is_strict(void);
/* As -f does. */
void surge_file_name(const char *path);

#endif
