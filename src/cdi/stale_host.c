/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/str.h"
#include "cdi/stale.h"
#include "cdi/validate.h"

/* What a spec names, looked up on the host: each path once, however many devices name it. */

struct look {
	struct nvb_cdi_findings *findings;
	const struct nvb_inventory *inventory;
	const struct nvb_cdi_object **objects; /* malloc'd: nodes, mounts or hooks, one kind at a time */
	size_t count;
	nvb_error **err;
};

static const char *host_path_of(const struct nvb_cdi_device_node *node)
{
	return node->host_path && *node->host_path ? node->host_path : node->path;
}

static int look_at_node(struct look *look, const struct nvb_cdi_device_node *node)
{
	const char *path = host_path_of(node);
	struct stat st;

	if (stat(path, &st) < 0)
		return nvb_cdi_findings_add(look->findings, NVB_CDI_STALE_NODE, path, look->err,
			"device node %s: %s", path, errno == ENOENT ? "gone" : strerrordesc_np(errno));
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode) && !S_ISFIFO(st.st_mode))
		return nvb_cdi_findings_add(look->findings, NVB_CDI_STALE_NODE, path, look->err,
			"%s is no device node any more", path);
	if (!nvb_cdi_given(&node->object, NVB_CDI_NODE_MAJOR) || !node->major ||
		(node->major == major(st.st_rdev) && node->minor == minor(st.st_rdev)))
		return 0;
	return nvb_cdi_findings_add(look->findings, NVB_CDI_STALE_NUMBERS, path, look->err,
		"device node %s: %lld:%lld in the spec, %u:%u on this host", path, (long long)node->major,
		(long long)node->minor, major(st.st_rdev), minor(st.st_rdev));
}

/* The kernel module is one for the whole host, whatever root the libraries come from. */
static bool is_of_this_host(const struct nvb_inventory *inventory, const char *path)
{
	return nvb_streq(inventory->roots.proc.path, "/") || nvb_after(path, inventory->roots.driver.path);
}

static int look_at_version(struct look *look, const char *path)
{
	_cleanup_free_ char *version = NULL;
	const char *now = look->inventory ? look->inventory->driver.module_version : NULL;

	if (!now || !is_of_this_host(look->inventory, path))
		return 0;
	version = nvb_cdi_driver_version_in(path);
	if (!version || nvb_streq(version, now))
		return 0;
	return nvb_cdi_findings_add(look->findings, NVB_CDI_STALE_DRIVER, version, look->err,
		"driver %s in the spec, %s on this host", version, now);
}

static int look_at_mount(struct look *look, const struct nvb_cdi_mount *mount)
{
	struct stat st;

	if (!nvb_cdi_is_bind(mount))
		return 0;
	if (stat(mount->host_path, &st) < 0) {
		int rc = nvb_cdi_findings_add(look->findings, NVB_CDI_STALE_GONE, mount->host_path, look->err,
			"%s: %s", mount->host_path, errno == ENOENT ? "gone" : strerrordesc_np(errno));

		if (rc < 0)
			return rc;
	}
	return look_at_version(look, mount->host_path);
}

static int look_at_hook(struct look *look, const struct nvb_cdi_hook *hook)
{
	struct stat st;

	if (stat(hook->path, &st) < 0)
		return nvb_cdi_findings_add(look->findings, NVB_CDI_STALE_HOOK, hook->path, look->err,
			"hook %s: %s, so no container starts with this spec", hook->path,
			errno == ENOENT ? "not there" : strerrordesc_np(errno));
	if (S_ISREG(st.st_mode) && (st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)))
		return 0;
	return nvb_cdi_findings_add(look->findings, NVB_CDI_STALE_HOOK, hook->path, look->err,
		"hook %s: no program that can be run, so no container starts with this spec", hook->path);
}

/* --- each once --- */

static int by_node(const void *a, const void *b)
{
	const struct nvb_cdi_device_node *x = *(void *const *)a, *y = *(void *const *)b;

	return strcmp(host_path_of(x), host_path_of(y));
}

static int by_mount(const void *a, const void *b)
{
	const struct nvb_cdi_mount *x = *(void *const *)a, *y = *(void *const *)b;

	return strcmp(x->host_path, y->host_path);
}

static int by_hook(const void *a, const void *b)
{
	const struct nvb_cdi_hook *x = *(void *const *)a, *y = *(void *const *)b;

	return strcmp(x->path, y->path);
}

static void gather(struct look *look, const struct nvb_cdi_edits *edits, unsigned field)
{
	for (size_t i = 0; edits && field == NVB_CDI_EDITS_DEVICE_NODES && i < edits->device_node_count; i++)
		look->objects[look->count++] = &edits->device_nodes[i].object;
	for (size_t i = 0; edits && field == NVB_CDI_EDITS_MOUNTS && i < edits->mount_count; i++)
		look->objects[look->count++] = &edits->mounts[i].object;
	for (size_t i = 0; edits && field == NVB_CDI_EDITS_HOOKS && i < edits->hook_count; i++)
		look->objects[look->count++] = &edits->hooks[i].object;
}

static size_t count_all(const struct nvb_cdi_edits *edits)
{
	return edits ? edits->device_node_count + edits->mount_count + edits->hook_count : 0;
}

static int look_at_all(struct look *look, const struct nvb_cdi_spec *spec, unsigned field,
	int (*order)(const void *, const void *))
{
	int rc = 0;

	look->count = 0;
	gather(look, spec->edits, field);
	for (size_t i = 0; i < spec->device_count; i++)
		gather(look, spec->devices[i].edits, field);
	if (look->count)
		qsort(look->objects, look->count, sizeof(*look->objects), order);
	for (size_t i = 0; rc == 0 && i < look->count; i++) {
		const void *object = look->objects[i];

		/* Of one path the numbers may still differ: a spec that contradicts itself is looked at
		 * whole. */
		if (i && field != NVB_CDI_EDITS_DEVICE_NODES && order(&look->objects[i - 1], &object) == 0)
			continue;
		rc = field == NVB_CDI_EDITS_DEVICE_NODES ? look_at_node(look, object)
		     : field == NVB_CDI_EDITS_MOUNTS	 ? look_at_mount(look, object)
							 : look_at_hook(look, object);
	}
	return rc;
}

int nvb_cdi_look_at_host(struct nvb_cdi_findings *findings, const struct nvb_cdi_spec *spec,
	const struct nvb_inventory *inventory, nvb_error **err)
{
	struct look look = {.findings = findings, .inventory = inventory, .err = err};
	size_t count = count_all(spec->edits);
	int rc;

	for (size_t i = 0; i < spec->device_count; i++)
		count += count_all(spec->devices[i].edits);
	look.objects = calloc(count + 1, sizeof(*look.objects));
	if (!look.objects)
		return nvb_fail_oom(err);
	rc = look_at_all(&look, spec, NVB_CDI_EDITS_DEVICE_NODES, by_node);
	if (rc == 0)
		rc = look_at_all(&look, spec, NVB_CDI_EDITS_MOUNTS, by_mount);
	if (rc == 0)
		rc = look_at_all(&look, spec, NVB_CDI_EDITS_HOOKS, by_hook);
	free(look.objects);
	return rc;
}
