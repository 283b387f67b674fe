/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/common.h"
#include "run.h"

/* podman run: devices by their CDI names, which podman reads since 4.1. */

int run_podman(struct run_command *command, struct run *run, nvb_error **err)
{
	_cleanup_free_ char *program = NULL;
	int rc = run_find_engine("podman", &program, err);

	if (rc == 0)
		rc = run_make_plan(run, err);
	if (rc < 0)
		return rc;
	run_add(command, "podman");
	run_add(command, "run");
	rc = run_add_cdi_devices(command, run, nvb_common_config()->cdi.directories, err);
	if (rc < 0)
		return rc;
	if (!run->dry_run)
		rc = run_make_pid_file(run, err);
	if (rc < 0)
		return rc;
	if (run->pid_file)
		run_add_option(command, "--pidfile", run->pid_file);
	run_add_settings(command, run, true);
	run_add_common(command);
	return 0;
}
