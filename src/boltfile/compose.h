/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BOLTFILE_COMPOSE_H
#define NVB_BOLTFILE_COMPOSE_H

#include <stddef.h>

#include "base/error.h"

/*
 * A Compose file (https://compose-spec.io) as a Boltfile. Variables stay variables. What has no counterpart
 * becomes a comment where it stood, and a line in *lost ("FILE:LINE: services.web.secrets: why"); extensions
 * (x-...) are dropped without a word. *toml and *lost (a vector) are the caller's.
 */
int nvb_compose_import(
	const char *data, size_t size, const char *file, char **toml, char ***lost, nvb_error **err);

#endif
