/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "sim/tree.h"

/* /dev. Minor numbers and modes as the driver and nvidia-modprobe make them. */
enum { MINOR_CTL = 255, MINOR_MODESET = 254, MINOR_NVSWITCH_CTL = 255, MINOR_UVERBS = 192 };

/* <prefix><number> */
static int put_numbered(struct sim_tree *tree, const char *prefix, unsigned number, unsigned major,
	unsigned minor, mode_t mode, nvb_error **err)
{
	char path[128];

	snprintf(path, sizeof(path), "%s%u", prefix, number);
	return sim_tree_node(tree, path, major, minor, mode, err);
}

/* card, renderD and their names by PCI address. */
static int put_dri(struct sim_tree *tree, const struct sim_pci *pci, uint32_t index, nvb_error **err)
{
	static const struct {
		const char *kind, *suffix;
		unsigned base;
	} nodes[] = {{"card", "card", 0}, {"renderD", "render", 128}};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(nodes); i++) {
		char path[128], target[64];
		unsigned minor = nodes[i].base + index;

		snprintf(path, sizeof(path), "/dev/dri/%s%u", nodes[i].kind, minor);
		rc = sim_tree_node(tree, path, tree->majors.drm, minor, 0666, err);
		if (rc < 0 || tree->nodes_refused)
			return rc;
		snprintf(path, sizeof(path), "/dev/dri/by-path/pci-%04x:%02x:%02x.%x-%s", pci->domain,
			pci->bus, pci->device, pci->function, nodes[i].suffix);
		snprintf(target, sizeof(target), "../%s%u", nodes[i].kind, minor);
		rc = sim_tree_link(tree, path, target, err);
	}
	return rc;
}

static int put_all_dri(struct sim_tree *tree, nvb_error **err)
{
	const struct sim_scenario *s = tree->scenario;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->device_count; i++)
		if (s->device[i].drm)
			rc = put_dri(tree, &s->device[i].pci, sim_tree_drm_of_device(s, i), err);
	for (uint32_t i = 0; rc == 0 && i < s->machine.gpu_count; i++)
		if (s->host[i].drm)
			rc = put_dri(tree, &s->gpu[i].pci, sim_tree_drm_of_gpu(s, i), err);
	return rc;
}

static int put_caps(struct sim_tree *tree, nvb_error **err)
{
	const struct sim_scenario *s = tree->scenario;
	bool mig = false;
	int rc = 0;

	for (uint32_t i = 0; i < s->machine.gpu_count; i++)
		mig = mig || s->gpu[i].features & SIM_HAS_MIG;
	if (mig) {
		rc = put_numbered(tree, "/dev/nvidia-caps/nvidia-cap", SIM_CAP_CONFIG, tree->majors.caps,
			SIM_CAP_CONFIG, 0400, err);
		if (rc == 0)
			rc = put_numbered(tree, "/dev/nvidia-caps/nvidia-cap", SIM_CAP_MONITOR,
				tree->majors.caps, SIM_CAP_MONITOR, 0444, err);
	}
	if (rc == 0 && s->imex_channels)
		rc = put_numbered(tree, "/dev/nvidia-caps/nvidia-cap", SIM_CAP_IMEX_MANAGEMENT,
			tree->majors.caps, SIM_CAP_IMEX_MANAGEMENT, 0400, err);
	for (uint32_t i = 0; rc == 0 && i < s->imex_channels; i++)
		rc = put_numbered(
			tree, "/dev/nvidia-caps-imex-channels/channel", i, tree->majors.imex, i, 0666, err);
	return rc;
}

/* What libcufile reads of a host besides: its settings, and udev's view of the disks. */
static int put_gds_files(struct sim_tree *tree, nvb_error **err)
{
	int rc = sim_tree_mkdir(tree, "/run/udev/data", err);

	return rc < 0 ? rc
		      : sim_tree_text(tree, "/etc/cufile.json",
				"{\n    \"logging\": {\"level\": \"ERROR\"},\n    \"properties\": "
				"{\"allow_compat_mode\": true}\n}\n",
				err);
}

static int put_fabric(struct sim_tree *tree, nvb_error **err)
{
	const struct sim_scenario *s = tree->scenario;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < s->nvswitches; i++)
		rc = put_numbered(tree, "/dev/nvidia-nvswitch", i, tree->majors.nvswitch, i, 0666, err);
	if (rc == 0 && s->nvswitches) {
		rc = sim_tree_node(tree, "/dev/nvidia-nvswitchctl", tree->majors.nvswitch, MINOR_NVSWITCH_CTL,
			0666, err);
		if (rc == 0)
			rc = sim_tree_socket(tree, "/run/nvidia-fabricmanager/socket", err);
	}
	for (uint32_t i = 0; rc == 0 && i < s->infiniband; i++)
		rc = put_numbered(
			tree, "/dev/infiniband/uverbs", i, tree->majors.uverbs, MINOR_UVERBS + i, 0666, err);
	if (rc == 0 && s->infiniband)
		rc = sim_tree_node(tree, "/dev/infiniband/rdma_cm", tree->majors.rdma, 0, 0666, err);
	for (unsigned i = 0; rc == 0 && s->gds && i < 16; i++)
		rc = put_numbered(tree, "/dev/nvidia-fs", i, tree->majors.fs, i, 0666, err);
	if (rc == 0 && s->gds)
		rc = put_gds_files(tree, err);
	if (rc == 0 && s->gdrcopy)
		rc = sim_tree_node(tree, "/dev/gdrdrv", tree->majors.gdrdrv, 0, 0666, err);
	return rc;
}

static int put_nvidia(struct sim_tree *tree, nvb_error **err)
{
	const struct sim_scenario *s = tree->scenario;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < s->machine.gpu_count; i++)
		rc = put_numbered(tree, "/dev/nvidia", s->gpu[i].minor, tree->majors.nvidia, s->gpu[i].minor,
			0666, err);
	if (rc == 0)
		rc = sim_tree_node(tree, "/dev/nvidiactl", tree->majors.nvidia, MINOR_CTL, 0666, err);
	if (rc == 0)
		rc = sim_tree_node(
			tree, "/dev/nvidia-modeset", tree->majors.nvidia, MINOR_MODESET, 0666, err);
	if (rc == 0)
		rc = sim_tree_node(tree, "/dev/nvidia-uvm", tree->majors.uvm, 0, 0666, err);
	if (rc == 0)
		rc = sim_tree_node(tree, "/dev/nvidia-uvm-tools", tree->majors.uvm, 1, 0666, err);
	if (rc == 0)
		rc = put_caps(tree, err);
	return rc < 0 ? rc : put_fabric(tree, err);
}

/* A file system mounted with nodev answers EACCES for every node: say it now, not when nothing works. */
static void try_node(struct sim_tree *tree, const char *path)
{
	int fd = openat(tree->fd, path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 && errno == EACCES)
		nvb_warning(tree->log,
			"nodes below %s cannot be opened: its file system is mounted with nodev, so programs "
			"of the "
			"host will find no GPU there (containers are not concerned)",
			tree->path);
	if (fd >= 0)
		close(fd);
}

int sim_tree_dev(struct sim_tree *tree, nvb_error **err)
{
	const struct sim_scenario *s = tree->scenario;
	bool driver = s->module <= SIM_MODULE_PROPRIETARY && s->module_version && !s->wsl;
	int rc = sim_tree_mkdir(tree, "/dev", err);

	if (rc == 0 && s->wsl)
		rc = sim_tree_node(tree, "/dev/dxg", tree->majors.dxg, 0, 0666, err);
	if (rc == 0 && driver)
		rc = put_nvidia(tree, err);
	if (rc == 0 && !s->wsl)
		rc = put_all_dri(tree, err);
	if (rc == 0 && driver && !tree->nodes_refused)
		try_node(tree, "dev/nvidiactl");
	return rc;
}
