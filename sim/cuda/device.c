/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/cuda/api.h"
#include "sim/cuda/driver.h"
#include "sim/mig.h"

CUuuid cuda_uuid(const char *text)
{
	CUuuid uuid = {{0}};
	const char *p = strchr(text, '-');

	for (size_t i = 0; p && i < sizeof(uuid.bytes); i++) {
		unsigned byte;

		p += strspn(p, "-");
		if (sscanf(p, "%2x", &byte) != 1)
			break;
		uuid.bytes[i] = (unsigned char)byte;
		p += 2;
	}
	return uuid;
}

static bool may_open(const struct driver *driver, const char *prefix, uint32_t number)
{
	char node[64];

	snprintf(node, sizeof(node), "%s%u", prefix, number);
	return sim_client_node(driver->client.root, node) == 0;
}

static void add_gpu(struct driver *driver, uint32_t index, const struct sim_gpu *gpu)
{
	struct device *device = &driver->device[driver->count++];

	*device = (struct device){.gpu = index,
		.gi = SIM_NO_INSTANCE,
		.ci = SIM_NO_INSTANCE,
		.uuid = cuda_uuid(gpu->uuid),
		.parent = cuda_uuid(gpu->uuid),
		.sms = gpu->sm_count,
		.whole_sms = gpu->sm_count,
		.size = gpu->memory.total - gpu->memory.reserved,
		.memory.fd = -1};
	snprintf(device->name, sizeof(device->name), "%s", gpu->name);
}

static bool add_mig(
	struct driver *driver, uint32_t index, struct sim_gpu *gpu, const struct sim_mig_device *mig)
{
	struct device *device = &driver->device[driver->count];
	struct sim_gi_profile gi;
	struct sim_ci_profile ci;

	if (!sim_gi_profile(gpu, mig->gi->profile, &gi) ||
		!sim_ci_profile(gpu, mig->gi, mig->ci->profile, &ci) ||
		!may_open(driver, "nvidia-caps/nvidia-cap", sim_cap_gi(gpu->minor, mig->gi->id)) ||
		!may_open(driver, "nvidia-caps/nvidia-cap", sim_cap_ci(gpu->minor, mig->gi->id, mig->ci->id)))
		return false;
	*device = (struct device){.gpu = index,
		.gi = mig->gi->id,
		.ci = mig->ci->id,
		.uuid = cuda_uuid(mig->ci->uuid),
		.parent = cuda_uuid(gpu->uuid),
		.sms = ci.sm_count,
		.whole_sms = ci.sm_count,
		.size = (uint64_t)gi.memory_mb << 20,
		.memory.fd = -1};
	snprintf(device->name, sizeof(device->name), "%s MIG %s", gpu->name, ci.name);
	driver->count++;
	return true;
}

/* One way through the machine: whole GPUs, or the MIG devices. `wanted` is a UUID or the beginning of one, or
 * NULL.
 */
static void enumerate(struct driver *driver, const struct sim_machine *machine, bool mig, const char *wanted)
{
	bool wsl = machine->flags & SIM_MACHINE_WSL;

	for (uint32_t i = 0; i < machine->gpu_count && i < SIM_GPU_MAX && driver->count < SIM_GPU_MAX; i++) {
		struct sim_mig_device devices[SIM_GI_MAX * SIM_CI_MAX];
		struct sim_gpu gpu;
		uint32_t count;

		sim_read_gpu(driver->client.map.state, i, &gpu);
		if (gpu.faults & SIM_FAULT_OFF_BUS || !!gpu.mig.mode != mig ||
			!(wsl || may_open(driver, "nvidia", gpu.minor)))
			continue;
		if (!mig) {
			if (!wanted || strncasecmp(gpu.uuid, wanted, strlen(wanted)) == 0)
				add_gpu(driver, i, &gpu);
			continue;
		}
		count = sim_mig_devices(&gpu, devices);
		/* A process computes on one MIG device at most (MIG user guide, "CUDA device enumeration").
		 */
		for (uint32_t d = 0; d < count && !driver->count; d++)
			if (!wanted || strncasecmp(devices[d].ci->uuid, wanted, strlen(wanted)) == 0)
				add_mig(driver, i, &gpu, &devices[d]);
	}
}

/* CUDA_VISIBLE_DEVICES: numbers or UUIDs; the list ends at the first that is wrong or comes twice. */
static void select_visible(struct driver *driver, const struct sim_machine *machine, const char *list)
{
	struct driver all = *driver;

	driver->count = 0;
	while (*list && driver->count < SIM_GPU_MAX) {
		size_t length = strcspn(list, ",");
		char word[64], *end;
		int before = driver->count;

		if (!length || length >= sizeof(word))
			return;
		memcpy(word, list, length);
		word[length] = '\0';
		list += length + (list[length] == ',');
		if (strncasecmp(word, "MIG-", 4) == 0) {
			if (!before)
				enumerate(driver, machine, true, word);
			return;
		}
		if (strncasecmp(word, "GPU-", 4) == 0) {
			enumerate(driver, machine, false, word);
		} else {
			long number = strtol(word, &end, 10);

			if (*end || number < 0 || number >= all.count)
				return;
			driver->device[driver->count++] = all.device[number];
		}
		/* Not exactly one more, or one that stands there already. */
		if (driver->count != before + 1) {
			driver->count = before;
			return;
		}
		for (int i = 0; i < before; i++)
			if (memcmp(&driver->device[i].uuid, &driver->device[before].uuid, sizeof(CUuuid)) ==
				0) {
				driver->count = 0;
				return;
			}
	}
}

CUresult cuda_find_devices(struct driver *driver)
{
	const char *visible = getenv("CUDA_VISIBLE_DEVICES");
	struct sim_machine machine;

	sim_read_machine(driver->client.map.state, &machine);
	driver->count = 0;
	if (!(machine.flags & SIM_MACHINE_WSL) &&
		(sim_client_node(driver->client.root, "nvidiactl") < 0 ||
			sim_client_node(driver->client.root, "nvidia-uvm") < 0))
		return CUDA_ERROR_NO_DEVICE;
	enumerate(driver, &machine, false, NULL);
	if (!driver->count)
		enumerate(driver, &machine, true, NULL);
	if (visible)
		select_visible(driver, &machine, visible);
	return driver->count ? CUDA_SUCCESS : CUDA_ERROR_NO_DEVICE;
}

CUresult cuda_device(struct driver *driver, CUdevice number, struct device **device)
{
	if (number < 0 || number >= driver->count)
		return CUDA_ERROR_INVALID_DEVICE;
	*device = &driver->device[number];
	return CUDA_SUCCESS;
}

CUresult cuda_device_health(const struct driver *driver, const struct device *device)
{
	struct sim_gpu gpu;

	sim_read_gpu(driver->client.map.state, device->gpu, &gpu);
	if (gpu.faults & SIM_FAULT_ECC)
		return CUDA_ERROR_ECC_UNCORRECTABLE;
	if (gpu.faults & (SIM_FAULT_LOST | SIM_FAULT_OFF_BUS | SIM_FAULT_RESET))
		return CUDA_ERROR_UNKNOWN;
	return CUDA_SUCCESS;
}

CUresult cuDeviceGetCount(int *count)
{
	struct driver *driver;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS && !count)
		result = CUDA_ERROR_INVALID_VALUE;
	if (result == CUDA_SUCCESS)
		*count = driver->count;
	return cuda_leave(result);
}

CUresult cuDeviceGet(CUdevice *out, int ordinal)
{
	struct driver *driver;
	struct device *device;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS)
		result = out ? cuda_device(driver, ordinal, &device) : CUDA_ERROR_INVALID_VALUE;
	if (result == CUDA_SUCCESS)
		*out = ordinal;
	return cuda_leave(result);
}

CUresult cuDeviceGetName(char *name, int length, CUdevice number)
{
	struct driver *driver;
	struct device *device;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS)
		result = name && length > 0 ? cuda_device(driver, number, &device) : CUDA_ERROR_INVALID_VALUE;
	if (result == CUDA_SUCCESS)
		snprintf(name, (size_t)length, "%s", device->name);
	return cuda_leave(result);
}

static CUresult get_uuid(CUuuid *uuid, CUdevice number, bool parent)
{
	struct driver *driver;
	struct device *device;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS)
		result = uuid ? cuda_device(driver, number, &device) : CUDA_ERROR_INVALID_VALUE;
	if (result == CUDA_SUCCESS)
		*uuid = parent ? device->parent : device->uuid;
	return cuda_leave(result);
}

CUresult cuDeviceGetUuid(CUuuid *uuid, CUdevice number)
{
	return get_uuid(uuid, number, true);
}

CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice number)
{
	return get_uuid(uuid, number, false);
}

CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice number)
{
	struct driver *driver;
	struct device *device;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS)
		result = bytes ? cuda_device(driver, number, &device) : CUDA_ERROR_INVALID_VALUE;
	if (result == CUDA_SUCCESS)
		*bytes = (size_t)device->size;
	return cuda_leave(result);
}

CUresult cuDeviceComputeCapability(int *major, int *minor, CUdevice number)
{
	struct driver *driver;
	struct device *device;
	struct sim_gpu gpu;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS)
		result = major && minor ? cuda_device(driver, number, &device) : CUDA_ERROR_INVALID_VALUE;
	if (result == CUDA_SUCCESS) {
		sim_read_gpu(driver->client.map.state, device->gpu, &gpu);
		*major = (int)gpu.cc_major;
		*minor = (int)gpu.cc_minor;
	}
	return cuda_leave(result);
}

CUresult cuDeviceGetPCIBusId(char *id, int length, CUdevice number)
{
	struct driver *driver;
	struct device *device;
	struct sim_gpu gpu;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS)
		result = id && length > 0 ? cuda_device(driver, number, &device) : CUDA_ERROR_INVALID_VALUE;
	if (result == CUDA_SUCCESS) {
		sim_read_gpu(driver->client.map.state, device->gpu, &gpu);
		snprintf(id, (size_t)length, "%04X:%02X:%02X.%X", gpu.pci.domain, gpu.pci.bus, gpu.pci.device,
			gpu.pci.function);
	}
	return cuda_leave(result);
}

/* "0000:1b:00.0", without the domain or without the function as well. */
static bool parse_pci(const char *text, struct sim_pci *pci)
{
	unsigned domain = 0, bus, device, function = 0;

	if (sscanf(text, "%x:%x:%x.%x", &domain, &bus, &device, &function) < 3) {
		domain = function = 0;
		if (sscanf(text, "%x:%x.%x", &bus, &device, &function) < 2)
			return false;
	}
	*pci = (struct sim_pci){.domain = domain, .bus = bus, .device = device, .function = function};
	return true;
}

CUresult cuDeviceGetByPCIBusId(CUdevice *out, const char *id)
{
	struct driver *driver;
	struct sim_pci pci;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS && (!out || !id || !parse_pci(id, &pci)))
		result = CUDA_ERROR_INVALID_VALUE;
	if (result != CUDA_SUCCESS)
		return cuda_leave(result);
	for (int i = 0; i < driver->count; i++) {
		struct sim_gpu gpu;

		sim_read_gpu(driver->client.map.state, driver->device[i].gpu, &gpu);
		if (gpu.pci.domain == pci.domain && gpu.pci.bus == pci.bus && gpu.pci.device == pci.device) {
			*out = i;
			return cuda_leave(CUDA_SUCCESS);
		}
	}
	return cuda_leave(CUDA_ERROR_INVALID_DEVICE);
}

CUresult cuDeviceCanAccessPeer(int *can, CUdevice device, CUdevice peer)
{
	struct driver *driver;
	struct device *a, *b;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS && !can)
		result = CUDA_ERROR_INVALID_VALUE;
	if (result == CUDA_SUCCESS)
		result = cuda_device(driver, device, &a);
	if (result == CUDA_SUCCESS)
		result = cuda_device(driver, peer, &b);
	if (result == CUDA_SUCCESS)
		*can = 0; /* peer access is not simulated */
	return cuda_leave(result);
}

static uint32_t threads_per_multiprocessor(const struct sim_gpu *gpu)
{
	/* CUDA C++ programming guide, table "Technical specifications per compute capability". */
	switch (gpu->cc_major * 10 + gpu->cc_minor) {
	case 75:
		return 1024;
	case 86:
	case 87:
	case 89:
	case 120:
		return 1536;
	default:
		return 2048;
	}
}

/* An attribute that is not simulated is one that the device lacks: 0. */
static int64_t attribute_of(const struct sim_gpu *gpu, const struct device *device, int attribute)
{
	switch (attribute) {
	case CU_ATTR_MAX_THREADS_PER_BLOCK:
	case CU_ATTR_MAX_BLOCK_DIM_X:
	case CU_ATTR_MAX_BLOCK_DIM_Y:
		return 1024;
	case CU_ATTR_MAX_BLOCK_DIM_Z:
		return 64;
	case CU_ATTR_MAX_GRID_DIM_X:
	case CU_ATTR_MAX_PITCH:
		return INT32_MAX;
	case CU_ATTR_MAX_GRID_DIM_Y:
	case CU_ATTR_MAX_GRID_DIM_Z:
		return 65535;
	case CU_ATTR_MAX_SHARED_MEMORY_PER_BLOCK:
		return 49152;
	case CU_ATTR_TOTAL_CONSTANT_MEMORY:
	case CU_ATTR_MAX_REGISTERS_PER_BLOCK:
	case CU_ATTR_MAX_REGISTERS_PER_MULTIPROCESSOR:
		return 65536;
	case CU_ATTR_WARP_SIZE:
		return 32;
	case CU_ATTR_CLOCK_RATE:
		return (int64_t)gpu->clocks.max[SIM_CLOCK_SM] * 1000;
	case CU_ATTR_TEXTURE_ALIGNMENT:
		return 512;
	case CU_ATTR_MULTIPROCESSOR_COUNT:
		return device->sms;
	case CU_ATTR_KERNEL_EXEC_TIMEOUT:
		return gpu->display_active;
	case CU_ATTR_COMPUTE_MODE:
		return gpu->compute_mode;
	case CU_ATTR_ECC_ENABLED:
		return gpu->ecc.mode;
	case CU_ATTR_PCI_BUS_ID:
		return gpu->pci.bus;
	case CU_ATTR_PCI_DEVICE_ID:
		return gpu->pci.device;
	case CU_ATTR_PCI_DOMAIN_ID:
		return gpu->pci.domain;
	case CU_ATTR_MEMORY_CLOCK_RATE:
		return (int64_t)gpu->clocks.max[SIM_CLOCK_MEM] * 1000;
	case CU_ATTR_GLOBAL_MEMORY_BUS_WIDTH:
		return gpu->memory.bus_width;
	case CU_ATTR_L2_CACHE_SIZE:
		return gpu->l2_bytes;
	case CU_ATTR_MAX_THREADS_PER_MULTIPROCESSOR:
		return threads_per_multiprocessor(gpu);
	case CU_ATTR_ASYNC_ENGINE_COUNT:
		return gpu->copy_engines;
	case CU_ATTR_UNIFIED_ADDRESSING:
		return 1;
	case CU_ATTR_COMPUTE_CAPABILITY_MAJOR:
		return gpu->cc_major;
	case CU_ATTR_COMPUTE_CAPABILITY_MINOR:
		return gpu->cc_minor;
	default:
		return 0;
	}
}

CUresult cuDeviceGetAttribute(int *value, int attribute, CUdevice number)
{
	struct driver *driver;
	struct device *device;
	struct sim_gpu gpu;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS && (!value || attribute < 1 || attribute >= CU_ATTR_END))
		result = CUDA_ERROR_INVALID_VALUE;
	if (result == CUDA_SUCCESS)
		result = cuda_device(driver, number, &device);
	if (result == CUDA_SUCCESS) {
		sim_read_gpu(driver->client.map.state, device->gpu, &gpu);
		*value = (int)attribute_of(&gpu, device, attribute);
	}
	return cuda_leave(result);
}
