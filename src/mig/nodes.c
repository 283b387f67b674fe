/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/log.h"
#include "base/str.h"
#include "inventory/procfs.h"
#include "mig/change.h"

/*
 * The nodes /dev/nvidia-caps/nvidia-cap<N> of new MIG devices. NVIDIA's libraries have nvidia-modprobe make
 * them when a program first opens the device; a container cannot have it made then, so it is made now, with
 * the numbers and the mode that the driver says, and not where it says that nobody shall
 * (DeviceFileModify: 0). Source: the kernel module's nv-caps.c; nvidia-modprobe's utils.
 */
enum { TEXT_MAX = 64 * 1024 };

static bool parse_field(const char *text, const char *name, uint32_t *value)
{
	const char *at = strstr(text, name);
	size_t digits;
	char number[12];

	if (!at)
		return false;
	at += strlen(name);
	at += strspn(at, ": \t");
	digits = strspn(at, "0123456789");
	if (!digits || digits >= sizeof(number))
		return false;
	memcpy(number, at, digits);
	number[digits] = '\0';
	return nvb_parse_u32(number, value);
}

static int make_node(const struct nvb_root *dev, const char *path, mode_t mode, dev_t number, nvb_error **err)
{
	_cleanup_close_ int parent = -1;
	struct stat st;
	const char *name;

	if (nvb_root_stat(dev, path, false, &st) == 0)
		return 0;
	parent = nvb_root_open_parent(dev, path, true, &name, err);
	if (parent < 0)
		return parent;
	if (mknodat(parent, name, S_IFCHR | mode, number) < 0)
		return errno == EEXIST ? 0 : nvb_fail_errno(err, errno, "%s", path);
	/* The umask is the caller's. */
	return fchmodat(parent, name, mode, 0) < 0 ? nvb_fail_errno(err, errno, "%s", path) : 0;
}

static void ensure_node(const struct nvb_mig *mig, uint32_t major, const char *access)
{
	_cleanup_error_ nvb_error *error = NULL;
	_cleanup_free_ char *text = NULL;
	uint32_t minor, mode, modify = 1;
	char path[64];
	size_t size;

	if (nvb_root_read(&mig->inventory->roots.proc, access, TEXT_MAX, &text, &size, NULL) < 0 ||
		!nvb_procfs_parse_capability(text, &minor))
		return;
	if (!parse_field(text, "DeviceFileMode", &mode) || mode > 0777)
		mode = 0400;
	parse_field(text, "DeviceFileModify", &modify);
	if (!modify)
		return;
	snprintf(path, sizeof(path), "/dev/nvidia-caps/nvidia-cap%u", minor);
	if (make_node(&mig->inventory->roots.dev, path, (mode_t)mode, makedev(major, minor), &error) < 0)
		nvb_warning(mig->log, "containers cannot use a new MIG device before its node is there: %s",
			nvb_error_message(error));
}

void nvb_mig_make_nodes(const struct nvb_mig *mig, size_t index)
{
	const struct nvb_mig_gpu *gpu = &mig->gpus[index];
	_cleanup_free_ char *devices = NULL;
	uint32_t major, minor = UINT32_MAX;
	char path[128];
	size_t size;

	for (size_t i = 0; i < mig->inventory->gpu_count; i++)
		if (nvb_streq0(mig->inventory->gpus[i].pci, gpu->pci))
			minor = mig->inventory->gpus[i].minor;
	if (minor == UINT32_MAX ||
		nvb_root_read(&mig->inventory->roots.proc, "/proc/devices", TEXT_MAX, &devices, &size, NULL) <
			0 ||
		!nvb_procfs_find_major(devices, "nvidia-caps", &major))
		return;
	for (uint32_t i = 0; i < gpu->instance_count; i++) {
		const struct nvb_mig_instance *instance = &gpu->instances[i];

		snprintf(path, sizeof(path), "/proc/driver/nvidia/capabilities/gpu%u/mig/gi%u/access", minor,
			instance->id);
		ensure_node(mig, major, path);
		for (uint32_t c = 0; c < instance->compute_count; c++) {
			snprintf(path, sizeof(path),
				"/proc/driver/nvidia/capabilities/gpu%u/mig/gi%u/ci%u/access", minor,
				instance->id, instance->computes[c].id);
			ensure_node(mig, major, path);
		}
	}
}
