/* SPDX-License-Identifier: Apache-2.0 */
#include "sim_machine.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "inventory/nvml_abi.h"

static void fill_common(struct sim_gpu *gpu, uint32_t index)
{
	snprintf(gpu->uuid, sizeof(gpu->uuid), "GPU-%08x-1111-2222-3333-444444444444", 0xabc0 + index);
	snprintf(gpu->vbios, sizeof(gpu->vbios), "96.00.74.00.%02x", index);
	gpu->pci = (struct sim_pci){.bus = 0x17 + index * 0x10};
	gpu->numa_node = index / 2 ? 1 : 0;
	gpu->cpu_set[0] = 0xff;
	gpu->persistence = 1;
	gpu->copy_engines = gpu->encoders = gpu->decoders = 2;
	gpu->features = SIM_HAS_POWER_LIMIT | SIM_HAS_ENERGY | SIM_HAS_LOCKED_CLOCKS | SIM_HAS_INSTANT_POWER |
			SIM_HAS_PCIE_COUNTERS;
	gpu->memory.bar1_total = UINT64_C(128) << 30;
	gpu->power = (struct sim_power){.draw = 71000,
		.limit = 700000,
		.limit_default = 700000,
		.limit_min = 200000,
		.limit_max = 700000,
		.energy_at = sim_now()};
	gpu->clocks = (struct sim_clocks){.now = {345, 345, 2619, 765},
		.max = {1980, 1980, 2619, 1545},
		.application = {1980, 1980, 2619, 0},
		.application_default = {1980, 1980, 2619, 0}};
	gpu->thermal = (struct sim_thermal){.gpu = 31, .shutdown = 92, .slowdown = 89, .gpu_max = 87};
	gpu->pcie = (struct sim_pcie){.gen = 5,
		.gen_max = 5,
		.gen_max_device = 5,
		.width = 16,
		.width_max = 16,
		.tx_kbps = 500,
		.rx_kbps = 700};
}

static void fill_h100(struct sim_gpu *gpu, uint32_t index)
{
	fill_common(gpu, index);
	strcpy(gpu->name, "NVIDIA H100 80GB HBM3");
	snprintf(gpu->serial, sizeof(gpu->serial), "16500230000%02u", index);
	strcpy(gpu->gsp_version, TEST_DRIVER);
	gpu->pci.device_id = 0x233010de;
	gpu->minor = index;
	gpu->brand = NVML_BRAND_NVIDIA;
	gpu->architecture = NVML_ARCH_HOPPER;
	gpu->cc_major = 9;
	gpu->sm_count = 132;
	gpu->core_count = 132 * 128;
	gpu->features |= SIM_HAS_ECC | SIM_HAS_MIG | SIM_HAS_NVLINK | SIM_HAS_MEM_TEMP | SIM_HAS_ROW_REMAP |
			 SIM_HAS_CONF_COMPUTE;
	gpu->ecc.mode = gpu->ecc.pending = 1;
	gpu->thermal.memory = 38;
	gpu->memory.total = UINT64_C(81559) << 20;
	gpu->memory.reserved = UINT64_C(551) << 20;
	gpu->memory.bus_width = 5120;
	gpu->mig.family = SIM_MIG_H100_80;
	gpu->link_count = SIM_LINK_MAX;
	for (int i = 0; i < SIM_LINK_MAX; i++)
		gpu->link[i] =
			(struct sim_link){.active = 1, .version = 4, .remote_type = 2, .speed_mbps = 26562};
}

static void fill_4090(struct sim_gpu *gpu, uint32_t index)
{
	fill_common(gpu, index);
	strcpy(gpu->name, "NVIDIA GeForce RTX 4090");
	gpu->pci.device_id = 0x268410de;
	gpu->minor = 5;
	gpu->brand = NVML_BRAND_GEFORCE_RTX;
	gpu->architecture = NVML_ARCH_ADA;
	gpu->cc_major = 8;
	gpu->cc_minor = 9;
	gpu->sm_count = 128;
	gpu->core_count = 16384;
	gpu->features |= SIM_HAS_FAN | SIM_HAS_DISPLAY;
	gpu->display_active = gpu->display_connected = 1;
	gpu->thermal.fan_count = 2;
	gpu->thermal.fan[0] = gpu->thermal.fan[1] = 34;
	gpu->memory.total = UINT64_C(24564) << 20;
	gpu->memory.reserved = UINT64_C(346) << 20;
	gpu->memory.used = UINT64_C(1) << 30;
	gpu->memory.bus_width = 384;
	gpu->utilisation.gpu = 40;
}

static bool fill(struct sim_map *map)
{
	if (sim_lock(map) < 0)
		return false;
	struct sim_machine *machine = sim_draft_machine(map);
	strcpy(machine->driver_version, TEST_DRIVER);
	strcpy(machine->module_version, TEST_DRIVER);
	machine->cuda_version = 12040;
	machine->gpu_count = 3;
	sim_publish_machine(map);
	for (uint32_t i = 0; i < 3; i++) {
		(i < 2 ? fill_h100 : fill_4090)(sim_draft_gpu(map, i), i);
		sim_publish_gpu(map, i);
	}
	sim_unlock(map);
	return true;
}

static bool make_state(struct sim_machine_dir *machine, const char *directory)
{
	char path[300], elf[SIM_STATE_OFFSET] = {0};

	snprintf(path, sizeof(path), "%s/" SIM_STATE_FILENAME TEST_DRIVER, directory);
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	return fd >= 0 && sim_state_format(fd, elf, sizeof(elf)) == 0 &&
	       sim_state_map(fd, true, &machine->map) == 0 && fill(&machine->map);
}

bool sim_machine_make(struct sim_machine_dir *machine, const char *library)
{
	char directory[128];
	char *data = NULL;
	size_t size;

	*machine = (struct sim_machine_dir){.root = "/tmp/simmachine.XXXXXX", .map = SIM_MAP_INIT};
	if (!mkdtemp(machine->root))
		return false;
	/* mkdtemp gives 0700; containers' users look in as well. */
	snprintf(directory, sizeof(directory), "%s/usr/lib/x86_64-linux-gnu", machine->root);
	snprintf(machine->library, sizeof(machine->library), "%s/libnvidia-ml.so." TEST_DRIVER, directory);
	if (nvb_file_mkdirs(AT_FDCWD, directory, 0755, NULL) < 0 ||
		nvb_file_read(AT_FDCWD, library, 8 << 20, &data, &size, NULL) < 0)
		return false;
	int rc = nvb_file_write(AT_FDCWD, machine->library, data, size, 0755, NULL);
	free(data);
	return rc == 0 && make_state(machine, directory) && sim_machine_node(machine, "nvidiactl", true) &&
	       sim_machine_node(machine, "nvidia0", true) && sim_machine_node(machine, "nvidia1", true) &&
	       sim_machine_node(machine, "nvidia5", true);
}

void sim_machine_remove(struct sim_machine_dir *machine)
{
	sim_state_unmap(&machine->map);
	nvb_file_remove_tree(AT_FDCWD, machine->root, NULL);
}

bool sim_machine_node(const struct sim_machine_dir *machine, const char *node, bool there)
{
	char path[160], directory[160];

	snprintf(path, sizeof(path), "%s/dev/%s", machine->root, node);
	if (!there)
		return unlink(path) == 0;
	strcpy(directory, path);
	*strrchr(directory, '/') = '\0';
	return nvb_file_mkdirs(AT_FDCWD, directory, 0755, NULL) == 0 &&
	       nvb_file_write(AT_FDCWD, path, "", 0, 0666, NULL) == 0;
}

bool sim_machine_mig_nodes(
	const struct sim_machine_dir *machine, uint32_t minor, uint32_t gi, uint32_t ci, bool there)
{
	char gi_node[64], ci_node[64];

	snprintf(gi_node, sizeof(gi_node), "nvidia-caps/nvidia-cap%u", sim_cap_gi(minor, gi));
	snprintf(ci_node, sizeof(ci_node), "nvidia-caps/nvidia-cap%u", sim_cap_ci(minor, gi, ci));
	return sim_machine_node(machine, gi_node, there) && sim_machine_node(machine, ci_node, there);
}
