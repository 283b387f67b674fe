/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_BOLT_IMAGE_SKOPEO_H
#define TOOLS_BOLT_IMAGE_SKOPEO_H

#include "base/error.h"

/*
 * Runs skopeo, which moves images between registries, archives and the directories of other engines. argv
 * ends with NULL. On a terminal its progress is shown; its complaint becomes our error.
 */
int skopeo_run(char *const argv[], nvb_error **err);

/* Becomes skopeo (login, logout: it talks to the terminal itself). Returns only on failure. */
int skopeo_become(char *const argv[], nvb_error **err);

#endif
