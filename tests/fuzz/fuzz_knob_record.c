/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "knob/record.h"

/* A record that is read is whole, and written it is read as the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_knob_record_ struct nvb_knob_record record = {0}, again = {0};
	_cleanup_error_ nvb_error *err = NULL;
	_cleanup_free_ char *text = strndup((const char *)data, size), *written = NULL, *twice = NULL;

	if (!text)
		return 0;
	if (nvb_knob_record_parse(text, &record, &err) < 0) {
		FUZZ_CHECK(err && !strchr(nvb_error_message(err), '\n'));
		return 0;
	}
	FUZZ_CHECK(record.knob < NVB_KNOB_COUNT && *record.device && *record.old && *record.set);
	written = nvb_knob_record_format(&record);
	FUZZ_CHECK(written && nvb_knob_record_parse(written, &again, NULL) == 0);
	FUZZ_CHECK(again.user_count == record.user_count);
	twice = nvb_knob_record_format(&again);
	FUZZ_CHECK(twice && strcmp(written, twice) == 0);
	return 0;
}
