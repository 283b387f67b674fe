/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "capsule/run.h"
#include "cli/output.h"
#include "host.h"
#include "run_options.h"
#include "verbs.h"

/* bolt surge run: a capsule in the foreground. */

int surge_run(int argc, char **argv, nvb_error **err)
{
	_cleanup_definition_ struct nvb_capsule_definition definition = {0};
	_cleanup_error_ nvb_error *why = NULL;
	int status, rc;

	(void)argc;
	nvb_capsule_definition_init(&definition);
	definition.spec.image = argv[0];
	definition.spec.command = argv + 1;
	rc = run_options_apply(&definition, err);
	if (rc < 0)
		return rc;
	rc = nvb_capsule_run(run_host(), &definition, &status, &why);
	if (rc < 0 && why)
		nvb_report_error("bolt", why);
	return status;
}
