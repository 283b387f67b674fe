/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "doctor/kmsg.h"
#include "fuzz.h"

/* A kernel log, which anybody who may write to /dev/kmsg has a part in: what is kept is bounded and
 * printable. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ struct nvb_kmsg *kmsg = calloc(1, sizeof(*kmsg));

	if (!kmsg)
		return 0;
	nvb_kmsg_parse(kmsg, (const char *)data, size);
	FUZZ_CHECK(kmsg->xid_count <= NVB_KMSG_XIDS);
	for (size_t i = 0; i < kmsg->xid_count; i++) {
		const struct nvb_kmsg_xid *xid = &kmsg->xids[i];

		FUZZ_CHECK(xid->xid > 0 && xid->count > 0);
		FUZZ_CHECK(strlen(xid->device) < sizeof(xid->device));
		for (const char *c = xid->text; *c; c++)
			FUZZ_CHECK(*c >= ' ' && *c <= '~');
		for (size_t j = 0; j < i; j++)
			FUZZ_CHECK(xid->xid != kmsg->xids[j].xid ||
				   strcmp(xid->device, kmsg->xids[j].device) != 0);
	}
	return 0;
}
