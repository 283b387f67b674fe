/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_ENGINE_TOML_COMPARE_H
#define NVB_ENGINE_TOML_COMPARE_H

#include "base/toml.h"

/* The same type and content, down to the last member; members may stand in any order. */
bool toml_equal(const struct nvb_toml_value *a, const struct nvb_toml_value *b);

/* document_format.same and .verify for TOML. */
int toml_same(const char *a, const char *b, nvb_error **err);
int toml_verify(const char *before, size_t before_size, const char *after, size_t after_size,
	const char *const *path, const char *value, const char *file, nvb_error **err);

#endif
