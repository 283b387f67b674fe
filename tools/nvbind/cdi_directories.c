/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi_verbs.h"
#include "cli/common.h"
#include "cli/output.h"
#include "nvbind/cdi.h"

/* Where specs are read from, for the verbs of `nvbind cdi` and for doctor. */

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

const char *const *nvbind_cdi_directories(void)
{
	char **chosen = spec_directories ? spec_directories : nvb_common_config()->cdi.directories;

	return chosen && *chosen ? (const char *const *)chosen : nvb_cdi_default_directories;
}

int nvbind_cdi_load(struct nvb_cdi_registry *registry, const struct nvb_log *log, nvb_error **err)
{
	return nvb_cdi_registry_load(registry, nvbind_cdi_directories(), log, err);
}

void nvbind_cdi_say_if_none(const struct nvb_cdi_registry *registry)
{
	if (!registry->source_count && !registry->fault_count)
		nvb_report_warning("nvbind",
			"no CDI spec was found ('nvbind cdi generate --output /etc/cdi/' makes one)");
}
