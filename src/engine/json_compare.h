/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_ENGINE_JSON_COMPARE_H
#define NVB_ENGINE_JSON_COMPARE_H

#include <stddef.h>

#include "base/error.h"

/* document_format.same and .verify for JSON. They read with json-c, another reader than the editor's. */
int json_same(const char *a, const char *b, nvb_error **err);
int json_verify(const char *before, size_t before_size, const char *after, size_t after_size,
	const char *const *path, const char *value, const char *file, nvb_error **err);

#endif
