/* SPDX-License-Identifier: Apache-2.0 */
#include <json.h>

#include "capsule/seccomp.h"
#include "fuzz.h"

/* A seccomp profile of the user's: whatever is accepted becomes JSON that stands by itself. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nvb_strbuf out = {0};

	if (nvb_seccomp_file(&out, (const char *)data, size, "input", UINT64_C(0xa80425fb), NULL) == 0) {
		json_object *object = json_tokener_parse(out.s);

		FUZZ_CHECK(json_object_is_type(object, json_type_object));
		json_object_put(object);
	}
	nvb_sb_release(&out);
	return 0;
}
