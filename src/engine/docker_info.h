/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_ENGINE_DOCKER_INFO_H
#define NVB_ENGINE_DOCKER_INFO_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/mem.h"

/* What `docker info` says of the daemon. */
struct docker_info {
	char *version; /* of the daemon */
	char *error;   /* why the daemon could not be asked, or NULL */
	char **runtimes;
	char **cdi_directories; /* empty: it reads no CDI specs */
	bool rootless;
};

/* From `docker info --format '{{json .}}'`. *info is untouched on failure. */
int docker_info_parse(struct docker_info *info, const char *json, size_t size, nvb_error **err);
void docker_info_release(struct docker_info *info);
#define _cleanup_docker_info_ _cleanup_(docker_info_release)

#endif
