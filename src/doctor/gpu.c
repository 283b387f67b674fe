/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "doctor/checks.h"
#include "inventory/nvml_abi.h"

/* GPUs on the bus, and who has them. */

static bool is_driver_of_guests(const char *driver)
{
	return nvb_streq(driver, "vfio-pci") || nvb_streq(driver, "pci-stub") || nvb_streq(driver, "pciback");
}

/* Devices bound to what `wanted` accepts. */
static void list_bound(struct nvb_doctor *d, bool (*wanted)(const char *driver), struct nvb_doctor_list *list,
	const char **first)
{
	size_t count;
	const struct nvb_doctor_pci *pci = nvb_doctor_pci(d, &count);

	for (size_t i = 0; i < count; i++)
		if (pci[i].driver && wanted(pci[i].driver)) {
			nvb_doctor_list_add(list, "%s", pci[i].address);
			*first = *first ? *first : pci[i].address;
		}
}

NVB_LOOK(gpu_none)
{
	size_t count;

	(void)check;
	nvb_doctor_pci(d, &count);
	if (count || nvb_doctor_is_wsl(d))
		return;
	/* bolt runs capsules without GPUs as well: then it is worth no more than a warning. */
	nvb_doctor_say(d, f, d->options.gpus_only ? NVB_DOCTOR_FAILURE : NVB_DOCTOR_WARNING,
		"sh -c 'echo 1 >/sys/bus/pci/rescan'",
		"no NVIDIA GPU is on the PCI bus: none is built in, the firmware hides it, or a virtual "
		"machine was "
		"given none");
}

static bool is_nouveau(const char *driver)
{
	return nvb_streq(driver, "nouveau") || nvb_streq(driver, "nova") || nvb_streq(driver, "nova-core");
}

NVB_LOOK(driver_nouveau)
{
	struct nvb_doctor_list list = {0};
	const char *first = NULL;

	(void)check;
	list_bound(d, is_nouveau, &list, &first);
	if (list.count)
		nvb_doctor_say(d, f, NVB_DOCTOR_FAILURE,
			"sh -c 'echo blacklist nouveau >/etc/modprobe.d/no-nouveau.conf' && reboot",
			"the kernel's own driver nouveau has GPU%s %s: it has no CUDA, and NVIDIA's module "
			"cannot "
			"take it",
			nvb_doctor_s(list.count), list.text);
}

NVB_LOOK(gpu_vfio)
{
	struct nvb_doctor_list list = {0};
	const char *first = NULL;
	size_t count;

	(void)check;
	list_bound(d, is_driver_of_guests, &list, &first);
	nvb_doctor_pci(d, &count);
	if (list.count)
		nvb_doctor_say(d, f, list.count == count ? NVB_DOCTOR_FAILURE : NVB_DOCTOR_WARNING,
			nvb_doctor_text(d, "driverctl unset-override %s", first),
			"GPU%s %s %s set apart for virtual machines (vfio-pci): containers cannot have %s",
			nvb_doctor_s(list.count), list.text, list.count == 1 ? "is" : "are",
			list.count == 1 ? "it" : "them");
}

NVB_LOOK(gpu_unbound)
{
	struct nvb_doctor_list list = {0};
	const char *first = NULL;
	size_t count;
	const struct nvb_doctor_pci *pci = nvb_doctor_pci(d, &count);

	(void)check;
	if (!nvb_doctor_has_module(d) || !count) {
		nvb_doctor_absent(f);
		return;
	}
	for (size_t i = 0; i < count; i++)
		if (!pci[i].driver) {
			nvb_doctor_list_add(&list, "%s", pci[i].address);
			first = first ? first : pci[i].address;
		}
	if (list.count)
		nvb_doctor_say(d, f, NVB_DOCTOR_WARNING,
			nvb_doctor_text(d, "sh -c 'echo %s >/sys/bus/pci/drivers/nvidia/bind'", first),
			"the NVIDIA module is loaded and has not taken GPU%s %s: the card is too old or too "
			"new for "
			"this driver, or failed when it was initialised ('dmesg | grep NVRM' says which)",
			nvb_doctor_s(list.count), list.text);
}

/* What NVML answers of a card that is broken. Source: NVML API reference, nvmlReturn_t. */
static const char *trouble(int32_t result)
{
	switch (result) {
	case NVML_GPU_IS_LOST:
		return "it has fallen off the bus";
	case NVML_RESET_REQUIRED:
		return "it needs a reset";
	case NVML_INSUFFICIENT_POWER:
		return "its power cables are not attached";
	case NVML_IRQ_ISSUE:
		return "its interrupts do not arrive";
	case NVML_TIMEOUT:
		return "it does not answer in time";
	case NVML_UNKNOWN:
		return "the driver does not say why";
	default:
		return NULL;
	}
}

NVB_LOOK(gpu_lost)
{
	const struct nvb_health *health = nvb_doctor_health(d, f);
	struct nvb_doctor_list list = {0};
	int32_t first = NVML_OK;

	(void)check;
	for (size_t i = 0; health && i < health->gpu_count; i++) {
		const char *why = trouble(health->gpus[i].handle);

		if (!why)
			continue;
		first = list.count ? first : health->gpus[i].handle;
		nvb_doctor_list_add(&list, "GPU %zu: %s", i, why);
	}
	if (list.count)
		nvb_doctor_say(d, f, NVB_DOCTOR_FAILURE,
			first == NVML_INSUFFICIENT_POWER ? "shutdown -h now" : "reboot", "%s", list.text);
}

NVB_LOOK(gpu_silent)
{
	(void)check;
	if (!nvb_doctor_has_module(d) || nvb_doctor_is_wsl(d) || !d->inventory->driver.version) {
		nvb_doctor_absent(f);
		return;
	}
	nvb_health_ask(&d->health, d->inventory);
	if (d->health.error)
		nvb_doctor_say(d, f, NVB_DOCTOR_FAILURE,
			"modprobe -r nvidia_drm nvidia_modeset nvidia_uvm nvidia && modprobe nvidia",
			"NVML does not answer: %s", nvb_error_message(d->health.error));
}
