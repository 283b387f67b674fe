/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_TOML_TAGGED_H
#define TESTS_TOML_TAGGED_H

#include "base/str.h"
#include "base/toml.h"

/* Appends a value as toml-test's tagged JSON: {"type": "integer", "value": "1"}. */
void tagged_json(struct nvb_strbuf *sb, const struct nvb_toml_value *v);

#endif
