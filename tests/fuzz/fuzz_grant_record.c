/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "fuzz.h"
#include "isolation/grant.h"

/* A grant's record: what was read is written and read again as the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_grant_record_ struct nvb_grant_record record = {0}, again = {0};
	_cleanup_free_ char *text = strndup((const char *)data, size), *first = NULL, *second = NULL;

	if (!text || nvb_grant_record_parse(text, &record, NULL) < 0) {
		FUZZ_CHECK(!record.container && !record.program && !record.mig_pci);
		return 0;
	}
	FUZZ_CHECK(record.container);
	first = nvb_grant_record_format(&record);
	FUZZ_CHECK(first && nvb_grant_record_parse(first, &again, NULL) == 0);
	second = nvb_grant_record_format(&again);
	FUZZ_CHECK(second && strcmp(first, second) == 0);
	return 0;
}
