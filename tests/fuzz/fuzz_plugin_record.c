/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "fuzz.h"
#include "plugin/record.h"

/* What was accepted, written again, is what was read; what was refused gave one line. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nvb_record_reader reader = {.data = (const char *)data, .size = size};
	struct nvb_plugin_record record;
	struct nvb_strbuf again = {0};
	nvb_error *err = NULL;
	int rc;

	while ((rc = nvb_record_next(&reader, &record, &err)) > 0) {
		FUZZ_CHECK(nvb_record_texts(record.kind) > 0);
		for (unsigned i = 0; i < nvb_record_texts(record.kind); i++) {
			FUZZ_CHECK(record.texts[i] >= (const char *)data);
			FUZZ_CHECK(record.texts[i] + strlen(record.texts[i]) < (const char *)data + size);
			FUZZ_CHECK(nvb_utf8_valid(record.texts[i], strlen(record.texts[i])));
		}
		nvb_record_add(&again, record.kind, record.texts);
	}
	FUZZ_CHECK((rc < 0) == (err != NULL));
	if (rc < 0) {
		FUZZ_CHECK(!strchr(nvb_error_message(err), '\n'));
	} else {
		FUZZ_CHECK(again.failed ||
			   (again.len <= size && (!again.len || memcmp(again.s, data, again.len) == 0)));
		FUZZ_CHECK(nvb_record_next(&reader, &record, NULL) == 0);
	}
	nvb_error_free(err);
	nvb_sb_release(&again);
	return 0;
}
