/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/proc.h"
#include "base/str.h"
#include "doctor/checks.h"
#include "inventory/nvml_abi.h"
#include "knob/knob.h"

/* What stands on cards, and what somebody has left there. */

/* Cards of which `wanted` holds; the number of the first in *first. */
static struct nvb_doctor_list list_cards(
	const struct nvb_health *health, bool (*wanted)(const struct nvb_health_gpu *), size_t *first)
{
	struct nvb_doctor_list list = {0};

	for (size_t i = 0; health && i < health->gpu_count; i++) {
		if (health->gpus[i].handle != NVML_OK || !wanted(&health->gpus[i]))
			continue;
		if (!list.count)
			*first = i;
		nvb_doctor_list_add(&list, "%zu", i);
	}
	return list;
}

static bool is_not_persistent(const struct nvb_health_gpu *gpu)
{
	return gpu->persistence == 0;
}

/* A card that draws, and a laptop's that may sleep, are better off without. */
static bool is_desktop(const struct nvb_inventory *inventory)
{
	for (size_t i = 0; i < inventory->file_count; i++)
		if (nvb_streq(inventory->files[i].rule, "lib.GLX_nvidia"))
			return true;
	return false;
}

NVB_LOOK(persistence)
{
	const struct nvb_health *health = nvb_doctor_health(d, f);
	size_t first = 0;
	struct nvb_doctor_list list = list_cards(health, is_not_persistent, &first);
	bool desktop = is_desktop(d->inventory);

	(void)check;
	if (!list.count)
		return;
	nvb_doctor_say(d, f, desktop ? NVB_DOCTOR_NOTE : NVB_DOCTOR_WARNING, "nvidia-smi -pm 1",
		"persistence mode is off on GPU %s: the first use after a pause takes seconds%s", list.text,
		desktop ? "; a laptop's card sleeps in between"
			: ", and settings are lost in between ('systemctl enable --now nvidia-persistenced' "
			  "keeps "
			  "it over boots)");
	f->safe = !desktop;
}

static bool has_compute_mode(const struct nvb_health_gpu *gpu)
{
	return gpu->compute_mode > 0;
}

/* What a capsule has turned is its own until it ends. */
static bool is_ours(struct nvb_doctor *d)
{
	struct nvb_knob_record *list = NULL;
	size_t count = 0;
	bool ours = false;

	if (nvb_knobs_list(nvb_knobs_root(d->inventory), &list, &count, NULL) < 0)
		return false;
	for (size_t i = 0; i < count; i++)
		ours |= list[i].knob == NVB_KNOB_COMPUTE_MODE;
	nvb_knobs_list_free(list, count);
	return ours;
}

NVB_LOOK(compute_mode)
{
	const struct nvb_health *health = nvb_doctor_health(d, f);
	size_t first = 0;
	struct nvb_doctor_list list = list_cards(health, has_compute_mode, &first);

	(void)check;
	if (list.count && !is_ours(d))
		nvb_doctor_say(d, f, NVB_DOCTOR_WARNING,
			nvb_doctor_text(d, "nvidia-smi -i %zu -c DEFAULT", first),
			"the compute mode of GPU %s was left at %s: %s", list.text,
			health->gpus[first].compute_mode == NVML_COMPUTE_PROHIBITED ? "PROHIBITED"
										    : "EXCLUSIVE_PROCESS",
			health->gpus[first].compute_mode == NVML_COMPUTE_PROHIBITED
				? "no program gets a CUDA context"
				: "a second program gets no CUDA context");
}

/* A daemon of bolt's own has its pipes below /run/bolt. */
static bool is_foreign_daemon(const struct nvb_root *proc, const char *pid)
{
	_cleanup_free_ char *name = NULL, *environment = NULL;
	size_t size = 0;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
	name = nvb_doctor_read(proc, path, NULL);
	/* The kernel keeps 15 characters of "nvidia-cuda-mps-control". */
	if (!nvb_streq0(name, "nvidia-cuda-mps"))
		return false;
	snprintf(path, sizeof(path), "/proc/%.16s/environ", pid);
	environment = nvb_doctor_read_bytes(proc, path, &size);
	return !environment || !memmem(environment, size, "CUDA_MPS_PIPE_DIRECTORY=/run/bolt", 33);
}

NVB_LOOK(mps)
{
	const struct nvb_root *proc = &d->inventory->roots.proc;
	_cleanup_close_ int fd = nvb_root_openat(proc, "/proc", O_RDONLY | O_DIRECTORY, 0);
	_cleanup_closedir_ DIR *directory = fd >= 0 ? fdopendir(NVB_TAKE_FD(fd)) : NULL;
	const struct dirent *entry;

	(void)check;
	while (directory && (entry = readdir(directory)))
		if (*entry->d_name >= '1' && *entry->d_name <= '9' &&
			is_foreign_daemon(proc, entry->d_name)) {
			nvb_doctor_say(d, f, NVB_DOCTOR_NOTE, "sh -c 'echo quit | nvidia-cuda-mps-control'",
				"an MPS daemon runs on this host (process %s): programs share its limits, "
				"and one "
				"that crashes ends the others",
				entry->d_name);
			return;
		}
}

NVB_LOOK(knobs)
{
	struct nvb_knob_record *list = NULL;
	size_t count = 0;

	(void)check;
	if (nvb_knobs_list(nvb_knobs_root(d->inventory), &list, &count, NULL) < 0) {
		nvb_doctor_say(
			d, f, NVB_DOCTOR_BLIND, NULL, "the records below /var/lib/nvbind/knobs are root's");
		return;
	}
	nvb_knobs_list_free(list, count);
	if (nvb_knobs_are_owed(nvb_knobs_root(d->inventory)))
		nvb_doctor_say(d, f, NVB_DOCTOR_WARNING, "nvbind knob restore",
			"power limits, clocks or other settings that a capsule turned were not put back when "
			"it was "
			"killed ('nvbind knob list' shows them)");
}

static bool has_pending_rows(const struct nvb_health_gpu *gpu)
{
	return gpu->remap_pending == 1;
}

NVB_LOOK(remap_pending)
{
	const struct nvb_health *health = nvb_doctor_health(d, f);
	size_t first = 0;
	struct nvb_doctor_list list = list_cards(health, has_pending_rows, &first);

	(void)check;
	if (list.count)
		nvb_doctor_say(d, f, NVB_DOCTOR_WARNING,
			nvb_doctor_text(d, "nvidia-smi --gpu-reset -i %zu", first),
			"GPU %s has memory rows that failed and will be replaced at the next reset",
			list.text);
}

static bool has_failed_rows(const struct nvb_health_gpu *gpu)
{
	return gpu->remap_failed == 1;
}

NVB_LOOK(remap_failed)
{
	const struct nvb_health *health = nvb_doctor_health(d, f);
	size_t first = 0;
	struct nvb_doctor_list list = list_cards(health, has_failed_rows, &first);

	(void)check;
	if (list.count)
		nvb_doctor_say(d, f, NVB_DOCTOR_FAILURE,
			nvb_doctor_text(d, "nvidia-smi -q -d ROW_REMAPPER -i %zu", first),
			"GPU %s has no spare memory rows left: the card is to be exchanged", list.text);
}
