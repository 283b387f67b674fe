/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "checkpoint/preflight_private.h"
#include "gpustate/gpustate.h"

/* Findings, and what is made of them. */

const struct nvb_preflight_check nvb_preflight_checks[] = {
	{"process", NVB_PREFLIGHT_TAKE, "a process that is named is there", NULL},
	{"driver", NVB_PREFLIGHT_BOTH, "the driver can save the state of GPUs (570 or later, not WSL2)",
		NULL},
	{"driver-differs", NVB_PREFLIGHT_RESTORE,
		"the driver is of the version that the snapshot was taken with",
		"install that driver, or start the capsule anew"},
	{"gpu-gone", NVB_PREFLIGHT_RESTORE, "the GPUs that the snapshot was taken on are here",
		"name others of the same chip with --gpu OLD=NEW (driver 580 or later)"},
	{"gpu-map", NVB_PREFLIGHT_RESTORE, "the driver can go on on other GPUs (580 or later)", NULL},
	{"chip-differs", NVB_PREFLIGHT_RESTORE, "the GPUs to go on on are of the same chip",
		"'nvbind info' shows the GPUs of this host"},
	{"managed-memory", NVB_PREFLIGHT_TAKE, "no process has managed memory (what the host can see of it)",
		NULL},
	{"mig", NVB_PREFLIGHT_TAKE, "no process uses a MIG device", NULL},
	{"mps", NVB_PREFLIGHT_TAKE, "no process is a client of MPS", NULL},
	{"ipc", NVB_PREFLIGHT_TAKE,
		"at most one process uses CUDA, so that none can share memory by CUDA IPC", NULL},
	{"graphics", NVB_PREFLIGHT_TAKE, "no process draws by the GPU", NULL},
	{"nvml", NVB_PREFLIGHT_TAKE, "no process has NVML loaded, or the driver open without CUDA",
		"end what watches the GPUs in the capsule"},
	{"capsule", NVB_PREFLIGHT_RESTORE, "the capsule it was taken of is here and does not run",
		"--name NEW makes another one of it"},
	{"image", NVB_PREFLIGHT_RESTORE, "the image is here and is the one that it was",
		"'bolt image pull' it by its digest, or tag that one by this name"},
	{"control-groups", NVB_PREFLIGHT_RESTORE, "the host has control groups of the same version", NULL},
	{"foreground", NVB_PREFLIGHT_TAKE, "the capsule runs in the background, under a supervisor",
		"'bolt surge run -d', or 'bolt capsule start', runs one there"},
	{"beside", NVB_PREFLIGHT_TAKE, "all processes descend from the capsule's own program",
		"let what 'bolt capsule exec' runs end first"},
	{"frozen", NVB_PREFLIGHT_TAKE, "the capsule is not paused, and the processes that use CUDA can run",
		"'bolt capsule unpause' lets a capsule go on"},
	{"memory-host", NVB_PREFLIGHT_BOTH, "the host's memory has room for what was on the GPUs", NULL},
	{"memory-cgroup", NVB_PREFLIGHT_TAKE, "the capsule's memory limit has room for what is on the GPUs",
		"'bolt capsule update --memory' raises it"},
	{"memory-unknown", NVB_PREFLIGHT_TAKE, "how much memory the processes have on GPUs is known", NULL},
	{"disk", NVB_PREFLIGHT_BOTH, "the disk has room for the snapshot",
		"'bolt snapshot prune' makes room"},
	{"criu", NVB_PREFLIGHT_BOTH, "CRIU is there and works on this kernel", "install criu 4.0 or later"},
	{"criu-old", NVB_PREFLIGHT_BOTH,
		"CRIU is not older than 4.0, nor than the one that took the snapshot",
		"install a later criu"},
	{"socket-outside", NVB_PREFLIGHT_TAKE, "no connection leads out of the capsule",
		"close it, or keep connections of TCP with --tcp"},
	{"file-outside", NVB_PREFLIGHT_TAKE, "no file is open that is in none of the capsule's mounts", NULL},
	{"limits", NVB_PREFLIGHT_TAKE, "the limits of every process may be read",
		"give bolt CAP_SYS_RESOURCE: without it the kernel shows root only those of processes with "
		"its own user "
		"and group"},
	{"traced", NVB_PREFLIGHT_TAKE, "no process is being traced by a debugger", "end the debugger"},
	{"mount-gone", NVB_PREFLIGHT_BOTH, "what is mounted in the capsule is still there", NULL},
	{"mount-silent", NVB_PREFLIGHT_BOTH, "who is behind a mount (NFS, FUSE and their like) answers",
		"unmount it, or set going again what serves it"},
	{"mount-changed", NVB_PREFLIGHT_RESTORE, "what is mounted is of the kind that it was", NULL},
	{"file-changed", NVB_PREFLIGHT_RESTORE, "files that the processes use are of the size that they were",
		NULL},
	{NULL},
};

static const struct nvb_preflight_check *find_check(const char *id)
{
	for (const struct nvb_preflight_check *check = nvb_preflight_checks; check->id; check++)
		if (nvb_streq(check->id, id))
			return check;
	return NULL;
}

void nvb_preflight_find(
	struct nvb_preflight_report *report, const char *id, int pid, bool fatal, const char *fmt, ...)
{
	const struct nvb_preflight_check *check = find_check(id);
	_cleanup_free_ char *reason = NULL;
	va_list args;

	va_start(args, fmt);
	reason = nvb_state_reason(fmt, args);
	va_end(args);
	if (!reason || !NVB_GROW(report->list, report->count, report->capacity))
		report->failed = true;
	else
		report->list[report->count++] = (struct nvb_preflight_finding){.id = check ? check->id : id,
			.fatal = fatal,
			.pid = pid,
			.reason = NVB_TAKE_PTR(reason),
			.hint = check ? check->hint : NULL};
}

void nvb_preflight_report_release(struct nvb_preflight_report *report)
{
	for (size_t i = 0; i < report->count; i++)
		free(report->list[i].reason);
	free(report->list);
	*report = (struct nvb_preflight_report){0};
}

bool nvb_preflight_fails(const struct nvb_preflight_report *report)
{
	for (size_t i = 0; i < report->count; i++)
		if (report->list[i].fatal)
			return true;
	return false;
}

int nvb_preflight_refuse(const struct nvb_preflight_report *report, nvb_error **err)
{
	const struct nvb_preflight_finding *first = NULL;
	size_t count = 0;
	int rc;

	for (size_t i = 0; i < report->count; i++) {
		if (!report->list[i].fatal)
			continue;
		first = first ? first : &report->list[i];
		count++;
	}
	if (!first)
		return 0;
	if (first->pid)
		rc = nvb_fail(err, NVB_ERR_UNSUPPORTED, "process %d: %s", first->pid, first->reason);
	else
		rc = nvb_fail(err, NVB_ERR_UNSUPPORTED, "%s", first->reason);
	if (count > 1)
		return nvb_hint(err, rc, "--check shows all %zu reasons against it", count);
	return first->hint ? nvb_hint(err, rc, "%s", first->hint) : rc;
}

void nvb_preflight_json(const struct nvb_preflight_report *report, struct nvb_strbuf *out)
{
	nvb_sb_add(out, "[");
	for (size_t i = 0; i < report->count; i++) {
		const struct nvb_preflight_finding *f = &report->list[i];

		nvb_sb_addf(out, "%s\n  {\"check\": \"%s\", \"fatal\": %s, \"pid\": ", i ? "," : "", f->id,
			f->fatal ? "true" : "false");
		if (f->pid)
			nvb_sb_addf(out, "%d, \"reason\": ", f->pid);
		else
			nvb_sb_add(out, "null, \"reason\": ");
		nvb_sb_add_json(out, f->reason);
		nvb_sb_add(out, ", \"hint\": ");
		f->hint ? nvb_sb_add_json(out, f->hint) : nvb_sb_add(out, "null");
		nvb_sb_addc(out, '}');
	}
	nvb_sb_add(out, report->count ? "\n]\n" : "]\n");
}
