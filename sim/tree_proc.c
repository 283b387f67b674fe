/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/str.h"
#include "sim/mig_files.h"
#include "sim/tree.h"

/* /proc as the driver and the kernel show it. Formats: kernel-open/nvidia/nv-procfs.c of NVIDIA's
 * open-gpu-kernel-modules, nv-caps.c for capabilities, and files of machines with these drivers. */

static int put_information(struct sim_tree *tree, const struct sim_gpu *gpu, nvb_error **err)
{
	char path[128], address[32];
	int rc;

	snprintf(address, sizeof(address), "%04x:%02x:%02x.%x", gpu->pci.domain, gpu->pci.bus,
		gpu->pci.device, gpu->pci.function);
	snprintf(path, sizeof(path), "/proc/driver/nvidia/gpus/%s/information", address);
	rc = sim_tree_textf(tree, path, err,
		"Model: \t\t %s\nIRQ:   \t\t %u\nGPU UUID: \t %s\nVideo BIOS: \t %s\nBus Type: \t PCIe\n"
		"DMA Size: \t %u bits\nDMA Mask: \t 0x%llx\nBus Location: \t %s\nDevice Minor: \t %u\n"
		"GPU Firmware: \t %s\nGPU Excluded:\t No\n",
		gpu->name, 128 + gpu->minor, gpu->uuid, gpu->vbios, gpu->architecture >= 9 ? 52u : 47u,
		gpu->architecture >= 9 ? 0xfffffffffffffull : 0x7fffffffffffull, address, gpu->minor,
		*gpu->gsp_version ? gpu->gsp_version : "N/A");
	if (rc < 0)
		return rc;
	snprintf(path, sizeof(path), "/proc/driver/nvidia/gpus/%s/power", address);
	return sim_tree_text(tree, path,
		"Runtime D3 status:          Disabled by default\nVideo Memory:               Active\n\n"
		"GPU Hardware Support:\n Video Memory Self Refresh: Not Supported\n"
		" Video Memory Off:          Not Supported\n\nS0ix Power Management:\n"
		" Platform Support:          Not Supported\n Status:                    Disabled\n",
		err);
}

static int put_version(struct sim_tree *tree, nvb_error **err)
{
	const struct sim_scenario *s = tree->scenario;
	const char *const build = "Thu Jan  1 00:00:00 UTC 1970";
	const char *const gcc = "GCC version:  gcc version 13.3.0 (nvbind-sim)";

	if (s->module == SIM_MODULE_OPEN)
		return sim_tree_textf(tree, "/proc/driver/nvidia/version", err,
			"NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  %s  Release Build  "
			"(nvbind-sim)  "
			"%s\n%s\n",
			s->module_version, build, gcc);
	return sim_tree_textf(tree, "/proc/driver/nvidia/version", err,
		"NVRM version: NVIDIA UNIX x86_64 Kernel Module  %s  %s\n%s\n", s->module_version, build,
		gcc);
}

static int put_params(struct sim_tree *tree, nvb_error **err)
{
	return sim_tree_textf(tree, "/proc/driver/nvidia/params", err,
		"ResmanDebugLevel: 4294967295\nRmLogonRC: 1\nModifyDeviceFiles: 1\nDeviceFileUID: 0\n"
		"DeviceFileGID: 0\nDeviceFileMode: 438\nInitializeSystemMemoryAllocations: 1\n"
		"UsePageAttributeTable: 4294967295\nEnableMSI: 1\nEnablePCIeGen3: 0\nMemoryPoolSize: 0\n"
		"KMallocHeapMaxSize: 0\nVMallocHeapMaxSize: 0\nIgnoreMMIOCheck: 0\n"
		"EnableStreamMemOPs: 0\nEnableUserNUMAManagement: 1\nNvLinkDisable: 0\n"
		"RmProfilingAdminOnly: 1\nPreserveVideoMemoryAllocations: 0\n"
		"EnableS0ixPowerManagement: 0\nDynamicPowerManagement: 3\nEnableGpuFirmware: 18\n"
		"EnableResizableBar: 0\nOpenRmEnableUnsupportedGpus: 1\nCreateImexChannel0: 0\n"
		"RegistryDwords: \"\"\nRegistryDwordsPerDevice: \"\"\nRmMsg: \"\"\nGpuBlacklist: \"\"\n"
		"TemporaryFilePath: \"\"\nExcludedGpus: \"\"\n");
}

/* Minor numbers of every capability there can be: the driver lists 32 GPUs, whether they exist or not. */
static int put_mig_minors(struct sim_tree *tree, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};
	uint32_t gpus = tree->scenario->machine.gpu_count > 32 ? tree->scenario->machine.gpu_count : 32;

	nvb_sb_addf(&text, "config %u\nmonitor %u\n", SIM_CAP_CONFIG, SIM_CAP_MONITOR);
	for (uint32_t gpu = 0; gpu < gpus; gpu++)
		for (uint32_t gi = 0; gi < SIM_MIG_GI_IDS; gi++) {
			nvb_sb_addf(&text, "gpu%u/gi%u/access %u\n", gpu, gi, sim_cap_gi(gpu, gi));
			for (uint32_t ci = 0; ci < SIM_MIG_CI_IDS; ci++)
				nvb_sb_addf(&text, "gpu%u/gi%u/ci%u/access %u\n", gpu, gi, ci,
					sim_cap_ci(gpu, gi, ci));
		}
	if (text.failed)
		return nvb_fail_oom(err);
	return sim_tree_put(tree, "/proc/driver/nvidia-caps/mig-minors", text.s, text.len, 0444, err);
}

static bool any_mig(const struct sim_scenario *s)
{
	for (uint32_t i = 0; i < s->machine.gpu_count; i++)
		if (s->gpu[i].features & SIM_HAS_MIG)
			return true;
	return false;
}

static int put_capabilities(struct sim_tree *tree, nvb_error **err)
{
	const struct sim_scenario *s = tree->scenario;
	int rc = sim_tree_mkdir(tree, "/proc/driver/nvidia/capabilities", err);

	for (uint32_t i = 0; rc == 0 && i < s->machine.gpu_count; i++)
		if (s->gpu[i].features & SIM_HAS_MIG) {
			char path[128];

			snprintf(path, sizeof(path), "/proc/driver/nvidia/capabilities/gpu%u/mig",
				s->gpu[i].minor);
			rc = sim_tree_mkdir(tree, path, err);
		}
	if (rc == 0 && any_mig(s)) {
		rc = sim_tree_textf(tree, "/proc/driver/nvidia/capabilities/mig/config", err,
			SIM_CAPABILITY_FORMAT, SIM_CAP_CONFIG, 0400);
		if (rc == 0)
			rc = sim_tree_textf(tree, "/proc/driver/nvidia/capabilities/mig/monitor", err,
				SIM_CAPABILITY_FORMAT, SIM_CAP_MONITOR, 0444);
		if (rc == 0)
			rc = put_mig_minors(tree, err);
	}
	if (rc == 0 && s->imex_channels)
		rc = sim_tree_textf(tree, "/proc/driver/nvidia/capabilities/fabric-imex-mgmt", err,
			SIM_CAPABILITY_FORMAT, SIM_CAP_IMEX_MANAGEMENT, 0400);
	return rc;
}

static int put_driver(struct sim_tree *tree, nvb_error **err)
{
	const struct sim_scenario *s = tree->scenario;
	int rc = put_version(tree, err);

	if (rc == 0)
		rc = put_params(tree, err);
	for (uint32_t i = 0; rc == 0 && i < s->machine.gpu_count; i++)
		rc = put_information(tree, &s->gpu[i], err);
	return rc < 0 ? rc : put_capabilities(tree, err);
}

/* The driver's own lines of /proc/devices and /proc/modules. */
static void add_driver_devices(
	struct nvb_strbuf *text, const struct sim_scenario *s, const struct sim_majors *m)
{
	nvb_sb_addf(text, "%3u nvidia\n%3u nvidia-modeset\n%3u nvidiactl\n", m->nvidia, m->nvidia, m->nvidia);
	if (s->dri)
		nvb_sb_addf(text, "%3u drm\n", m->drm);
	if (s->infiniband)
		nvb_sb_addf(text, "%3u infiniband_verbs\n%3u rdma_cm\n", m->uverbs, m->rdma);
	if (s->gdrcopy)
		nvb_sb_addf(text, "%3u gdrdrv\n", m->gdrdrv);
	if (s->gds)
		nvb_sb_addf(text, "%3u nvidia-fs\n", m->fs);
	nvb_sb_addf(text, "%3u nvidia-caps-imex-channels\n%3u nvidia-caps\n", m->imex, m->caps);
	if (s->nvswitches)
		nvb_sb_addf(text, "%3u nvidia-nvswitch\n", m->nvswitch);
	nvb_sb_addf(text, "%3u nvidia-uvm\n", m->uvm);
}

static int put_devices(struct sim_tree *tree, bool driver, nvb_error **err)
{
	const struct sim_scenario *s = tree->scenario;
	_cleanup_strbuf_ struct nvb_strbuf text = {0};

	nvb_sb_add(&text,
		"Character devices:\n  1 mem\n  4 tty\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n"
		" 10 misc\n 13 input\n128 ptm\n136 pts\n");
	if (driver)
		add_driver_devices(&text, s, &tree->majors);
	else if (s->dri)
		nvb_sb_addf(&text, "%3u drm\n", tree->majors.drm);
	nvb_sb_add(&text, "\nBlock devices:\n  7 loop\n  8 sd\n259 blkext\n");
	if (text.failed)
		return nvb_fail_oom(err);
	return sim_tree_put(tree, "/proc/devices", text.s, text.len, 0444, err);
}

static int put_modules(struct sim_tree *tree, bool driver, nvb_error **err)
{
	const struct sim_scenario *s = tree->scenario;
	const char *const taint = s->module == SIM_MODULE_OPEN ? "OE" : "POE";

	if (s->module == SIM_MODULE_NOUVEAU)
		return sim_tree_text(tree, "/proc/modules",
			"nouveau 3096576 4 - Live 0x0000000000000000\nmxm_wmi 12288 1 nouveau, Live "
			"0x0000000000000000\n",
			err);
	if (!driver)
		return sim_tree_text(tree, "/proc/modules", "", err);
	return sim_tree_textf(tree, "/proc/modules", err,
		"nvidia_uvm 4939776 4 - Live 0x0000000000000000 (%s)\n"
		"nvidia_drm 122880 2 - Live 0x0000000000000000 (%s)\n"
		"nvidia_modeset 1355776 1 nvidia_drm, Live 0x0000000000000000 (%s)\n"
		"nvidia 54312960 68 nvidia_uvm,nvidia_modeset, Live 0x0000000000000000 (%s)\n",
		taint, taint, taint, taint);
}

static int put_boot_id(struct sim_tree *tree, nvb_error **err)
{
	unsigned char b[16];

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		return nvb_fail(err, NVB_ERR_SYSTEM, "no randomness for a boot id");
	return sim_tree_textf(tree, "/proc/sys/kernel/random/boot_id", err,
		"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x\n", b[0], b[1], b[2],
		b[3], b[4], b[5], (b[6] & 0x0fu) | 0x40u, b[7], (b[8] & 0x3fu) | 0x80u, b[9], b[10], b[11],
		b[12], b[13], b[14], b[15]);
}

int sim_tree_proc(struct sim_tree *tree, nvb_error **err)
{
	const struct sim_scenario *s = tree->scenario;
	bool driver = s->module <= SIM_MODULE_PROPRIETARY && s->module_version && !s->wsl;
	int rc = put_devices(tree, driver, err);

	if (rc == 0)
		rc = put_modules(tree, driver, err);
	if (rc == 0)
		rc = put_boot_id(tree, err);
	if (rc == 0)
		rc = sim_tree_textf(tree, "/proc/version", err,
			"Linux version %s (nvbind-sim) (gcc 13.3.0) #1 SMP PREEMPT_DYNAMIC\n", s->kernel);
	if (rc == 0)
		rc = sim_tree_textf(tree, "/proc/sys/kernel/osrelease", err, "%s\n", s->kernel);
	return rc == 0 && driver ? put_driver(tree, err) : rc;
}
