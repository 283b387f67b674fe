/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "inventory/inventory.h"

/*
 * Which files a part of the driver is, by the rules of libs.c and data.c that found them. Only what nothing
 * else needs is listed: libGLX_nvidia is OpenGL's driver as well as Vulkan's, libnvidia-eglcore is loaded by
 * both, so neither goes with a part.
 */
static const struct {
	const char *rule;
	unsigned without;
} parts[] = {
	{"lib.nvidia-ngx", NVB_WITHOUT_DLSS},
	{"data.dlss", NVB_WITHOUT_DLSS},
	{"bin.nvidia-ngx-updater", NVB_WITHOUT_DLSS},

	{"lib.nvidia-rtcore", NVB_WITHOUT_RAY_TRACING},
	{"lib.nvidia-cbl", NVB_WITHOUT_RAY_TRACING},
	{"lib.nvoptix", NVB_WITHOUT_RAY_TRACING},
	{"data.nvoptix", NVB_WITHOUT_RAY_TRACING},

	{"data.vulkan-icd", NVB_WITHOUT_VULKAN},
	{"data.vulkan-layer", NVB_WITHOUT_VULKAN},
	{"lib.nvidia-vulkan-producer", NVB_WITHOUT_VULKAN},
	{"lib.nvidia-vksc-core", NVB_WITHOUT_VULKAN},

	{"lib.EGL_nvidia", NVB_WITHOUT_EGL},
	{"lib.GLESv1_CM_nvidia", NVB_WITHOUT_EGL},
	{"lib.GLESv2_nvidia", NVB_WITHOUT_EGL},
	{"lib.nvidia-egl-gbm", NVB_WITHOUT_EGL},
	{"lib.nvidia-egl-wayland", NVB_WITHOUT_EGL},
	{"lib.nvidia-egl-wayland2", NVB_WITHOUT_EGL},
	{"lib.nvidia-egl-xcb", NVB_WITHOUT_EGL},
	{"lib.nvidia-egl-xlib", NVB_WITHOUT_EGL},
	{"data.egl-vendor", NVB_WITHOUT_EGL},
	{"data.egl-platform", NVB_WITHOUT_EGL},
};

bool nvb_file_is_without(const struct nvb_file *file, unsigned capabilities)
{
	if (!(capabilities & NVB_WITHOUT_ALL))
		return false;
	if (file->elf_class == 32 && capabilities & NVB_WITHOUT_COMPAT32)
		return true;
	for (size_t i = 0; i < NVB_ELEMENTS(parts); i++)
		if (parts[i].without & capabilities && nvb_streq(parts[i].rule, file->rule))
			return true;
	return false;
}
