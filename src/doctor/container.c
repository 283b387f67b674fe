/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "doctor/checks.h"
#include "inventory/derived.h"
#include "request/require.h"

/* What a running container has of the driver, as seen from inside (inside.h). */

static const char *restart_command(struct nvb_doctor *d)
{
	return nvb_doctor_text(d, "%s %srestart %s", d->inside.engine,
		nvb_streq(d->inside.engine, "bolt") ? "capsule " : "", d->options.container);
}

static bool is_gpu(const char *path)
{
	const char *number = nvb_after(path, "/dev/nvidia");

	return number && *number >= '0' && *number <= '9';
}

/* GPUs that the container has a node of. */
static size_t count_gpus(const struct nvb_inside_record *record)
{
	size_t count = 0;

	for (uint32_t i = 0; i < record->node_count; i++)
		count += record->nodes[i].present && is_gpu(record->nodes[i].path);
	return count;
}

NVB_LOOK(container_nodes)
{
	const struct nvb_inside_record *record = &d->inside.record;
	const char *visible = nvb_inside_variable(&d->inside, "NVIDIA_VISIBLE_DEVICES");
	struct nvb_doctor_list list = {0};

	(void)check;
	if (nvb_doctor_is_wsl(d)) {
		nvb_doctor_absent(f);
		return;
	}
	for (uint32_t i = 0; i < record->node_count; i++)
		if (!record->nodes[i].present && (nvb_streq(record->nodes[i].path, "/dev/nvidiactl") ||
							 nvb_streq(record->nodes[i].path, "/dev/nvidia-uvm")))
			nvb_doctor_list_add(&list, "%s", record->nodes[i].path);
	if (!count_gpus(record))
		nvb_doctor_say(d, f, NVB_DOCTOR_FAILURE,
			nvb_streq(d->inside.engine, "bolt")
				? "bolt surge run --gpu all IMAGE"
				: nvb_doctor_text(
					  d, "%s run --device nvidia.com/gpu=all IMAGE", d->inside.engine),
			"the container has no GPU's node%s%s%s: it was started without any, and must be made "
			"again",
			visible ? " (NVIDIA_VISIBLE_DEVICES=" : "", visible ? visible : "",
			visible ? ")" : "");
	else if (list.count)
		nvb_doctor_say(d, f, NVB_DOCTOR_FAILURE, restart_command(d),
			"the container has GPUs and not %s", list.text);
}

NVB_LOOK(container_number)
{
	const struct nvb_inside_record *record = &d->inside.record;
	struct nvb_doctor_list list = {0};

	(void)check;
	for (uint32_t i = 0; i < record->node_count; i++)
		if (record->nodes[i].present == -1)
			nvb_doctor_list_add(&list, "%s", record->nodes[i].path);
	if (list.count)
		nvb_doctor_say(d, f, NVB_DOCTOR_FAILURE, restart_command(d),
			"%s in the container %s not the host's: the driver was loaded anew since it was "
			"started",
			list.text, list.count == 1 ? "is" : "are");
}

NVB_LOOK(container_denied)
{
	const struct nvb_inside_record *record = &d->inside.record;
	struct nvb_doctor_list denied = {0}, forbidden = {0};

	(void)check;
	for (uint32_t i = 0; i < record->node_count; i++) {
		if (record->nodes[i].present != 1)
			continue;
		if (record->nodes[i].opens == EPERM)
			nvb_doctor_list_add(&denied, "%s", record->nodes[i].path);
		else if (record->nodes[i].opens == EACCES)
			nvb_doctor_list_add(&forbidden, "%s", record->nodes[i].path);
	}
	if (denied.count)
		nvb_doctor_say(d, f, NVB_DOCTOR_FAILURE, restart_command(d),
			"the container has %s, and its control group does not let it open %s: lost at a "
			"'systemctl "
			"daemon-reload', or never allowed",
			denied.text, denied.count == 1 ? "it" : "them");
	else if (forbidden.count)
		nvb_doctor_say(d, f, NVB_DOCTOR_FAILURE, "sh -c 'chmod 666 /dev/nvidia[0-9]* /dev/nvidiactl'",
			"the container may not open %s: Permission denied", forbidden.text);
	else if (!record->in_cgroup)
		nvb_doctor_say(d, f, NVB_DOCTOR_BLIND, NULL,
			"its control group cannot be entered without root, so its device rules were not "
			"tried");
}

NVB_LOOK(container_cuda)
{
	const struct nvb_inside_record *record = &d->inside.record;

	(void)check;
	if (nvb_doctor_is_wsl(d) || !d->inventory->driver.version)
		nvb_doctor_absent(f);
	else if (record->libcuda != 1)
		nvb_doctor_say(d, f, NVB_DOCTOR_FAILURE, restart_command(d),
			record->libcuda
				? "the container's ld.so.cache names libcuda.so.1, and the file is gone: the "
				  "host's driver was replaced while it ran"
				: "the container's ld.so.cache has no libcuda.so.1: the driver's libraries "
				  "were not "
				  "given to it, or the hook that lists them did not run");
}

NVB_LOOK(container_version)
{
	const char *module = d->inventory->driver.module_version;

	(void)check;
	if (!module || !*d->inside.record.version) {
		nvb_doctor_absent(f);
		return;
	}
	/* cuda-compat is newer than the kernel's and meant to be. */
	if (nvb_doctor_compare_versions(d->inside.record.version, module) < 0)
		nvb_doctor_say(d, f, NVB_DOCTOR_FAILURE, restart_command(d),
			"the container has the driver's libraries of %s, the kernel module is %s: the driver "
			"was "
			"replaced while it ran",
			d->inside.record.version, module);
}

/* A driver without graphics has nothing to give. */
static bool host_draws(const struct nvb_inventory *inventory)
{
	for (size_t i = 0; i < inventory->file_count; i++)
		if (nvb_streq(inventory->files[i].rule, "data.vulkan-icd") ||
			nvb_streq(inventory->files[i].rule, "data.egl-vendor"))
			return true;
	return false;
}

NVB_LOOK(container_graphics)
{
	const char *asked = nvb_inside_variable(&d->inside, "NVIDIA_DRIVER_CAPABILITIES");
	bool wanted =
		asked && (strstr(asked, "graphics") || strstr(asked, "all") || strstr(asked, "display"));
	bool draws = nvb_inside_variable(&d->inside, "DISPLAY") ||
		     nvb_inside_variable(&d->inside, "WAYLAND_DISPLAY");

	(void)check;
	if (!host_draws(d->inventory) || nvb_doctor_is_wsl(d) || (!draws && !wanted)) {
		nvb_doctor_absent(f);
		return;
	}
	if (!d->inside.record.vulkan && !d->inside.record.egl)
		nvb_doctor_say(d, f, NVB_DOCTOR_WARNING,
			nvb_streq(d->inside.engine, "bolt")
				? "bolt surge run --gpu all --profile gaming IMAGE"
				: nvb_doctor_text(d, "%s run -e NVIDIA_DRIVER_CAPABILITIES=all IMAGE",
					  d->inside.engine),
			"the container has a display and neither the Vulkan nor the EGL file of the driver: "
			"it was "
			"started without the capability graphics%s%s%s",
			asked ? " (NVIDIA_DRIVER_CAPABILITIES=" : "", asked ? asked : "", asked ? ")" : "");
}

NVB_LOOK(container_requires)
{
	const char *wanted = nvb_inside_variable(&d->inside, "NVIDIA_REQUIRE_CUDA");
	const char *disabled = nvb_inside_variable(&d->inside, "NVIDIA_DISABLE_REQUIRE");
	struct nvb_facts facts = {.driver = d->inventory->driver.version};
	enum nvb_verdict verdict = NVB_MET;

	(void)check;
	if (!wanted || !facts.driver ||
		(disabled && (nvb_streq(disabled, "1") || nvb_streq(disabled, "true")))) {
		nvb_doctor_absent(f);
		return;
	}
	facts.has_cuda = nvb_cuda_of_driver(facts.driver, &facts.cuda, &facts.cuda_at_least);
	if (nvb_require_judge(wanted, &facts, &verdict, NULL) == 0 && verdict == NVB_REFUSED)
		nvb_doctor_say(d, f, NVB_DOCTOR_FAILURE,
			nvb_doctor_install(
				d, &(struct nvb_doctor_package){"nvidia-driver", "akmod-nvidia",
					   "nvidia-open", "nvidia-open-driver-G06-signed-kmp-default"}),
			"the image wants %.120s, and driver %s speaks CUDA %u.%u: it needs a newer driver",
			wanted, facts.driver, facts.cuda.major, facts.cuda.minor);
}
