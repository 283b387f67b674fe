/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "cdi/recipe.h"
#include "fuzz.h"

/* Finds the recipe at the head of a file; one that can be read is written the same way each time. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_recipe_ struct nvb_cdi_recipe recipe = {0}, again = {0};
	_cleanup_free_ char *text = malloc(size + 1), *line = NULL, *written = NULL, *twice = NULL;
	_cleanup_error_ nvb_error *err = NULL;

	FUZZ_CHECK(text);
	memcpy(text, data, size);
	text[size] = '\0';
	FUZZ_CHECK(nvb_cdi_recipe_find(NULL, text, &line, NULL) == 0);
	if (!line)
		return 0;
	FUZZ_CHECK(!strchr(line, '\n'));
	if (nvb_cdi_recipe_parse(&recipe, line, &err) < 0) {
		FUZZ_CHECK(err && !strchr(nvb_error_message(err), '\n'));
		return 0;
	}
	FUZZ_CHECK(nvb_cdi_recipe_format(&recipe, &written, NULL) == 0);
	FUZZ_CHECK(nvb_cdi_recipe_parse(&again, written, NULL) == 0);
	FUZZ_CHECK(nvb_cdi_recipe_format(&again, &twice, NULL) == 0);
	FUZZ_CHECK(nvb_streq(written, twice));
	return 0;
}
