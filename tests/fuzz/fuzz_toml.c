/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "../toml/tagged.h"
#include "fuzz.h"

/* No table has a key twice, no string lacks its end, no place is missing, nothing is nested too deep. */
static void check(const struct nvb_toml_value *v, unsigned depth)
{
	FUZZ_CHECK(depth <= NVB_TOML_DEPTH);
	FUZZ_CHECK(v->line >= 1 && v->column >= 1);
	if (v->type == NVB_TOML_STRING)
		FUZZ_CHECK(
			v->string.s[v->string.size] == '\0' && nvb_utf8_valid(v->string.s, v->string.size));
	nvb_toml_foreach(item, v)
	{
		if (v->type == NVB_TOML_TABLE) {
			FUZZ_CHECK(item->key && item->key[item->key_size] == '\0');
			if (strlen(item->key) == item->key_size)
				FUZZ_CHECK(nvb_toml_get(v, item->key) == item);
		}
		/* An array of tables is one step of a header, not two. */
		check(item, depth + (item->type == NVB_TOML_TABLE && v->type == NVB_TOML_ARRAY ? 0 : 1));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_toml_ struct nvb_toml doc = {0};
	_cleanup_strbuf_ struct nvb_strbuf json = {0};
	_cleanup_error_ nvb_error *err = NULL;

	if (nvb_toml_parse(&doc, (const char *)data, size, "input", &err) < 0) {
		FUZZ_CHECK(err && !strchr(nvb_error_message(err), '\n'));
		return 0;
	}
	check(&doc.root, 0);
	tagged_json(&json, &doc.root);
	FUZZ_CHECK(!json.failed);
	return 0;
}
