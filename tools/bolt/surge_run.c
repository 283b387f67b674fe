/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/mem.h"
#include "capsule/lifecycle.h"
#include "capsule/run.h"
#include "cli/output.h"
#include "host.h"
#include "run_options.h"
#include "verbs.h"

/* bolt surge run: a capsule in the foreground, or with -d under a supervisor. */

/* Made and started; nothing of one that could not be started remains. */
static int run_detached(const struct nvb_capsule_definition *definition, nvb_error **err)
{
	_cleanup_state_ struct nvb_state state = {0};
	_cleanup_error_ nvb_error *why = NULL;
	char id[NVB_CAPSULE_ID + 1];
	int status = 125, rc = nvb_state_open(&state, err);

	if (rc == 0)
		rc = nvb_capsule_create(run_host(), &state, definition, id, err);
	if (rc < 0)
		return rc;
	rc = nvb_capsule_start(run_host(), &state, id, &status, &why);
	if (rc < 0) {
		nvb_capsule_remove(run_host(), &state, id, true, NULL);
		if (why)
			nvb_report_error("bolt", why);
		return status;
	}
	printf("%s\n", id);
	return nvb_stdout_flush(err);
}

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
	if (run_options_detach())
		return run_detached(&definition, err);
	rc = nvb_capsule_run(run_host(), &definition, &status, &why);
	if (rc < 0 && why)
		nvb_report_error("bolt", why);
	return status;
}
