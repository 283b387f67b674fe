/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FIXTURE_H
#define TESTS_FIXTURE_H

#include "inventory/inventory.h"

/*
 * A hand-made inventory for tests of what comes after it: four GPUs whose minors are not their indices, the
 * second divided into two MIG devices, and one file of every kind. Static; nothing to free.
 */
static inline struct nvb_node fixture_node(const char *path, const char *role, uint32_t major, uint32_t minor)
{
	return (struct nvb_node){.path = path, .role = role, .major = major, .minor = minor, .present = true};
}

static inline void fixture_inventory(struct nvb_inventory *inventory)
{
	static struct nvb_mig_device migs[2];
	static struct nvb_gpu gpus[4];
	static struct nvb_node control[4], special[6];
	static const struct nvb_link cuda_links[] = {
		{"/usr/lib/x86_64-linux-gnu/libcuda.so.1", "libcuda.so.550.54.15"},
		{"/usr/lib/x86_64-linux-gnu/libcuda.so", "libcuda.so.1"},
	};
	static const struct nvb_link gbm_links[] = {
		{"/usr/lib/x86_64-linux-gnu/gbm/nvidia-drm_gbm.so", "../libnvidia-allocator.so.1"},
		{"/usr/lib/x86_64-linux-gnu/libnvidia-allocator.so.1", "libnvidia-allocator.so.550.54.15"},
	};
	static struct nvb_file files[] = {
		{NVB_FILE_SOCKET, NVB_CAP_UTILITY, "socket.persistenced", "persistence daemon",
			"/run/nvidia-persistenced/socket", NULL, 0, NULL, 0},
		{NVB_FILE_BINARY, NVB_CAP_UTILITY, "bin.nvidia-smi", "nvidia-smi", "/usr/bin/nvidia-smi",
			NULL, 64, NULL, 0},
		{NVB_FILE_LIBRARY, NVB_CAP_COMPUTE, "lib.cuda", "CUDA driver API",
			"/usr/lib/i386-linux-gnu/libcuda.so.550.54.15", "libcuda.so.1", 32, NULL, 0},
		{NVB_FILE_LIBRARY, NVB_CAP_COMPUTE, "lib.cuda", "CUDA driver API",
			"/usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15", "libcuda.so.1", 64, cuda_links, 2},
		{NVB_FILE_LIBRARY, NVB_CAP_GRAPHICS, "lib.allocator", "buffer allocation",
			"/usr/lib/x86_64-linux-gnu/libnvidia-allocator.so.550.54.15",
			"libnvidia-allocator.so.1", 64, gbm_links, 2},
		{NVB_FILE_DATA, NVB_CAP_GRAPHICS, "data.vulkan-icd", "Vulkan driver manifest",
			"/usr/share/vulkan/icd.d/nvidia_icd.json", NULL, 0, NULL, 0},
		{NVB_FILE_DATA, 0, "gds.cufile", "settings of GPUDirect Storage",
			"/usr/local/cuda/gds/cufile.json", NULL, 0, NULL, 0, NVB_FEATURE_GDS,
			"/etc/cufile.json"},
		{NVB_FILE_SOCKET, NVB_CAP_VIDEO, "sock.fabricmanager", "fabric manager",
			"/run/nvidia-fabricmanager/socket", NULL, 0, NULL, 0, NVB_FEATURE_NVSWITCH, NULL},
	};
	static const char *const names[] = {"0000:17:00.0", "0000:3b:00.0", "0000:86:00.0", "0001:3b:00.0"};
	static const char *const uuids[] = {"GPU-11111111-0000-0000-0000-000000000000",
		"GPU-22222222-0000-0000-0000-000000000000", "GPU-33333333-0000-0000-0000-000000000000", NULL};
	static const uint32_t minors[] = {3, 1, 0, 2};
	static const char *const nodes[] = {"/dev/nvidia3", "/dev/nvidia1", "/dev/nvidia0", "/dev/nvidia2"};

	for (uint32_t i = 0; i < 4; i++)
		gpus[i] = (struct nvb_gpu){
			.index = i,
			.minor = minors[i],
			.uuid = uuids[i],
			.name = "NVIDIA Test",
			.pci = names[i],
			.numa_node = -1,
			.compute_major = -1,
			.compute_minor = -1,
			.node = fixture_node(nodes[i], "GPU", 195, minors[i]),
		};
	gpus[0].card = fixture_node("/dev/dri/card1", "DRI", 226, 1);
	gpus[0].card_by_path = "/dev/dri/by-path/pci-0000:17:00.0-card";
	gpus[0].render = fixture_node("/dev/dri/renderD128", "DRI", 226, 128);
	migs[0] = (struct nvb_mig_device){.index = 0,
		.gi = 1,
		.ci = 0,
		.uuid = "MIG-aaaaaaaa-0000-0000-0000-000000000000",
		.gi_access = fixture_node("/dev/nvidia-caps/nvidia-cap12", "MIG", 236, 12),
		.ci_access = fixture_node("/dev/nvidia-caps/nvidia-cap13", "MIG", 236, 13)};
	migs[1] = (struct nvb_mig_device){.index = 1,
		.gi = 2,
		.ci = 0,
		.gi_access = fixture_node("/dev/nvidia-caps/nvidia-cap21", "MIG", 236, 21),
		.ci_access = fixture_node("/dev/nvidia-caps/nvidia-cap22", "MIG", 236, 22)};
	gpus[1].migs = migs;
	gpus[1].mig_count = 2;
	gpus[1].mig_enabled = true;
	control[0] = fixture_node("/dev/nvidia-modeset", "modeset", 195, 254);
	control[1] = fixture_node("/dev/nvidia-uvm", "unified memory", 510, 0);
	control[2] = fixture_node("/dev/nvidia-uvm-tools", "unified memory", 510, 1);
	control[3] = fixture_node("/dev/nvidiactl", "control", 195, 255);
	special[0] = fixture_node("/dev/nvidia-fs0", "GPUDirect Storage", 506, 0);
	special[0].features = NVB_FEATURE_GDS;
	special[1] = fixture_node("/dev/nvidia-nvswitchctl", "NVSwitch control", 509, 255);
	special[1].features = NVB_FEATURE_NVSWITCH;
	special[2] = fixture_node(NVB_IMEX_CHANNEL_PREFIX "0", "IMEX channel", 508, 0);
	special[3] = fixture_node(NVB_IMEX_CHANNEL_PREFIX "5", "IMEX channel", 508, 5);
	special[2].features = special[3].features = NVB_FEATURE_MANAGEMENT;
	special[4] = fixture_node("/dev/nvidia-caps/nvidia-cap1", "MIG configuration", 236, 1);
	special[4].features = NVB_FEATURE_MIG_CONFIG | NVB_FEATURE_MANAGEMENT;
	special[5] = fixture_node("/dev/nvidia-caps/nvidia-cap2", "MIG monitoring", 236, 2);
	special[5].features = NVB_FEATURE_MIG_MONITOR | NVB_FEATURE_MANAGEMENT;
	*inventory = (struct nvb_inventory){
		.roots = {{-1, (char *)"/", NULL}, {-1, (char *)"/", NULL}, {-1, (char *)"/", NULL},
			{-1, (char *)"/", NULL}, NULL},
		.driver = {.kind = NVB_DRIVER_OPEN, .version = "550.54.15", .module_version = "550.54.15"},
		.gpus = gpus,
		.gpu_count = 4,
		.control = control,
		.control_count = 4,
		.special = special,
		.special_count = NVB_ELEMENTS(special),
		.files = files,
		.file_count = NVB_ELEMENTS(files),
		.library_directories = {"/usr/lib/x86_64-linux-gnu", "/usr/lib/i386-linux-gnu"},
	};
}

#endif
