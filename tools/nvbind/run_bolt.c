/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "cli/common.h"
#include "cli/sibling.h"
#include "config.h"
#include "nvbind.h"
#include "run.h"

/* bolt surge run: it plans by itself, so what was asked for is handed on as it was asked. */

int run_bolt(struct run_command *command, struct run *run, nvb_error **err)
{
	_cleanup_free_ char *bolt = nvb_sibling_program("bolt", NVB_BINDIR);
	_cleanup_strv_ char **words = NULL;

	if (!bolt)
		return nvb_fail_oom(err);
	if (access(bolt, X_OK) < 0)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_NOT_FOUND, "bolt is not installed: %s is not there", bolt),
			"install it, or use --runtime podman or docker");
	run_add(command, bolt);
	if (!nvb_common_arguments(&words))
		return nvb_fail_oom(err);
	run_add(command, "surge");
	run_add(command, "run");
	if (!request_arguments(&words))
		return nvb_fail_oom(err);
	nvb_strv_foreach (word, words)
		run_add(command, *word);
	/* The root is the caller's and so are its names: the next run of this one must find its name free. */
	if (run->rootfs)
		run_add(command, "--rm");
	run_add_common(command);
	return 0;
}
