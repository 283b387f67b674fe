/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "sim/nvml/library.h"

/* PCIe, NVLink, and how devices lie to each other. */

/* The driver measures over a window of 20 ms, and the caller waits for it. */
#define PCIE_WINDOW_NS 20000000

API(nvmlDeviceGetPcieThroughput, nvml_device device, uint32_t counter, uint32_t *kbps)
{
	struct timespec left = {.tv_nsec = PCIE_WINDOW_NS};

	ENTER(device, FOR_GPU, kbps && counter <= NVML_PCIE_RX);
	if (!(gpu.features & SIM_HAS_PCIE_COUNTERS))
		return NVML_NOT_SUPPORTED;
	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
	*kbps = counter == NVML_PCIE_TX ? gpu.pcie.tx_kbps : gpu.pcie.rx_kbps;
	return NVML_OK;
}

/* MB/s of a lane by generation, as the interface's documentation counts them: 2500 for 2.5 GT/s and so on. */
static uint32_t lane_speed(uint32_t gen)
{
	static const uint32_t speeds[] = {0, 2500, 5000, 8000, 16000, 32000, 64000};

	return gen < sizeof(speeds) / sizeof(speeds[0]) ? speeds[gen] : 0;
}

API(nvmlDeviceGetPcieSpeed, nvml_device device, uint32_t *speed)
{
	ENTER(device, FOR_GPU, speed);
	*speed = lane_speed(gpu.pcie.gen);
	return *speed ? NVML_OK : NVML_NOT_SUPPORTED;
}

/* nvmlPcieLinkMaxSpeed numbers are the generations: 1 is 2500 MB/s. */
API(nvmlDeviceGetPcieLinkMaxSpeed, nvml_device device, uint32_t *speed)
{
	ENTER(device, FOR_GPU, speed);
	*speed = gpu.pcie.gen_max;
	return *speed ? NVML_OK : NVML_NOT_SUPPORTED;
}

/*
 * The link with that number: INVALID_ARGUMENT beyond those any card has, NOT_SUPPORTED beyond this card's:
 * clients try them all, and nvidia-smi gives up its topology on any other answer.
 */
static nvml_return link_of(nvml_device device, uint32_t number, struct sim_link *link)
{
	ENTER(device, FOR_GPU, true);
	if (number >= SIM_LINK_MAX)
		return NVML_INVALID_ARGUMENT;
	if (!(gpu.features & SIM_HAS_NVLINK))
		return NVML_NOT_SUPPORTED;
	if (number >= gpu.link_count)
		return NVML_NOT_SUPPORTED;
	*link = gpu.link[number];
	return NVML_OK;
}

API(nvmlDeviceGetNvLinkState, nvml_device device, uint32_t number, uint32_t *active)
{
	struct sim_link link;
	nvml_return rc = active ? link_of(device, number, &link) : NVML_INVALID_ARGUMENT;

	if (rc == NVML_OK)
		*active = link.active;
	return rc;
}

API(nvmlDeviceGetNvLinkVersion, nvml_device device, uint32_t number, uint32_t *version)
{
	struct sim_link link;
	nvml_return rc = version ? link_of(device, number, &link) : NVML_INVALID_ARGUMENT;

	if (rc == NVML_OK)
		*version = link.version;
	return rc;
}

API(nvmlDeviceGetNvLinkCapability, nvml_device device, uint32_t number, uint32_t capability, uint32_t *out)
{
	/* peer to peer, system memory, both with atomics; no SLI bridge; valid */
	static const uint32_t capabilities[] = {1, 1, 1, 1, 0, 1};
	struct sim_link link;

	if (!out || capability >= sizeof(capabilities) / sizeof(capabilities[0]))
		return NVML_INVALID_ARGUMENT;
	nvml_return rc = link_of(device, number, &link);
	if (rc == NVML_OK)
		*out = capabilities[capability] && link.active;
	return rc;
}

API(nvmlDeviceGetNvLinkRemotePciInfo_v2, nvml_device device, uint32_t number, nvml_pci_info *pci)
{
	struct sim_link link;
	nvml_return rc = pci ? link_of(device, number, &link) : NVML_INVALID_ARGUMENT;

	if (rc != NVML_OK)
		return rc;
	if (!link.active)
		return NVML_NOT_SUPPORTED;
	memset(pci, 0, sizeof(*pci));
	pci->domain = link.remote.domain;
	pci->bus = link.remote.bus;
	pci->device = link.remote.device;
	pci->device_id = link.remote.device_id;
	snprintf(pci->bus_id_legacy, sizeof(pci->bus_id_legacy), "%04X:%02X:%02X.0", pci->domain & 0xffff,
		pci->bus & 0xff, pci->device & 0xff);
	snprintf(pci->bus_id, sizeof(pci->bus_id), "%08X:%02X:%02X.0", pci->domain, pci->bus, pci->device);
	return NVML_OK;
}

API(nvmlDeviceGetNvLinkRemotePciInfo, nvml_device device, uint32_t number, nvml_pci_info *pci)
{
	return nvmlDeviceGetNvLinkRemotePciInfo_v2(device, number, pci);
}

API(nvmlDeviceGetNvLinkRemoteDeviceType, nvml_device device, uint32_t number, uint32_t *type)
{
	struct sim_link link;
	nvml_return rc = type ? link_of(device, number, &link) : NVML_INVALID_ARGUMENT;

	if (rc == NVML_OK)
		*type = link.remote_type;
	return rc;
}

API(nvmlDeviceGetNvLinkErrorCounter, nvml_device device, uint32_t number, uint32_t counter, uint64_t *count)
{
	struct sim_link link;

	if (!count || counter >= sizeof(link.errors) / sizeof(link.errors[0]))
		return NVML_INVALID_ARGUMENT;
	nvml_return rc = link_of(device, number, &link);
	if (rc == NVML_OK)
		*count = link.errors[counter];
	return rc;
}

/* Two devices at once; both must be whole GPUs. */
static nvml_return enter_two(nvml_device a, nvml_device b, struct sim_gpu gpus[2], struct ref refs[2])
{
	nvml_return rc = enter(a, FOR_GPU, &gpus[0], &refs[0]);

	return rc == NVML_OK ? enter(b, FOR_GPU, &gpus[1], &refs[1]) : rc;
}

/* Links of a card that are up and end at a switch, or at the other card. */
static uint32_t links_towards(const struct sim_gpu *gpu, const struct sim_gpu *other)
{
	enum { TO_GPU = 0, TO_SWITCH = 2 };
	uint32_t count = 0;

	for (uint32_t i = 0; i < gpu->link_count && i < SIM_LINK_MAX; i++) {
		const struct sim_link *link = &gpu->link[i];
		bool there = link->remote.domain == other->pci.domain && link->remote.bus == other->pci.bus &&
			     link->remote.device == other->pci.device;
		count += link->active &&
			 (link->remote_type == TO_SWITCH || (link->remote_type == TO_GPU && there));
	}
	return count;
}

nvml_return nvlinks_between(nvml_device a, nvml_device b, uint32_t *count)
{
	struct sim_gpu gpus[2];
	struct ref refs[2];
	nvml_return rc = enter_two(a, b, gpus, refs);

	if (rc != NVML_OK)
		return rc;
	*count = 0;
	if (gpus[0].features & gpus[1].features & SIM_HAS_NVLINK) {
		uint32_t there = links_towards(&gpus[0], &gpus[1]), back = links_towards(&gpus[1], &gpus[0]);
		*count = there < back ? there : back;
	}
	return NVML_OK;
}

static uint32_t distance(const struct sim_gpu gpus[2], const struct ref refs[2])
{
	if (refs[0].gpu == refs[1].gpu)
		return NVML_TOPOLOGY_INTERNAL;
	return gpus[0].numa_node == gpus[1].numa_node ? NVML_TOPOLOGY_NODE : NVML_TOPOLOGY_SYSTEM;
}

API(nvmlDeviceGetTopologyCommonAncestor, nvml_device a, nvml_device b, uint32_t *level)
{
	struct sim_gpu gpus[2];
	struct ref refs[2];
	nvml_return rc = level ? enter_two(a, b, gpus, refs) : NVML_INVALID_ARGUMENT;

	if (rc == NVML_OK)
		*level = distance(gpus, refs);
	return rc;
}

API(nvmlDeviceGetTopologyNearestGpus, nvml_device device, uint32_t level, uint32_t *count,
	nvml_device *devices)
{
	struct sim_gpu gpus[2];
	struct ref refs[2];
	nvml_device found[SIM_GPU_MAX];
	uint32_t have = 0;

	if (!count)
		return NVML_INVALID_ARGUMENT;
	for (uint32_t i = 0; i < visible_count(); i++) {
		nvml_device other = device_of_gpu(visible_gpu(i));
		nvml_return rc = enter_two(device, other, gpus, refs);
		if (rc != NVML_OK)
			return rc;
		if (other != device && distance(gpus, refs) == level)
			found[have++] = other;
	}
	if (devices)
		memcpy(devices, found, (have < *count ? have : *count) * sizeof(*devices));
	*count = have;
	return NVML_OK;
}

API(nvmlDeviceOnSameBoard, nvml_device a, nvml_device b, int *same)
{
	struct sim_gpu gpus[2];
	struct ref refs[2];
	nvml_return rc = same ? enter_two(a, b, gpus, refs) : NVML_INVALID_ARGUMENT;

	if (rc == NVML_OK)
		*same = refs[0].gpu == refs[1].gpu;
	return rc;
}

enum { P2P_READ, P2P_WRITE, P2P_NVLINK, P2P_ATOMICS, P2P_PCI, P2P_COUNT };
enum { P2P_OK = 0, P2P_GPU_NOT_SUPPORTED = 2, P2P_NOT_SUPPORTED = 5 };

API(nvmlDeviceGetP2PStatus, nvml_device a, nvml_device b, uint32_t index, uint32_t *status)
{
	struct sim_gpu gpus[2];
	struct ref refs[2];

	if (!status || index >= P2P_COUNT || a == b)
		return NVML_INVALID_ARGUMENT;
	nvml_return rc = enter_two(a, b, gpus, refs);
	if (rc != NVML_OK)
		return rc;
	bool linked = gpus[0].features & gpus[1].features & SIM_HAS_NVLINK;
	bool consumer = gpus[0].brand == NVML_BRAND_GEFORCE || gpus[0].brand == NVML_BRAND_GEFORCE_RTX;
	if (index == P2P_NVLINK || index == P2P_ATOMICS)
		*status = linked ? P2P_OK : P2P_NOT_SUPPORTED;
	else
		*status = consumer && !linked ? P2P_GPU_NOT_SUPPORTED : P2P_OK;
	return NVML_OK;
}

static nvml_return give_set(const uint64_t *bits, uint32_t words, uint32_t size, unsigned long *set)
{
	uint64_t any = 0;

	for (uint32_t i = 0; i < words; i++)
		any |= bits[i];
	if (!any)
		return NVML_NOT_SUPPORTED;
	for (uint32_t i = 0; i < size; i++)
		set[i] = i < words ? (unsigned long)bits[i] : 0;
	return NVML_OK;
}

API(nvmlDeviceGetCpuAffinity, nvml_device device, uint32_t size, unsigned long *set)
{
	ENTER(device, FOR_GPU, set && size);
	return give_set(gpu.cpu_set, sizeof(gpu.cpu_set) / sizeof(gpu.cpu_set[0]), size, set);
}

API(nvmlDeviceGetCpuAffinityWithinScope, nvml_device device, uint32_t size, unsigned long *set,
	uint32_t scope)
{
	return scope <= 1 ? nvmlDeviceGetCpuAffinity(device, size, set) : NVML_INVALID_ARGUMENT;
}

API(nvmlDeviceGetMemoryAffinity, nvml_device device, uint32_t size, unsigned long *set, uint32_t scope)
{
	ENTER(device, FOR_GPU, set && size && scope <= 1);
	if (gpu.numa_node < 0 || gpu.numa_node > 63)
		return NVML_NOT_SUPPORTED;
	uint64_t bits = UINT64_C(1) << gpu.numa_node;
	return give_set(&bits, 1, size, set);
}

/* The GPU's own memory is a NUMA node only on coherent systems (Grace), which present none here. */
API(nvmlDeviceGetNumaNodeId, nvml_device device, uint32_t *node)
{
	ENTER(device, FOR_GPU, node);
	return NVML_NOT_SUPPORTED;
}

static nvml_return fabric_of(nvml_device device, nvml_fabric_info *info)
{
	struct sim_machine machine;

	ENTER(device, FOR_GPU, info);
	nvml_return rc = enter_machine(&machine);
	if (rc != NVML_OK)
		return rc;
	memset(info, 0, sizeof(*info));
	if (!(gpu.features & SIM_HAS_FABRIC))
		return NVML_OK; /* state 0: not supported */
	bool down = machine.flags & SIM_MACHINE_FABRIC_DOWN;
	memcpy(info->cluster, gpu.cluster_uuid, sizeof(info->cluster));
	info->clique = gpu.clique_id;
	info->state = down ? 2 : (uint8_t)gpu.fabric_state;
	info->status = down ? NVML_NOT_READY : NVML_OK;
	return NVML_OK;
}

API(nvmlDeviceGetGpuFabricInfo, nvml_device device, nvml_fabric_info *info)
{
	return fabric_of(device, info);
}

API(nvmlDeviceGetGpuFabricInfoV, nvml_device device, nvml_fabric_info_v2 *info)
{
	nvml_fabric_info first;

	if (!info)
		return NVML_INVALID_ARGUMENT;
	if (info->version != nvml_version(nvml_fabric_info_v2, 2))
		return NVML_ARGUMENT_VERSION_MISMATCH;
	nvml_return rc = fabric_of(device, &first);
	if (rc != NVML_OK)
		return rc;
	memcpy(info->cluster, first.cluster, sizeof(info->cluster));
	info->status = first.status;
	info->clique = first.clique;
	info->state = first.state;
	info->health = 0;
	return NVML_OK;
}
