/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/driver_files.h"

#include <stddef.h>

#define L32  SIM_LIB_32
#define LDEV SIM_LIB_DEV_LINK
#define LGFX SIM_LIB_NOT_SERVER

const struct sim_library sim_libraries[] = {
	/* compute */
	{"libcuda", "1", L32 | LDEV | SIM_LIB_REAL, NULL, NULL, {NULL}, 0, 0},
	{"libnvidia-ml", "1", L32 | LDEV | SIM_LIB_REAL, NULL, NULL, {NULL}, 0, 0},
	{"libnvidia-ptxjitcompiler", "1", L32 | LDEV, NULL, NULL, {NULL}, 0, 0},
	{"libnvidia-nvvm", "4", L32 | LDEV, NULL, NULL, {NULL}, 470, 0},
	{"libnvidia-nvvm70", "4", 0, NULL, NULL, {NULL}, 580, 0},
	{"libnvidia-opencl", "1", L32, NULL, NULL, {NULL}, 0, 0},
	{"libnvidia-cfg", "1", LDEV, NULL, NULL, {NULL}, 0, 0},
	{"libnvidia-gpucomp", NULL, L32, NULL, NULL, {NULL}, 545, 0},
	{"libcudadebugger", "1", LDEV, NULL, NULL, {NULL}, 515, 0},
	{"libnvidia-pkcs11", NULL, 0, NULL, NULL, {NULL}, 535, 0},
	{"libnvidia-pkcs11-openssl3", NULL, 0, NULL, NULL, {NULL}, 535, 0},
	{"libnvidia-sandboxutils", "1", LDEV | SIM_LIB_REAL, NULL, NULL, {NULL}, 560, 0},
	/* video */
	{"libnvcuvid", "1", L32 | LDEV, NULL, NULL, {NULL}, 0, 0},
	{"libnvidia-encode", "1", L32 | LDEV, NULL, NULL, {"libnvcuvid"}, 0, 0},
	{"libnvidia-opticalflow", "1", L32 | LDEV, NULL, NULL, {"libnvcuvid"}, 0, 0},
	{"libvdpau_nvidia", "1", L32 | LGFX, "vdpau/", NULL, {NULL}, 0, 0},
	/* graphics and display */
	{"libGLX_nvidia", "0", L32 | LGFX, NULL, NULL,
		{"libnvidia-glsi", "libnvidia-tls", "libnvidia-glcore"}, 0, 0},
	{"libEGL_nvidia", "0", L32 | LGFX, NULL, NULL, {"libnvidia-glsi"}, 0, 0},
	{"libGLESv1_CM_nvidia", "1", L32 | LGFX, NULL, NULL, {NULL}, 0, 0},
	{"libGLESv2_nvidia", "2", L32 | LGFX, NULL, NULL, {NULL}, 0, 0},
	{"libnvidia-glcore", NULL, L32 | LGFX, NULL, NULL, {"libnvidia-tls", "libnvidia-gpucomp"}, 0, 0},
	{"libnvidia-eglcore", NULL, L32 | LGFX, NULL, NULL, {"libnvidia-glsi", "libnvidia-gpucomp"}, 0, 0},
	{"libnvidia-glsi", NULL, L32 | LGFX, NULL, NULL, {NULL}, 0, 0},
	{"libnvidia-tls", NULL, L32 | LGFX, NULL, NULL, {NULL}, 0, 0},
	{"libnvidia-glvkspirv", NULL, L32 | LGFX, NULL, NULL, {NULL}, 0, 0},
	{"libnvidia-allocator", "1", L32 | LGFX | LDEV, NULL, NULL, {NULL}, 440, 0},
	{"libnvidia-vulkan-producer", NULL, LGFX, NULL, NULL, {NULL}, 0, 560},
	{"libnvidia-present", NULL, LGFX, NULL, NULL, {NULL}, 570, 0},
	{"libnvidia-api", "1", LGFX, NULL, "1", {NULL}, 530, 0},
	{"libnvidia-fbc", "1", L32 | LGFX | LDEV, NULL, NULL, {NULL}, 0, 0},
	{"libnvidia-gtk3", NULL, LGFX, NULL, NULL, {NULL}, 0, 0},
	{"libnvidia-wayland-client", NULL, LGFX, NULL, NULL, {NULL}, 525, 0},
	{"libnvidia-egl-gbm", "1", L32 | LGFX, NULL, "1.1.2", {NULL}, 495, 0},
	{"libnvidia-egl-wayland", "1", L32 | LGFX, NULL, "1.1.18", {NULL}, 0, 0},
	{"libnvidia-egl-wayland2", "1", LGFX, NULL, "1.0.0", {NULL}, 580, 0},
	{"libnvidia-egl-xcb", "1", L32 | LGFX, NULL, "1.0.1", {NULL}, 560, 0},
	{"libnvidia-egl-xlib", "1", L32 | LGFX, NULL, "1.0.1", {NULL}, 560, 0},
	/* ray tracing, NGX */
	{"libnvidia-rtcore", NULL, LGFX, NULL, NULL, {NULL}, 0, 0},
	{"libnvoptix", "1", LGFX, NULL, NULL, {NULL}, 0, 0},
	{"libnvidia-ngx", "1", LGFX, NULL, NULL, {NULL}, 0, 0},
	{NULL},
};

#define EGL_PLATFORM(library)                                                                       \
	"{\n    \"file_format_version\" : \"1.0.0\",\n    \"ICD\" : {\n        \"library_path\" : " \
	"\"" library "\"\n    }\n}\n"

/* nvidia_icd.json and nvidia_layers.json as the installer writes them (format: Vulkan-Loader's documents). */
#define VULKAN_ICD                                                                                \
	"{\n    \"file_format_version\" : \"1.0.1\",\n    \"ICD\": {\n        \"library_path\": " \
	"\"libGLX_nvidia.so.0\",\n        \"api_version\" : \"1.4.303\"\n    }\n}\n"
#define VULKAN_LAYER                                                                                         \
	"{\n    \"file_format_version\" : \"1.0.0\",\n    \"layer\": {\n        \"name\": "                  \
	"\"VK_LAYER_NV_optimus\",\n        \"type\": \"INSTANCE\",\n        \"library_path\": "              \
	"\"libGLX_nvidia.so.0\",\n        \"api_version\" : \"1.4.303\",\n        "                          \
	"\"implementation_version\" : \"1\",\n        \"description\" : \"NVIDIA Optimus layer\",\n        " \
	"\"functions\": {\n            \"vkGetInstanceProcAddr\": \"vk_optimusGetInstanceProcAddr\",\n"      \
	"            \"vkGetDeviceProcAddr\": \"vk_optimusGetDeviceProcAddr\"\n        },\n        "         \
	"\"enable_environment\": {\n            \"__NV_PRIME_RENDER_OFFLOAD\": \"1\"\n        },\n        "  \
	"\"disable_environment\": {\n            \"DISABLE_LAYER_NV_OPTIMUS_1\": \"\"\n        }\n    "      \
	"}\n}\n"

#define TEXT	SIM_CONTENT_TEXT
#define BINARY	SIM_CONTENT_BINARY
#define PROGRAM SIM_CONTENT_PROGRAM
#define MODULE	SIM_CONTENT_MODULE

const struct sim_file sim_files[] = {
	{SIM_PLACE_SHARE, "vulkan/icd.d/nvidia_icd.json", TEXT, VULKAN_ICD, .graphics = true},
	{SIM_PLACE_SHARE, "vulkan/implicit_layer.d/nvidia_layers.json", TEXT, VULKAN_LAYER, .graphics = true},
	{SIM_PLACE_SHARE, "glvnd/egl_vendor.d/10_nvidia.json", TEXT, EGL_PLATFORM("libEGL_nvidia.so.0"),
		.graphics = true},
	{SIM_PLACE_SHARE, "egl/egl_external_platform.d/09_nvidia_wayland2.json", TEXT,
		EGL_PLATFORM("libnvidia-egl-wayland2.so.1"), .since = 580, .graphics = true},
	{SIM_PLACE_SHARE, "egl/egl_external_platform.d/10_nvidia_wayland.json", TEXT,
		EGL_PLATFORM("libnvidia-egl-wayland.so.1"), .graphics = true},
	{SIM_PLACE_SHARE, "egl/egl_external_platform.d/15_nvidia_gbm.json", TEXT,
		EGL_PLATFORM("libnvidia-egl-gbm.so.1"), .since = 495, .graphics = true},
	{SIM_PLACE_SHARE, "egl/egl_external_platform.d/20_nvidia_xcb.json", TEXT,
		EGL_PLATFORM("libnvidia-egl-xcb.so.1"), .since = 560, .graphics = true},
	{SIM_PLACE_SHARE, "egl/egl_external_platform.d/20_nvidia_xlib.json", TEXT,
		EGL_PLATFORM("libnvidia-egl-xlib.so.1"), .since = 560, .graphics = true},
	{SIM_PLACE_SHARE, "nvidia/nvoptix.bin", BINARY, "simulated OptiX denoiser weights", .since = 470,
		.graphics = true},
	{SIM_PLACE_SHARE, "nvidia/nvidia-application-profiles-%V-rc", TEXT,
		"{ \"rules\": [], \"profiles\": [] }\n", .graphics = true},
	{SIM_PLACE_SHARE, "nvidia/nvidia-application-profiles-%V-key-documentation", TEXT,
		"Keys of application profiles. This driver is simulated and reads none.\n", .graphics = true},
	{SIM_PLACE_SHARE, "X11/xorg.conf.d/10-nvidia.conf", TEXT,
		"Section \"OutputClass\"\n    Identifier \"nvidia\"\n    MatchDriver \"nvidia-drm\"\n"
		"    Driver \"nvidia\"\nEndSection\n",
		.graphics = true},
	{SIM_PLACE_ETC, "OpenCL/vendors/nvidia.icd", TEXT, "libnvidia-opencl.so.1\n"},
	{SIM_PLACE_ETC, "nvidia/nvidia-application-profiles-rc.d/50-site.conf", TEXT,
		"{ \"rules\": [], \"profiles\": [] }\n", .graphics = true},

	{SIM_PLACE_PROGRAMS, "nvidia-smi", SIM_CONTENT_REAL, NULL},
	{SIM_PLACE_PROGRAMS, "nvidia-debugdump", PROGRAM, NULL},
	{SIM_PLACE_PROGRAMS, "nvidia-persistenced", PROGRAM, NULL},
	{SIM_PLACE_PROGRAMS, "nvidia-cuda-mps-control", SIM_CONTENT_REAL, NULL},
	{SIM_PLACE_PROGRAMS, "nvidia-cuda-mps-server", SIM_CONTENT_REAL, NULL},
	{SIM_PLACE_PROGRAMS, "nvidia-modprobe", PROGRAM, NULL, .setuid = true},
	{SIM_PLACE_PROGRAMS, "nvidia-ngx-updater", PROGRAM, NULL, .graphics = true},
	{SIM_PLACE_PROGRAMS, "nvidia-settings", PROGRAM, NULL, .graphics = true},
	{SIM_PLACE_PROGRAMS, "nvidia-xconfig", PROGRAM, NULL, .graphics = true},
	{SIM_PLACE_PROGRAMS, "nvidia-powerd", PROGRAM, NULL, .since = 510, .graphics = true},
	{SIM_PLACE_PROGRAMS, "nvidia-bug-report.sh", TEXT,
		"#!/bin/sh\necho 'nvidia-bug-report.sh: this driver is simulated' >&2\nexit 1\n"},

	/* What Proton loads for DLSS: PE images; these hold only the DOS header's magic and its stub's words.
	 */
	{SIM_PLACE_LIBRARIES, "nvidia/wine/nvngx.dll", BINARY, "MZ simulated", .since = 470,
		.graphics = true},
	{SIM_PLACE_LIBRARIES, "nvidia/wine/_nvngx.dll", BINARY, "MZ simulated", .since = 470,
		.graphics = true},
	{SIM_PLACE_LIBRARIES, "nvidia/wine/nvngx_dlssg.dll", BINARY, "MZ simulated", .since = 570,
		.graphics = true},
	{SIM_PLACE_LIBRARIES, "gbm/nvidia-drm_gbm.so", SIM_CONTENT_LINK, "../libnvidia-allocator.so.1",
		.since = 495, .graphics = true},

	{SIM_PLACE_XORG, "drivers/nvidia_drv.so", MODULE, "nvidia_drv", .graphics = true},
	{SIM_PLACE_XORG, "extensions/libglxserver_nvidia.so.%V", MODULE, "libglxserver_nvidia.so",
		.graphics = true},
	{SIM_PLACE_XORG, "extensions/libglxserver_nvidia.so", SIM_CONTENT_LINK, "libglxserver_nvidia.so.%V",
		.graphics = true},

	/* RISC-V and Falcon images for Ampere on, and for Turing. */
	{SIM_PLACE_FIRMWARE, "nvidia/%V/gsp_ga10x.bin", BINARY, "\177ELF simulated GSP firmware",
		.since = 510},
	{SIM_PLACE_FIRMWARE, "nvidia/%V/gsp_tu10x.bin", BINARY, "\177ELF simulated GSP firmware",
		.since = 510},
	{.path = NULL},
};

/* Source: a WSL2 guest with driver 572. */
const struct sim_wsl_file sim_wsl_files[] = {
	{"libdxcore.so", "libdxcore.so", 0, false, NULL, true, NULL},
	{"libd3d12.so", "libd3d12.so", 0, false, NULL, true, NULL},
	{"libd3d12core.so", "libd3d12core.so", 0, false, NULL, true, NULL},
	{"libcuda.so.1.1", "libcuda.so.1", 0, true, "libcuda.so.1", true, "libcuda"},
	{"libcuda_loader.so", "libcuda.so.1", 0, true, NULL, false, NULL},
	{"libnvidia-ml.so.1", "libnvidia-ml.so.1", 0, true, NULL, true, "libnvidia-ml"},
	{"libnvidia-ml_loader.so", "libnvidia-ml.so.1", 0, true, NULL, false, NULL},
	{"libnvidia-ptxjitcompiler.so.1", "libnvidia-ptxjitcompiler.so.1", 0, true, NULL, false, NULL},
	{"libnvdxgdmal.so.1", "libnvdxgdmal.so.1", 0, true, NULL, false, NULL},
	{"libnvcuvid.so.1", "libnvcuvid.so.1", 0, true, "libnvcuvid.so", true, NULL},
	{"libnvidia-encode.so.1", "libnvidia-encode.so.1", 0, true, "libnvidia-encode.so", true, NULL},
	{"libnvidia-opticalflow.so.1", "libnvidia-opticalflow.so.1", 0, true, "libnvidia-opticalflow.so",
		true, NULL},
	{"libnvoptix.so.1", "libnvoptix.so.1", 0, true, NULL, true, NULL},
	{"libnvwgf2umx.so", "libnvwgf2umx.so", 0, true, NULL, true, NULL},
	{"libnvidia-ngx.so.1", "libnvidia-ngx.so.1", 0, true, NULL, true, NULL},
	{"nvcubins.bin", NULL, BINARY, true, NULL, false, NULL},
	{"nvngx.dll", NULL, BINARY, true, NULL, false, NULL},
	{"nvidia-smi", NULL, SIM_CONTENT_REAL, true, NULL, true, NULL},
	{NULL},
};
