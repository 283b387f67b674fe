/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h> /* the build's */
#include <string.h>

#include "base/mem.h"
#include "capsule/run.h"
#include "cli/common.h"
#include "cli/logging.h"
#include "cli/output.h"
#include "cli/sibling.h"
#include "helper.h"
#include "run_options.h"
#include "verbs.h"

/* bolt surge run: a capsule in the foreground. */

static void release_request(struct nvb_request **request)
{
	nvb_request_free(*request);
}

/* crun starts in a third of runc's time; which of them works here is found out. */
static const char *const default_runtimes[] = {"crun", "runc", NULL};

int surge_run(int argc, char **argv, nvb_error **err)
{
	_cleanup_spec_ struct nvb_capsule_spec spec = {0};
	_cleanup_(release_request) struct nvb_request *request = NULL;
	_cleanup_error_ nvb_error *why = NULL;
	_cleanup_free_ char *hook = nvb_common_config()->hook.path
					    ? strdup(nvb_common_config()->hook.path)
					    : nvb_sibling_program("nvbind-hook", NVB_BINDIR);
	struct nvb_inventory_options inventory;
	struct nvb_run_host host = {
		.inventory = &inventory,
		.runtimes = nvb_common_config()->runtime.runtimes ? nvb_common_config()->runtime.runtimes
								  : (char *const *)default_runtimes,
		.cdi_directories = (const char *const *)nvb_common_config()->cdi.directories,
		.pull = pull_image,
		.log = nvb_logging(),
		.hook = hook,
		.no_cuda_compat = !nvb_common_config()->driver.cuda_compat,
		.no_params_mask = !nvb_common_config()->driver.mask_params,
	};
	int status, rc;

	(void)argc;
	nvb_common_inventory_options(&inventory);
	nvb_capsule_spec_init(&spec);
	spec.image = argv[0];
	spec.command = argv + 1;
	rc = run_options_apply(&spec, &request, err);
	if (rc < 0)
		return rc;
	rc = nvb_capsule_run(&host, &spec, request, &status, &why);
	if (rc < 0 && why)
		nvb_report_error("bolt", why);
	return status;
}
