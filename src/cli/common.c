/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/common.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/logging.h"

enum { UNSET = -1 };

static struct {
	const char *config, *root, *driver, *dev, *proc, *sys;
	char **library_path;
	bool has_library_path;
	int log_level, log_format;
} opt = {.log_level = UNSET, .log_format = UNSET};

static struct nvb_config settings;

/* --library-path A:B and --library-path A --library-path B are the same. */
static int add_library_path(const struct nvb_option *option, const char *value, nvb_error **err)
{
	_cleanup_strv_ char **parts = nvb_strv_split(value, ":");

	if (!parts)
		return nvb_fail_oom(err);
	nvb_strv_foreach (part, parts) {
		if (**part != '/')
			return nvb_fail(err, NVB_ERR_INVALID, "option '--%s': '%s' is no absolute path",
				option->name, *part);
		opt.has_library_path = true;
		if (!nvb_strv_add(&opt.library_path, *part))
			return nvb_fail_oom(err);
	}
	return 0;
}

static const struct nvb_option root_options[] = {
	{"root", 0, NVB_OPTION_STRING("DIR", &opt.root),
		"look for driver, devices and kernel files below this directory"},
	{"driver-root", 0, NVB_OPTION_STRING("DIR", &opt.driver),
		"the directory that holds the driver's /usr"},
	{"dev-root", 0, NVB_OPTION_STRING("DIR", &opt.dev), "the directory that holds /dev"},
	{"proc-root", 0, NVB_OPTION_STRING("DIR", &opt.proc), "the directory that holds /proc"},
	{"sys-root", 0, NVB_OPTION_STRING("DIR", &opt.sys), "the directory that holds /sys"},
	{"library-path", 0, NVB_OPTION_CALLBACK("DIR[:DIR...]", add_library_path, NULL),
		"directories below the driver root to search for libraries first"},
	{NULL},
};

const struct nvb_option nvb_common_general_options[] = {
	{"config", 0, NVB_OPTION_STRING("FILE", &opt.config), "read this configuration file and no other"},
	{"log-level", 0, NVB_OPTION_CHOICE("LEVEL", nvb_log_level_choices, &opt.log_level),
		"least severe messages to print"},
	{"log-format", 0, NVB_OPTION_CHOICE("FORMAT", nvb_log_format_choices, &opt.log_format),
		"how messages are written"},
	{NULL},
};

const struct nvb_option_group nvb_common_groups[] = {
	{"Where the driver is", root_options},
	{"Configuration and messages", nvb_common_general_options},
	{NULL, NULL},
};

const struct nvb_config *nvb_common_config(void)
{
	return &settings;
}

static int set_roots(nvb_error **err)
{
	const struct {
		const char *path;
		char **where;
	} single[] = {
		{opt.driver, &settings.roots.driver},
		{opt.dev, &settings.roots.dev},
		{opt.proc, &settings.roots.proc},
		{opt.sys, &settings.roots.sys},
	};
	int rc;

	if (opt.root && !*opt.root)
		return nvb_usage(err, "--root: the name of the directory is empty");
	rc = nvb_config_set_root(&settings, opt.root ? opt.root : secure_getenv("NVBIND_ROOT"), err);

	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(single); i++)
		if (single[i].path)
			rc = nvb_config_set_directory(single[i].where, single[i].path, err);
	if (rc == 0 && opt.library_path) {
		nvb_strv_free(settings.roots.library_path);
		settings.roots.library_path = NVB_TAKE_PTR(opt.library_path);
	}
	return rc;
}

static int set_logging(nvb_error **err)
{
	int rc = nvb_logging_parse_environment(
		getenv("NVBIND_LOG"), &settings.log.level, &settings.log.format, err);

	if (rc < 0)
		return rc;
	if (opt.log_level != UNSET)
		settings.log.level = (enum nvb_log_level)opt.log_level;
	if (opt.log_format != UNSET)
		settings.log.format = (enum nvb_log_format)opt.log_format;
	return 0;
}

int nvb_common_prepare(const struct nvb_program *program, nvb_error **err)
{
	int rc;

	nvb_config_release(&settings);
	rc = nvb_config_init(&settings, err);
	if (rc == 0)
		rc = nvb_config_load(&settings, opt.config, true, err);
	if (rc == 0)
		rc = set_roots(err);
	if (rc == 0)
		rc = set_logging(err);
	if (rc < 0)
		return rc;
	nvb_logging_start(program->name, settings.log.level, settings.log.format);
	nvb_debug(nvb_logging(), "configuration: %s", settings.file ? settings.file : "built in");
	return 0;
}

bool nvb_common_arguments(char ***words)
{
	const struct {
		const char *option, *value;
	} given[] = {
		{"--root", opt.root},
		{"--driver-root", opt.driver},
		{"--dev-root", opt.dev},
		{"--proc-root", opt.proc},
		{"--sys-root", opt.sys},
		{"--config", opt.config},
		{"--log-level", opt.log_level == UNSET
					? NULL
					: nvb_choice_name(nvb_log_level_choices, opt.log_level)},
		{"--log-format", opt.log_format == UNSET
					 ? NULL
					 : nvb_choice_name(nvb_log_format_choices, opt.log_format)},
	};
	bool ok = true;

	for (size_t i = 0; i < NVB_ELEMENTS(given); i++)
		if (given[i].value)
			ok = ok && nvb_strv_add(words, given[i].option) &&
			     nvb_strv_add(words, given[i].value);
	nvb_strv_foreach (path, opt.has_library_path ? settings.roots.library_path : NULL)
		ok = ok && nvb_strv_add(words, "--library-path") && nvb_strv_add(words, *path);
	return ok;
}

/* Another user than root cannot write /run/nvbind; its own runtime directory ends with its session. */
static const char *user_cache(void)
{
	static char directory[4096];
	const char *runtime = secure_getenv("XDG_RUNTIME_DIR");

	if (geteuid() == 0 || !runtime || *runtime != '/' || !nvb_streq(settings.roots.driver, "/") ||
		!nvb_streq(settings.roots.dev, "/") || !nvb_streq(settings.roots.proc, "/") ||
		!nvb_streq(settings.roots.sys, "/") ||
		(size_t)snprintf(directory, sizeof(directory), "%s/nvbind", runtime) >= sizeof(directory))
		return NULL;
	return directory;
}

void nvb_common_inventory_options(struct nvb_inventory_options *options)
{
	*options = (struct nvb_inventory_options){
		.size = sizeof(*options),
		.driver_root = settings.roots.driver,
		.dev_root = settings.roots.dev,
		.proc_root = settings.roots.proc,
		.sys_root = settings.roots.sys,
		.library_path = (const char *const *)settings.roots.library_path,
		/* NULL: the library's own choice, /run/nvbind for this host's roots and no other. */
		.cache_directory = settings.cache.directory ? settings.cache.directory : user_cache(),
		.log = nvb_logging(),
	};
}
