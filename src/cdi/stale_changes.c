/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "base/str.h"
#include "cdi/stale.h"

/* What a spec says and the same made again does not: each difference as a reason a person understands. */

struct look {
	struct nvb_cdi_findings *findings;
	const struct nvb_cdi_diff *diff;
	bool other_driver;
	nvb_error **err;
};

/* "1:0" and "MIG-...": how our specs name MIG devices. */
static bool is_mig_name(const char *device)
{
	return strchr(device, ':') || nvb_after(device, "MIG-");
}

static int look_at_device(struct look *look, const struct nvb_cdi_change *change)
{
	bool mig = is_mig_name(change->subject);

	return nvb_cdi_findings_add(look->findings, mig ? NVB_CDI_STALE_MIG : NVB_CDI_STALE_GPUS,
		change->subject, look->err, "%s %s %s", mig ? "MIG device" : "device", change->subject,
		change->before ? "is gone" : "is new");
}

static int look_at_mount(struct look *look, const struct nvb_cdi_change *change)
{
	const struct nvb_cdi_mount *old = (const void *)change->a, *now = (const void *)change->b;
	_cleanup_free_ char *was = old ? nvb_cdi_driver_version_in(old->host_path) : NULL;
	_cleanup_free_ char *is = now ? nvb_cdi_driver_version_in(now->host_path) : NULL;
	int rc = 0;

	if (was && is && !nvb_streq(was, is))
		return nvb_cdi_findings_add(look->findings, NVB_CDI_STALE_DRIVER, was, look->err,
			"driver %s in the spec, %s on this host", was, is);
	/* What is gone from the host has been found there; what is left out now stands there still. */
	if (!change->field && old && access(old->host_path, F_OK) == 0)
		rc = nvb_cdi_findings_add(look->findings, NVB_CDI_STALE_OTHER, old->host_path, look->err,
			"%s is not part of it any more", old->host_path);
	else if (!change->field && now)
		rc = nvb_cdi_findings_add(look->findings, NVB_CDI_STALE_NEW, now->host_path, look->err,
			"%s is not in the spec", now->host_path);
	else if (change->field)
		rc = nvb_cdi_findings_add(look->findings, NVB_CDI_STALE_OTHER, NULL, look->err,
			"mount %s: %s: %s -> %s", change->subject, change->field,
			change->before ? change->before : "none", change->after ? change->after : "none");
	return rc;
}

/* A node that another device of the spec has keeps its name and changes its owner: GPUs changed places. */
static int look_at_node(struct look *look, const struct nvb_cdi_change *change)
{
	const struct nvb_cdi_device_node *node = (const void *)(change->b ? change->b : change->a);
	const char *path = node->host_path && *node->host_path ? node->host_path : node->path;

	if (change->field)
		return nvb_cdi_findings_add(look->findings, NVB_CDI_STALE_NODE, path, look->err,
			"device node %s: %s: %s -> %s", path, change->field,
			change->before ? change->before : "none", change->after ? change->after : "none");
	if (change->device && !nvb_streq(change->device, "all"))
		return nvb_cdi_findings_add(look->findings,
			is_mig_name(change->device) ? NVB_CDI_STALE_MIG : NVB_CDI_STALE_GPUS, NULL, look->err,
			"device %s %s %s", change->device, change->before ? "does not have" : "has now",
			path);
	if (change->before && access(path, F_OK) < 0)
		return 0; /* found on the host */
	return nvb_cdi_findings_add(look->findings, NVB_CDI_STALE_NODE, path, look->err, "device node %s %s",
		path, change->before ? "is not part of it any more" : "is not in the spec");
}

static int look_at_hook(struct look *look, const struct nvb_cdi_change *change)
{
	if (change->field && nvb_streq(change->field, "path"))
		return nvb_cdi_findings_add(look->findings, NVB_CDI_STALE_HOOK, change->before, look->err,
			"hook %s in the spec, %s is what would be named now", change->before, change->after);
	/* Its links carry the version in their names. */
	if (change->field && look->other_driver)
		return 0;
	if (change->field)
		return nvb_cdi_findings_add(look->findings, NVB_CDI_STALE_OTHER, NULL, look->err,
			"the hook's work: %s %s",
			change->before ? "no more" : "new:", change->before ? change->before : change->after);
	return nvb_cdi_findings_add(look->findings, NVB_CDI_STALE_HOOK, change->subject, look->err,
		"hook %s %s", change->subject,
		change->before ? "is not part of it any more" : "is not in the spec");
}

static int look_at_change(struct look *look, const struct nvb_cdi_change *change)
{
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};

	if (nvb_streq(change->part, "devices"))
		return look_at_device(look, change);
	if (nvb_streq(change->part, "mounts"))
		return look_at_mount(look, change);
	if (nvb_streq(change->part, "deviceNodes"))
		return look_at_node(look, change);
	if (nvb_streq(change->part, "hooks"))
		return look_at_hook(look, change);
	nvb_cdi_change_describe(&sb, change);
	if (sb.failed)
		return nvb_fail_oom(look->err);
	return nvb_cdi_findings_add(look->findings, NVB_CDI_STALE_OTHER, NULL, look->err, "%s", sb.s);
}

/* The version that the library of CUDA or of NVML is mounted with, malloc'd. */
static char *version_of(const struct nvb_cdi_spec *spec)
{
	const struct nvb_cdi_edits *edits = spec->edits;

	for (size_t i = 0; edits && i < edits->mount_count; i++) {
		char *version = nvb_cdi_driver_version_in(edits->mounts[i].host_path);

		if (version)
			return version;
	}
	return NULL;
}

int nvb_cdi_look_at_changes(struct nvb_cdi_findings *findings, const struct nvb_cdi_spec *spec,
	const struct nvb_cdi_spec *now, nvb_error **err)
{
	_cleanup_free_ char *was = version_of(spec), *is = version_of(now);
	_cleanup_cdi_diff_ struct nvb_cdi_diff diff = {0};
	struct look look = {.findings = findings, .diff = &diff, .err = err};
	int rc = nvb_cdi_diff(&diff, spec, now, err);

	if (rc == 0 && was && is && !nvb_streq(was, is)) {
		look.other_driver = true;
		rc = nvb_cdi_findings_add(findings, NVB_CDI_STALE_DRIVER, was, err,
			"driver %s in the spec, %s on this host", was, is);
	}
	for (size_t i = 0; rc == 0 && i < diff.count; i++)
		rc = look_at_change(&look, &diff.changes[i]);
	return rc;
}
