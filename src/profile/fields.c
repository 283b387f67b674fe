/* SPDX-License-Identifier: Apache-2.0 */
#include "profile/fields.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/str.h"

static const struct nvb_choice inputs[] = {{"none", 0}, {"controllers", 1}, {"all", 2}, {NULL, 0}};
static const struct nvb_choice policies[] = {
	{"other", 0}, {"batch", 1}, {"idle", 2}, {"fifo", 3}, {"round-robin", 4}, {NULL, 0}};

const char *const nvb_profile_tables[] = {"driver", "session", "cache", "cpu", "knobs", "limits", NULL};

#define SWITCH(table, key, kind, effect, reader, cannot)                               \
	{                                                                              \
		table, key, kind, NVB_FIELD_SWITCH, NULL, 0, 0, effect, reader, cannot \
	}
#define LIMIT(key, type, effect)                                                                         \
	{                                                                                                \
		"limits", key, NVB_SETTING_RLIMIT, type, NULL, 0, 0, effect, "the kernel: getrlimit(2)", \
			"is cut to what the caller may set itself, with a warning"                       \
	}
#define KNOB(key, effect, reader, cannot)                                                          \
	{                                                                                          \
		"knobs", key, NVB_SETTING_KNOB, NVB_FIELD_KNOB, NULL, 0, 0, effect, reader, cannot \
	}
#define NVML_KNOB "the driver: NVML, which root alone may ask for it"

const struct nvb_profile_field nvb_profile_fields[] = {
	{NULL, "shm-size", NVB_SETTING_SHM, NVB_FIELD_SIZE, NULL, 0, 0,
		"what processes share, data loaders above all", "the kernel: size of the tmpfs /dev/shm",
		"gives no memory: what lies there counts as the container's"},

	SWITCH("driver", "dlss", NVB_SETTING_PART,
		"DLSS within reach: libnvidia-ngx and the nvngx DLLs that Proton and Wine look for beside it",
		"Proton, Wine and games that load NGX",
		"a game decides on DLSS, its quality and frame generation itself; switched off, a game finds "
		"no NGX of the driver's"),
	SWITCH("driver", "ray-tracing", NVB_SETTING_PART,
		"ray tracing within reach: libnvidia-rtcore, OptiX and its denoiser's models",
		"Vulkan's ray tracing extensions, OptiX; VKD3D_CONFIG=nodxr by vkd3d-proton when off",
		"a game decides on ray tracing itself; switched off, the cores stay there, nothing reaches "
		"them"),
	SWITCH("driver", "vulkan", NVB_SETTING_PART,
		"the files by which the Vulkan loader finds the driver, and its layers",
		"the Vulkan loader: icd.d and implicit_layer.d",
		"switched off, a program that brings a file of its own for libGLX_nvidia still finds it: "
		"OpenGL needs that library"),
	SWITCH("driver", "egl", NVB_SETTING_PART,
		"EGL and OpenGL ES: libEGL_nvidia, its platforms and the file by which GLVND finds it",
		"GLVND: egl_vendor.d; libnvidia-egl-* by egl_external_platform.d",
		"switched off, OpenGL on X11 and Vulkan stay"),
	SWITCH("driver", "libraries-32bit", NVB_SETTING_PART, "the driver's 32-bit libraries",
		"32-bit programs: Steam itself, most older games, Wine without new WoW64",
		"a host without them has none to give: a warning says so"),
	SWITCH("driver", "wine", NVB_SETTING_PART,
		"what Wine and Proton want: NVAPI, esync, fsync, /dev/ntsync where the kernel has it",
		"DXVK and vkd3d-proton (DXVK_ENABLE_NVAPI), Proton 8 (PROTON_ENABLE_NVAPI), patched Wine "
		"(WINEESYNC, WINEFSYNC), Wine 11 (/dev/ntsync)",
		"Proton from 9 on does by itself; an unpatched Wine has neither esync nor fsync"),
	SWITCH("driver", "prime", NVB_SETTING_PART,
		"OpenGL and Vulkan of this GPU where another maker's drives the screen (PRIME offload)",
		"GLVND (__GLX_VENDOR_LIBRARY_NAME), NVIDIA's Vulkan layer (__VK_LAYER_NV_optimus)",
		"nothing on a host without a second maker's GPU: it would do harm there"),

	SWITCH("session", "display", NVB_SETTING_SESSION,
		"windows on the caller's screen: sockets of X11 (with Xauthority) and Wayland",
		"Xlib, XCB, libwayland",
		"only the sockets that the caller's environment names; a display over TCP is not made "
		"reachable"),
	SWITCH("session", "audio", NVB_SETTING_SESSION, "the caller's PipeWire and PulseAudio",
		"libpipewire, libpulse (PULSE_SERVER)",
		"the servers let the same user in: a program of another uid may be refused"),
	{"session", "input", NVB_SETTING_SESSION, NVB_FIELD_CHOICE, inputs, 0, 0,
		"nodes of /dev/input and udev's database: game controllers, or all with uinput and hidraw",
		"SDL, libinput, Wine, Steam",
		"what is plugged in later is not seen; all lets programs read every key that is typed"},

	SWITCH("cache", "shaders", NVB_SETTING_CACHE,
		"compiled shaders outlive the container, in a directory of the user's",
		"the driver (__GL_SHADER_DISK_CACHE_PATH), vkd3d-proton (VKD3D_SHADER_CACHE_PATH), DXVK "
		"before "
		"2.7 (DXVK_STATE_CACHE_PATH)",
		"what an engine caches elsewhere stays in the container"),
	{"cache", "shaders-size", NVB_SETTING_CACHE, NVB_FIELD_SIZE, NULL, 0, 0,
		"how large the driver lets them grow", "the driver: __GL_SHADER_DISK_CACHE_SIZE", NULL},
	SWITCH("cache", "kernels", NVB_SETTING_CACHE,
		"CUDA kernels compiled for this GPU outlive the container, in a directory of the user's",
		"CUDA: CUDA_CACHE_PATH", "Triton and torch.compile have caches of their own"),
	{"cache", "kernels-size", NVB_SETTING_CACHE, NVB_FIELD_SIZE, NULL, 0, 0,
		"how large CUDA lets them grow", "CUDA: CUDA_CACHE_MAXSIZE", "CUDA takes 4 GiB at most"},

	SWITCH("cpu", "numa", NVB_SETTING_NUMA, "the CPUs that are near to the GPUs, no others",
		"the kernel: cpuset control group, elsewhere the affinity that programs inherit",
		"memory follows the CPU that touches it first; it is not bound"),
	{"cpu", "nice", NVB_SETTING_NICE, NVB_FIELD_NUMBER, NULL, -20, 19,
		"how the kernel's scheduler weighs its programs", "the kernel: setpriority(2), read back",
		"below 0 it takes root; a program may make itself nicer"},
	{"cpu", "scheduler", NVB_SETTING_SCHEDULER, NVB_FIELD_CHOICE, policies, 0, 0,
		"the policy by which its programs get CPUs", "the kernel: sched_setscheduler(2), read back",
		"fifo and round-robin take root and a priority; a program that never waits then starves "
		"others"},
	{"cpu", "priority", NVB_SETTING_PRIORITY, NVB_FIELD_NUMBER, NULL, 1, 99,
		"the priority of fifo and round-robin", "the kernel: sched_setscheduler(2)",
		"nothing for other policies"},

	KNOB("power-limit", "how many watts the card may draw", NVML_KNOB,
		"the card keeps to what its maker allows; temperature may allow less"),
	KNOB("gpu-clocks", "the clocks the GPU keeps to", NVML_KNOB,
		"power and temperature may force lower ones; a lock that stood there before cannot be read, "
		"only taken off"),
	KNOB("memory-clocks", "the clocks the memory keeps to", NVML_KNOB,
		"many cards refuse; as gpu-clocks else"),
	KNOB("persistence", "the driver stays loaded on the card between programs", NVML_KNOB,
		"nvidia-persistenced does it better, where it runs"),
	KNOB("compute-mode", "who may have contexts on the GPU", NVML_KNOB,
		"exclusive-process breaks programs of several processes, and graphics ignore it; only with "
		"isolation exclusive"),
	KNOB("cpu-governor", "how the CPUs choose their clocks: the whole host's",
		"the kernel: cpufreq's scaling_governor, which root alone may write",
		"virtual machines have none"),

	LIMIT("memlock", NVB_FIELD_BYTES, "memory that may be pinned"),
	LIMIT("stack", NVB_FIELD_BYTES, "the main thread's stack"),
	LIMIT("core", NVB_FIELD_BYTES, "what a crash may leave behind"),
	LIMIT("nofile", NVB_FIELD_COUNT, "descriptors that may be open"),
	LIMIT("nproc", NVB_FIELD_COUNT, "processes and threads of the user"),
	LIMIT("rtprio", NVB_FIELD_COUNT, "real-time priority that may be taken"),
};
const size_t nvb_profile_field_count = NVB_ELEMENTS(nvb_profile_fields);

const struct nvb_profile_field *nvb_profile_field_of(const struct nvb_setting *setting)
{
	for (size_t i = 0; i < nvb_profile_field_count; i++) {
		const struct nvb_profile_field *field = &nvb_profile_fields[i];

		if (field->kind == setting->kind && (!setting->name || nvb_streq(field->key, setting->name)))
			return field;
	}
	return NULL;
}

static const char *size_text(uint64_t bytes, char buffer[static NVB_SETTING_TEXT])
{
	static const struct {
		unsigned shift;
		const char *unit;
	} units[] = {{40, "TiB"}, {30, "GiB"}, {20, "MiB"}, {10, "KiB"}};

	for (size_t i = 0; i < NVB_ELEMENTS(units); i++)
		if (bytes && !(bytes & ((UINT64_C(1) << units[i].shift) - 1))) {
			snprintf(buffer, NVB_SETTING_TEXT, "%" PRIu64 "%s", bytes >> units[i].shift,
				units[i].unit);
			return buffer;
		}
	snprintf(buffer, NVB_SETTING_TEXT, "%" PRIu64, bytes);
	return buffer;
}

const char *nvb_setting_text(const struct nvb_setting *setting, char buffer[static NVB_SETTING_TEXT])
{
	const struct nvb_profile_field *field = nvb_profile_field_of(setting);

	if (setting->value || !field)
		return setting->value ? setting->value : "";
	switch (field->type) {
	case NVB_FIELD_SWITCH:
		return setting->amount ? "true" : "false";
	case NVB_FIELD_NUMBER:
		snprintf(buffer, NVB_SETTING_TEXT, "%" PRId64, (int64_t)setting->amount);
		return buffer;
	case NVB_FIELD_COUNT:
	case NVB_FIELD_BYTES:
		if (setting->amount == UINT64_MAX)
			return "unlimited";
		if (field->type == NVB_FIELD_COUNT) {
			snprintf(buffer, NVB_SETTING_TEXT, "%" PRIu64, setting->amount);
			return buffer;
		}
		return size_text(setting->amount, buffer);
	default:
		return size_text(setting->amount, buffer);
	}
}
