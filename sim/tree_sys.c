/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "sim/tree.h"

/* /sys: PCI devices with their DRM children, modules, NUMA nodes. Names: the kernel's
 * Documentation/ABI/{stable,testing}/sysfs-* . */

struct device {
	const struct sim_pci *pci;
	uint32_t class;
	const char *driver;
	int32_t numa_node;
	const sim_u64 *cpus; /* or NULL */
	bool drm;
	uint32_t drm_index;
	const struct sim_pcie *link; /* or NULL */
};

static void format_address(const struct sim_pci *pci, char *out, size_t size)
{
	snprintf(out, size, "%04x:%02x:%02x.%x", pci->domain, pci->bus, pci->device, pci->function);
}

/* One bit per CPU to "0-55,112-167". */
static void format_cpus(const sim_u64 *set, size_t bits, struct nvb_strbuf *out)
{
	for (size_t cpu = 0; cpu < bits; cpu++) {
		size_t last = cpu;

		if (!(set[cpu / 64] >> (cpu % 64) & 1))
			continue;
		while (last + 1 < bits && (set[(last + 1) / 64] >> ((last + 1) % 64) & 1))
			last++;
		nvb_sb_addf(out, last > cpu ? "%s%zu-%zu" : "%s%zu", out->len ? "," : "", cpu, last);
		cpu = last;
	}
}

static int put_attribute(
	struct sim_tree *tree, const char *directory, const char *name, const char *value, nvb_error **err)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return sim_tree_textf(tree, path, err, "%s\n", value);
}

static int put_hex(struct sim_tree *tree, const char *directory, const char *name, int digits, unsigned value,
	nvb_error **err)
{
	char text[32];

	snprintf(text, sizeof(text), "0x%0*x", digits, value);
	return put_attribute(tree, directory, name, text, err);
}

static int put_number(
	struct sim_tree *tree, const char *directory, const char *name, unsigned value, nvb_error **err)
{
	char text[32];

	snprintf(text, sizeof(text), "%u", value);
	return put_attribute(tree, directory, name, text, err);
}

/* drm/cardN or drm/renderDN, and its link in /sys/class/drm. */
static int put_drm_child(struct sim_tree *tree, const char *parent, const char *kind, uint32_t minor,
	uint32_t index, nvb_error **err)
{
	char directory[200], path[256], target[256];
	int rc;

	snprintf(directory, sizeof(directory), "%s/drm/%s%u", parent, kind, index);
	snprintf(path, sizeof(path), "%s/dev", directory);
	rc = sim_tree_textf(tree, path, err, "%u:%u\n", tree->majors.drm, minor);
	if (rc < 0)
		return rc;
	snprintf(path, sizeof(path), "%s/uevent", directory);
	rc = sim_tree_textf(tree, path, err, "MAJOR=%u\nMINOR=%u\nDEVNAME=dri/%s%u\nDEVTYPE=drm_minor\n",
		tree->majors.drm, minor, kind, index);
	if (rc < 0)
		return rc;
	snprintf(path, sizeof(path), "%s/device", directory);
	rc = sim_tree_link(tree, path, "../..", err);
	if (rc < 0)
		return rc;
	snprintf(path, sizeof(path), "/sys/class/drm/%s%u", kind, index);
	snprintf(target, sizeof(target), "../..%s", directory + strlen("/sys"));
	return sim_tree_link(tree, path, target, err);
}

static int put_link_speed(
	struct sim_tree *tree, const char *directory, const struct sim_pcie *link, nvb_error **err)
{
	static const char *const speeds[] = {"Unknown", "2.5 GT/s PCIe", "5.0 GT/s PCIe", "8.0 GT/s PCIe",
		"16.0 GT/s PCIe", "32.0 GT/s PCIe", "64.0 GT/s PCIe"};
	const uint32_t top = NVB_ELEMENTS(speeds) - 1;
	int rc = put_attribute(
		tree, directory, "current_link_speed", speeds[link->gen <= top ? link->gen : 0], err);

	if (rc == 0)
		rc = put_attribute(tree, directory, "max_link_speed",
			speeds[link->gen_max <= top ? link->gen_max : 0], err);
	if (rc == 0)
		rc = put_number(tree, directory, "current_link_width", link->width, err);
	if (rc == 0)
		rc = put_number(tree, directory, "max_link_width", link->width_max, err);
	return rc;
}

static int put_driver_link(struct sim_tree *tree, const char *directory, const char *address,
	const char *driver, nvb_error **err)
{
	char path[256], target[256];
	int rc;

	snprintf(path, sizeof(path), "%s/driver", directory);
	snprintf(target, sizeof(target), "../../../bus/pci/drivers/%s", driver);
	rc = sim_tree_link(tree, path, target, err);
	if (rc < 0)
		return rc;
	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s/%s", driver, address);
	snprintf(target, sizeof(target), "../../../..%s", directory + strlen("/sys"));
	return sim_tree_link(tree, path, target, err);
}

static int put_attributes(struct sim_tree *tree, const struct device *d, const char *directory,
	const char *address, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf cpus = {0};
	uint32_t vendor = d->pci->device_id & 0xffff, device = d->pci->device_id >> 16;
	uint32_t subvendor = d->pci->subsystem_id & 0xffff, subdevice = d->pci->subsystem_id >> 16;
	char path[256];
	int rc;

	if ((rc = put_hex(tree, directory, "vendor", 4, vendor, err)) < 0 ||
		(rc = put_hex(tree, directory, "device", 4, device, err)) < 0 ||
		(rc = put_hex(tree, directory, "subsystem_vendor", 4, subvendor, err)) < 0 ||
		(rc = put_hex(tree, directory, "subsystem_device", 4, subdevice, err)) < 0 ||
		(rc = put_hex(tree, directory, "class", 6, d->class, err)) < 0 ||
		(rc = put_attribute(tree, directory, "enable", "1", err)) < 0)
		return rc;
	snprintf(path, sizeof(path), "%s/numa_node", directory);
	rc = sim_tree_textf(tree, path, err, "%d\n", d->numa_node);
	if (rc < 0)
		return rc;
	if (d->cpus)
		format_cpus(d->cpus, 16 * 64, &cpus);
	rc = put_attribute(tree, directory, "local_cpulist", cpus.len ? cpus.s : "0", err);
	if (rc < 0)
		return rc;
	snprintf(path, sizeof(path), "%s/uevent", directory);
	return sim_tree_textf(tree, path, err,
		"DRIVER=%s\nPCI_CLASS=%X\nPCI_ID=%04X:%04X\nPCI_SUBSYS_ID=%04X:%04X\nPCI_SLOT_NAME=%s\n"
		"MODALIAS=pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X\n",
		d->driver ? d->driver : "", d->class, vendor, device, subvendor, subdevice, address, vendor,
		device, subvendor, subdevice, d->class >> 16, d->class >> 8 & 0xff, d->class & 0xff);
}

static int put_device(struct sim_tree *tree, const struct device *d, nvb_error **err)
{
	char address[32], directory[128], path[256], target[256];
	int rc;

	format_address(d->pci, address, sizeof(address));
	snprintf(directory, sizeof(directory), "/sys/devices/pci%04x:%02x/%s", d->pci->domain,
		d->pci->bus & 0xf0, address);
	rc = put_attributes(tree, d, directory, address, err);
	if (rc == 0 && d->link)
		rc = put_link_speed(tree, directory, d->link, err);
	if (rc == 0 && d->driver)
		rc = put_driver_link(tree, directory, address, d->driver, err);
	if (rc == 0 && d->drm)
		rc = put_drm_child(tree, directory, "card", d->drm_index, d->drm_index, err);
	if (rc == 0 && d->drm)
		rc = put_drm_child(tree, directory, "renderD", 128 + d->drm_index, 128 + d->drm_index, err);
	if (rc < 0)
		return rc;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", address);
	snprintf(target, sizeof(target), "../../..%s", directory + strlen("/sys"));
	return sim_tree_link(tree, path, target, err);
}

static int put_modules(struct sim_tree *tree, nvb_error **err)
{
	static const char *const names[] = {"nvidia", "nvidia_modeset", "nvidia_drm", "nvidia_uvm"};
	const struct sim_scenario *s = tree->scenario;
	int rc = 0;

	if (s->module == SIM_MODULE_NOUVEAU)
		return sim_tree_text(tree, "/sys/module/nouveau/initstate", "live\n", err);
	if (s->module == SIM_MODULE_NONE || s->wsl || !s->module_version)
		return 0;
	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(names); i++) {
		char directory[64];

		snprintf(directory, sizeof(directory), "/sys/module/%s", names[i]);
		rc = put_attribute(tree, directory, "version", s->module_version, err);
		if (rc == 0)
			rc = put_attribute(tree, directory, "initstate", "live", err);
	}
	/* A display driver's mode setting is what makes DRM nodes. */
	return rc < 0 ? rc
		      : put_attribute(tree, "/sys/module/nvidia_drm/parameters", "modeset",
				s->dri ? "Y" : "N", err);
}

/* Each node's CPUs: what the GPUs near it say. */
static int put_numa(struct sim_tree *tree, nvb_error **err)
{
	const struct sim_scenario *s = tree->scenario;
	uint64_t done = 0;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < s->machine.gpu_count; i++) {
		_cleanup_strbuf_ struct nvb_strbuf cpus = {0};
		int32_t node = s->gpu[i].numa_node;
		char directory[64];

		if (node < 0 || node > 63 || done >> node & 1)
			continue;
		done |= UINT64_C(1) << node;
		format_cpus(s->gpu[i].cpu_set, 16 * 64, &cpus);
		snprintf(directory, sizeof(directory), "/sys/devices/system/node/node%d", node);
		rc = put_attribute(tree, directory, "cpulist", cpus.len ? cpus.s : "", err);
	}
	return rc;
}

static int put_infiniband(struct sim_tree *tree, nvb_error **err)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < tree->scenario->infiniband; i++) {
		char directory[64], text[32];

		snprintf(directory, sizeof(directory), "/sys/class/infiniband/mlx5_%u", i);
		rc = put_attribute(tree, directory, "node_type", "1: CA", err);
		snprintf(directory, sizeof(directory), "/sys/class/infiniband_verbs/uverbs%u", i);
		snprintf(text, sizeof(text), "mlx5_%u", i);
		if (rc == 0)
			rc = put_attribute(tree, directory, "ibdev", text, err);
		snprintf(text, sizeof(text), "%u:%u", tree->majors.uverbs, 192 + i);
		if (rc == 0)
			rc = put_attribute(tree, directory, "dev", text, err);
	}
	return rc;
}

static const char *driver_of_gpu(const struct sim_scenario *s)
{
	switch (s->module) {
	case SIM_MODULE_OPEN:
	case SIM_MODULE_PROPRIETARY:
		return "nvidia";
	case SIM_MODULE_NOUVEAU:
		return "nouveau";
	case SIM_MODULE_NONE:
		break;
	}
	return NULL;
}

static int put_devices(struct sim_tree *tree, nvb_error **err)
{
	const struct sim_scenario *s = tree->scenario;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->device_count; i++) {
		const struct sim_pci_device *d = &s->device[i];

		rc = put_device(tree,
			&(struct device){.pci = &d->pci,
				.class = d->class,
				.driver = d->driver,
				.numa_node = -1,
				.drm = d->drm,
				.drm_index = sim_tree_drm_of_device(s, i)},
			err);
	}
	for (uint32_t i = 0; rc == 0 && i < s->machine.gpu_count; i++) {
		const struct sim_gpu *gpu = &s->gpu[i];

		rc = put_device(tree,
			&(struct device){.pci = &gpu->pci,
				.class = s->host[i].class,
				.driver = driver_of_gpu(s),
				.numa_node = gpu->numa_node,
				.cpus = gpu->cpu_set,
				.drm = s->host[i].drm,
				.drm_index = sim_tree_drm_of_gpu(s, i),
				.link = &gpu->pcie},
			err);
	}
	return rc;
}

int sim_tree_sys(struct sim_tree *tree, nvb_error **err)
{
	int rc = sim_tree_mkdir(tree, "/sys/bus/pci/devices", err);

	if (rc == 0)
		rc = sim_tree_mkdir(tree, "/sys/module", err);
	/* A WSL2 guest sees the GPU through dxgkrnl, as no PCI device of NVIDIA's. */
	if (rc == 0 && !tree->scenario->wsl)
		rc = put_devices(tree, err);
	if (rc == 0)
		rc = put_modules(tree, err);
	if (rc == 0)
		rc = put_numa(tree, err);
	return rc < 0 ? rc : put_infiniband(tree, err);
}
