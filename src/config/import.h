/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CONFIG_IMPORT_H
#define NVB_CONFIG_IMPORT_H

#include <stddef.h>

#include "base/error.h"

/*
 * The settings of NVIDIA's container runtime (its config.toml) as an nvbind.toml that means the same. *text
 * is the new file, which has been read back; *notes has a line for each key that has no counterpart and says
 * why,
 * "<file>:<line>: <key>: <reason>". Both belong to the caller. Keys that ask for what nvbind does anyway are
 * neither. Errors: NVB_ERR_INVALID with line and column for what is no TOML, or no value that NVIDIA's
 * runtime takes there.
 */
int nvb_config_import(
	const char *data, size_t size, const char *file, char **text, char ***notes, nvb_error **err);

#endif
