/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/elf_file.h"
#include "base/str.h"
#include "inventory/collect.h"
#include "inventory/listing.h"
#include "inventory/search.h"

/*
 * THE table of what belongs to the driver besides its libraries. Sources: the README of NVIDIA's Linux
 * driver, "Installed Components"; the loaders' own documentation for where they look (Vulkan-Loader
 * LoaderInterfaceArchitecture, libglvnd src/EGL/icd_enumeration.md, eglexternalplatform, OpenCL ICD);
 * packages of Debian, Fedora, Arch and NixOS for where they lie.
 *
 * In paths %v is the driver's version, %d the directory of its 64-bit libraries, %s the directory programs
 * expect those in. The last part may have one '*'.
 */
enum { PLACES = 5, EVERYWHERE = 0 };

struct row {
	const char *rule;
	enum nvb_file_kind kind;
	unsigned capabilities;
	unsigned elf_class;	       /* of data that serves one class only; else 0 */
	const char *paths[PLACES];     /* where programs look: each that is there is taken */
	const char *elsewhere[PLACES]; /* if none is: the first of these, linked as the first of `paths` */
	const char *reason;
	unsigned features; /* enum nvb_feature bits that want it; with no capability: they alone */
};

#define COMPUTE	 NVB_CAP_COMPUTE
#define UTILITY	 NVB_CAP_UTILITY
#define GRAPHICS NVB_CAP_GRAPHICS
#define DISPLAY	 NVB_CAP_DISPLAY
#define NGX	 NVB_CAP_NGX
#define DRAW	 (GRAPHICS | DISPLAY)

#define BINARY(name, caps, reason)                                                                  \
	{                                                                                           \
		"bin." name, NVB_FILE_BINARY, (caps), 0, {"/usr/bin/" name},                        \
			{"/usr/sbin/" name, "/usr/lib/nvidia/current/" name,                        \
				"/run/current-system/sw/bin/" name, "/usr/local/nvidia/bin/" name}, \
			reason                                                                      \
	}
#define XDG(rule, name, caps, elf_class, reason)                                                      \
	{                                                                                             \
		"data." rule, NVB_FILE_DATA, (caps), (elf_class), {"/usr/share/" name, "/etc/" name}, \
			{"/run/opengl-driver/share/" name, "/run/opengl-driver/etc/" name,            \
				"/usr/local/nvidia/share/" name},                                     \
			reason                                                                        \
	}
#define DLL(name, reason)                                                                               \
	{                                                                                               \
		"data.dlss", NVB_FILE_DATA, NGX, 0, {"%d/nvidia/wine/" name}, {"%s/nvidia/wine/" name}, \
			reason                                                                          \
	}

static const struct row rows[] = {
	BINARY("nvidia-smi", UTILITY, "management and monitoring on the command line"),
	BINARY("nvidia-debugdump", UTILITY, "dumps of a GPU's state for NVIDIA"),
	BINARY("nvidia-persistenced", UTILITY, "keeps GPUs initialised"),
	BINARY("nvidia-cuda-mps-control", COMPUTE, "control of CUDA MPS"),
	BINARY("nvidia-cuda-mps-server", COMPUTE, "server of CUDA MPS"),
	BINARY("nvidia-xconfig", DISPLAY, "writes the X server's configuration"),
	BINARY("nvidia-imex", COMPUTE, "memory sharing between nodes (IMEX)"),
	BINARY("nvidia-imex-ctl", COMPUTE, "control of IMEX"),
	BINARY("nvidia-ngx-updater", NGX, "updates of DLSS models"),

	{"fw.gsp", NVB_FILE_FIRMWARE, EVERYWHERE, 0,
		{"/usr/lib/firmware/nvidia/%v/gsp*.bin", "/lib/firmware/nvidia/%v/gsp*.bin"},
		{"/run/current-system/firmware/nvidia/%v/gsp*.bin"},
		"firmware of the GPU's system processor"},

	XDG("vulkan-icd", "vulkan/icd.d/nvidia_icd.json", DRAW, 0, "tells the Vulkan loader of the driver"),
	XDG("vulkan-icd", "vulkan/icd.d/nvidia_icd.x86_64.json", DRAW, 64,
		"tells the Vulkan loader of the driver"),
	XDG("vulkan-icd", "vulkan/icd.d/nvidia_icd.aarch64.json", DRAW, 64,
		"tells the Vulkan loader of the driver"),
	XDG("vulkan-icd", "vulkan/icd.d/nvidia_icd.i686.json", DRAW, 32,
		"tells the 32-bit Vulkan loader of the driver"),
	XDG("vulkan-layer", "vulkan/implicit_layer.d/nvidia_layers.json", DRAW, 0,
		"Vulkan layers (Optimus, frame presentation)"),
	XDG("vulkan-layer", "vulkan/icd.d/nvidia_layers.json", DRAW, 0, "Vulkan layers (drivers before 430)"),
	XDG("egl-vendor", "glvnd/egl_vendor.d/10_nvidia.json", DRAW, 0, "tells GLVND of the driver's EGL"),
	XDG("egl-platform", "egl/egl_external_platform.d/09_nvidia_wayland2.json", DRAW, 0, "EGL on Wayland"),
	XDG("egl-platform", "egl/egl_external_platform.d/10_nvidia_wayland.json", DRAW, 0, "EGL on Wayland"),
	XDG("egl-platform", "egl/egl_external_platform.d/15_nvidia_gbm.json", DRAW, 0, "EGL on GBM"),
	XDG("egl-platform", "egl/egl_external_platform.d/20_nvidia_xcb.json", DRAW, 0, "EGL on X11 (XCB)"),
	XDG("egl-platform", "egl/egl_external_platform.d/20_nvidia_xlib.json", DRAW, 0, "EGL on X11 (Xlib)"),
	{"data.opencl", NVB_FILE_DATA, COMPUTE, 0, {"/etc/OpenCL/vendors/nvidia.icd"},
		{"/run/opengl-driver/etc/OpenCL/vendors/nvidia.icd"},
		"tells the OpenCL loader of the driver"},
	{"data.nvoptix", NVB_FILE_DATA, GRAPHICS | COMPUTE, 0, {"/usr/share/nvidia/nvoptix.bin"},
		{"%d/nvoptix.bin", "/run/opengl-driver/share/nvidia/nvoptix.bin"},
		"models of the OptiX denoiser"},
	XDG("profiles", "nvidia/nvidia-application-profiles-%v-rc", DRAW, 0,
		"OpenGL settings by application"),
	XDG("profiles", "nvidia/nvidia-application-profiles-%v-key-documentation", DRAW, 0,
		"names of the OpenGL settings"),
	XDG("profiles", "nvidia/nvidia-application-profiles-rc", DRAW, 0, "this host's OpenGL settings"),

	DLL("nvngx.dll", "DLSS for Proton and Wine"),
	DLL("_nvngx.dll", "DLSS for Proton and Wine"),
	DLL("nvngx_dlssg.dll", "DLSS frame generation for Proton and Wine"),

	{"x.driver", NVB_FILE_LIBRARY, DISPLAY, 64,
		{"/usr/lib/xorg/modules/drivers/nvidia_drv.so",
			"/usr/lib64/xorg/modules/drivers/nvidia_drv.so", "/usr/lib/nvidia/nvidia_drv.so"},
		{"/usr/lib/nvidia/current/nvidia_drv.so"}, "driver of the X server"},
	{"x.glx", NVB_FILE_LIBRARY, DISPLAY, 64,
		{"/usr/lib/xorg/modules/extensions/libglxserver_nvidia.so",
			"/usr/lib64/xorg/modules/extensions/libglxserver_nvidia.so",
			"/usr/lib/nvidia/libglxserver_nvidia.so"},
		{"/usr/lib/nvidia/current/libglxserver_nvidia.so"}, "GLX for the X server"},
	XDG("xorg", "X11/xorg.conf.d/10-nvidia.conf", DISPLAY, 0, "tells the X server of the driver"),
	XDG("xorg", "X11/xorg.conf.d/10-nvidia-drm-outputclass.conf", DISPLAY, 0,
		"tells the X server of the driver"),
	XDG("xorg", "X11/xorg.conf.d/nvidia-drm-outputclass.conf", DISPLAY, 0,
		"tells the X server of the driver"),

	{"sock.persistenced", NVB_FILE_SOCKET, EVERYWHERE, 0, {"/run/nvidia-persistenced/socket"}, {NULL},
		"persistence daemon"},
	{"sock.fabricmanager", NVB_FILE_SOCKET, COMPUTE, 0, {"/run/nvidia-fabricmanager/socket"}, {NULL},
		"fabric manager of NVSwitch systems", NVB_FEATURE_NVSWITCH},
	{"sock.mps", NVB_FILE_DIRECTORY, COMPUTE, 0, {"/tmp/nvidia-mps"}, {NULL}, "pipes of CUDA MPS"},

	/* What libcufile, which comes with CUDA in the image, reads of the host. */
	{"gds.udev", NVB_FILE_DIRECTORY, 0, 0, {"/run/udev"}, {NULL},
		"which disks lie below a file, for GPUDirect Storage", NVB_FEATURE_GDS},
	{"gds.cufile", NVB_FILE_DATA, 0, 0, {"/etc/cufile.json"}, {NULL},
		"this host's settings of GPUDirect Storage", NVB_FEATURE_GDS},
};

/* This host's own, not the driver's: programs read it under its name, wherever a link there leads, and it is
 * no part of the driver tree. */
static bool is_host_file(const struct row *row)
{
	return row->features && !row->capabilities;
}

enum { PATH_SIZE = 4096 };

/* Puts version and directories into a row's path; false when it needs one that is not known. */
static bool expand(const struct nvb_collect *collect, const char *pattern, char path[PATH_SIZE])
{
	size_t used = 0;

	for (const char *p = pattern; *p; p++) {
		const char *part = NULL;
		size_t n = 1;

		if (*p == '%') {
			p++;
			part = *p == 'v'   ? collect->inventory->driver.version
			       : *p == 'd' ? collect->directory[0]
					   : collect->standard[0];
			if (!part)
				return false;
			n = strlen(part);
		}
		if (used + n >= PATH_SIZE)
			return false;
		memcpy(path + used, part ? part : p, n);
		used += n;
	}
	path[used] = '\0';
	return true;
}

/*
 * What lies at a path is of the row's kind. The MPS pipes live in /tmp, where anybody can make a directory of
 * that name: only root's and the caller's own are taken, and no link to somewhere else.
 */
static bool fits(const struct nvb_inventory *inventory, const struct row *row, const char *path)
{
	struct stat st;

	if (nvb_root_stat(&inventory->roots.driver, path, row->kind != NVB_FILE_DIRECTORY, &st) < 0)
		return false;
	switch (row->kind) {
	case NVB_FILE_SOCKET:
		return S_ISSOCK(st.st_mode);
	case NVB_FILE_DIRECTORY:
		return S_ISDIR(st.st_mode) && (st.st_uid == 0 || st.st_uid == geteuid());
	default:
		return S_ISREG(st.st_mode);
	}
}

/* Libraries and programs must be for this machine; a program may be a script (NixOS wraps some). */
static bool is_for_this_machine(struct nvb_collect *collect, struct nvb_file *file)
{
	_cleanup_close_ int fd =
		nvb_root_openat(&collect->inventory->roots.driver, file->path, O_RDONLY | O_NOFOLLOW, 0);
	struct nvb_elf elf;
	char magic[2];

	if (fd < 0)
		return false;
	if (nvb_elf_read(fd, file->path, &elf, NULL) < 0)
		return file->kind == NVB_FILE_BINARY && pread(fd, magic, 2, 0) == 2 &&
		       memcmp(magic, "#!", 2) == 0;
	file->elf_class = elf.elf_class;
	return elf.machine == nvb_host_machine(elf.elf_class);
}

static bool watch_directory_of(struct nvb_collect *collect, const char *path, enum nvb_watch_how how)
{
	struct nvb_inventory *inventory = collect->inventory;
	char directory[PATH_SIZE];
	const char *slash = strrchr(path, '/');

	if (!slash || slash == path)
		return true;
	snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path), path);
	return nvb_fingerprint_watch(&inventory->fingerprint, &inventory->arena, &inventory->roots,
		NVB_WATCH_DRIVER, directory, how);
}

/* /lib is /usr/lib on every merged system, inside the container too: no second name. */
static bool is_merged_alias(const char *path, const char *real)
{
	const char *below = nvb_after(real, "/usr");

	return below && nvb_streq(below, path);
}

/* Takes the file at one path, under the name `wanted`. 1 when nothing fit is there. */
static int take(struct nvb_collect *collect, const struct row *row, const char *path, const char *wanted,
	nvb_error **err)
{
	struct nvb_inventory *inventory = collect->inventory;
	_cleanup_free_ char *real = NULL;
	struct nvb_file file = {.kind = row->kind,
		.capabilities = row->capabilities,
		.features = row->features,
		.rule = row->rule,
		.reason = row->reason,
		.elf_class = row->elf_class};
	size_t index;
	int rc;

	if (!fits(inventory, row, path) || nvb_root_realpath(&inventory->roots.driver, path, &real, NULL) < 0)
		return 1;
	file.path = nvb_arena_strdup(&inventory->arena, real);
	if (!file.path || (!nvb_streq(real, path) && !watch_directory_of(collect, real, NVB_WATCH_ALL)))
		return nvb_fail_oom(err);
	if ((row->kind == NVB_FILE_LIBRARY || row->kind == NVB_FILE_BINARY) &&
		!is_for_this_machine(collect, &file)) {
		nvb_debug(collect->log, "%s: not for this machine, left out", file.path);
		return 1;
	}
	if (is_host_file(row) && !nvb_streq(wanted, real)) {
		file.inside = nvb_arena_strdup(&inventory->arena, wanted);
		if (!file.inside)
			return nvb_fail_oom(err);
	}
	rc = nvb_files_add(collect, &file, &index, err);
	if (rc == 0 && !file.inside && !nvb_streq(wanted, real) && !is_merged_alias(wanted, real))
		rc = nvb_files_link(collect, index, wanted, err);
	return rc;
}

/* Every file that matches a pattern in the last part. 1 when there is none. */
static int take_matching(
	struct nvb_collect *collect, const struct row *row, char path[PATH_SIZE], nvb_error **err)
{
	_cleanup_listing_ struct nvb_listing listing = {0};
	char *slash = strrchr(path, '/');
	int found = 1;

	*slash = '\0';
	if (nvb_listing_read(&collect->inventory->roots.driver, path, &listing) < 0)
		return 1;
	for (size_t i = 0; i < listing.count; i++) {
		char file[PATH_SIZE];
		int rc;

		if (fnmatch(slash + 1, listing.entries[i].name, FNM_PERIOD) != 0 ||
			snprintf(file, sizeof(file), "%s/%s", path, listing.entries[i].name) >= PATH_SIZE)
			continue;
		rc = take(collect, row, file, file, err);
		if (rc < 0)
			return rc;
		if (rc == 0)
			found = 0;
	}
	return found;
}

static int look_at(struct nvb_collect *collect, const struct row *row, const char *pattern, const char *as,
	nvb_error **err)
{
	char path[PATH_SIZE], wanted[PATH_SIZE];
	/* /tmp, /run and /etc change all the time; it is enough to know whether this file is another one. */
	bool volatile_parent = row->kind == NVB_FILE_DIRECTORY || is_host_file(row);

	if (!expand(collect, pattern, path) || !expand(collect, as, wanted))
		return 1;
	if (volatile_parent) {
		if (!nvb_fingerprint_watch(&collect->inventory->fingerprint, &collect->inventory->arena,
			    &collect->inventory->roots, NVB_WATCH_DRIVER, path, NVB_WATCH_INODE))
			return nvb_fail_oom(err);
	} else if (!watch_directory_of(collect, path, NVB_WATCH_ALL)) {
		return nvb_fail_oom(err);
	}
	if (strchr(path, '*'))
		return take_matching(collect, row, path, err);
	return take(collect, row, path, wanted, err);
}

static int collect_row(struct nvb_collect *collect, const struct row *row, nvb_error **err)
{
	bool found = false;

	for (size_t i = 0; i < PLACES && row->paths[i]; i++) {
		int rc = look_at(collect, row, row->paths[i], row->paths[i], err);

		if (rc < 0)
			return rc;
		found = found || rc == 0;
	}
	for (size_t i = 0; !found && i < PLACES && row->elsewhere[i]; i++) {
		int rc = look_at(collect, row, row->elsewhere[i], row->paths[0], err);

		if (rc < 0)
			return rc;
		found = rc == 0;
	}
	return 0;
}

int nvb_collect_data(struct nvb_collect *collect, nvb_error **err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(rows); i++)
		rc = collect_row(collect, &rows[i], err);
	return rc;
}
