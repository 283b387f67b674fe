/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/output.h"
#include "fuzz.h"

/* What is shown is UTF-8 without anything a terminal would act upon, and showing it again changes nothing. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = strndup((const char *)data, size);
	_cleanup_strbuf_ struct nvb_strbuf once = {0}, twice = {0};

	if (!text || !*text)
		return 0;
	nvb_sb_add_visible(&once, text);
	FUZZ_CHECK(once.s && nvb_utf8_valid(once.s, once.len));
	for (size_t i = 0; i < once.len; i++)
		FUZZ_CHECK((unsigned char)once.s[i] >= 0x20 && once.s[i] != 0x7f);
	nvb_sb_add_visible(&twice, once.s);
	FUZZ_CHECK(strcmp(once.s, twice.s) == 0);
	FUZZ_CHECK(nvb_text_width(once.s) <= 2 * once.len);
	return 0;
}
