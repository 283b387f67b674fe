/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "checkpoint/criu_rpc.h"
#include "checkpoint/describe.h"
#include "fuzz.h"

/* What CRIU answers, and what a snapshot says of its restore: refused in one line, or within bounds. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_error_ nvb_error *err = NULL, *why = NULL;
	_cleanup_details_ struct nvb_details details = {0};
	_cleanup_free_ char *text = calloc(1, size + 1);
	struct nvb_criu_answer answer = {0};

	FUZZ_CHECK(text);
	memcpy(text, data, size);
	if (nvb_criu_parse(&answer, data, size, &err) < 0)
		FUZZ_CHECK(err && !strchr(nvb_error_message(err), '\n') && !answer.type);
	FUZZ_CHECK(strlen(answer.script) < sizeof(answer.script));
	FUZZ_CHECK(strlen(answer.message) < sizeof(answer.message));
	if (nvb_details_read(text, &details, &why) < 0)
		FUZZ_CHECK(why && !strchr(nvb_error_message(why), '\n') && !details.files);
	return 0;
}
