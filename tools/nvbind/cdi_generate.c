/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/str.h"
#include "cdi/write.h"
#include "cdi_verbs.h"
#include "cli/common.h"
#include "cli/logging.h"
#include "cli/output.h"
#include "cli/sibling.h"
#include "config.h"
#include "container/tree.h"
#include "nvbind.h"
#include "nvbind/cdi.h"
#include "plan/plan.h"
#include "profile/profile.h"

enum { FORMAT_UNSET = -1 };

static struct {
	const char *output, *vendor, *class, *version, *hook, *capabilities, *tree_directory, *profile;
	int format, layout;
	unsigned naming;
} opt = {.format = FORMAT_UNSET, .tree_directory = TREE_DIRECTORY};

static int add_naming(const struct nvb_option *option, const char *value, nvb_error **err)
{
	static const struct nvb_choice strategies[] = {
		{"index", NVB_CDI_NAME_INDEX}, {"uuid", NVB_CDI_NAME_UUID}, {NULL, 0}};
	_cleanup_strv_ char **words = nvb_strv_split(value, ",");
	int bit, rc;

	if (!words)
		return nvb_fail_oom(err);
	if (!words[0])
		return nvb_fail(err, NVB_ERR_INVALID, "option '--%s' is empty", option->name);
	nvb_strv_foreach (word, words) {
		rc = nvb_choice_parse(strategies, *word, "option '--device-name-strategy'", &bit, err);
		if (rc < 0)
			return rc;
		opt.naming |= (unsigned)bit;
	}
	return 0;
}

const struct nvb_option nvbind_cdi_generate_options[] = {
	{"output", 'o', NVB_OPTION_STRING("FILE|DIR/|-", &opt.output),
		"write to this file, or into this directory as VENDOR-CLASS.yaml (standard output)"},
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvbind_cdi_format_choices, &opt.format),
		"format of the spec (by the file's name, else yaml)"},
	{"vendor", 0, NVB_OPTION_STRING("NAME", &opt.vendor), "vendor of the devices (nvidia.com)"},
	{"class", 0, NVB_OPTION_STRING("NAME", &opt.class), "class of the devices (gpu)"},
	{"device-name-strategy", 0, NVB_OPTION_CALLBACK("STRATEGY", add_naming, NULL),
		"how devices are named: index, uuid, or both (index,uuid)"},
	{"cdi-version", 0, NVB_OPTION_STRING("VERSION", &opt.version),
		"version of the spec (the lowest that has the fields it needs)"},
	{"layout", 0, NVB_OPTION_CHOICE("LAYOUT", layout_choices, &opt.layout),
		"mount the driver's files one by one, or as one tree"},
	{"tree-dir", 0, NVB_OPTION_STRING("DIR", &opt.tree_directory),
		"where driver trees are kept (" TREE_DIRECTORY ")"},
	{"hook-path", 0, NVB_OPTION_STRING("FILE", &opt.hook),
		"nvbind-hook as the container runtime finds it"},
	{"capabilities", 0, NVB_OPTION_STRING("LIST", &opt.capabilities),
		"what the driver is wanted for: compute, utility, graphics, video, display, ngx, compat32 "
		"(all, or what the profile names)"},
	{"profile", 0, NVB_OPTION_STRING("NAME", &opt.profile),
		"devices for that kind of work, of a class of their own (bolt-gaming: nvidia.com/gpu-bolt)"},
	{NULL},
};

static void free_plan(struct nvb_plan **plan)
{
	nvb_plan_free(*plan);
}

/* Where there is no driver to ask, the planner says why there is no plan either. */
static bool uuids_missing(const struct nvb_inventory *inventory)
{
	const struct nvb_driver *driver = &inventory->driver;

	if ((driver->kind != NVB_DRIVER_PROPRIETARY && driver->kind != NVB_DRIVER_OPEN) || !driver->version ||
		driver->mismatch)
		return false;
	for (size_t i = 0; i < inventory->gpu_count; i++) {
		const struct nvb_gpu *gpu = &inventory->gpus[i];

		if (!gpu->mig_count && !gpu->uuid)
			return true;
		for (size_t j = 0; j < gpu->mig_count; j++)
			if (!gpu->migs[j].uuid)
				return true;
	}
	return false;
}

/* UUIDs of MIG devices are NVML's alone. Where devices have another name too, a spec without them is better
 * than none. */
static int find_uuids(struct nvb_inventory *inventory, nvb_error **err)
{
	_cleanup_error_ nvb_error *why = NULL;
	int rc;

	if (!(opt.naming & NVB_CDI_NAME_UUID) || !uuids_missing(inventory))
		return 0;
	rc = nvb_inventory_ask_nvml(inventory, nvb_logging(), &why);
	if (rc < 0 && !(opt.naming & NVB_CDI_NAME_INDEX)) {
		nvb_error_move(err, NVB_TAKE_PTR(why));
		return nvb_wrap(err, rc, "finding UUIDs");
	}
	if (rc < 0)
		nvb_report_warning("nvbind", "devices without a known UUID are named by index alone: %s",
			nvb_error_message(why));
	return 0;
}

/* Reads --profile; its class is the devices' unless --class says another. */
static int read_profile(struct nvb_profile *profile, nvb_error **err)
{
	_cleanup_free_ char *installed = opt.profile ? nvb_sibling_data("profiles.d", NVB_DATADIR) : NULL;
	_cleanup_strv_ char **directories = NULL;
	int rc;

	if (!opt.profile)
		return 0;
	if (!installed)
		return nvb_fail_oom(err);
	rc = nvb_profile_directories(installed, &directories, err);
	if (rc == 0)
		rc = nvb_profile_read(profile, directories, opt.profile, err);
	if (rc == 0 && !opt.class)
		opt.class = profile->cdi_class;
	return rc;
}

/* What a spec cannot say is for the engine's command line to say. */
static void warn_of_settings(const struct nvb_plan *plan)
{
	for (size_t i = 0; i < plan->edit_count; i++) {
		const struct nvb_edit *edit = &plan->edits[i];

		if (edit->kind == NVB_EDIT_SHM)
			nvb_report_warning("nvbind",
				"profile %s: a CDI spec cannot size /dev/shm; give the engine "
				"--shm-size=%" PRIu64,
				opt.profile, edit->shm);
		else if (edit->kind == NVB_EDIT_RLIMIT && edit->rlimit.value == UINT64_MAX)
			nvb_report_warning("nvbind",
				"profile %s: a CDI spec cannot set limits; give the engine --ulimit %s=-1",
				opt.profile, edit->rlimit.name);
		else if (edit->kind == NVB_EDIT_RLIMIT)
			nvb_report_warning("nvbind",
				"profile %s: a CDI spec cannot set limits; give the engine --ulimit "
				"%s=%" PRIu64,
				opt.profile, edit->rlimit.name, edit->rlimit.value);
	}
}

static int make_plan(const struct nvb_profile *profile, struct nvb_plan **plan, nvb_error **err)
{
	_cleanup_(nvb_inventory_freep) struct nvb_inventory *inventory = NULL;
	_cleanup_(nvb_request_freep) struct nvb_request *request = NULL;
	_cleanup_free_ char *tree = NULL;
	struct nvb_inventory_options where;
	struct nvb_plan_options how = {
		.size = sizeof(how),
		.layout = (enum nvb_layout)opt.layout,
		.log = nvb_logging(),
		.no_cuda_compat = !nvb_common_config()->driver.cuda_compat,
		.no_params_mask = !nvb_common_config()->driver.mask_params,
	};
	int rc = nvb_request_new(&request, err);

	if (rc == 0)
		rc = nvb_request_add_gpus(request, "all", err);
	if (rc == 0 && opt.profile)
		rc = nvb_profile_apply(profile, request, err);
	if (rc == 0 && (opt.capabilities || !profile->capabilities))
		rc = nvb_request_set_capabilities(request, opt.capabilities ? opt.capabilities : "all", err);
	if (rc < 0)
		return rc;
	nvb_common_inventory_options(&where);
	rc = nvb_inventory_load(&where, &inventory, err);
	if (rc == 0)
		rc = find_uuids(inventory, err);
	if (rc == 0 && opt.layout == NVB_LAYOUT_TREE && inventory->file_count)
		rc = nvb_tree_ensure(
			inventory, request->capabilities, opt.tree_directory, &tree, nvb_logging(), err);
	how.tree = tree;
	return rc < 0 ? rc : nvb_plan_make(request, inventory, &how, plan, err);
}

static bool is_directory(const char *path)
{
	struct stat st;

	return nvb_ends_with(path, "/") || (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

/* The file to write, NULL for standard output, and with it the format. */
static int choose_output(char **path, enum nvb_cdi_format *format, nvb_error **err)
{
	const char *output = opt.output;
	bool json;

	*format = opt.format == FORMAT_UNSET ? NVB_CDI_YAML : (enum nvb_cdi_format)opt.format;
	if (!output || !*output || nvb_streq(output, "-"))
		return 0;
	if (is_directory(output)) {
		if (asprintf(path, "%s%s%s-%s.%s", output, nvb_ends_with(output, "/") ? "" : "/",
			    opt.vendor ? opt.vendor : "nvidia.com", opt.class ? opt.class : "gpu",
			    *format == NVB_CDI_JSON ? "json" : "yaml") < 0) {
			*path = NULL;
			return nvb_fail_oom(err);
		}
		return 0;
	}
	json = nvb_ends_with(output, ".json");
	if (json && opt.format == NVB_CDI_YAML)
		return nvb_fail(err, NVB_ERR_INVALID, "%s: YAML in a file whose name says JSON", output);
	if (json)
		*format = NVB_CDI_JSON;
	else if (!nvb_ends_with(output, ".yaml"))
		nvb_report_warning(
			"nvbind", "%s: engines read files that end in .yaml or .json only", output);
	*path = strdup(output);
	return *path ? 0 : nvb_fail_oom(err);
}

/* Whether engines look for specs there. */
static bool is_spec_directory(const char *directory)
{
	const char *const *known = (const char *const *)nvb_common_config()->cdi.directories;
	struct stat st, other;

	if (!directory || stat(directory, &st) < 0)
		return false;
	for (known = known ? known : nvb_cdi_default_directories; *known; known++)
		if (stat(*known, &other) == 0 && st.st_dev == other.st_dev && st.st_ino == other.st_ino)
			return true;
	return false;
}

/* Another spec beside the new one that names the same devices makes both useless: say so now. */
static void warn_of_rivals(const char *path)
{
	_cleanup_cdi_registry_ struct nvb_cdi_registry registry = {0};
	_cleanup_free_ char *directory = strndup(path, (size_t)(strrchr(path, '/') - path));
	const char *directories[] = {directory, NULL};
	size_t specs = 0, rivals = 0;
	struct dirent *entry;
	DIR *dir = directory ? opendir(*directory ? directory : "/") : NULL;

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		specs += nvb_ends_with(entry->d_name, ".yaml") || nvb_ends_with(entry->d_name, ".json");
	closedir(dir);
	if (specs < 2 || nvb_cdi_registry_load(&registry, directories, NULL, NULL) < 0)
		return;
	for (size_t i = 0; i < registry.entry_count; i++) {
		const struct nvb_cdi_entry *e = &registry.entries[i];

		if (!e->rival || (!nvb_streq(e->source->path, path) && !nvb_streq(e->rival->path, path)))
			continue;
		if (!rivals++)
			nvb_report_warning("nvbind",
				"%s has %s too: engines refuse a device that stands in two specs; remove one",
				nvb_streq(e->source->path, path) ? e->rival->path : e->source->path, e->name);
	}
}

/* A spec that says the same already is left alone: engines watch for changes, and a flush to disk costs more
 * than all else here. */
static bool is_written(const char *path, const char *text, size_t size)
{
	_cleanup_free_ char *old = NULL;
	size_t old_size;
	struct stat st;

	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 07777) == 0644 &&
	       (size_t)st.st_size == size &&
	       nvb_file_read(AT_FDCWD, path, size, &old, &old_size, NULL) == 0 && old_size == size &&
	       memcmp(old, text, size) == 0;
}

static int write_spec(const char *path, const char *text, size_t size, nvb_error **err)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	_cleanup_free_ char *directory = slash && slash > path ? strndup(path, (size_t)(slash - path)) : NULL;
	int rc = 0;

	if (!path)
		return nvb_stdout_write(text, size, err);
	if (!is_written(path, text, size)) {
		if (directory)
			rc = nvb_file_mkdirs(AT_FDCWD, directory, 0755, err);
		if (rc == 0)
			rc = nvb_file_output(path, text, size, 0644, err);
	}
	if (rc == 0 && slash && (is_directory(opt.output) || is_spec_directory(directory)))
		warn_of_rivals(path);
	return rc;
}

int nvbind_cdi_generate(int argc, char **argv, nvb_error **err)
{
	_cleanup_free_ char *path = NULL, *hook = NULL, *text = NULL;
	_cleanup_(free_plan) struct nvb_plan *plan = NULL;
	_cleanup_profile_ struct nvb_profile profile = {0};
	struct nvb_cdi_options options = {
		.size = sizeof(options), .vendor = opt.vendor, .version = opt.version};
	size_t size;
	int rc;

	(void)argc;
	(void)argv;
	if (!opt.naming)
		opt.naming = NVB_CDI_NAME_INDEX | NVB_CDI_NAME_UUID;
	options.naming = opt.naming;
	rc = read_profile(&profile, err);
	options.device_class = opt.class;
	if (rc == 0)
		rc = choose_output(&path, &options.format, err);
	if (rc == 0)
		rc = make_plan(&profile, &plan, err);
	if (rc == 0)
		warn_of_settings(plan);
	if (rc == 0)
		rc = find_hook(opt.hook, &hook, err);
	options.hook_path = hook;
	if (rc == 0)
		rc = nvb_cdi_write(plan, &options, &text, &size, err);
	return rc < 0 ? rc : write_spec(path, text, size, err);
}
