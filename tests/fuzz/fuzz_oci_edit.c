/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "fuzz.h"
#include "nvbind/oci.h"
#include "semantics.h"

#define HOOK "/usr/bin/nvbind-hook"

/* What is taken is edited right, by json-c's reading, and a second time changes nothing. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct nvb_oci_options options = {.size = sizeof(options), .hook_path = HOOK};
	_cleanup_error_ nvb_error *error = NULL;
	_cleanup_free_ char *out = NULL, *again = NULL;
	struct nvb_plan *plan = oci_sample_plan();
	size_t out_size, again_size;
	char buffer[4096];
	const char *wrong;

	if (nvb_oci_edit((const char *)data, size, plan, &options, &out, &out_size, &error) == 0) {
		wrong = oci_judge(
			(const char *)data, size, out, out_size, plan, HOOK, buffer, sizeof(buffer));
		if (wrong)
			fprintf(stderr, "%s\n%.*s\n", wrong, (int)out_size, out);
		FUZZ_CHECK(!wrong);
		FUZZ_CHECK(nvb_oci_edit(out, out_size, plan, &options, &again, &again_size, NULL) == 0);
		FUZZ_CHECK(again_size == out_size && memcmp(again, out, out_size) == 0);
	} else {
		FUZZ_CHECK(error && !strchr(nvb_error_message(error), '\n'));
	}
	nvb_plan_free(plan);
	return 0;
}
