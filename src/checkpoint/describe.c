/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/describe.h"

#include <fcntl.h>
#include <json.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "checkpoint/processes.h"
#include "inventory/inventory.h"
#include "lease/lease.h"

void nvb_description_release(struct nvb_description *description)
{
	nvb_arena_release(&description->arena);
	*description = (struct nvb_description){0};
}

int nvb_describe_processes(struct nvb_description *description, nvb_gpu_state *gpu, const int *pids,
	size_t count, nvb_error **err)
{
	struct nvb_snapshot_manifest *m = &description->manifest;
	char name[17];

	m->processes = nvb_arena_alloc(&description->arena, (count + 1) * sizeof(*m->processes));
	if (!m->processes)
		return nvb_fail_oom(err);
	m->process_count = 0;
	for (size_t i = 0; i < count; i++) {
		struct nvb_gpu_process state = {.size = sizeof(state)};
		int rc = nvb_gpu_state_query(gpu, pids[i], &state, err);

		if (rc < 0)
			return rc;
		if (state.state == NVB_GPU_PROCESS_NONE)
			continue;
		nvb_process_name(pids[i], name);
		m->processes[m->process_count] = (struct nvb_snapshot_process){
			.pid = (uint64_t)nvb_process_inner(pids[i]),
			.host_pid = (uint64_t)pids[i],
			.started = nvb_proc_start_time(pids[i]),
			.command = nvb_arena_strdup(&description->arena, name),
			.cuda = true,
		};
		if (!m->processes[m->process_count++].command)
			return nvb_fail_oom(err);
	}
	return 0;
}

/* The GPUs that the capsule has by its lease: what "all" was when it started. */
static int describe_gpus(struct nvb_description *description, const char *id,
	const struct nvb_inventory *inventory, nvb_error **err)
{
	struct nvb_snapshot_manifest *m = &description->manifest;
	struct nvb_lease_info *list = NULL;
	size_t count = 0;
	int rc = nvb_lease_list(&inventory->roots.dev, &list, &count, err);

	if (rc < 0)
		return rc;
	m->gpus = nvb_arena_alloc(&description->arena, (inventory->gpu_count + 1) * sizeof(*m->gpus));
	for (size_t g = 0; m->gpus && g < inventory->gpu_count; g++) {
		const struct nvb_gpu *gpu = &inventory->gpus[g];
		bool has = false;

		for (size_t i = 0; i < count; i++)
			for (size_t d = 0; nvb_streq0(list[i].container, id) && d < list[i].devices.count;
				d++)
				has |= nvb_streq(list[i].devices.list[d].key, gpu->pci);
		if (has)
			m->gpus[m->gpu_count++] = (struct nvb_snapshot_gpu){
				.uuid = gpu->uuid, .chip = gpu->name, .pci = gpu->pci, .memory = gpu->memory};
	}
	nvb_lease_list_free(list, count);
	m->driver = nvb_inventory_driver_version(inventory);
	return m->gpus ? 0 : nvb_fail_oom(err);
}

unsigned nvb_details_cgroup(void)
{
	struct statfs fs;

	return statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC ? 2 : 1;
}

/* What of the host's it needs again: volumes, and files in them that it has open. */
struct nvb_preflight_mount *nvb_describe_mounts(const struct nvb_capsule_spec *spec, nvb_error **err)
{
	struct nvb_preflight_mount *mounts = calloc(spec->volume_count + 1, sizeof(*mounts));

	if (!mounts)
		nvb_fail_oom(err);
	for (size_t i = 0; mounts && i < spec->volume_count; i++)
		mounts[i] = (struct nvb_preflight_mount){
			.source = spec->volumes[i].source, .target = spec->volumes[i].target};
	return mounts;
}

static int list_files(const struct nvb_capsule_spec *spec, const int *pids, size_t pid_count, char ***files,
	nvb_error **err)
{
	_cleanup_free_ struct nvb_preflight_mount *mounts = nvb_describe_mounts(spec, err);

	if (!mounts)
		return -NVB_ERR_NO_MEMORY;
	return nvb_preflight_files(mounts, spec->volume_count, pids, pid_count, files, err);
}

int nvb_describe_details(struct nvb_description *description, const struct nvb_checkpoint *c, bool gpus,
	const int *pids, size_t pid_count, nvb_error **err)
{
	const struct nvb_capsule_spec *spec = &c->definition->spec;
	_cleanup_strbuf_ struct nvb_strbuf out = {0};
	_cleanup_strv_ char **files = NULL;
	const char *comma = "", *yes = "true", *no = "false";
	int rc = list_files(spec, pids, pid_count, &files, err);

	if (rc < 0)
		return rc;
	nvb_sb_addf(&out, "{\"terminal\":%s,\"tcp\":%s,\"gpus\":%s,\"cgroup\":%u,\"files\":[",
		spec->terminal ? yes : no, c->tcp ? yes : no, gpus ? yes : no, nvb_details_cgroup());
	nvb_strv_foreach (file, files) {
		nvb_sb_add(&out, comma);
		nvb_sb_add_json(&out, *file);
		comma = ",";
	}
	nvb_sb_add(&out, "]}");
	description->manifest.details = out.failed ? NULL : nvb_arena_strdup(&description->arena, out.s);
	return description->manifest.details ? 0 : nvb_fail_oom(err);
}

int nvb_describe_capsule(struct nvb_description *description, const struct nvb_checkpoint *c,
	const struct nvb_inventory *inventory, const struct nvb_criu *criu, nvb_error **err)
{
	struct nvb_snapshot_manifest *m = &description->manifest;
	_cleanup_strbuf_ struct nvb_strbuf definition = {0};
	const char *slash = strrchr(c->entry->runtime, '/');
	int rc = inventory ? describe_gpus(description, c->entry->id, inventory, err) : 0;

	if (rc < 0)
		return rc;
	nvb_definition_write(c->definition, NVB_DEFINITION_SAID, 0, &definition);
	m->name = c->entry->name;
	m->comment = c->comment;
	m->image = c->definition->spec.image;
	m->image_digest = c->image_digest;
	m->runtime = slash ? slash + 1 : c->entry->runtime;
	m->criu = nvb_arena_printf(&description->arena, "%u.%u", criu->major, criu->minor);
	m->definition = definition.failed ? NULL : nvb_arena_strdup(&description->arena, definition.s);
	return m->criu && m->definition ? 0 : nvb_fail_oom(err);
}

void nvb_details_release(struct nvb_details *details)
{
	nvb_strv_free(details->files);
	*details = (struct nvb_details){0};
}

static bool flag(json_object *object, const char *key)
{
	json_object *value = NULL;

	return json_object_object_get_ex(object, key, &value) && json_object_get_boolean(value);
}

int nvb_details_read(const char *text, struct nvb_details *out, nvb_error **err)
{
	json_object *object = text ? json_tokener_parse(text) : NULL, *value = NULL;
	_cleanup_details_ struct nvb_details details = {0};
	int rc = 0;

	if (!json_object_is_type(object, json_type_object)) {
		json_object_put(object);
		return nvb_fail(err, NVB_ERR_CORRUPT, "the snapshot does not say how it is restored");
	}
	details.terminal = flag(object, "terminal");
	details.tcp = flag(object, "tcp");
	details.gpus = flag(object, "gpus");
	if (json_object_object_get_ex(object, "cgroup", &value))
		details.cgroup = (unsigned)json_object_get_int(value);
	if (json_object_object_get_ex(object, "files", &value) && json_object_is_type(value, json_type_array))
		for (size_t i = 0; rc == 0 && i < json_object_array_length(value); i++) {
			const char *line = json_object_get_string(json_object_array_get_idx(value, i));

			if (!line || !nvb_strv_add(&details.files, line))
				rc = nvb_fail_oom(err);
		}
	json_object_put(object);
	if (rc == 0) {
		*out = details;
		details = (struct nvb_details){0};
	}
	return rc;
}
