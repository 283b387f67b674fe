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
	{"driver", "cuda-compat", CONFIG_FLAG, AT(driver.cuda_compat),
		"a newer libcuda that an image brings (CUDA forward compatibility) takes the place of the "
		"driver's"},
	{"driver", "mask-params", CONFIG_FLAG, AT(driver.mask_params),
		"containers see the driver's parameters with ModifyDeviceFiles: 0"},
	{"runtime", "runtimes", CONFIG_PROGRAMS, AT(runtime.runtimes), "OCI runtimes to try, in this order"},
	{"runtime", "accept-environment-when-unprivileged", CONFIG_FLAG, AT(runtime.accept_environment),
		"containers without CAP_SYS_ADMIN may ask for devices by NVIDIA_* variables"},
	{"runtime", "accept-volume-mounts", CONFIG_FLAG, AT(runtime.accept_mounts),
		"mounts of /dev/null below /var/run/nvidia-container-devices ask for devices"},
	{"runtime", "accept-imex-channels", CONFIG_FLAG, AT(runtime.accept_imex),
		"containers may ask for IMEX channels"},
	{"runtime", "check-requirements", CONFIG_FLAG, AT(runtime.check_requirements),
		"NVIDIA_REQUIRE_* must be met"},
	{"runtime", "annotation-prefixes", CONFIG_WORDS, AT(runtime.annotation_prefixes),
		"annotations that name CDI devices begin with one of these"},
	{"runtime", "swarm-resources", CONFIG_WORDS, AT(runtime.swarm_resources),
		"variables read instead of NVIDIA_VISIBLE_DEVICES where one of them is set"},
	{"runtime", "capabilities", CONFIG_CAPABILITIES, AT(runtime.capabilities),
		"driver capabilities that containers may ask for"},
	{"runtime", "layout", CONFIG_LAYOUT, AT(runtime.layout),
		"mount the driver's files one by one, or as one tree"},
	{"cdi", "directories", CONFIG_DIRECTORIES, AT(cdi.directories),
		"where CDI specs are, the last directory wins"},
	{"isolation", "mig-create", CONFIG_FLAG, AT(isolation.mig_create),
		"virtual isolation may make MIG devices that are not there, and removes these again"},
	{"isolation", "mig-mode", CONFIG_FLAG, AT(isolation.mig_mode),
		"it may switch MIG on for that on a GPU that nobody uses, and off again"},
	{"isolation", "mps", CONFIG_FLAG, AT(isolation.mps), "MPS daemons may be started to keep limits"},
	{"isolation", "dmem", CONFIG_FLAG, AT(isolation.dmem),
		"the kernel's control group controller of device memory may keep them, where there is one"},
	{"cache", "directory", CONFIG_DIRECTORY, AT(cache.directory),
		"where the inventory is kept between runs, also for other roots than this host's"},
	{"snapshots", "criu", CONFIG_FILE, AT(snapshots.criu), "the CRIU that saves and restores processes"},
	{"plugins", "directory", CONFIG_DIRECTORY, AT(plugins.directory), "where plugins are loaded from"},
	{"plugins", "required", CONFIG_FLAG, AT(plugins.required),
		"a plugin that fails fails what it was asked for, instead of being left out"},
	{"plugins", "mount-sources", CONFIG_DIRECTORIES, AT(plugins.mount_sources),
		"directories that plugins may mount from"},
};
const size_t nvb_config_table_size = NVB_ELEMENTS(nvb_config_table);

static const char *const type_names[] = {
	[CONFIG_ROOT] = "directory",
	[CONFIG_DIRECTORY] = "directory",
	[CONFIG_FILE] = "file",
	[CONFIG_DIRECTORIES] = "list of directories",
	[CONFIG_PROGRAMS] = "list of programs",
	[CONFIG_WORDS] = "list of words",
	[CONFIG_FLAG] = "true or false",
	[CONFIG_LEVEL] = "error, warning, info or debug",
	[CONFIG_FORMAT] = "text or json",
	[CONFIG_LAYOUT] = "files or tree",
	[CONFIG_CAPABILITIES] = "list of capabilities",
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

const struct nvb_choice nvb_config_layout_choices[] = {
	{"files", NVB_LAYOUT_FILES},
	{"tree", NVB_LAYOUT_TREE},
	{NULL, 0},
};

const struct nvb_choice nvb_config_capability_choices[] = {
	{"compute", NVB_CAP_COMPUTE},
	{"compat32", NVB_CAP_COMPAT32},
	{"graphics", NVB_CAP_GRAPHICS},
	{"utility", NVB_CAP_UTILITY},
	{"video", NVB_CAP_VIDEO},
	{"display", NVB_CAP_DISPLAY},
	{"ngx", NVB_CAP_NGX},
	{"all", NVB_CAP_ALL},
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
