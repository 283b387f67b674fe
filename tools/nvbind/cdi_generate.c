/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/str.h"
#include "cdi/registry.h"
#include "cdi_make.h"
#include "cdi_verbs.h"
#include "cli/common.h"
#include "cli/logging.h"
#include "cli/output.h"
#include "nvbind.h"

enum { UNSET = -1 };

/* What was asked for goes into the spec's recipe as it was written. */
static struct nvb_cdi_recipe asked;
static const char *output;
static int format = UNSET, layout = UNSET, mode = UNSET;
static char **channels;

static int add_naming(const struct nvb_option *option, const char *value, nvb_error **err)
{
	static unsigned naming;
	int rc = cdi_naming_parse(value, &naming, err);

	(void)option;
	if (rc == 0)
		asked.naming = naming == NVB_CDI_NAME_INDEX  ? "index"
			       : naming == NVB_CDI_NAME_UUID ? "uuid"
							     : "index,uuid";
	return rc;
}

const struct nvb_option nvbind_cdi_generate_options[] = {
	{"output", 'o', NVB_OPTION_STRING("FILE|DIR/|-", &output),
		"write to this file, or into this directory as VENDOR-CLASS.yaml (standard output)"},
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvbind_cdi_format_choices, &format),
		"format of the spec (by the file's name, else yaml)"},
	{"mode", 0, NVB_OPTION_CHOICE("MODE", cdi_mode_choices, &mode),
		"what the devices are: auto (GPUs), gds, mofed, gdrcopy, nvswitch, imex, management"},
	{"imex-channel", 0, NVB_OPTION_LIST("NUMBER", &channels),
		"with '--mode imex': this channel (repeatable; without it: all)"},
	{"vendor", 0, NVB_OPTION_STRING("NAME", &asked.vendor), "vendor of the devices (nvidia.com)"},
	{"class", 0, NVB_OPTION_STRING("NAME", &asked.class), "class of the devices (gpu, or by the mode)"},
	{"device-name-strategy", 0, NVB_OPTION_CALLBACK("STRATEGY", add_naming, NULL),
		"how devices are named: index, uuid, or both (index,uuid)"},
	{"cdi-version", 0, NVB_OPTION_STRING("VERSION", &asked.version),
		"version of the spec (the lowest that has the fields it needs)"},
	{"layout", 0, NVB_OPTION_CHOICE("LAYOUT", layout_choices, &layout),
		"mount the driver's files one by one, or as one tree"},
	{"tree-dir", 0, NVB_OPTION_STRING("DIR", &asked.tree_directory),
		"where driver trees are kept (" TREE_DIRECTORY ")"},
	{"hook-path", 0, NVB_OPTION_STRING("FILE", &asked.hook),
		"nvbind-hook as the container runtime finds it"},
	{"capabilities", 0, NVB_OPTION_STRING("LIST", &asked.capabilities),
		"what the driver is wanted for: compute, utility, graphics, video, display, ngx, compat32 "
		"(all, or what the profile names)"},
	{"profile", 0, NVB_OPTION_STRING("NAME", &asked.profile),
		"devices for that kind of work, of a class of their own (bolt-gaming: nvidia.com/gpu-bolt)"},
	{NULL},
};

/* What a spec cannot say of one edit, and who can. */
static void warn_of_setting(const struct nvb_edit *edit)
{
	const char *profile = asked.profile;

	switch (edit->kind) {
	case NVB_EDIT_SHM:
		nvb_report_warning("nvbind",
			"profile %s: a CDI spec cannot size /dev/shm; give the engine --shm-size=%" PRIu64,
			profile, edit->shm);
		break;
	case NVB_EDIT_RLIMIT:
		if (edit->rlimit.value == UINT64_MAX)
			nvb_report_warning("nvbind",
				"profile %s: a CDI spec cannot set limits; give the engine --ulimit %s=-1",
				profile, edit->rlimit.name);
		else
			nvb_report_warning("nvbind",
				"profile %s: a CDI spec cannot set limits; give the engine --ulimit "
				"%s=%" PRIu64,
				profile, edit->rlimit.name, edit->rlimit.value);
		break;
	case NVB_EDIT_CPUS:
		nvb_report_warning("nvbind",
			"profile %s: a CDI spec cannot choose CPUs; those near the GPUs are --cpuset-cpus=%s",
			profile, edit->cpus);
		break;
	case NVB_EDIT_NICE:
		nvb_report_warning("nvbind",
			"profile %s: a CDI spec cannot set a nice value (%d); 'bolt surge run --profile %s' "
			"does",
			profile, edit->nice, profile);
		break;
	case NVB_EDIT_SCHEDULER:
		nvb_report_warning("nvbind",
			"profile %s: a CDI spec cannot set a scheduling policy (%s); 'bolt surge run "
			"--profile "
			"%s' does",
			profile, edit->scheduler.policy, profile);
		break;
	case NVB_EDIT_KNOB:
		/* One word for all GPUs. */
		if (edit->scope <= 0)
			nvb_report_warning("nvbind",
				"profile %s: a CDI spec cannot turn knobs (%s: %s); 'bolt surge run "
				"--profile %s' "
				"does, and puts them back",
				profile, edit->knob.name, edit->knob.value, profile);
		break;
	default:
		break;
	}
}

/* What a spec cannot say is for the engine's command line to say. */
static void warn_of_settings(const struct nvb_plan *plan)
{
	for (size_t i = 0; i < plan->edit_count; i++)
		warn_of_setting(&plan->edits[i]);
	nvb_strv_foreach (warning, plan->warnings)
		if (nvb_after(*warning, "profile "))
			nvb_report_warning("nvbind", "%s", *warning);
}

static bool is_directory(const char *path)
{
	struct stat st;

	return nvb_ends_with(path, "/") || (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

/* Engines go by the file's name; and so does the format. */
static int choose_format(enum nvb_cdi_format *chosen, nvb_error **err)
{
	*chosen = format == UNSET ? NVB_CDI_YAML : (enum nvb_cdi_format)format;
	if (!output || !*output || nvb_streq(output, "-")) {
		output = NULL;
		return 0;
	}
	if (is_directory(output))
		return 0;
	if (nvb_ends_with(output, ".json")) {
		if (format == NVB_CDI_YAML)
			return nvb_fail(
				err, NVB_ERR_INVALID, "%s: YAML in a file whose name says JSON", output);
		*chosen = NVB_CDI_JSON;
	} else if (!nvb_ends_with(output, ".yaml")) {
		nvb_report_warning(
			"nvbind", "%s: engines read files that end in .yaml or .json only", output);
	}
	return 0;
}

/* The file to write, malloc'd; NULL for standard output. */
static int choose_path(char **path, const struct cdi_made *made, nvb_error **err)
{
	char *slash;

	if (!output)
		return 0;
	if (!is_directory(output)) {
		*path = strdup(output);
		return *path ? 0 : nvb_fail_oom(err);
	}
	if (asprintf(path, "%s%s%s.%s", output, nvb_ends_with(output, "/") ? "" : "/", made->spec.kind,
		    made->format == NVB_CDI_JSON ? "json" : "yaml") < 0) {
		*path = NULL;
		return nvb_fail_oom(err);
	}
	slash = strrchr(*path, '/'); /* of vendor/class */
	*slash = '-';
	return 0;
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
	if (rc == 0 && slash && (is_directory(output) || is_spec_directory(directory)))
		warn_of_rivals(path);
	return rc;
}

/* The words of the options whose values are choices, lists or settings. */
static int complete_recipe(nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf list = {0};

	if (mode != UNSET && mode != cdi_mode_choices[0].value)
		asked.mode = nvb_choice_name(cdi_mode_choices, mode);
	if (layout != UNSET)
		asked.layout = nvb_choice_name(layout_choices, layout);
	nvb_strv_foreach (channel, channels) {
		nvb_sb_add(&list, list.len ? "," : "");
		nvb_sb_add(&list, *channel);
	}
	if (channels)
		asked.channels = list.failed ? NULL : nvb_arena_strdup(&asked.arena, list.s);
	if (channels && !asked.channels)
		return nvb_fail_oom(err);
	if (asked.tree_directory && *asked.tree_directory != '/') { /* the recipe is read from anywhere */
		_cleanup_free_ char *here = getcwd(NULL, 0);

		if (!here)
			return nvb_fail_errno(err, errno, "the working directory");
		asked.tree_directory = nvb_arena_printf(&asked.arena, "%s/%s", here, asked.tree_directory);
		if (!asked.tree_directory)
			return nvb_fail_oom(err);
	}
	return cdi_recipe_take_roots(&asked, err);
}

int nvbind_cdi_generate(int argc, char **argv, nvb_error **err)
{
	_cleanup_hosts_ struct cdi_hosts hosts = {.log = nvb_logging()};
	_cleanup_free_ char *path = NULL, *text = NULL;
	_cleanup_made_ struct cdi_made made = {0};
	enum nvb_cdi_format chosen;
	size_t size;
	int rc = choose_format(&chosen, err);

	(void)argc;
	(void)argv;
	if (rc == 0)
		rc = complete_recipe(err);
	if (rc == 0)
		rc = cdi_make(&made, &hosts, &asked, chosen, true, err);
	if (rc == 0) {
		warn_of_settings(made.plan);
		if (made.spec.edits && made.spec.edits->hook_count)
			warn_of_hook(made.hook);
		rc = cdi_made_text(&made, &text, &size, err);
	}
	if (rc == 0)
		rc = choose_path(&path, &made, err);
	return rc < 0 ? rc : write_spec(path, text, size, err);
}
