/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "doctor/checks.h"
#include "inventory/listing.h"

/* What GPUs reach each other by: NVSwitch and its fabric manager, PCI Express. */

static bool has_switches(const struct nvb_inventory *inventory)
{
	for (size_t i = 0; i < inventory->special_count; i++) {
		const char *number = nvb_after(inventory->special[i].path, "/dev/nvidia-nvswitch");

		if (number && *number >= '0' && *number <= '9')
			return true;
	}
	return false;
}

NVB_LOOK(fabric_stopped)
{
	(void)check;
	if (!has_switches(d->inventory))
		nvb_doctor_absent(f);
	else if (!nvb_doctor_exists(&d->inventory->roots.driver, "/run/nvidia-fabricmanager/socket") &&
		 !nvb_doctor_exists(
			 &d->inventory->roots.driver, "/run/nvidia-fabricmanager/nv-fabricmanager.pid"))
		nvb_doctor_say(d, f, NVB_DOCTOR_FAILURE, "systemctl enable --now nvidia-fabricmanager",
			"this machine has NVSwitches and the fabric manager does not run: CUDA programs end "
			"with "
			"\"system not yet initialized\"");
}

NVB_LOOK(fabric_version)
{
	const char *version = nvb_doctor_version(&d->versions, NVB_DOCTOR_FABRIC_MANAGER);
	const char *module = d->inventory->driver.module_version;

	(void)check;
	if (!has_switches(d->inventory) || !version || !module) {
		nvb_doctor_absent(f);
		return;
	}
	if (!*version)
		nvb_doctor_say(d, f, NVB_DOCTOR_BLIND, NULL, "nv-fabricmanager does not say its version");
	else if (!nvb_streq(version, module))
		nvb_doctor_say(d, f, NVB_DOCTOR_FAILURE,
			nvb_doctor_install(d,
				&(struct nvb_doctor_package){
					nvb_doctor_text(d, "nvidia-fabricmanager=%s-1", module),
					nvb_doctor_text(d, "nvidia-fabricmanager-%s", module), NULL,
					nvb_doctor_text(d, "nvidia-fabricmanager=%s", module)}),
			"the fabric manager is %s, the driver %s: it refuses to work with any other version",
			version, module);
}

/* --- between GPUs --- */

static bool have_peers(struct nvb_doctor *d, struct nvb_doctor_finding *f)
{
	if (d->inventory->gpu_count > 1 && nvb_doctor_has_module(d) && !nvb_doctor_is_wsl(d))
		return true;
	nvb_doctor_absent(f);
	return false;
}

NVB_LOOK(peer_iommu)
{
	const struct nvb_root *sys = &d->inventory->roots.sys;
	struct nvb_doctor_list list = {0};
	char path[128], target[256];

	(void)check;
	if (!have_peers(d, f))
		return;
	for (size_t i = 0; i < d->inventory->gpu_count; i++) {
		_cleanup_free_ char *type = NULL;
		const char *group;

		snprintf(
			path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", d->inventory->gpus[i].pci);
		if (nvb_root_readlink(sys, path, target, sizeof(target)) < 0)
			continue;
		group = strrchr(target, '/');
		snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%.64s/type",
			group ? group + 1 : target);
		type = nvb_doctor_read(sys, path, NULL);
		if (type && nvb_after(type, "DMA"))
			nvb_doctor_list_add(&list, "%u", d->inventory->gpus[i].index);
	}
	if (list.count)
		nvb_doctor_say(d, f, NVB_DOCTOR_WARNING, "grubby --update-kernel=ALL --args=iommu=pt",
			"the IOMMU translates the addresses of GPU %s: copies between GPUs over PCI Express "
			"fail or "
			"crawl (iommu=pt on the kernel's command line leaves them alone)",
			list.text);
}

enum {
	EXTENDED_START = 0x100,
	CONFIG_SIZE = 4096,
	CAPABILITY_ACS = 0x000d,
	ACS_CONTROL = 6,
	ACS_REDIRECTS = 0x04 | 0x08, /* requests, completions */
	MOST_CAPABILITIES = 64,
};

/* Whether a bridge sends what one card says to another up to the root first. Source: PCI Express Base
 * Specification, "Access Control Services Extended Capability". */
static bool redirects(const unsigned char *config, size_t size)
{
	size_t at = EXTENDED_START;

	for (int i = 0; i < MOST_CAPABILITIES && at >= EXTENDED_START && at + 8 <= size; i++) {
		unsigned id = config[at] | (unsigned)config[at + 1] << 8;

		if (id == CAPABILITY_ACS)
			return config[at + ACS_CONTROL] & ACS_REDIRECTS;
		at = (size_t)(config[at + 2] >> 4 | config[at + 3] << 4) & ~(size_t)3;
	}
	return false;
}

/* The bridges above a card are the directories above its own: -1 where one's registers cannot be read whole.
 */
static int look_above(struct nvb_doctor *d, const char *pci, struct nvb_doctor_list *list, const char **first)
{
	const struct nvb_root *sys = &d->inventory->roots.sys;
	_cleanup_free_ char *real = NULL;
	char path[128], config[512];
	int seen = 0;
	char *slash;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", pci);
	if (nvb_root_realpath(sys, path, &real, NULL) < 0)
		return 0;
	while ((slash = strrchr(real, '/'))) {
		_cleanup_free_ char *data = NULL;
		size_t size = 0;
		const char *bridge;

		*slash = '\0';
		bridge = strrchr(real, '/');
		if (!bridge || !strchr(bridge, '.'))
			break;
		snprintf(config, sizeof(config), "%.480s/config", real);
		data = nvb_doctor_read_bytes(sys, config, &size);
		if (!data || size < CONFIG_SIZE) {
			seen = -1;
			continue;
		}
		if (redirects((const unsigned char *)data, size) && !strstr(list->text, bridge + 1)) {
			nvb_doctor_list_add(list, "%s", bridge + 1);
			*first = *first ? *first : nvb_doctor_text(d, "%s", bridge + 1);
		}
	}
	return seen;
}

NVB_LOOK(peer_acs)
{
	struct nvb_doctor_list list = {0};
	const char *first = NULL;
	int unseen = 0;

	(void)check;
	if (!have_peers(d, f))
		return;
	for (size_t i = 0; i < d->inventory->gpu_count; i++)
		unseen |= look_above(d, d->inventory->gpus[i].pci, &list, &first);
	if (list.count)
		nvb_doctor_say(d, f, NVB_DOCTOR_WARNING,
			nvb_doctor_text(d, "setpci -s %s ECAP_ACS+0x6.w=0000", first),
			"ACS on PCI bridge%s %s sends what GPUs say to each other up to the root: copies "
			"between "
			"them are slow, and NCCL may hang",
			nvb_doctor_s(list.count), list.text);
	else if (unseen)
		nvb_doctor_say(d, f, NVB_DOCTOR_BLIND, NULL,
			"the registers of the bridges above the GPUs can be read by root alone");
}
