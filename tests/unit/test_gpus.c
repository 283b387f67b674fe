/* SPDX-License-Identifier: Apache-2.0 */
#include "host.h"
#include "inventory/procfs.h"

/* GPUs, MIG devices and nodes, and the texts of /proc they are read from. */

static void driver_versions(void **state)
{
	static const char *const good[] = {"550.54.15", "535.216", "96.43.23", "575.64.03", NULL};
	static const char *const bad[] = {"", "1.1", "72.", ".550", "550", "550..1", "550.54.15-1", "0x5.1",
		"550.54.15.1.2", "99999999999999999999.1", "1234567.1", NULL};
	struct nvb_proc_version version;

	(void)state;
	for (size_t i = 0; good[i]; i++)
		assert_true(nvb_is_driver_version(good[i]));
	for (size_t i = 0; bad[i]; i++)
		assert_false(nvb_is_driver_version(bad[i]));
	assert_true(nvb_procfs_parse_version("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  "
					     "570.133.20  Release Build  (x@y)\nGCC: gcc 12.2.0\n",
		&version));
	assert_string_equal(version.version, "570.133.20");
	assert_true(version.open);
	assert_true(nvb_procfs_parse_version(
		"NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue", &version));
	assert_string_equal(version.version, "550.54.15");
	assert_false(version.open);
	assert_false(nvb_procfs_parse_version("GCC version: 550.54.15\n", &version));
	assert_false(nvb_procfs_parse_version("", &version));
}

static void information(void **state)
{
	struct nvb_proc_gpu gpu;

	(void)state;
	nvb_procfs_parse_information(
		"Model: \t\t NVIDIA H200\nGPU UUID: \t GPU-c3966f8d-0601-d139-ae11-f79758e6ed60\n"
		"Device Minor: \t 7\nGPU Firmware: \t 570.133.20\nGPU Excluded:\t Yes\n",
		&gpu);
	assert_string_equal(gpu.model, "NVIDIA H200");
	assert_string_equal(gpu.uuid, "GPU-c3966f8d-0601-d139-ae11-f79758e6ed60");
	assert_int_equal(gpu.minor, 7);
	assert_true(gpu.has_minor && gpu.excluded);
	/* Not initialised yet, no firmware, nonsense. */
	nvb_procfs_parse_information("GPU UUID: \t GPU-"
				     "????"
				     "???\?-0000-0000-0000-000000000000\nGPU Firmware: \t N/A\n"
				     "Device Minor: -1\nModel: a\x1b[31mred\n:::\nModel\n",
		&gpu);
	assert_string_equal(gpu.uuid, "");
	assert_string_equal(gpu.firmware, "");
	assert_string_equal(gpu.model, "");
	assert_false(gpu.has_minor);
}

static void majors_and_capabilities(void **state)
{
	static const char devices[] = "Character devices:\n  1 mem\n195 nvidia\n510 nvidia-uvm\n\nBlock "
				      "devices:\n237 nvidia-caps\n";
	static const char minors[] =
		"config 1\nmonitor 2\ngpu0/gi0/access 3\ngpu0/gi1/access 12\ngpu0/gi1/ci0/access "
		"13\ngpu0/gi1/ci9 7\ngpu0/gi4294967295/access 1\n";
	struct nvb_mig_minors table = {0};
	uint32_t number = 77;

	(void)state;
	assert_true(nvb_procfs_find_major(devices, "nvidia-uvm", &number));
	assert_int_equal(number, 510);
	assert_false(nvb_procfs_find_major(devices, "nvidia-caps", &number));
	assert_int_equal(number, 510);
	assert_true(nvb_procfs_parse_mig_minors(minors, &table));
	assert_int_equal(table.count, 3);
	assert_true(nvb_mig_minor_find(&table, 0, 1, NVB_NO_CI, &number));
	assert_int_equal(number, 12);
	assert_true(nvb_mig_minor_find(&table, 0, 1, 0, &number));
	assert_int_equal(number, 13);
	assert_false(nvb_mig_minor_find(&table, 0, 2, 0, &number));
	free(table.list);
	assert_true(nvb_procfs_parse_capability("DeviceFileMinor: 31\nDeviceFileMode: 292\n", &number));
	assert_int_equal(number, 31);
	assert_false(nvb_procfs_parse_capability("DeviceFileMinor:\n31\n", &number));
}

static void pci_addresses(void **state)
{
	char out[NVB_PCI_ADDRESS];

	(void)state;
	assert_true(nvb_pci_normalise("0000:3B:00.0", out));
	assert_string_equal(out, "0000:3b:00.0");
	assert_true(nvb_pci_normalise("00000000:3B:00.0", out));
	assert_string_equal(out, "0000:3b:00.0");
	assert_true(nvb_pci_normalise("00010002:3B:1f.7", out));
	assert_string_equal(out, "10002:3b:1f.7");
	assert_false(nvb_pci_normalise("0000:3b:20.0", out));
	assert_false(nvb_pci_normalise("0000:3b:00.0 ", out));
	assert_false(nvb_pci_normalise("..", out));
	assert_false(nvb_pci_normalise("", out));
}

static void numbered_in_pci_order_without_excluded_ones(void **state)
{
	struct nvb_inventory *inventory;

	(void)state;
	host_module("550.163.01");
	host_gpu("0001:01:00.0", 0, HOST_UUID(3));
	host_gpu("0000:C1:00.0", 1, HOST_UUID(2));
	host_gpu("0000:3b:00.0", 2, HOST_UUID(1));
	host_text("/proc/driver/nvidia/gpus/0000:41:00.0/information",
		"Model: \t NVIDIA Test\nDevice Minor: \t 3\nGPU Excluded:\t Yes\n");
	host_text("/proc/driver/nvidia/gpus/nonsense/information", "Device Minor: \t 9\n");
	inventory = host_load(NULL);
	assert_int_equal(inventory->gpu_count, 3);
	assert_int_equal(inventory->excluded_count, 1);
	assert_string_equal(inventory->gpus[0].pci, "0000:3b:00.0");
	assert_string_equal(inventory->gpus[1].pci, "0000:c1:00.0");
	assert_string_equal(inventory->gpus[2].pci, "0001:01:00.0");
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(inventory->gpus[i].index, i);
		assert_int_equal(inventory->gpus[i].minor, 2 - i);
		assert_int_equal(inventory->gpus[i].memory, 0);
		assert_int_equal(inventory->gpus[i].compute_major, -1);
		assert_int_equal(inventory->gpus[i].numa_node, -1);
	}
	assert_string_equal(inventory->gpus[0].node.path, "/dev/nvidia2");
	assert_false(inventory->gpus[0].node.present);
	assert_ptr_equal(nvb_inventory_gpu_by_uuid(inventory, "gpu-00000002-1111-2222-3333-444444444444"),
		&inventory->gpus[1]);
	assert_ptr_equal(nvb_inventory_gpu_by_uuid(inventory, "GPU-00000003"), &inventory->gpus[2]);
	assert_null(nvb_inventory_gpu_by_uuid(inventory, "GPU-0000000"));
	assert_null(nvb_inventory_gpu_by_uuid(inventory, "GPU-00000009"));
	assert_null(nvb_inventory_gpu_by_index(inventory, 3));
	nvb_inventory_free(inventory);
}

static void from_sysfs(void **state)
{
#define PCI "/sys/bus/pci/devices/0000:3b:00.0"
	struct nvb_inventory *inventory;
	const struct nvb_gpu *gpu;

	(void)state;
	host_module("550.163.01");
	host_gpu("0000:3b:00.0", 0, HOST_UUID(1));
	host_text(PCI "/vendor", "0x10de\n");
	host_text(PCI "/device", "0x2335\n");
	host_text(PCI "/subsystem_vendor", "0x10de\n");
	host_text(PCI "/subsystem_device", "0x18be\n");
	host_text(PCI "/numa_node", "1\n");
	host_text(PCI "/local_cpulist", "32-63\n");
	host_link(PCI "/driver", "../../../bus/pci/drivers/nvidia");
	host_text(PCI "/drm/card1/dev", "226:1\n");
	host_text(PCI "/drm/renderD129/dev", "226:129\n");
	host_text(PCI "/drm/card1-DP-1/status", "connected\n");
	host_link("/dev/dri/by-path/pci-0000:3b:00.0-card", "../card1");
	inventory = host_load(NULL);
	gpu = &inventory->gpus[0];
	assert_int_equal(gpu->vendor_id, 0x10de);
	assert_int_equal(gpu->device_id, 0x2335);
	assert_int_equal(gpu->subsystem_id, 0x18be10de);
	assert_int_equal(gpu->numa_node, 1);
	assert_string_equal(gpu->cpus, "32-63");
	assert_string_equal(gpu->card.path, "/dev/dri/card1");
	assert_string_equal(gpu->render.path, "/dev/dri/renderD129");
	assert_string_equal(gpu->card_by_path, "/dev/dri/by-path/pci-0000:3b:00.0-card");
	assert_null(gpu->render_by_path);
	nvb_inventory_free(inventory);
}

static void nouveau(void **state)
{
	struct nvb_inventory *inventory;

	(void)state;
	host_text("/sys/bus/pci/devices/0000:00:02.0/vendor", "0x8086\n");
	host_text("/sys/bus/pci/devices/0000:00:02.0/class", "0x030000\n");
	host_text("/sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n");
	host_text("/sys/bus/pci/devices/0000:01:00.0/class", "0x030000\n");
	host_link("/sys/bus/pci/devices/0000:01:00.0/driver", "../../../bus/pci/drivers/nouveau");
	host_text("/sys/bus/pci/devices/0000:01:00.1/vendor", "0x10de\n");
	host_text("/sys/bus/pci/devices/0000:01:00.1/class", "0x040300\n");
	inventory = host_load(NULL);
	assert_int_equal(inventory->driver.kind, NVB_DRIVER_NOUVEAU);
	assert_int_equal(inventory->gpu_count, 1);
	assert_string_equal(inventory->gpus[0].kernel_driver, "nouveau");
	assert_int_equal(inventory->gpus[0].minor, UINT32_MAX);
	assert_null(inventory->gpus[0].node.path);
	nvb_inventory_free(inventory);
}

static void mig_devices(void **state)
{
#define CAP "/proc/driver/nvidia/capabilities/gpu4/mig"
	struct nvb_inventory *inventory;
	const struct nvb_gpu *gpu;

	(void)state;
	host_module("550.163.01");
	host_gpu("0000:3b:00.0", 4, HOST_UUID(1));
	host_text("/proc/driver/nvidia-caps/mig-minors", "gpu4/gi1/access 12\ngpu4/gi1/ci0/access 13\n");
	host_text(CAP "/gi11/access", "DeviceFileMinor: 101\nDeviceFileMode: 292\n");
	host_text(CAP "/gi11/ci0/access", "DeviceFileMinor: 102\n");
	host_text(CAP "/gi1/access", "DeviceFileMinor: 999\n");
	host_text(CAP "/gi1/ci0/access", "DeviceFileMinor: 999\n");
	host_text(CAP "/gi2/access", "no number\n");
	host_text(CAP "/gi2/ci0/access", "no number\n");
	host_text("/proc/driver/nvidia/capabilities/mig/config", "DeviceFileMinor: 1\n");
	inventory = host_load(NULL);
	gpu = &inventory->gpus[0];
	assert_true(gpu->mig_enabled);
	assert_int_equal(gpu->mig_count, 2);
	assert_int_equal(gpu->migs[0].gi, 1);
	assert_int_equal(gpu->migs[0].index, 0);
	/* The table of all minors comes first, one read for all of them. */
	assert_string_equal(gpu->migs[0].gi_access.path, "/dev/nvidia-caps/nvidia-cap12");
	assert_string_equal(gpu->migs[0].ci_access.path, "/dev/nvidia-caps/nvidia-cap13");
	assert_int_equal(gpu->migs[1].gi, 11);
	assert_string_equal(gpu->migs[1].gi_access.path, "/dev/nvidia-caps/nvidia-cap101");
	assert_int_equal(gpu->migs[1].gi_access.major, 237);
	assert_null(gpu->migs[0].uuid);
	assert_int_equal(inventory->special_count, 1);
	assert_string_equal(inventory->special[0].path, "/dev/nvidia-caps/nvidia-cap1");
	nvb_inventory_free(inventory);
}

static void make_node(const char *path, unsigned major, unsigned minor)
{
	host_parents(path);
	assert_int_equal(mknodat(scratch.fd, path + 1, S_IFCHR | 0666, makedev(major, minor)), 0);
}

static void nodes(void **state)
{
	static const char *const special[] = {"/dev/gdrdrv", "/dev/infiniband/rdma_cm",
		"/dev/infiniband/uverbs2", "/dev/infiniband/uverbs10",
		"/dev/nvidia-caps-imex-channels/channel0", "/dev/nvidia-fs0", "/dev/nvidia-nvswitch0",
		"/dev/nvidia-nvswitchctl"};
	struct nvb_inventory *inventory;

	(void)state;
	if (mknodat(scratch.fd, "try", S_IFCHR | 0600, makedev(195, 0)) < 0)
		skip();
	host_module("550.163.01");
	host_gpu("0000:3b:00.0", 5, HOST_UUID(1));
	make_node("/dev/nvidia5", 195, 5);
	make_node("/dev/nvidiactl", 195, 255);
	/* A dynamic major beyond 8 bits. */
	make_node("/dev/nvidia-uvm", 510, 0);
	host_text("/dev/nvidia-modeset", "a file is no node");
	for (size_t i = 0; i < NVB_ELEMENTS(special); i++)
		make_node(special[i], 240, (unsigned)i);
	host_text("/dev/nvidia-fsx", "");
	inventory = host_load(NULL);
	assert_true(inventory->gpus[0].node.present);
	assert_int_equal(inventory->gpus[0].node.minor, 5);
	assert_int_equal(inventory->control_count, 4);
	for (size_t i = 0; i < inventory->control_count; i++) {
		const struct nvb_node *node = &inventory->control[i];

		if (nvb_streq(node->path, "/dev/nvidia-uvm"))
			assert_true(node->present && node->major == 510);
		if (nvb_streq(node->path, "/dev/nvidia-uvm-tools"))
			assert_true(!node->present && node->major == 510 && node->minor == 1);
		if (nvb_streq(node->path, "/dev/nvidia-modeset"))
			assert_false(node->present);
	}
	assert_int_equal(inventory->special_count, NVB_ELEMENTS(special));
	for (size_t i = 0; i < NVB_ELEMENTS(special); i++)
		assert_string_equal(inventory->special[i].path, special[i]);
	nvb_inventory_free(inventory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(driver_versions),
		cmocka_unit_test(information),
		cmocka_unit_test(majors_and_capabilities),
		cmocka_unit_test(pci_addresses),
		scratch_test(numbered_in_pci_order_without_excluded_ones),
		scratch_test(from_sysfs),
		scratch_test(nouveau),
		scratch_test(mig_devices),
		scratch_test(nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
