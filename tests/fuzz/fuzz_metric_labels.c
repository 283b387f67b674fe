/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "exporter/text.h"
#include "fuzz.h"

/* Foreign text as a label: whatever it is, the line stays one line of UTF-8 whose quotes and escapes a reader
 * takes for what they are, and read back it is the text where that was UTF-8. */

static void check(const char *line, const char *text)
{
	const char *p = line + strlen("a=\"");
	_cleanup_strbuf_ struct nvb_strbuf back = {0};

	FUZZ_CHECK(strncmp(line, "a=\"", 3) == 0 && nvb_utf8_valid(line, strlen(line)));
	for (; *p != '"'; p++) {
		FUZZ_CHECK(*p && *p != '\n');
		if (*p != '\\') {
			nvb_sb_addc(&back, *p);
			continue;
		}
		p++;
		FUZZ_CHECK(*p == '\\' || *p == '"' || *p == 'n');
		nvb_sb_addc(&back, *p == 'n' ? '\n' : *p);
	}
	FUZZ_CHECK(p[1] == '\0');
	if (nvb_utf8_valid(text, strlen(text)))
		FUZZ_CHECK(strcmp(back.s ? back.s : "", text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_strbuf_ struct nvb_strbuf labels = {0};
	_cleanup_free_ char *text = malloc(size + 1);

	FUZZ_CHECK(text);
	memcpy(text, data, size);
	text[size] = '\0';
	nvb_labels_add(&labels, "a", text);
	FUZZ_CHECK(!labels.failed);
	check(labels.s, text);
	return 0;
}
