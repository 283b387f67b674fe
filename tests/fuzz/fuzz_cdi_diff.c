/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "cdi/diff.h"
#include "cdi/read.h"
#include "fuzz.h"

/* Two specs with a NUL between them: nothing differs from itself, and a difference is one both ways. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *cut = memchr(data, '\0', size);
	size_t first = cut ? (size_t)(cut - data) : size, second = cut ? size - first - 1 : size;
	_cleanup_cdi_spec_ struct nvb_cdi_spec a = {0}, b = {0};
	_cleanup_cdi_diff_ struct nvb_cdi_diff there = {0}, back = {0}, same = {0};

	if (nvb_cdi_parse(&a, (const char *)data, first, NVB_CDI_YAML, "a.yaml", NULL) < 0 ||
		nvb_cdi_parse(
			&b, (const char *)(cut ? cut + 1 : data), second, NVB_CDI_YAML, "b.yaml", NULL) < 0)
		return 0;
	FUZZ_CHECK(nvb_cdi_diff(&same, &a, &a, NULL) == 0 && same.count == 0);
	FUZZ_CHECK(nvb_cdi_diff(&there, &a, &b, NULL) == 0);
	FUZZ_CHECK(nvb_cdi_diff(&back, &b, &a, NULL) == 0);
	FUZZ_CHECK(there.count == back.count);
	if (nvb_cdi_spec_equal(&a, &b))
		FUZZ_CHECK(there.count == 0);
	for (size_t i = 0; i < there.count; i++) {
		_cleanup_strbuf_ struct nvb_strbuf line = {0};

		FUZZ_CHECK(there.changes[i].before || there.changes[i].after);
		nvb_cdi_change_describe(&line, &there.changes[i]);
		FUZZ_CHECK(!line.failed && line.len);
	}
	return 0;
}
