/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "fuzz.h"
#include "mps/mps.h"

/* Limits as users and the MPS daemon write them: what is taken is in range, what is not leaves the value. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = strndup((const char *)data, size);
	uint64_t bytes = 42;
	uint32_t percent = 42;

	if (!text)
		return 0;
	if (nvb_parse_memory_limit(text, "limit", &bytes, NULL) == 0) {
		size_t length = strlen(text);

		/* Never without its unit, which ends in B. */
		FUZZ_CHECK(bytes > 0 && length > 1 && (text[length - 1] == 'B' || text[length - 1] == 'b'));
	} else {
		FUZZ_CHECK(bytes == 42);
	}
	if (nvb_parse_percent(text, "limit", &percent, NULL) == 0)
		FUZZ_CHECK(percent >= 1 && percent <= 100 && text[strlen(text) - 1] == '%');
	else
		FUZZ_CHECK(percent == 42);
	bytes = 42;
	if (nvb_mps_parse_limit(text, &bytes))
		FUZZ_CHECK(strchr("MmGg", text[strlen(text) - 1]));
	else
		FUZZ_CHECK(bytes == 42);
	return 0;
}
