/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/devices.h"

#include <math.h>
#include <stdlib.h>

bool nvb_export_answers(enum nvb_sample_state state)
{
	return state == NVB_SAMPLE_FINE || state == NVB_SAMPLE_SLOW;
}

int nvb_export_devices_make(const nvb_sample *sample, nvb_export_labels *write, const void *data,
	struct nvb_export_devices *devices, nvb_error **err)
{
	size_t gpus = nvb_sample_gpu_count(sample), count = gpus;
	struct nvb_export_devices made = {0};

	for (size_t g = 0; g < gpus; g++)
		count += nvb_sample_gpu(sample, g)->mig_count;
	made.items = calloc(count ? count : 1, sizeof(*made.items));
	if (!made.items)
		return nvb_fail_oom(err);
	for (size_t g = 0; g < gpus; g++) {
		const struct nvb_sample_gpu *gpu = nvb_sample_gpu(sample, g);

		for (size_t m = 0; m <= gpu->mig_count; m++) {
			struct nvb_export_device *device = &made.items[made.count++];

			device->gpu = g;
			device->mig = m ? (uint32_t)m - 1 : NVB_NO_MIG;
			device->answers = nvb_export_answers(gpu->state);
			write(sample, device, data, &device->labels);
			if (device->labels.failed) {
				nvb_export_devices_release(&made);
				return nvb_fail_oom(err);
			}
		}
	}
	*devices = made;
	return 0;
}

void nvb_export_devices_release(struct nvb_export_devices *devices)
{
	for (size_t i = 0; i < devices->count; i++)
		nvb_sb_release(&devices->items[i].labels);
	free(devices->items);
	*devices = (struct nvb_export_devices){0};
}

/* A GPU that is late keeps its last values for a while; then they are no longer what it does. Utilisation and
 * processes are asked for less often than the rest, which the five seconds allow for. */
static bool is_fresh(const nvb_sample *sample, struct nvb_value value)
{
	return value.state == NVB_VALUE_KNOWN &&
	       value.age_ns <= 2 * nvb_sample_interval(sample) + UINT64_C(5000000000);
}

double nvb_export_value(
	const nvb_sample *sample, const struct nvb_export_device *device, enum nvb_metric metric)
{
	struct nvb_value value;

	if (!device->answers)
		return NAN;
	value = device->mig == NVB_NO_MIG ? nvb_sample_value(sample, device->gpu, metric)
					  : nvb_sample_mig_value(sample, device->gpu, device->mig, metric);
	return is_fresh(sample, value) ? value.value : NAN;
}
