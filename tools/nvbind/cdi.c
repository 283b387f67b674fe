/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi_verbs.h"

#include "cli/common.h"
#include "cli/output.h"
#include "nvbind/cdi.h"

static char **spec_directories;

const struct nvb_choice nvbind_cdi_format_choices[] = {
	{"yaml", NVB_CDI_YAML},
	{"json", NVB_CDI_JSON},
	{NULL, 0},
};

const struct nvb_option nvbind_cdi_directory_options[] = {
	{"spec-dir", 0, NVB_OPTION_LIST("DIR", &spec_directories),
		"read specs from here, a later directory wins (repeatable; /etc/cdi and /var/run/cdi)"},
	{NULL},
};

int nvbind_cdi_load(struct nvb_cdi_registry *registry, const struct nvb_log *log, nvb_error **err)
{
	char **directories = spec_directories ? spec_directories : nvb_common_config()->cdi.directories;

	return nvb_cdi_registry_load(registry, (const char *const *)directories, log, err);
}

void nvbind_cdi_say_if_none(const struct nvb_cdi_registry *registry)
{
	if (!registry->source_count && !registry->fault_count)
		nvb_report_warning("nvbind",
			"no CDI spec was found ('nvbind cdi generate --output /etc/cdi/' makes one)");
}

const struct nvb_verb nvbind_cdi_verbs[] = {
	{.name = "generate",
		.summary = "write a CDI spec for this host's GPUs",
		.description = "Describes every GPU and MIG device of this host in a spec of the Container "
			       "Device Interface, "
			       "which podman, docker, containerd and CRI-O read: 'podman run --device "
			       "nvidia.com/gpu=0 ...'. "
			       "It names nvbind-hook, which makes links and the linker's cache inside the "
			       "container, and no "
			       "device numbers: these are looked up when a container is made.",
		.examples = "  nvbind cdi generate --output /etc/cdi/\n"
			    "  nvbind cdi generate --format json --device-name-strategy uuid\n",
		.groups = NVB_GROUPS({"Options", nvbind_cdi_generate_options}),
		.run = nvbind_cdi_generate},
	{.name = "list",
		.summary = "list the devices of this host's CDI specs",
		.groups = NVB_GROUPS({"Options", nvbind_cdi_list_options},
			{"Where specs are", nvbind_cdi_directory_options}),
		.run = nvbind_cdi_list},
	{.name = "show",
		.summary = "show a device, a spec or all specs",
		.synopsis = "[DEVICE|FILE]",
		.description =
			"DEVICE is a qualified name (nvidia.com/gpu=0): what a container gets that asks for "
			"it. FILE is a spec. Without either, a table of the specs.",
		.groups = NVB_GROUPS({"Options", nvbind_cdi_show_options},
			{"Where specs are", nvbind_cdi_directory_options}),
		.run = nvbind_cdi_show,
		.max_args = 1},
	{.name = "validate",
		.summary = "check CDI specs",
		.synopsis = "[FILE...]",
		.description = "Checks files against the CDI specification and its JSON schema; without "
			       "FILE, all specs "
			       "of this host. Every problem is named with its line, its path in the document "
			       "and the "
			       "rule it breaks. Ends with 1 if there was an error; warnings are what the "
			       "specification "
			       "forbids and every engine takes.",
		.groups = NVB_GROUPS({"Options", nvbind_cdi_validate_options},
			{"Where specs are", nvbind_cdi_directory_options}),
		.run = nvbind_cdi_validate,
		.max_args = NVB_ARGS_ANY},
	{NULL},
};
