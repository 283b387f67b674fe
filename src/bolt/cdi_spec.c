/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "bolt/manager.h"
#include "cdi/recipe.h"
#include "cdi/write.h"
#include "profile/profile.h"

struct nvb_bolt_cdi_spec {
	char *text;
	size_t size;
	char *kind;
	char **devices; /* names without the kind */
};

static void spec_freep(struct nvb_bolt_cdi_spec **spec)
{
	nvb_cdi_spec_free(*spec);
}

static void plan_freep(struct nvb_plan **plan)
{
	nvb_plan_free(*plan);
}

static void request_freep(struct nvb_request **request)
{
	nvb_request_free(*request);
}

static char *join_path(const char *const *list)
{
	_cleanup_strbuf_ struct nvb_strbuf joined = {0};

	for (; list && *list; list++) {
		nvb_sb_add(&joined, joined.len ? ":" : "");
		nvb_sb_add(&joined, *list);
	}
	return nvb_sb_finish(&joined);
}

/* The command line that makes the same spec, for `nvbind cdi refresh`. */
static int head_line(const nvb_manager *manager, const char *profile, char **comment, nvb_error **err)
{
	const struct nvb_inventory_options *host = &manager->host;
	_cleanup_free_ char *library_path = join_path(host->library_path), *line = NULL;
	struct nvb_cdi_recipe recipe = {
		.profile = profile,
		.hook = manager->hook,
		.root = host->root,
		.driver_root = host->driver_root,
		.dev_root = host->dev_root,
		.proc_root = host->proc_root,
		.sys_root = host->sys_root,
		.library_path = library_path && *library_path ? library_path : NULL,
	};
	int rc;

	if (!library_path)
		return nvb_fail_oom(err);
	rc = nvb_cdi_recipe_format(&recipe, &line, err);
	if (rc < 0)
		return rc;
	*comment = nvb_cdi_recipe_comment(line);
	return *comment ? 0 : nvb_fail_oom(err);
}

static int keep_names(struct nvb_bolt_cdi_spec *out, const struct nvb_cdi_spec *spec, nvb_error **err)
{
	out->kind = strdup(spec->kind);
	if (!out->kind)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < spec->device_count; i++)
		if (!nvb_strv_add(&out->devices, spec->devices[i].name))
			return nvb_fail_oom(err);
	return 0;
}

/* `profile` is the one that a command line could name, NULL for what no command line says. */
static int make(nvb_manager *manager, const nvb_request *request, const char *class, bool has_recipe,
	const char *profile, nvb_bolt_cdi_spec **out, nvb_error **err)
{
	const struct nvb_cdi_options options = {
		.size = sizeof(options), .device_class = class, .hook_path = manager->hook};
	_cleanup_(spec_freep) struct nvb_bolt_cdi_spec *made = calloc(1, sizeof(*made));
	_cleanup_(plan_freep) struct nvb_plan *plan = NULL;
	_cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
	_cleanup_free_ char *body = NULL, *head = NULL;
	int rc, size;

	if (!made)
		return nvb_fail_oom(err);
	rc = nvb_manager_plan(manager, request, NVB_LAYOUT_FILES, NULL, &plan, err);
	if (rc == 0)
		rc = nvb_cdi_from_plan(&spec, plan, &options, err);
	if (rc == 0)
		rc = nvb_cdi_encode(&spec, NVB_CDI_YAML, &body, NULL, err);
	if (rc == 0)
		rc = keep_names(made, &spec, err);
	if (rc == 0 && has_recipe)
		rc = head_line(manager, profile, &head, err);
	if (rc < 0)
		return rc;
	size = asprintf(&made->text, "%s%s", head ? head : "", body);
	if (size < 0) {
		made->text = NULL;
		return nvb_fail_oom(err);
	}
	made->size = (size_t)size;
	*out = NVB_TAKE_PTR(made);
	return 0;
}

/* As `nvbind cdi generate`: all GPUs, for all work unless the profile says for which. */
static int new_request(struct nvb_request **request, nvb_error **err)
{
	int rc = nvb_request_new(request, err);

	return rc < 0 ? rc : nvb_request_add_gpus(*request, "all", err);
}

/* A spec is for everybody: the profile without the session of whoever makes it. */
static int add_profile(
	const nvb_manager *manager, nvb_request *request, const char *name, char **class, nvb_error **err)
{
	_cleanup_profile_ struct nvb_profile profile = {0};
	_cleanup_strv_ char **directories = NULL;
	int rc = nvb_profile_directories(manager->profiles, &directories, err);

	if (rc == 0)
		rc = nvb_profile_read(&profile, directories, name, err);
	if (rc == 0)
		rc = nvb_profile_apply(&profile, request, err);
	if (rc < 0)
		return rc;
	*class = strdup(profile.cdi_class);
	return *class ? 0 : nvb_fail_oom(err);
}

int nvb_manager_cdi_spec(nvb_manager *manager, const char *profile, nvb_bolt_cdi_spec **spec, nvb_error **err)
{
	_cleanup_(request_freep) struct nvb_request *request = NULL;
	_cleanup_free_ char *class = NULL;
	int rc = new_request(&request, err);

	if (rc == 0 && !profile)
		rc = nvb_request_set_capabilities(request, "all", err);
	if (rc == 0 && profile)
		rc = add_profile(manager, request, profile, &class, err);
	return rc < 0 ? rc : make(manager, request, class, true, profile, spec, err);
}

int nvb_manager_gaming_cdi_spec(nvb_manager *manager, const struct nvb_bolt_gaming_gpu_config *config,
	nvb_bolt_cdi_spec **spec, nvb_error **err)
{
	_cleanup_(request_freep) struct nvb_request *request = NULL;
	int rc = new_request(&request, err);

	if (rc == 0)
		rc = nvb_manager_add_gaming(manager, request, config, err);
	if (rc == 0)
		request->session = (struct nvb_session){0};
	return rc < 0 ? rc : make(manager, request, "gpu-bolt", false, NULL, spec, err);
}

int nvb_manager_aiml_cdi_spec(nvb_manager *manager, const struct nvb_bolt_aiml_config *config,
	nvb_bolt_cdi_spec **spec, nvb_error **err)
{
	_cleanup_(request_freep) struct nvb_request *request = NULL;
	int rc = new_request(&request, err);

	if (rc == 0)
		rc = nvb_manager_add_aiml(manager, request, config, err);
	if (rc == 0)
		request->session = (struct nvb_session){0};
	return rc < 0 ? rc : make(manager, request, "gpu-bolt-aiml", false, NULL, spec, err);
}

const char *nvb_cdi_spec_kind(const nvb_bolt_cdi_spec *spec)
{
	return spec->kind;
}

const char *nvb_cdi_spec_text(const nvb_bolt_cdi_spec *spec)
{
	return spec->text;
}

int nvb_cdi_spec_write(const nvb_bolt_cdi_spec *spec, const char *directory, char **path, nvb_error **err)
{
	_cleanup_free_ char *file = NULL;
	int rc;

	if (asprintf(&file, "%s/%s.yaml", directory, spec->kind) < 0) {
		file = NULL;
		return nvb_fail_oom(err);
	}
	*strrchr(file, '/') = '-'; /* of vendor/class */
	rc = nvb_file_mkdirs(AT_FDCWD, directory, 0755, err);
	if (rc == 0)
		rc = nvb_file_write(AT_FDCWD, file, spec->text, spec->size, 0644, err);
	if (rc == 0 && path)
		*path = NVB_TAKE_PTR(file);
	return rc;
}

int nvb_cdi_spec_apply(const nvb_bolt_cdi_spec *spec, const char *directory, const char *device,
	const struct nvb_bolt_runtime_ops *ops, void *runtime, const char *capsule, nvb_error **err)
{
	_cleanup_free_ char *name = NULL;
	const char *names[2] = {0};
	int rc = nvb_check_size("nvb_bolt_runtime_ops", ops->size, sizeof(*ops), err);

	if (rc < 0)
		return rc;
	if (!ops->apply_cdi_devices)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED, "capsule %s: %s has no apply_cdi_devices", capsule,
			ops->name ? ops->name : "the engine");
	if (!nvb_strv_contains(spec->devices, device))
		return nvb_fail(
			err, NVB_ERR_NOT_FOUND, "the spec of %s has no device '%s'", spec->kind, device);
	if (asprintf(&name, "%s=%s", spec->kind, device) < 0) {
		name = NULL;
		return nvb_fail_oom(err);
	}
	rc = nvb_cdi_spec_write(spec, directory, NULL, err);
	names[0] = name;
	return rc < 0 ? rc : ops->apply_cdi_devices(runtime, capsule, names, err);
}

void nvb_cdi_spec_free(nvb_bolt_cdi_spec *spec)
{
	if (!spec)
		return;
	free(spec->text);
	free(spec->kind);
	nvb_strv_free(spec->devices);
	free(spec);
}
