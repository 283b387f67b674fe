/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BOLTFILE_VARIABLES_H
#define NVB_BOLTFILE_VARIABLES_H

#include "boltfile/boltfile.h"

/*
 * Variables in the strings of a Boltfile, spelled as docker compose does: ${NAME}, ${NAME:-default} (unset or
 * empty), ${NAME-default} (unset), ${NAME:?message} and ${NAME?message} (an error instead), ${NAME:+other}
 * and ${NAME+other}. A default may hold variables again. "$$" is one "$"; any other "$" stands for itself, so
 * that `$HOME` in a command is left for the shell in the capsule.
 *
 * *out is `text` itself or a copy in the arena. *missing is the first variable that is not set and has no
 * default ("" takes its place), NULL when there is none. NVB_ERR_INVALID without a place.
 */
int nvb_variables_expand(const struct nvb_boltfile_variables *variables, struct nvb_arena *arena,
	const char *text, const char **out, const char **missing, nvb_error **err);

/*
 * A file .env: NAME=VALUE lines, '#' comments, an optional "export ", values bare, in '...' (as they stand)
 * or in "..." (\n, \t, \", \\). *list is a new vector of "NAME=VALUE". NVB_ERR_INVALID names the line.
 */
int nvb_dotenv_parse(const char *data, size_t size, const char *file, char ***list, nvb_error **err);

#endif
