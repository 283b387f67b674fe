/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "doctor/checks.h"
#include "inventory/nvml_abi.h"

/* GPUs divided by MIG. */

NVB_LOOK(mig_pending)
{
	const struct nvb_health *health = nvb_doctor_health(d, f);
	struct nvb_doctor_list list = {0};
	size_t first = 0;

	(void)check;
	for (size_t i = 0; health && i < health->gpu_count; i++)
		if (health->gpus[i].mig >= 0 && health->gpus[i].mig != health->gpus[i].mig_pending) {
			first = list.count ? first : i;
			nvb_doctor_list_add(&list, "%zu", i);
		}
	if (list.count)
		nvb_doctor_say(d, f, NVB_DOCTOR_WARNING,
			nvb_doctor_text(d, "nvidia-smi --gpu-reset -i %zu", first),
			"MIG mode of GPU %s was switched and waits for a reset of the card", list.text);
}

NVB_LOOK(mig_empty)
{
	const struct nvb_health *health = nvb_doctor_health(d, f);
	struct nvb_doctor_list list = {0};
	size_t first = 0;

	(void)check;
	for (size_t i = 0; health && i < health->gpu_count; i++)
		if (health->gpus[i].mig == 1 && health->gpus[i].mig_devices == 0) {
			first = list.count ? first : i;
			nvb_doctor_list_add(&list, "%zu", i);
		}
	if (list.count)
		nvb_doctor_say(d, f, NVB_DOCTOR_WARNING,
			nvb_doctor_text(d, "nvbind mig create --gpu %zu PROFILE", first),
			"MIG is on and no MIG device has been made on GPU %s: no program can use the card "
			"('nvbind mig list' shows the profiles)",
			list.text);
}

NVB_LOOK(mig_nodes)
{
	struct nvb_doctor_list list = {0};
	size_t devices = 0;

	(void)check;
	for (size_t i = 0; i < d->inventory->gpu_count; i++)
		for (size_t m = 0; m < d->inventory->gpus[i].mig_count; m++) {
			const struct nvb_mig_device *mig = &d->inventory->gpus[i].migs[m];

			devices++;
			if (mig->gi_access.path && !mig->gi_access.present)
				nvb_doctor_list_add(&list, "%s", mig->gi_access.path);
			if (mig->ci_access.path && !mig->ci_access.present)
				nvb_doctor_list_add(&list, "%s", mig->ci_access.path);
		}
	if (!devices)
		nvb_doctor_absent(f);
	else if (list.count)
		nvb_doctor_say(d, f, NVB_DOCTOR_FAILURE, "nvidia-smi -L",
			"the nodes of MIG devices are not all there: %s (any use by root makes them)",
			list.text);
}
