/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "sim/smi/smi.h"

int smi_list(struct smi *smi)
{
	for (uint32_t i = 0; i < smi->count; i++) {
		const struct gpu *gpu = &smi->gpus[i];
		struct value name = smi_value(smi, gpu, "name"), uuid = smi_value(smi, gpu, "uuid");
		nvml_device devices[8];

		if (name.result != NVML_OK || uuid.result != NVML_OK) {
			nvml_return rc = name.result != NVML_OK ? name.result : uuid.result;
			fprintf(smi->out, "Unable to determine the name of GPU %u: %s\n", gpu->index,
				smi_result_text(smi, rc));
			continue;
		}
		fprintf(smi->out, "GPU %u: %s (UUID: %s)\n", gpu->index, name.text, uuid.text);
		uint32_t count = smi_mig_devices(smi, gpu->device, devices);
		for (uint32_t n = 0; n < count; n++) {
			const struct gpu mig = {.device = devices[n], .index = n};
			name = smi_value(smi, &mig, "name");
			uuid = smi_value(smi, &mig, "uuid");
			fprintf(smi->out, "  MIG %-11s Device %2u: (UUID: %s)\n", smi_mig_profile(name.text),
				n, uuid.text);
		}
	}
	return 0;
}

void smi_library_version(const struct smi *smi, char version[NVML_VERSION_SIZE])
{
	char full[NVML_VERSION_SIZE] = "?";

	NVML(&smi->nvml, nvmlSystemGetNVMLVersion, full, sizeof(full));
	const char *own = strchr(full, '.');
	strcpy(version, own ? own + 1 : full);
}

void smi_short_version(char *version)
{
	char *second = strchr(version, '.');
	char *third = second ? strchr(second + 1, '.') : NULL;

	if (third)
		*third = '\0';
}

int smi_version(struct smi *smi)
{
	char library[NVML_VERSION_SIZE], driver[NVML_VERSION_SIZE] = "N/A";
	int cuda = 0;

	smi_library_version(smi, library);
	NVML(&smi->nvml, nvmlSystemGetDriverVersion, driver, sizeof(driver));
	NVML(&smi->nvml, nvmlSystemGetCudaDriverVersion_v2, &cuda);
	fprintf(smi->out, "NVIDIA-SMI version  : %s\n", library);
	smi_short_version(library);
	fprintf(smi->out, "NVML version        : %s\nDRIVER version      : %s\n", library, driver);
	fprintf(smi->out, "CUDA Version        : %d.%d\n", cuda / 1000, cuda % 1000 / 10);
	return 0;
}
