/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory/libs.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "nvbind/inventory.h"

/*
 * Sources: the README of NVIDIA's Linux driver, chapter "Installed Components" (what each library is and
 * which links it has); the README's appendix on containers and NVIDIA_DRIVER_CAPABILITIES for the capability;
 * DT_NEEDED and dlopen strings of driver 535, 550 and 570 for what needs what.
 */
#define COMPUTE	 NVB_CAP_COMPUTE
#define UTILITY	 NVB_CAP_UTILITY
#define GRAPHICS NVB_CAP_GRAPHICS
#define VIDEO	 NVB_CAP_VIDEO
#define DISPLAY	 NVB_CAP_DISPLAY
#define NGX	 NVB_CAP_NGX
#define DRAW	 (GRAPHICS | DISPLAY) /* OpenGL and Vulkan serve both */

#define LIB(name, caps, reason)                                  \
	{                                                        \
		"lib" name, "lib." name, (caps), 0, NULL, reason \
	}
#define LIB_F(name, caps, flags, reason)                               \
	{                                                              \
		"lib" name, "lib." name, (caps), (flags), NULL, reason \
	}
#define LIB_L(name, caps, links, reason)                          \
	{                                                         \
		"lib" name, "lib." name, (caps), 0, links, reason \
	}

/* Sorted by name (strcmp): found by binary search. */
static const struct nvb_lib libs[] = {
	LIB("EGL_nvidia", DRAW, "EGL for GLVND"),
	LIB("GLESv1_CM_nvidia", DRAW, "OpenGL ES 1 for GLVND"),
	LIB("GLESv2_nvidia", DRAW, "OpenGL ES 2 and 3 for GLVND"),
	LIB_L("GLX_nvidia", DRAW, "libGLX_indirect.so.0", "OpenGL on X11 for GLVND, and the Vulkan driver"),
	LIB_L("cuda", COMPUTE | VIDEO | NGX | GRAPHICS, "libcuda.so", "CUDA driver API"),
	LIB("cudadebugger", COMPUTE, "CUDA debugging"),
	LIB("glxserver_nvidia", DISPLAY, "GLX for the X server"),
	LIB_L("nvcuvid", VIDEO, "libnvcuvid.so", "video decoding (NVDEC)"),
	LIB_L("nvidia-allocator", DRAW, "gbm/nvidia-drm_gbm.so", "GBM buffers (Wayland, headless EGL)"),
	LIB_F("nvidia-api", GRAPHICS | NGX, NVB_LIB_OWN_VERSION, "NVAPI for DXVK and Proton"),
	LIB("nvidia-cbl", GRAPHICS, "Vulkan ray tracing"),
	LIB("nvidia-cfg", UTILITY | DRAW | COMPUTE, "configuration of GPUs"),
	LIB("nvidia-compiler", COMPUTE, "OpenCL compiler"),
	LIB_F("nvidia-egl-gbm", DRAW, NVB_LIB_OWN_VERSION, "EGL on GBM"),
	LIB_F("nvidia-egl-wayland", DRAW, NVB_LIB_OWN_VERSION, "EGL on Wayland"),
	LIB_F("nvidia-egl-wayland2", DRAW, NVB_LIB_OWN_VERSION, "EGL on Wayland"),
	LIB_F("nvidia-egl-xcb", DRAW, NVB_LIB_OWN_VERSION, "EGL on X11 (XCB)"),
	LIB_F("nvidia-egl-xlib", DRAW, NVB_LIB_OWN_VERSION, "EGL on X11 (Xlib)"),
	LIB("nvidia-eglcore", DRAW, "core of EGL and OpenGL ES"),
	LIB_L("nvidia-encode", VIDEO, "libnvidia-encode.so", "video encoding (NVENC)"),
	LIB("nvidia-fatbinaryloader", COMPUTE, "CUDA binaries (drivers before 450)"),
	LIB_L("nvidia-fbc", VIDEO | DISPLAY, "libnvidia-fbc.so", "framebuffer capture"),
	LIB("nvidia-glcore", DRAW, "core of OpenGL and Vulkan"),
	LIB("nvidia-glsi", DRAW, "OpenGL system interaction"),
	LIB("nvidia-glvkspirv", DRAW, "SPIR-V compiler of Vulkan and OpenGL"),
	LIB("nvidia-gpucomp", COMPUTE | DRAW | NGX | VIDEO, "GPU compiler"),
	LIB("nvidia-gtk2", DISPLAY, "nvidia-settings"),
	LIB("nvidia-gtk3", DISPLAY, "nvidia-settings"),
	LIB("nvidia-ifr", VIDEO, "frame readback (drivers before 470)"),
	LIB_L("nvidia-ml", UTILITY | COMPUTE, "libnvidia-ml.so", "NVML: management and monitoring"),
	LIB("nvidia-ngx", NGX, "DLSS and other NGX features"),
	LIB_F("nvidia-nscq", COMPUTE, NVB_LIB_OWN_VERSION, "NVSwitch configuration and query"),
	LIB("nvidia-nvvm", COMPUTE, "NVVM compiler (run-time compilation, OpenCL)"),
	LIB_F("nvidia-nvvm70", COMPUTE, NVB_LIB_OWN_VERSION, "NVVM compiler for Blackwell"),
	LIB("nvidia-opencl", COMPUTE, "OpenCL driver"),
	LIB_L("nvidia-opticalflow", VIDEO | NGX, "libnvidia-opticalflow.so",
		"optical flow (frame generation)"),
	LIB_F("nvidia-pkcs11", COMPUTE, NVB_LIB_PREFIX, "confidential computing"),
	LIB("nvidia-present", GRAPHICS, "frame presentation"),
	LIB("nvidia-ptxjitcompiler", COMPUTE | GRAPHICS | NGX | VIDEO, "PTX just-in-time compiler"),
	LIB("nvidia-rtcore", GRAPHICS, "ray tracing (Vulkan, OptiX)"),
	LIB("nvidia-sandboxutils", UTILITY | COMPUTE, "container support library"),
	LIB("nvidia-tileiras", COMPUTE, "CUDA tile compiler"),
	LIB("nvidia-tls", DRAW, "thread-local storage of OpenGL"),
	LIB("nvidia-vksc-core", GRAPHICS, "Vulkan SC"),
	LIB("nvidia-vulkan-producer", DRAW, "Vulkan on Wayland and headless"),
	LIB("nvidia-wayland-client", DISPLAY, "nvidia-settings on Wayland"),
	LIB("nvoptix", GRAPHICS | COMPUTE, "OptiX ray tracing"),
	LIB_F("vdpau_nvidia", VIDEO, NVB_LIB_MODULE, "video decoding (VDPAU)"),
};

const struct nvb_lib nvb_lib_other = {
	"", "lib.other", 0, 0, NULL, "driver library (carries the driver's version)"};

const char *nvb_lib_version(const char *file_name)
{
	const char *so = nvb_after(file_name, "lib") ? strstr(file_name, ".so") : NULL;

	if (!so || (so[3] && so[3] != '.'))
		return NULL;
	return so[3] ? so + 4 : so + 3;
}

/* Order of a name of length n among the rows; a row that is a prefix of it counts as equal if it may. */
static int compare(const char *name, size_t n, const struct nvb_lib *lib)
{
	size_t m = strlen(lib->name);
	int order = strncmp(name, lib->name, n < m ? n : m);

	if (order != 0 || n == m)
		return order;
	if (n > m && (lib->flags & NVB_LIB_PREFIX))
		return 0;
	return n < m ? -1 : 1;
}

const struct nvb_lib *nvb_lib_find(const char *file_name)
{
	const char *version = nvb_lib_version(file_name);
	size_t low = 0, high = NVB_ELEMENTS(libs), n;

	if (!version)
		return NULL;
	n = (size_t)(strstr(file_name, ".so") - file_name);
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare(file_name, n, &libs[middle]);

		if (order == 0)
			return &libs[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}
