/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/str.h"
#include "doctor/checks.h"
#include "inventory/procfs.h"

/* Device nodes. Source of the numbers: Documentation/admin-guide/devices.txt, /proc/devices. */
enum { MAJOR_NVIDIA = 195, MINOR_CONTROL = 255, MINOR_MODESET = 254 };

/* What every GPU container needs: modeset and uvm-tools may be absent where nobody draws or profiles. */
static bool is_essential(const char *path)
{
	return nvb_streq(path, "/dev/nvidiactl") || nvb_streq(path, "/dev/nvidia-uvm");
}

static bool has_nodes(struct nvb_doctor *d, struct nvb_doctor_finding *f)
{
	if (nvb_doctor_has_module(d) && !nvb_doctor_is_wsl(d))
		return true;
	nvb_doctor_absent(f);
	return false;
}

NVB_LOOK(node_missing)
{
	const struct nvb_inventory *inventory = d->inventory;
	struct nvb_doctor_list list = {0};

	(void)check;
	if (!has_nodes(d, f))
		return;
	for (size_t i = 0; i < inventory->control_count; i++)
		if (!inventory->control[i].present && is_essential(inventory->control[i].path))
			nvb_doctor_list_add(&list, "%s", inventory->control[i].path);
	for (size_t i = 0; i < inventory->gpu_count; i++)
		if (inventory->gpus[i].node.path && !inventory->gpus[i].node.present)
			nvb_doctor_list_add(&list, "%s", inventory->gpus[i].node.path);
	if (list.count)
		nvb_doctor_say(d, f, NVB_DOCTOR_FAILURE, "nvidia-modprobe -c 0 -u",
			"%s %s not there: nobody has made the driver's device nodes since the last boot",
			list.text, list.count == 1 ? "is" : "are");
}

/* What the number of a control node should be; false where the kernel does not say. */
static bool right_number(const char *devices, const char *path, uint32_t *major, uint32_t *minor)
{
	*major = MAJOR_NVIDIA;
	if (nvb_streq(path, "/dev/nvidiactl")) {
		*minor = MINOR_CONTROL;
	} else if (nvb_streq(path, "/dev/nvidia-modeset")) {
		*minor = MINOR_MODESET;
	} else {
		*minor = nvb_streq(path, "/dev/nvidia-uvm-tools");
		return nvb_after(path, "/dev/nvidia-uvm") && devices &&
		       nvb_procfs_find_major(devices, "nvidia-uvm", major);
	}
	/* A simulated driver has majors of its own, where a real one has 195 already. */
	if (devices && !nvb_procfs_find_major(devices, "nvidia-frontend", major))
		nvb_procfs_find_major(devices, "nvidia", major);
	return true;
}

NVB_LOOK(node_number)
{
	const struct nvb_inventory *inventory = d->inventory;
	_cleanup_free_ char *devices = nvb_doctor_read(&inventory->roots.proc, "/proc/devices", NULL);
	uint32_t major, minor, gpu_major;
	struct nvb_doctor_list list = {0};
	const char *first = NULL;

	(void)check;
	if (!has_nodes(d, f))
		return;
	for (size_t i = 0; i < inventory->control_count; i++) {
		const struct nvb_node *node = &inventory->control[i];

		if (!node->present || !right_number(devices, node->path, &major, &minor) ||
			(node->major == major && node->minor == minor))
			continue;
		nvb_doctor_list_add(&list, "%s is %u:%u and not %u:%u", node->path, node->major, node->minor,
			major, minor);
		first = first ? first : node->path;
	}
	right_number(devices, "/dev/nvidiactl", &gpu_major, &minor);
	for (size_t i = 0; i < inventory->gpu_count; i++) {
		const struct nvb_gpu *gpu = &inventory->gpus[i];

		if (!gpu->node.path || !gpu->node.present ||
			(gpu->node.major == gpu_major && gpu->node.minor == gpu->minor))
			continue;
		nvb_doctor_list_add(&list, "%s is %u:%u and not %u:%u", gpu->node.path, gpu->node.major,
			gpu->node.minor, gpu_major, gpu->minor);
		first = first ? first : gpu->node.path;
	}
	if (list.count)
		nvb_doctor_say(d, f, NVB_DOCTOR_FAILURE,
			nvb_doctor_text(d, "rm %s && nvidia-modprobe -c 0 -u", first),
			"%s: the node was made by hand or for another kernel", list.text);
}

NVB_LOOK(node_permission)
{
	const struct nvb_inventory *inventory = d->inventory;
	struct nvb_doctor_list list = {0};
	struct stat st;

	(void)check;
	if (!has_nodes(d, f))
		return;
	for (size_t i = 0; i < inventory->control_count + inventory->gpu_count; i++) {
		const struct nvb_node *node = i < inventory->control_count
						      ? &inventory->control[i]
						      : &inventory->gpus[i - inventory->control_count].node;

		if (!node->path || !node->present ||
			nvb_root_stat(&inventory->roots.dev, node->path, true, &st) < 0)
			continue;
		if ((st.st_mode & 0666) != 0666)
			nvb_doctor_list_add(&list, "%s (%04o)", node->path, st.st_mode & 07777u);
	}
	if (list.count)
		nvb_doctor_say(d, f, NVB_DOCTOR_WARNING,
			"sh -c 'chmod 666 /dev/nvidia[0-9]* /dev/nvidiactl /dev/nvidia-uvm*'",
			"not everybody may open %s: users without root, in containers as well, get no GPU "
			"(NVreg_DeviceFileMode of the module decides)",
			list.text);
}

static const struct nvb_doctor_package modprobe_package = {
	"nvidia-modprobe", "nvidia-modprobe", "nvidia-utils", "nvidia-modprobe"};

NVB_LOOK(node_modprobe)
{
	(void)check;
	if (has_nodes(d, f) && !nvb_doctor_exists(&d->inventory->roots.driver, "/usr/bin/nvidia-modprobe"))
		nvb_doctor_say(d, f, NVB_DOCTOR_WARNING, nvb_doctor_install(d, &modprobe_package),
			"nvidia-modprobe is not installed: after a boot device nodes are there only once "
			"root has "
			"used a GPU");
}

NVB_LOOK(node_setuid)
{
	_cleanup_free_ char *path =
		nvb_root_host_path(&d->inventory->roots.driver, "/usr/bin/nvidia-modprobe");
	struct stat st;

	(void)check;
	if (!has_nodes(d, f))
		return;
	if (nvb_root_stat(&d->inventory->roots.driver, "/usr/bin/nvidia-modprobe", true, &st) < 0)
		nvb_doctor_absent(f);
	else if (!(st.st_mode & S_ISUID) || st.st_uid != 0)
		nvb_doctor_say(d, f, NVB_DOCTOR_WARNING, nvb_doctor_text(d, "chmod u+s %s", path ? path : ""),
			"nvidia-modprobe is not setuid root (%04o, user %u): users without root cannot have "
			"nodes "
			"made",
			st.st_mode & 07777u, (unsigned)st.st_uid);
}

/*
 * systemd gives the device rules of a scope anew at every daemon-reload, by the names in /dev/char; a node
 * without one is forgotten. Source: systemd's src/core/bpf-devices.c, NVIDIA's container toolkit, "Containers
 * losing access to GPUs".
 */
NVB_LOOK(node_char_links)
{
	const struct nvb_inventory *inventory = d->inventory;
	struct nvb_doctor_list list = {0};
	_cleanup_strbuf_ struct nvb_strbuf command = {0};
	char path[64];

	(void)check;
	if (!has_nodes(d, f))
		return;
	if (!nvb_doctor_exists(&d->host, "/run/systemd/system")) {
		nvb_doctor_absent(f);
		return;
	}
	for (size_t i = 0; i < inventory->control_count + inventory->gpu_count; i++) {
		const struct nvb_node *node = i < inventory->control_count
						      ? &inventory->control[i]
						      : &inventory->gpus[i - inventory->control_count].node;

		if (!node->path || !node->present)
			continue;
		snprintf(path, sizeof(path), "/dev/char/%u:%u", node->major, node->minor);
		if (nvb_doctor_exists(&inventory->roots.dev, path))
			continue;
		nvb_doctor_list_add(&list, "%s", path);
		nvb_sb_addf(&command, "%sln -sf ../%s %s", command.len ? " && " : "",
			node->path + sizeof("/dev"), path);
	}
	d->no_memory |= command.failed;
	if (list.count)
		nvb_doctor_say(d, f, NVB_DOCTOR_WARNING, command.s,
			"%s %s missing: containers that were given nodes behind systemd's back lose their "
			"GPUs at "
			"'systemctl daemon-reload'",
			list.text, list.count == 1 ? "is" : "are");
}
