/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_BOLT_IMAGE_SKOPEO_H
#define TOOLS_BOLT_IMAGE_SKOPEO_H

#include "base/error.h"

/*
 * Runs skopeo, which moves images between registries, archives and the directories of other engines. argv
 * ends with NULL. On a terminal its progress is shown; its complaint becomes our error.
 */
int skopeo_run(char *const argv[], nvb_error **err);

/* The same for what talks to the user itself (login, logout): it has our standard input and output. */
int skopeo_talk(char *const argv[], nvb_error **err);

#endif
