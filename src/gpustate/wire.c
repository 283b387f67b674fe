/* SPDX-License-Identifier: Apache-2.0 */
#include "gpustate/wire.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "inventory/procfs.h"

int nvb_state_request_parse(struct nvb_state_request *request, const void *data, size_t size, nvb_error **err)
{
	struct nvb_state_request r;

	if (size != sizeof(r))
		return nvb_fail(err, NVB_ERR_CORRUPT, "a request of %zu bytes", size);
	memcpy(&r, data, sizeof(r));
	if (r.magic != NVB_STATE_MAGIC || r.call < NVB_STATE_LOCK || r.call > NVB_STATE_START)
		return nvb_fail(err, NVB_ERR_CORRUPT, "a request of an unknown kind");
	if ((r.call == NVB_STATE_START) != (r.pid == 0) || r.pid < 0)
		return nvb_fail(err, NVB_ERR_CORRUPT, "a request about process %d", r.pid);
	if (r.pair_count > NVB_STATE_PAIRS || (r.pair_count && r.call != NVB_STATE_RESTORE))
		return nvb_fail(err, NVB_ERR_CORRUPT, "a request with %u pairs of GPUs", r.pair_count);
	*request = r;
	return 0;
}

int nvb_state_reply_parse(struct nvb_state_reply *reply, const void *data, size_t size,
	const struct nvb_state_request *asked, nvb_error **err)
{
	enum { LAST_STATE = 3 };
	struct nvb_state_reply r;
	size_t length;

	if (size != sizeof(r))
		return nvb_fail(err, NVB_ERR_CORRUPT, "an answer of %zu bytes", size);
	memcpy(&r, data, sizeof(r));
	length = strnlen(r.text, sizeof(r.text));
	if (r.magic != NVB_STATE_MAGIC || r.call != asked->call || r.pid != asked->pid)
		return nvb_fail(err, NVB_ERR_CORRUPT, "an answer to something else");
	if (r.state > LAST_STATE || r.thread < 0 || r.result < -1)
		return nvb_fail(err, NVB_ERR_CORRUPT, "an answer that means nothing");
	if (length == sizeof(r.text) || !nvb_utf8_valid(r.text, length))
		return nvb_fail(err, NVB_ERR_CORRUPT, "an answer whose text is none");
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)r.text[i] < ' ' || r.text[i] == 0x7f)
			r.text[i] = ' ';
	*reply = r;
	return 0;
}

bool nvb_state_uuid(const char *text, unsigned char bytes[16])
{
	const char *p = text + strlen("GPU-");

	if (!nvb_is_uuid(text, "GPU-"))
		return false;
	for (size_t i = 0; i < 16; i++, p += 2) {
		unsigned byte;

		p += *p == '-';
		if (sscanf(p, "%2x", &byte) != 1)
			return false;
		bytes[i] = (unsigned char)byte;
	}
	return true;
}
