/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "fuzz.h"
#include "gpustate/wire.h"

/* Requests and replies of the GPU state's helper. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct nvb_state_request asked = {.call = NVB_STATE_QUERY, .pid = 7};
	_cleanup_error_ nvb_error *err = NULL;
	struct nvb_state_request request;
	struct nvb_state_reply reply;

	if (nvb_state_request_parse(&request, data, size, NULL) == 0)
		FUZZ_CHECK(request.pair_count <= NVB_STATE_PAIRS && request.pid >= 0);
	if (nvb_state_reply_parse(&reply, data, size, &asked, &err) < 0) {
		FUZZ_CHECK(err && !strchr(nvb_error_message(err), '\n'));
		return 0;
	}
	FUZZ_CHECK(reply.state <= 3 && reply.pid == 7 && strlen(reply.text) < sizeof(reply.text));
	FUZZ_CHECK(nvb_utf8_valid(reply.text, strlen(reply.text)));
	return 0;
}
