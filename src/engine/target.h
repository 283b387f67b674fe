/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_ENGINE_TARGET_H
#define NVB_ENGINE_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/mem.h"

/* A configuration file as it is now. */
struct engine_target {
	char *path; /* absolute, links resolved */
	bool exists;
	struct stat seen;
	char *text; /* "" when there is none; NUL behind its end */
	size_t size;
};

/* Finds and reads the file, which need not be there. A link that leads nowhere is refused. */
int engine_target_read(struct engine_target *target, const char *file, nvb_error **err);
void engine_target_release(struct engine_target *target);
#define _cleanup_engine_target_ _cleanup_(engine_target_release)

/* Whether we may write there, said before anything is done: NVB_ERR_PERMISSION with the file's name. */
int engine_target_check_writable(const struct engine_target *target, nvb_error **err);

#endif
