/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "fuzz.h"
#include "lease/record.h"

/* A lease's record: what was read is written and read again as the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_lease_record_ struct nvb_lease_record record = {0}, again = {0};
	_cleanup_free_ char *text = strndup((const char *)data, size), *first = NULL, *second = NULL;

	if (!text || nvb_lease_record_parse(text, &record, NULL) < 0) {
		FUZZ_CHECK(!record.pid && !record.devices.count);
		return 0;
	}
	FUZZ_CHECK(record.pid > 0 && record.devices.count);
	first = nvb_lease_record_format(&record);
	FUZZ_CHECK(first && nvb_lease_record_parse(first, &again, NULL) == 0);
	second = nvb_lease_record_format(&again);
	FUZZ_CHECK(second && strcmp(first, second) == 0);
	return 0;
}
