/* SPDX-License-Identifier: Apache-2.0 */
#include "request/request.h"

int nvb_request_new(nvb_request **request, nvb_error **err)
{
	struct nvb_request *r = calloc(1, sizeof(*r));

	if (!r)
		return nvb_fail_oom(err);
	r->capabilities = NVB_CAP_DEFAULT;
	*request = r;
	return 0;
}

void nvb_request_free(nvb_request *request)
{
	if (!request)
		return;
	free(request->selectors);
	free(request->settings);
	free(request->channels);
	free(request->limits);
	nvb_arena_release(&request->arena);
	free(request);
}

int nvb_request_set_capabilities(nvb_request *request, const char *list, nvb_error **err)
{
	unsigned without = request->capabilities & NVB_WITHOUT_ALL, bits;
	int rc = nvb_capabilities_parse(list, &bits, err);

	/* What a profile switches off stays off: a list of words says what the driver is for, not that. */
	if (rc == 0)
		request->capabilities = bits | without;
	return rc;
}
