/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "capsule/definition.h"
#include "fuzz.h"

/* A capsule's definition: what was read is written and read again as the same; what was refused gave one
 * line. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_definition_ struct nvb_capsule_definition d = {0}, again = {0};
	_cleanup_strbuf_ struct nvb_strbuf first = {0}, second = {0};
	_cleanup_error_ nvb_error *err = NULL;

	nvb_capsule_definition_init(&d);
	nvb_capsule_definition_init(&again);
	if (nvb_definition_read(&d, (const char *)data, size, &err) < 0) {
		FUZZ_CHECK(err && *nvb_error_message(err));
		return 0;
	}
	nvb_definition_write(&d, NVB_DEFINITION_ALL, 0, &first);
	FUZZ_CHECK(!first.failed && nvb_definition_read(&again, first.s, first.len, NULL) == 0);
	nvb_definition_write(&again, NVB_DEFINITION_ALL, 0, &second);
	FUZZ_CHECK(!second.failed && strcmp(first.s, second.s) == 0);
	return 0;
}
