/* SPDX-License-Identifier: Apache-2.0 */
#include "host.h"

#include <config.h> /* the build's */
#include <string.h>

#include "cli/common.h"
#include "cli/logging.h"
#include "cli/plugins.h"
#include "cli/sibling.h"
#include "helper.h"

/* crun starts in a third of runc's time; which of them works here is found out. */
static const char *const default_runtimes[] = {"crun", "runc", NULL};

const struct nvb_run_host *run_host(void)
{
	static struct nvb_inventory_options inventory;
	static struct nvb_run_host host;
	const struct nvb_config *config = nvb_common_config();

	if (host.inventory)
		return &host;
	nvb_common_inventory_options(&inventory);
	host = (struct nvb_run_host){
		.inventory = &inventory,
		.runtimes =
			config->runtime.runtimes ? config->runtime.runtimes : (char *const *)default_runtimes,
		.cdi_directories = (const char *const *)config->cdi.directories,
		.pull = pull_image,
		.log = nvb_logging(),
		.hook = config->hook.path ? strdup(config->hook.path)
					  : nvb_sibling_program("nvbind-hook", NVB_BINDIR),
		.profiles = nvb_sibling_data("profiles.d", NVB_DATADIR),
		.isolation = nvb_config_isolation_rules(config),
		.criu = config->snapshots.criu,
		.criu_front = nvb_sibling_program("bolt-criu", NVB_LIBEXECDIR),
		.plugins = nvb_common_plugin_options(),
		.no_cuda_compat = !config->driver.cuda_compat,
		.no_params_mask = !config->driver.mask_params,
	};
	return &host;
}
