/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/plugins.h"

#include <config.h> /* the build's */
#include <unistd.h>

#include "cli/common.h"
#include "cli/logging.h"
#include "cli/sibling.h"

const char *nvb_common_plugin_directory(void)
{
	const char *configured = nvb_common_config()->plugins.directory;

	return configured ? configured : NVB_PLUGINDIR;
}

char *nvb_common_plugin_helper(void)
{
	return nvb_sibling_program("nvbind-plugin", NVB_LIBEXECDIR);
}

struct nvb_plugin_options nvb_common_plugin_options(void)
{
	const struct nvb_config *config = nvb_common_config();
	const char *directory = nvb_common_plugin_directory();
	/* One that was named and is not there is worth a word. */
	bool there = config->plugins.directory || access(directory, F_OK) == 0;
	static char *helper;

	if (there && !helper)
		helper = nvb_common_plugin_helper();
	return (struct nvb_plugin_options){
		.directory = there ? directory : NULL,
		.helper = helper,
		.sources = config->plugins.mount_sources,
		.required = config->plugins.required,
		.log = nvb_logging(),
	};
}
