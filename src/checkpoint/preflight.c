/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/preflight.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/file.h"
#include "base/mem.h"
#include "checkpoint/preflight_private.h"
#include "gpustate/gpustate.h"

/* Who looks for what; the ids and what they are about stand in preflight_report.c. */

/* Older ones need luck on kernels from about 6.9 on: Debian 12's 3.17 fails there. */
enum { CRIU_FIRST = 4 };
/* What compression may make of a snapshot, at best: where even that has no room, it would fail. */
enum { SHRINKS_TO = 16 };

static void see_criu(const struct nvb_preflight_criu *criu, unsigned major, unsigned minor,
	struct nvb_preflight_report *report)
{
	if (!criu->path) {
		nvb_preflight_find(report, "criu", 0, true, "CRIU, which saves the processes, is not here");
		return;
	}
	if (criu->problem)
		nvb_preflight_find(report, "criu", 0, true, "%s: %s", criu->path, criu->problem);
	if (!criu->major)
		return;
	if (criu->major < CRIU_FIRST)
		nvb_preflight_find(report, "criu-old", 0, false, "%s is version %u.%u", criu->path,
			criu->major, criu->minor);
	if (criu->major < major || (criu->major == major && criu->minor < minor))
		nvb_preflight_find(report, "criu-old", 0, true,
			"%s is version %u.%u, and the snapshot was taken by %u.%u", criu->path, criu->major,
			criu->minor, major, minor);
}

static uint64_t disk_room(const char *place)
{
	struct statvfs fs;

	return statvfs(place, &fs) == 0 ? (uint64_t)fs.f_bavail * fs.f_frsize : UINT64_MAX;
}

static uint64_t value_of(const char *status, const char *key)
{
	const char *line = strstr(status, key);

	return line ? strtoull(line + strlen(key), NULL, 10) << 10 : 0;
}

/* What of a process' memory is in no file. */
static uint64_t memory_of(int pid)
{
	_cleanup_free_ char *text = NULL;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (nvb_file_read(AT_FDCWD, path, 1 << 16, &text, NULL, NULL) < 0)
		return 0;
	return value_of(text, "\nRssAnon:") + value_of(text, "\nRssShmem:") + value_of(text, "\nVmSwap:");
}

static uint64_t size_of_tree(const char *path)
{
	char *const roots[] = {(char *)path, NULL};
	uint64_t size = 0;
	FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	const FTSENT *entry;

	while (tree && (entry = fts_read(tree)))
		if (entry->fts_info != FTS_DP && entry->fts_statp)
			size += (uint64_t)entry->fts_statp->st_blocks * 512;
	if (tree)
		fts_close(tree);
	return size;
}

static void see_disk(
	const struct nvb_preflight_capsule *capsule, uint64_t on_gpus, struct nvb_preflight_report *report)
{
	uint64_t own = 0, need, room = disk_room(capsule->place);

	for (size_t i = 0; i < capsule->count; i++)
		own += memory_of(capsule->pids[i]);
	if (capsule->upper)
		own += size_of_tree(capsule->upper);
	need = own + on_gpus;
	/* Of GPU memory all may be zeros, and of what an earlier snapshot has nothing is written again. */
	if (need > room)
		nvb_preflight_find(report, "disk", 0, !capsule->earlier && own / SHRINKS_TO > room,
			"%llu MiB are to be kept, before they are compressed, and %s has room for %llu MiB",
			(unsigned long long)(need >> 20), capsule->place, (unsigned long long)(room >> 20));
}

/* The GPU half; its findings have ids of the same table. */
static uint64_t see_gpus(const struct nvb_preflight_capsule *capsule, struct nvb_preflight_report *report)
{
	struct nvb_state_findings findings = {0};
	uint64_t bytes = 0;

	nvb_state_preflight(capsule->inventory, capsule->pids, capsule->count, &findings, &bytes);
	for (size_t i = 0; i < findings.count; i++)
		nvb_preflight_find(report, findings.list[i].id, findings.list[i].pid, findings.list[i].fatal,
			"%s", findings.list[i].reason);
	report->failed |= findings.failed;
	nvb_gpu_state_findings_free(findings.list, findings.count);
	return bytes;
}

static int finish(const struct nvb_preflight_report *report, int rc, nvb_error **err)
{
	return rc == 0 && report->failed ? nvb_fail_oom(err) : rc;
}

int nvb_preflight_take(
	const struct nvb_preflight_capsule *capsule, struct nvb_preflight_report *report, nvb_error **err)
{
	uint64_t on_gpus = 0;
	int rc;

	see_criu(&capsule->criu, 0, 0, report);
	nvb_preflight_processes(capsule, report);
	nvb_preflight_sources(capsule, report);
	if (capsule->has_gpus)
		on_gpus = see_gpus(capsule, report);
	see_disk(capsule, on_gpus, report);
	rc = nvb_preflight_descriptors(capsule, report, err);
	if (rc == 0)
		rc = nvb_preflight_sockets(capsule, report, err);
	return finish(report, rc, err);
}

static const struct nvb_gpu *find_gpu(const struct nvb_inventory *inventory, const char *uuid)
{
	for (size_t i = 0; i < inventory->gpu_count; i++)
		if (nvb_streq0(inventory->gpus[i].uuid, uuid))
			return &inventory->gpus[i];
	return NULL;
}

static void see_gpu(const struct nvb_preflight_snapshot *snapshot, const struct nvb_preflight_gpu *wanted,
	struct nvb_preflight_report *report)
{
	const struct nvb_inventory *inventory = snapshot->inventory;
	const char *uuid = wanted->target ? wanted->target : wanted->uuid;
	const struct nvb_gpu *gpu = find_gpu(inventory, uuid);
	const char *version = inventory->driver.version;

	if (!gpu)
		nvb_preflight_find(report, "gpu-gone", 0, true, "GPU %s is not here", uuid);
	else if (wanted->chip && gpu->name && !nvb_streq(gpu->name, wanted->chip))
		nvb_preflight_find(report, "chip-differs", 0, true,
			"the snapshot was taken on a %s, and GPU %s is a %s", wanted->chip, uuid, gpu->name);
	if (wanted->target && !nvb_streq(wanted->target, wanted->uuid) &&
		(!version || strtol(version, NULL, 10) < NVB_STATE_REMAP_BRANCH))
		nvb_preflight_find(report, "gpu-map", 0, true,
			"driver %s goes on only on the same GPU; other ones are possible from %d on",
			version ? version : "of unknown version", NVB_STATE_REMAP_BRANCH);
}

static void see_driver(const struct nvb_preflight_snapshot *snapshot, struct nvb_preflight_report *report)
{
	_cleanup_error_ nvb_error *why = NULL;
	const char *version = snapshot->inventory->driver.version;

	if (nvb_gpu_state_driver(snapshot->inventory, NULL, &why) < 0)
		nvb_preflight_find(report, "driver", 0, true, "%s",
			why ? nvb_error_message(why) : "the driver could not be looked at");
	else if (!nvb_streq0(version, snapshot->driver))
		nvb_preflight_find(report, "driver-differs", 0, true,
			"the processes have libcuda of driver %s in memory, and this is %s", snapshot->driver,
			version);
	for (size_t i = 0; i < snapshot->gpu_count; i++)
		see_gpu(snapshot, &snapshot->gpus[i], report);
}

int nvb_preflight_restore(
	const struct nvb_preflight_snapshot *snapshot, struct nvb_preflight_report *report, nvb_error **err)
{
	uint64_t memory = nvb_state_host_room(), disk = disk_room(snapshot->place);

	see_criu(&snapshot->criu, snapshot->criu_major, snapshot->criu_minor, report);
	if (snapshot->driver)
		see_driver(snapshot, report);
	if (snapshot->memory > memory)
		nvb_preflight_find(report, "memory-host", 0, true,
			"the processes have %llu MiB, and the host has %llu MiB available",
			(unsigned long long)(snapshot->memory >> 20), (unsigned long long)(memory >> 20));
	if (snapshot->disk > disk)
		nvb_preflight_find(report, "disk", 0, true,
			"%llu MiB are unpacked for it, and %s has room for %llu MiB",
			(unsigned long long)(snapshot->disk >> 20), snapshot->place,
			(unsigned long long)(disk >> 20));
	nvb_preflight_wanted_files(snapshot->files, report);
	return finish(report, 0, err);
}
