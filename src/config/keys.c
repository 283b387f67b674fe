/* SPDX-License-Identifier: Apache-2.0 */
#include "config/keys.h"

#include "base/mem.h"

#define AT(field) offsetof(struct nvb_config, field)

/* `root` stands before the keys that override a part of it: they are applied in this order. */
const struct config_key nvb_config_table[] = {
	{"roots", "root", CONFIG_ROOT, 0, "directory taken for / by the four roots below"},
	{"roots", "driver", CONFIG_DIRECTORY, AT(roots.driver),
		"directory that holds the driver's usr, etc, lib"},
	{"roots", "dev", CONFIG_DIRECTORY, AT(roots.dev), "directory that holds dev"},
	{"roots", "proc", CONFIG_DIRECTORY, AT(roots.proc), "directory that holds proc"},
	{"roots", "sys", CONFIG_DIRECTORY, AT(roots.sys), "directory that holds sys"},
	{"roots", "library-path", CONFIG_DIRECTORIES, AT(roots.library_path),
		"directories below the driver root that are searched for libraries first"},
	{"log", "level", CONFIG_LEVEL, AT(log.level), "least severe messages to print"},
	{"log", "format", CONFIG_FORMAT, AT(log.format), "how messages are written"},
	{"hook", "path", CONFIG_FILE, AT(hook.path), "nvbind-hook as generated specs name it"},
	{"runtime", "runtimes", CONFIG_PROGRAMS, AT(runtime.runtimes), "OCI runtimes to try, in this order"},
	{"cdi", "directories", CONFIG_DIRECTORIES, AT(cdi.directories),
		"where CDI specs are, the last directory wins"},
	{"cache", "directory", CONFIG_DIRECTORY, AT(cache.directory),
		"where the inventory is kept between runs, also for other roots than this host's"},
};
const size_t nvb_config_table_size = NVB_ELEMENTS(nvb_config_table);

static const char *const type_names[] = {
	[CONFIG_ROOT] = "directory",
	[CONFIG_DIRECTORY] = "directory",
	[CONFIG_FILE] = "file",
	[CONFIG_DIRECTORIES] = "list of directories",
	[CONFIG_PROGRAMS] = "list of programs",
	[CONFIG_LEVEL] = "error, warning, info or debug",
	[CONFIG_FORMAT] = "text or json",
};

const struct nvb_choice nvb_log_level_choices[] = {
	{"error", NVB_LOG_ERROR},
	{"warning", NVB_LOG_WARNING},
	{"info", NVB_LOG_INFO},
	{"debug", NVB_LOG_DEBUG},
	{NULL, 0},
};

const struct nvb_choice nvb_log_format_choices[] = {
	{"text", NVB_LOG_TEXT},
	{"json", NVB_LOG_JSON},
	{NULL, 0},
};

void nvb_config_keys(void (*each)(const struct nvb_config_key_info *key, void *data), void *data)
{
	for (size_t i = 0; i < nvb_config_table_size; i++) {
		const struct config_key *key = &nvb_config_table[i];

		each(&(struct nvb_config_key_info){key->section, key->name, type_names[key->type], key->help},
			data);
	}
}
