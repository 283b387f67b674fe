/* SPDX-License-Identifier: Apache-2.0 */
#include "prestart/prestart.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/log.h"
#include "base/str.h"
#include "container/container.h"
#include "container/params.h"
#include "prestart/parts.h"

/* The container's process is configured already, and the config.json read: only files and devices can still
 * come. The variable that keeps NVIDIA's own runtime away has nobody left to keep away. */
static bool is_late(const struct nvb_edit *edit)
{
	switch (edit->kind) {
	case NVB_EDIT_ENV:
		return !nvb_streq(edit->env.name, "NVIDIA_VISIBLE_DEVICES");
	case NVB_EDIT_HOOK:
	case NVB_EDIT_GID:
	case NVB_EDIT_RLIMIT:
	case NVB_EDIT_SHM:
	case NVB_EDIT_CPUS:
	case NVB_EDIT_NICE:
	case NVB_EDIT_SCHEDULER:
	case NVB_EDIT_KNOB:
		return true;
	default:
		return false;
	}
}

static int check_plan(const struct nvb_plan *plan, nvb_error **err)
{
	for (size_t i = 0; i < plan->edit_count; i++)
		if (is_late(&plan->edits[i]))
			return nvb_hint(err,
				nvb_fail(err, NVB_ERR_UNSUPPORTED,
					"a hook cannot give the container the plan's '%s' (%s) any more",
					nvb_edit_kind_name(plan->edits[i].kind), plan->edits[i].reason),
				"use nvbind-runtime or CDI");
	return 0;
}

/* A plan of many devices in a user namespace needs a descriptor for each. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int allow_devices(const struct nvb_prestart *prestart, pid_t pid, nvb_error **err)
{
	_cleanup_free_ struct nvb_device_rule *rules = calloc(prestart->source_count + 1, sizeof(*rules));
	size_t count = 0;

	if (!rules)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < prestart->source_count; i++) {
		const struct nvb_source *source = &prestart->sources[i];

		if (source->edit->kind == NVB_EDIT_DEVICE)
			rules[count++] = (struct nvb_device_rule){S_ISBLK(source->mode) ? 'b' : 'c',
				major(source->device), minor(source->device), source->edit->device.access};
	}
	return count ? nvb_rules_allow(pid, rules, count, prestart->log, err) : 0;
}

/* Optional like the masking itself. */
static void read_params(struct nvb_prestart *prestart)
{
	for (size_t i = 0; i < prestart->plan->edit_count; i++) {
		const struct nvb_edit *edit = &prestart->plan->edits[i];
		_cleanup_error_ nvb_error *why = NULL;

		if (edit->kind == NVB_EDIT_PARAMS && !prestart->params &&
			nvb_params_read(edit->params.host, &prestart->params, &why) < 0)
			nvb_warning(prestart->log, "%s", nvb_error_message(why));
	}
}

int nvb_prestart_enter(struct nvb_prestart *prestart, const struct nvb_plan *plan,
	const struct nvb_creating *container, const struct nvb_log *log, nvb_error **err)
{
	int rc = check_plan(plan, err);

	prestart->plan = plan;
	prestart->log = log;
	umask(0); /* every mode here is meant */
	raise_descriptors();
	if (rc == 0)
		rc = nvb_check_process(container->pid, &prestart->user_namespace, err);
	if (rc == 0)
		rc = nvb_sources_open(prestart, err);
	if (rc < 0)
		return rc;
	read_params(prestart);
	rc = allow_devices(prestart, container->pid, err);
	if (rc == 0)
		rc = nvb_enter(
			container->pid, container->root, prestart->user_namespace, &prestart->root, err);
	return rc;
}

static int place(const struct nvb_root *root, const struct nvb_source *source,
	struct nvb_node_directory *directory, nvb_error **err)
{
	if (source->edit->kind == NVB_EDIT_DEVICE)
		return nvb_node_make(root, source, directory, err);
	return nvb_target_attach(root, source->edit->mount.container, source->directory, source->fd, err);
}

static void release_directory(struct nvb_node_directory *directory)
{
	nvb_closep(&directory->fd);
}

/* What must be there goes first: when it cannot, that is all the user needs to read. */
static int place_sources(const struct nvb_prestart *prestart, bool required,
	struct nvb_node_directory *directory, nvb_error **err)
{
	for (size_t i = 0; i < prestart->source_count; i++) {
		const struct nvb_source *source = &prestart->sources[i];
		_cleanup_error_ nvb_error *why = NULL;
		int rc = source->edit->required == required ? place(&prestart->root, source, directory, &why)
							    : 0;

		if (rc < 0 && required) {
			nvb_error_move(err, NVB_TAKE_PTR(why));
			return rc;
		}
		if (rc < 0)
			nvb_warning(prestart->log, "left out: %s", nvb_error_message(why));
	}
	return 0;
}

int nvb_prestart_fill(struct nvb_prestart *prestart, nvb_error **err)
{
	const struct nvb_plan *plan = prestart->plan;
	_cleanup_free_ struct nvb_link *links = calloc(plan->edit_count + 1, sizeof(*links));
	_cleanup_free_ const char **directories = calloc(plan->edit_count + 1, sizeof(*directories));
	struct nvb_container_work work = {
		.links = links, .directories = directories, .params = prestart->params, .may_mount = true};
	_cleanup_(release_directory) struct nvb_node_directory nodes = {.fd = -1};
	int rc;

	if (!links || !directories)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < plan->edit_count; i++) {
		const struct nvb_edit *edit = &plan->edits[i];

		if (edit->kind == NVB_EDIT_LINK)
			links[work.link_count++] = edit->link;
		else if (edit->kind == NVB_EDIT_LDCACHE)
			directories[work.directory_count++] = edit->ldcache.directory;
		else if (edit->kind == NVB_EDIT_COMPAT)
			work.compat_driver = edit->compat.driver_version;
	}
	rc = place_sources(prestart, true, &nodes, err);
	if (rc == 0)
		rc = place_sources(prestart, false, &nodes, err);
	return rc < 0 ? rc : nvb_container_apply(&prestart->root, &work, prestart->log, err);
}

void nvb_prestart_release(struct nvb_prestart *prestart)
{
	for (size_t i = 0; i < prestart->source_count; i++)
		nvb_closep(&prestart->sources[i].fd);
	free(prestart->sources);
	free(prestart->params);
	nvb_root_close(&prestart->root);
	*prestart = (struct nvb_prestart)NVB_PRESTART_INIT;
}
