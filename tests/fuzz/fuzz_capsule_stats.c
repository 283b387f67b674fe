/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "capsule/stats.h"
#include "fuzz.h"

/* Files of control groups: a number that is there is found, whatever stands around it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = malloc(size + 40);
	uint64_t a, b;

	FUZZ_CHECK(text);
	memcpy(text, data, size);
	text[size] = '\0';
	nvb_stats_key(text, "usage_usec");
	nvb_stats_io_v1(text, &a, &b);
	nvb_stats_io_v2(text, &a, &b);
	if (strlen(text) != size || strstr(text, "unheard_of"))
		return 0;
	FUZZ_CHECK(nvb_stats_key(text, "unheard_of") == NVB_STAT_UNKNOWN);
	strcpy(text + size, "\nunheard_of 42\n");
	FUZZ_CHECK(nvb_stats_key(text, "unheard_of") == 42);
	return 0;
}
