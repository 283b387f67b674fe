/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "doctor/checks.h"

/* Files that Vulkan and EGL find the driver by, and on WSL2 the library that stands in its way. */

static bool has_file(const struct nvb_inventory *inventory, const char *rule)
{
	for (size_t i = 0; i < inventory->file_count; i++)
		if (nvb_streq(inventory->files[i].rule, rule))
			return true;
	return false;
}

static const struct nvb_doctor_package vulkan_package = {
	"nvidia-vulkan-icd", "xorg-x11-drv-nvidia", "nvidia-utils", "nvidia-gl-G06"};
static const struct nvb_doctor_package egl_package = {
	"nvidia-egl-icd", "xorg-x11-drv-nvidia", "nvidia-utils", "nvidia-gl-G06"};

/* A driver without graphics libraries is meant to be without. */
static bool has_graphics(struct nvb_doctor *d, struct nvb_doctor_finding *f, const char *library)
{
	if (nvb_doctor_has_module(d) && !nvb_doctor_is_wsl(d) && has_file(d->inventory, library))
		return true;
	nvb_doctor_absent(f);
	return false;
}

NVB_LOOK(vulkan)
{
	(void)check;
	if (has_graphics(d, f, "lib.GLX_nvidia") && !has_file(d->inventory, "data.vulkan-icd"))
		nvb_doctor_say(d, f, NVB_DOCTOR_WARNING, nvb_doctor_install(d, &vulkan_package),
			"the driver's graphics libraries are here, and vulkan/icd.d/nvidia_icd.json is not: "
			"Vulkan "
			"programs find no NVIDIA GPU, on the host and in containers");
}

NVB_LOOK(egl)
{
	(void)check;
	if (has_graphics(d, f, "lib.EGL_nvidia") && !has_file(d->inventory, "data.egl-vendor"))
		nvb_doctor_say(d, f, NVB_DOCTOR_WARNING, nvb_doctor_install(d, &egl_package),
			"the driver's EGL library is here, and glvnd/egl_vendor.d/10_nvidia.json is not: EGL "
			"programs "
			"draw without the GPU");
}

/* Source: NVIDIA, "CUDA on WSL User Guide": a Linux driver must not be installed inside. */
NVB_LOOK(wsl_shadow)
{
	const struct nvb_ldcache *cache = nvb_doctor_cache(d);

	(void)check;
	if (!nvb_doctor_is_wsl(d)) {
		nvb_doctor_absent(f);
		return;
	}
	for (size_t i = 0; i < cache->count; i++) {
		if (!nvb_streq(cache->entries[i].soname, "libcuda.so.1"))
			continue;
		if (!nvb_after(cache->entries[i].path, "/usr/lib/wsl/"))
			nvb_doctor_say(d, f, NVB_DOCTOR_FAILURE, "apt-get purge libcuda1 'libnvidia-*'",
				"%s, of a driver for Linux, is found before the one of Windows in "
				"/usr/lib/wsl/lib: "
				"programs report that there is no device",
				cache->entries[i].path);
		return;
	}
}
