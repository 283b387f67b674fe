/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/plugin.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "plugin/judge.h"
#include "plugin/process.h"
#include "plugin/record.h"

/* As the planner's own mounts, and no programs. */
static const char *const mount_options[] = {"ro", "nosuid", "nodev", "noexec", "rbind", "rprivate", NULL};

void nvb_plugin_about_release(struct nvb_plugin_about *about)
{
	free(about->version);
	free(about->summary);
	*about = (struct nvb_plugin_about){0};
}

static const struct nvb_gpu *gpu_of(
	const struct nvb_inventory *inventory, const struct nvb_plan_device *device)
{
	return device->is_channel ? NULL : nvb_inventory_gpu_by_index(inventory, device->gpu_index);
}

/* The request and the inventory as far as a plugin needs them: the devices that the container gets. */
static int write_input(const struct nvb_inventory *inventory, const struct nvb_plan *plan,
	struct nvb_strbuf *out, nvb_error **err)
{
	char number[16], node[16];

	snprintf(number, sizeof(number), "%u", plan->capabilities & NVB_CAP_ALL);
	NVB_RECORD_ADD(out, NVB_RECORD_HOST, plan->driver_version ? plan->driver_version : "", number,
		inventory->roots.dev.path, inventory->roots.sys.path);
	for (size_t i = 0; i < plan->device_count; i++) {
		const struct nvb_plan_device *device = &plan->devices[i];
		const struct nvb_gpu *gpu = gpu_of(inventory, device);

		snprintf(number, sizeof(number), "%" PRIu32, device->gpu_index);
		snprintf(node, sizeof(node), "%d", gpu ? gpu->numa_node : -1);
		NVB_RECORD_ADD(out, NVB_RECORD_GPU, device->name, device->uuid ? device->uuid : "",
			device->pci ? device->pci : "", device->model ? device->model : "", number, node);
	}
	snprintf(number, sizeof(number), "%zu", plan->device_count + 1);
	NVB_RECORD_ADD(out, NVB_RECORD_END, number);
	return out->failed ? nvb_fail_oom(err) : 0;
}

struct taking {
	const struct nvb_plugin_options *options;
	const struct nvb_plugin_file *file;
	const struct nvb_inventory *inventory;
	struct nvb_plan *plan;
	struct nvb_plugin_about *about; /* or NULL */
	bool greeted;
	char *rule;
};

static int fill(struct taking *t, const struct nvb_plugin_record *record, struct nvb_edit *edit,
	const struct stat *node)
{
	struct nvb_arena *arena = &t->plan->arena;
	const char *first = nvb_arena_strdup(arena, record->texts[1]),
		   *second = nvb_arena_strdup(arena, record->texts[2]);

	edit->rule = nvb_arena_strdup(arena, t->rule);
	edit->reason = nvb_arena_strdup(arena, record->texts[3]);
	if (!first || !second || !edit->rule || !edit->reason)
		return -NVB_ERR_NO_MEMORY;
	if (record->kind == NVB_RECORD_DEVICE) {
		edit->enforcement = NVB_ENFORCED_KERNEL;
		edit->device.container = first;
		edit->device.host = nvb_root_host_path(&t->inventory->roots.dev, first);
		if (!edit->device.host)
			return -NVB_ERR_NO_MEMORY;
		first = nvb_arena_strdup(arena, edit->device.host);
		free((char *)edit->device.host);
		edit->device.host = first;
		edit->device.type = "c";
		edit->device.major = major(node->st_rdev);
		edit->device.minor = minor(node->st_rdev);
		edit->device.known_numbers = true;
		snprintf(edit->device.access, sizeof(edit->device.access), "%s", record->texts[2]);
		return first ? 0 : -NVB_ERR_NO_MEMORY;
	}
	if (record->kind == NVB_RECORD_ENV) {
		edit->env.name = first;
		edit->env.value = second;
		return 0;
	}
	edit->mount.host = first;
	edit->mount.container = second;
	edit->mount.file_kind = NVB_FILE_DATA;
	edit->mount.via = NVB_VIA_BIND;
	edit->mount.options = mount_options;
	return 0;
}

static int take_edit(struct taking *t, const struct nvb_plugin_record *record, nvb_error **err)
{
	static const enum nvb_edit_kind kinds[] = {
		[NVB_RECORD_DEVICE] = NVB_EDIT_DEVICE,
		[NVB_RECORD_MOUNT] = NVB_EDIT_MOUNT,
		[NVB_RECORD_ENV] = NVB_EDIT_ENV,
	};
	const struct nvb_plugin_judge judge = {t->plan, t->inventory, t->options->sources};
	struct nvb_edit *edit;
	struct stat node;
	int gpu, rc = nvb_plugin_judge(&judge, record, &gpu, &node, err);

	if (rc < 0)
		return nvb_wrap(err, rc, "what it asks for is refused");
	edit = nvb_plan_add(t->plan, kinds[record->kind], gpu);
	if (!edit || fill(t, record, edit, &node) < 0)
		return nvb_fail_oom(err);
	return 0;
}

static int take_hello(struct taking *t, const struct nvb_plugin_record *record, nvb_error **err)
{
	if (t->greeted)
		return nvb_fail(err, NVB_ERR_CORRUPT, "it says twice who it is");
	t->greeted = true;
	if (!nvb_streq(record->texts[0], t->file->name))
		return nvb_fail(err, NVB_ERR_CORRUPT, "it calls itself '%.60s', its file is %s.so",
			record->texts[0], t->file->name);
	if (!t->about)
		return 0;
	t->about->version = strdup(record->texts[1]);
	t->about->summary = strdup(record->texts[2]);
	return t->about->version && t->about->summary ? 0 : nvb_fail_oom(err);
}

static int take(struct taking *t, const struct nvb_plugin_record *record, nvb_error **err)
{
	if (record->kind == NVB_RECORD_FAILED)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED, "%.500s", record->texts[0]);
	if (record->kind == NVB_RECORD_HELLO)
		return take_hello(t, record, err);
	if (!t->greeted)
		return nvb_fail(err, NVB_ERR_CORRUPT, "it does not say who it is");
	switch (record->kind) {
	case NVB_RECORD_WARN:
		nvb_warning(t->options->log, "plugin %s: %.500s", t->file->name, record->texts[0]);
		return 0;
	case NVB_RECORD_DEVICE:
	case NVB_RECORD_MOUNT:
	case NVB_RECORD_ENV:
		if (!t->plan)
			break;
		return take_edit(t, record, err);
	default:
		break;
	}
	return nvb_fail(err, NVB_ERR_CORRUPT, "it wrote a record that is not for it to write");
}

static int take_all(struct taking *t, const char *data, size_t size, nvb_error **err)
{
	struct nvb_record_reader reader = {.data = data, .size = size};
	struct nvb_plugin_record record;
	int rc;

	while ((rc = nvb_record_next(&reader, &record, err)) > 0) {
		rc = take(t, &record, err);
		if (rc < 0)
			return rc;
	}
	if (rc == 0 && !t->greeted)
		return nvb_fail(err, NVB_ERR_CORRUPT, "it does not say who it is");
	return rc;
}

/* Runs it, and takes what it says. Without a plan it is only asked who it is. */
static int call(struct taking *t, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf input = {0};
	_cleanup_free_ char *output = NULL;
	size_t size;
	int rc = 0;

	if (t->file->fd < 0)
		return nvb_fail(err, NVB_ERR_PERMISSION, "%s",
			t->file->problem ? nvb_error_message(t->file->problem) : "not loaded");
	if (t->plan)
		rc = write_input(t->inventory, t->plan, &input, err);
	else
		NVB_RECORD_ADD(&input, NVB_RECORD_END, "0");
	if (rc == 0 && input.failed)
		rc = nvb_fail_oom(err);
	if (rc == 0)
		rc = nvb_plugin_process(t->options->helper, t->file->fd, &input, &output, &size, err);
	return rc < 0 ? rc : take_all(t, output, size, err);
}

int nvb_plugin_describe(const struct nvb_plugin_options *options, const struct nvb_plugin_file *file,
	struct nvb_plugin_about *about, nvb_error **err)
{
	struct taking t = {.options = options, .file = file, .about = about};

	return call(&t, err);
}

int nvb_plugin_apply(const struct nvb_plugin_options *options, const struct nvb_plugin_file *file,
	const struct nvb_inventory *inventory, struct nvb_plan *plan, size_t *added, nvb_error **err)
{
	_cleanup_free_ char *rule = NULL;
	struct taking t = {.options = options, .file = file, .inventory = inventory, .plan = plan};
	size_t before = plan->edit_count;
	int rc;

	if (asprintf(&rule, "plugin:%s", file->name) < 0)
		return nvb_fail_oom(err);
	t.rule = rule;
	rc = call(&t, err);
	/* Half of what a plugin wanted may be worse than nothing. */
	if (rc < 0)
		plan->edit_count = before;
	else
		*added = plan->edit_count - before;
	return rc;
}

static int apply_one(const struct nvb_plugin_options *options, const struct nvb_plugin_file *file,
	const struct nvb_inventory *inventory, struct nvb_plan *plan, nvb_error **err)
{
	_cleanup_error_ nvb_error *why = NULL;
	size_t added = 0;
	int rc = nvb_plugin_apply(options, file, inventory, plan, &added, &why);

	if (rc == 0) {
		nvb_debug(options->log, "plugin %s added %zu edits", file->name, added);
		return 0;
	}
	if (rc == -NVB_ERR_NO_MEMORY || options->required) {
		nvb_error_move(err, NVB_TAKE_PTR(why));
		return nvb_wrap(err, rc, "plugin %s", file->name);
	}
	nvb_warning(options->log, "plugin %s is left out: %s", file->name, nvb_error_message(why));
	return nvb_strv_addf(&plan->warnings, "plugin %s is left out: %s", file->name, nvb_error_message(why))
		       ? 0
		       : nvb_fail_oom(err);
}

int nvb_plugins_apply(const struct nvb_plugin_options *options, const struct nvb_inventory *inventory,
	struct nvb_plan *plan, nvb_error **err)
{
	struct nvb_plugin_file *list = NULL;
	_cleanup_error_ nvb_error *why = NULL;
	size_t count = 0;
	int rc;

	if (!options->directory || !plan->device_count)
		return 0;
	rc = nvb_plugin_files(options->directory, &list, &count, &why);
	if (rc < 0 && rc != -NVB_ERR_NO_MEMORY && !options->required) {
		nvb_warning(options->log, "no plugins: %s", nvb_error_message(why));
		return nvb_strv_addf(&plan->warnings, "no plugins: %s", nvb_error_message(why))
			       ? 0
			       : nvb_fail_oom(err);
	}
	nvb_error_move(err, NVB_TAKE_PTR(why));
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = apply_one(options, &list[i], inventory, plan, err);
	nvb_plugin_files_free(list, count);
	return rc;
}
