/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/error.h"
#include "doctor/health.h"
#include "fuzz.h"

/* What a child that has run foreign code says of the cards. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nvb_health health = {0};
	_cleanup_error_ nvb_error *err = NULL;
	int rc = nvb_health_parse(&health, data, size, &err);

	FUZZ_CHECK((rc < 0) == (err != NULL));
	FUZZ_CHECK(health.gpu_count <= NVB_HEALTH_GPUS);
	for (size_t i = 0; i < health.gpu_count; i++)
		FUZZ_CHECK(memchr(health.gpus[i].pci, 0, sizeof(health.gpus[i].pci)));
	nvb_health_release(&health);
	return 0;
}
