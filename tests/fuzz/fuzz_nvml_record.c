/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "fuzz.h"
#include "inventory/nvml_record.h"
#include "inventory/procfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_nvml_record_ struct nvb_nvml_record record = {0};
	_cleanup_error_ nvb_error *err = NULL;

	if (nvb_nvml_record_parse(&record, data, size, &err) < 0) {
		FUZZ_CHECK(err && !strchr(nvb_error_message(err), '\n'));
		FUZZ_CHECK(!record.gpus && !record.migs);
		return 0;
	}
	for (uint32_t i = 0; i < record.head.gpu_count; i++) {
		const struct nvb_nvml_gpu *gpu = &record.gpus[i];

		FUZZ_CHECK(nvb_utf8_valid(gpu->name, strlen(gpu->name)));
		FUZZ_CHECK(!*gpu->uuid || nvb_is_uuid(gpu->uuid, "GPU-"));
	}
	for (uint32_t i = 0; i < record.head.mig_count; i++)
		FUZZ_CHECK(record.migs[i].gpu < record.head.gpu_count &&
			   strlen(record.migs[i].profile) < NVB_NVML_TEXT);
	return 0;
}
