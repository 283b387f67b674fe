/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_ENGINE_DIFF_H
#define NVB_ENGINE_DIFF_H

#include "base/str.h"

/*
 * The difference of two texts as a unified diff with three lines of context, which patch(1) reads; nothing
 * when they are equal. A text that is NULL is a file that is not there. False without memory.
 */
bool nvb_diff_unified(struct nvb_strbuf *out, const char *path, const char *old, size_t old_size,
	const char *new, size_t new_size);

#endif
