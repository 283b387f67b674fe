/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "request/require.h"

/* A requirement of an image, on a host of which all is known and on one of which nothing is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const brands[] = {"tesla", "nvidia", NULL};
	static const struct nvb_facts nothing = {0}, all = {.has_cuda = true,
							     .cuda = {12, 4},
							     .driver = "550.54.15",
							     .has_arch = true,
							     .arch = {9, 0},
							     .brands = brands};
	_cleanup_free_ char *expression = strndup((const char *)data, size);
	_cleanup_error_ nvb_error *err = NULL, *other = NULL;
	enum nvb_verdict known = NVB_MET, unknown = NVB_MET;
	int rc;

	if (!expression)
		return 0;
	rc = nvb_require_judge(expression, &all, &known, &err);
	FUZZ_CHECK(rc == 0 || (rc == -NVB_ERR_INVALID && err && nvb_error_hint(err)));
	/* What is a mistake is one on every host, and knowing nothing refuses nobody. */
	FUZZ_CHECK(nvb_require_judge(expression, &nothing, &unknown, &other) == rc);
	FUZZ_CHECK(rc < 0 || unknown != NVB_REFUSED);
	return 0;
}
