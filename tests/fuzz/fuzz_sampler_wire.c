/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "fuzz.h"
#include "sampler/wire.h"

/* What the child says: the first byte is how large its pieces are. Whatever is handed on keeps its promises,
 * and pieces make no difference. */

struct seen {
	size_t messages;
	uint64_t sum;
};

static int handle(void *data, const struct nvb_said_head *head, const void *body, nvb_error **err)
{
	struct seen *seen = data;
	const struct nvb_said_values *values = body;
	const struct nvb_said_processes *processes = body;
	const struct nvb_said_facts *facts = body;

	(void)err;
	FUZZ_CHECK((uintptr_t)body % 8 == 0);
	seen->messages++;
	for (uint32_t i = 0; i < head->size; i++)
		seen->sum = seen->sum * 31 + ((const unsigned char *)body)[i];
	if (head->type == NVB_SAID_VALUES)
		for (uint32_t i = 0; i < values->count; i++)
			FUZZ_CHECK(values->values[i].metric < NVB_METRIC_COUNT &&
				   isfinite(values->values[i].value));
	if (head->type == NVB_SAID_PROCESSES)
		FUZZ_CHECK(head->size ==
			   sizeof(*processes) + processes->count * sizeof(processes->processes[0]));
	if (head->type == NVB_SAID_FACTS)
		FUZZ_CHECK(memchr(facts->uuid, '\0', sizeof(facts->uuid)));
	return 0;
}

static int read_all(const uint8_t *data, size_t size, size_t piece, struct seen *seen)
{
	struct nvb_said_reader reader = {0};
	int rc = 0;

	while (rc == 0 && size) {
		size_t room, n;
		void *to = nvb_said_room(&reader, &room);

		FUZZ_CHECK(to);
		n = size < piece ? size : piece;
		n = n < room ? n : room;
		memcpy(to, data, n);
		rc = nvb_said_take(&reader, n, handle, seen, NULL);
		data += n;
		size -= n;
	}
	nvb_said_release(&reader);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen small = {0}, whole = {0};

	if (size < 1)
		return 0;
	FUZZ_CHECK(read_all(data + 1, size - 1, (size_t)*data + 1, &small) ==
		   read_all(data + 1, size - 1, SIZE_MAX, &whole));
	FUZZ_CHECK(small.messages == whole.messages && small.sum == whole.sum);
	return 0;
}
