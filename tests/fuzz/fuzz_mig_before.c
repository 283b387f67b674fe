/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "fuzz.h"
#include "mig/state.h"

/* The record of MIG layouts: what was read is written and read again as the same, and lies within a card. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_mig_before_ struct nvb_mig_before before = {0}, again = {0};
	_cleanup_free_ char *text = strndup((const char *)data, size), *first = NULL, *second = NULL;

	if (!text || nvb_mig_before_parse(text, &before, NULL) < 0) {
		FUZZ_CHECK(!before.list && !before.count);
		return 0;
	}
	for (size_t g = 0; g < before.count; g++)
		for (uint32_t i = 0; i < before.list[g].layout.count; i++) {
			const struct nvb_mig_span *place = &before.list[g].layout.instances[i].place;

			FUZZ_CHECK(place->size && place->start + place->size <= NVB_MIG_SLICES);
		}
	first = nvb_mig_before_format(&before);
	FUZZ_CHECK(first && nvb_mig_before_parse(first, &again, NULL) == 0);
	second = nvb_mig_before_format(&again);
	FUZZ_CHECK(second && strcmp(first, second) == 0);
	return 0;
}
