/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <strings.h>

#include "sim/mig.h"
#include "sim/nvml/library.h"

API(nvmlDeviceGetCount_v2, uint32_t *count)
{
	struct sim_machine machine;
	nvml_return rc = enter_machine(&machine);

	if (rc != NVML_OK)
		return rc;
	if (!count)
		return NVML_INVALID_ARGUMENT;
	*count = visible_count();
	return NVML_OK;
}

API(nvmlDeviceGetCount, uint32_t *count)
{
	return nvmlDeviceGetCount_v2(count);
}

API(nvmlDeviceGetHandleByIndex_v2, uint32_t index, nvml_device *device)
{
	struct sim_machine machine;
	struct sim_gpu gpu;
	nvml_return rc = enter_machine(&machine);

	if (rc != NVML_OK)
		return rc;
	if (!device || index >= visible_count())
		return NVML_INVALID_ARGUMENT;
	struct ref ref = {.gpu = visible_gpu(index)};
	rc = enter_gpu(&ref, &gpu);
	if (rc == NVML_OK)
		*device = device_of_gpu(ref.gpu);
	return rc;
}

API(nvmlDeviceGetHandleByIndex, uint32_t index, nvml_device *device)
{
	return nvmlDeviceGetHandleByIndex_v2(index, device);
}

static bool find_mig_uuid(const struct sim_gpu *gpu, uint32_t index, const char *uuid, nvml_device *device)
{
	struct sim_mig_device devices[SIM_GI_MAX * SIM_CI_MAX];
	uint32_t count = sim_mig_devices(gpu, devices);

	for (uint32_t i = 0; i < count; i++)
		if (strcasecmp(devices[i].ci->uuid, uuid) == 0 &&
			visible_mig(gpu, devices[i].gi->id, devices[i].ci->id)) {
			*device = device_of_mig(index, devices[i].gi->id, devices[i].ci->id);
			return true;
		}
	return false;
}

API(nvmlDeviceGetHandleByUUID, const char *uuid, nvml_device *device)
{
	struct sim_machine machine;
	nvml_return rc = enter_machine(&machine);

	if (rc != NVML_OK)
		return rc;
	if (!uuid || !device)
		return NVML_INVALID_ARGUMENT;
	for (uint32_t i = 0; i < visible_count(); i++) {
		struct ref ref = {.gpu = visible_gpu(i)};
		struct sim_gpu gpu;
		rc = enter_gpu(&ref, &gpu);
		if (strcasecmp(gpu.uuid, uuid) == 0) {
			if (rc == NVML_OK)
				*device = device_of_gpu(ref.gpu);
			return rc;
		}
		if (rc == NVML_OK && find_mig_uuid(&gpu, ref.gpu, uuid, device))
			return NVML_OK;
	}
	return NVML_NOT_FOUND;
}

API(nvmlDeviceGetHandleBySerial, const char *serial, nvml_device *device)
{
	struct sim_machine machine;
	nvml_return rc = enter_machine(&machine);

	if (rc != NVML_OK)
		return rc;
	if (!serial || !device)
		return NVML_INVALID_ARGUMENT;
	for (uint32_t i = 0; i < visible_count(); i++) {
		struct ref ref = {.gpu = visible_gpu(i)};
		struct sim_gpu gpu;
		rc = enter_gpu(&ref, &gpu);
		if (gpu.serial[0] && strcmp(gpu.serial, serial) == 0) {
			if (rc == NVML_OK)
				*device = device_of_gpu(ref.gpu);
			return rc;
		}
	}
	return NVML_NOT_FOUND;
}

/* Hexadecimal up to `end`; false on anything else. */
static bool parse_hex(const char **s, char end, uint32_t *out)
{
	uint32_t value = 0;
	const char *p = *s;

	for (; *p && *p != end; p++) {
		int digit = *p >= '0' && *p <= '9'   ? *p - '0'
			    : *p >= 'a' && *p <= 'f' ? *p - 'a' + 10
			    : *p >= 'A' && *p <= 'F' ? *p - 'A' + 10
						     : -1;
		if (digit < 0 || value >> 28)
			return false;
		value = value << 4 | (uint32_t)digit;
	}
	if (p == *s || *p != end)
		return false;
	*s = end ? p + 1 : p;
	*out = value;
	return true;
}

/* "[domain:]bus:device[.function]" */
static bool parse_bus_id(const char *s, struct sim_pci *pci)
{
	const char *colon = strchr(s, ':');

	memset(pci, 0, sizeof(*pci));
	if (colon && strchr(colon + 1, ':') && !parse_hex(&s, ':', &pci->domain))
		return false;
	if (!parse_hex(&s, ':', &pci->bus))
		return false;
	if (!strchr(s, '.'))
		return parse_hex(&s, '\0', &pci->device);
	return parse_hex(&s, '.', &pci->device) && parse_hex(&s, '\0', &pci->function);
}

API(nvmlDeviceGetHandleByPciBusId_v2, const char *bus_id, nvml_device *device)
{
	struct sim_machine machine;
	struct sim_pci pci;
	nvml_return rc = enter_machine(&machine);

	if (rc != NVML_OK)
		return rc;
	if (!bus_id || !device || !parse_bus_id(bus_id, &pci))
		return NVML_INVALID_ARGUMENT;
	for (uint32_t i = 0; i < visible_count(); i++) {
		struct ref ref = {.gpu = visible_gpu(i)};
		struct sim_gpu gpu;
		rc = enter_gpu(&ref, &gpu);
		if (gpu.pci.domain == pci.domain && gpu.pci.bus == pci.bus && gpu.pci.device == pci.device) {
			if (rc == NVML_OK)
				*device = device_of_gpu(ref.gpu);
			return rc;
		}
	}
	return NVML_NOT_FOUND;
}

API(nvmlDeviceGetHandleByPciBusId, const char *bus_id, nvml_device *device)
{
	return nvmlDeviceGetHandleByPciBusId_v2(bus_id, device);
}

/* Position of a MIG device among those of its card. */
static uint32_t mig_index(const struct sim_gpu *gpu, const struct ref *ref)
{
	struct sim_mig_device devices[SIM_GI_MAX * SIM_CI_MAX];
	uint32_t count = sim_mig_devices(gpu, devices), index = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (devices[i].gi->id == ref->gi && devices[i].ci->id == ref->ci)
			return index;
		index += visible_mig(gpu, devices[i].gi->id, devices[i].ci->id);
	}
	return index;
}

API(nvmlDeviceGetIndex, nvml_device device, uint32_t *index)
{
	ENTER(device, FOR_BOTH, index);

	*index = ref.mig ? mig_index(&gpu, &ref) : visible_index(ref.gpu);
	return NVML_OK;
}

API(nvmlDeviceGetName, nvml_device device, char *name, uint32_t length)
{
	struct sim_gi_profile gi_profile;
	struct sim_ci_profile ci_profile;
	char text[NVML_NAME_SIZE + 64];
	struct sim_gpu gpu;
	struct ref ref;
	nvml_return rc = enter(device, FOR_BOTH, &gpu, &ref);

	if (rc != NVML_OK)
		return rc;
	if (!ref.mig)
		return give_string(gpu.name, name, length);
	struct sim_gpu_instance *gi = sim_find_gi(&gpu, ref.gi);
	if (!sim_gi_profile(&gpu, gi->profile, &gi_profile) ||
		!sim_ci_profile(&gpu, gi, sim_find_ci(gi, ref.ci)->profile, &ci_profile))
		return NVML_UNKNOWN;
	snprintf(text, sizeof(text), "%s MIG %s", gpu.name, ci_profile.name);
	return give_string(text, name, length);
}

API(nvmlDeviceGetUUID, nvml_device device, char *uuid, uint32_t length)
{
	struct sim_gpu gpu;
	struct ref ref;
	nvml_return rc = enter(device, FOR_BOTH, &gpu, &ref);

	if (rc != NVML_OK)
		return rc;
	return give_string(
		ref.mig ? sim_find_ci(sim_find_gi(&gpu, ref.gi), ref.ci)->uuid : gpu.uuid, uuid, length);
}

/* Strings a card may lack. */
static nvml_return text_of(nvml_device device, size_t offset, char *buffer, uint32_t length)
{
	struct sim_gpu gpu;
	struct ref ref;
	nvml_return rc = enter(device, FOR_GPU, &gpu, &ref);

	if (rc != NVML_OK)
		return rc;
	const char *text = (const char *)&gpu + offset;
	return *text ? give_string(text, buffer, length) : NVML_NOT_SUPPORTED;
}

API(nvmlDeviceGetSerial, nvml_device device, char *serial, uint32_t length)
{
	return text_of(device, offsetof(struct sim_gpu, serial), serial, length);
}

API(nvmlDeviceGetVbiosVersion, nvml_device device, char *version, uint32_t length)
{
	return text_of(device, offsetof(struct sim_gpu, vbios), version, length);
}

API(nvmlDeviceGetBoardPartNumber, nvml_device device, char *number, uint32_t length)
{
	return text_of(device, offsetof(struct sim_gpu, part_number), number, length);
}

API(nvmlDeviceGetGspFirmwareVersion, nvml_device device, char *version)
{
	return text_of(device, offsetof(struct sim_gpu, gsp_version), version, NVML_VERSION_SIZE);
}

API(nvmlDeviceGetGspFirmwareMode, nvml_device device, uint32_t *enabled, uint32_t *by_default)
{
	ENTER(device, FOR_GPU, enabled && by_default);

	*enabled = *by_default = gpu.gsp_version[0] != '\0';
	return NVML_OK;
}

static void put_pci(const struct sim_pci *pci, nvml_pci_info *info)
{
	memset(info, 0, sizeof(*info));
	info->domain = pci->domain;
	info->bus = pci->bus;
	info->device = pci->device;
	info->device_id = pci->device_id;
	info->subsystem_id = pci->subsystem_id;
	snprintf(info->bus_id_legacy, sizeof(info->bus_id_legacy), "%04X:%02X:%02X.0", pci->domain & 0xffff,
		pci->bus & 0xff, pci->device & 0xff);
	snprintf(info->bus_id, sizeof(info->bus_id), "%08X:%02X:%02X.0", pci->domain, pci->bus, pci->device);
}

API(nvmlDeviceGetPciInfo_v3, nvml_device device, nvml_pci_info *info)
{
	ENTER(device, FOR_BOTH, info);

	put_pci(&gpu.pci, info);
	return NVML_OK;
}

API(nvmlDeviceGetPciInfo_v2, nvml_device device, nvml_pci_info_v2 *info)
{
	nvml_pci_info full;
	nvml_return rc = info ? nvmlDeviceGetPciInfo_v3(device, &full) : NVML_INVALID_ARGUMENT;

	if (rc != NVML_OK)
		return rc;
	memset(info, 0, sizeof(*info));
	memcpy(info->bus_id, full.bus_id_legacy, sizeof(info->bus_id));
	info->domain = full.domain;
	info->bus = full.bus;
	info->device = full.device;
	info->device_id = full.device_id;
	info->subsystem_id = full.subsystem_id;
	return NVML_OK;
}

/* The first version ends behind the device id. */
API(nvmlDeviceGetPciInfo, nvml_device device, void *info)
{
	nvml_pci_info_v2 full;
	nvml_return rc = info ? nvmlDeviceGetPciInfo_v2(device, &full) : NVML_INVALID_ARGUMENT;

	if (rc == NVML_OK)
		memcpy(info, &full, offsetof(nvml_pci_info_v2, subsystem_id));
	return rc;
}

API(nvmlDeviceGetPciInfoExt, nvml_device device, nvml_pci_info_ext *info)
{
	nvml_pci_info full;

	if (!info)
		return NVML_INVALID_ARGUMENT;
	if (info->version != nvml_version(nvml_pci_info_ext, 1))
		return NVML_ARGUMENT_VERSION_MISMATCH;
	nvml_return rc = nvmlDeviceGetPciInfo_v3(device, &full);
	if (rc != NVML_OK)
		return rc;
	info->domain = full.domain;
	info->bus = full.bus;
	info->device = full.device;
	info->device_id = full.device_id;
	info->subsystem_id = full.subsystem_id;
	info->base_class = 3; /* display controller */
	info->sub_class = 2;  /* 3D controller */
	memcpy(info->bus_id, full.bus_id, sizeof(info->bus_id));
	return NVML_OK;
}
