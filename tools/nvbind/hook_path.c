/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/common.h"
#include "cli/output.h"
#include "cli/sibling.h"
#include "config.h"
#include "nvbind.h"

int choose_hook(const char *option, char **path, nvb_error **err)
{
	const char *chosen = option ? option : nvb_common_config()->hook.path;
	char *found;

	if (chosen && *chosen != '/')
		return nvb_fail(err, NVB_ERR_INVALID,
			"nvbind-hook '%s': the path must be absolute, the runtime calls it from anywhere",
			chosen);
	found = chosen ? strdup(chosen) : nvb_sibling_program("nvbind-hook", NVB_BINDIR);
	if (!found)
		return nvb_fail_oom(err);
	*path = found;
	return 0;
}

void warn_of_hook(const char *path)
{
	if (access(path, X_OK) < 0)
		nvb_report_warning("nvbind", "%s: %s; no container starts with this until it is there", path,
			strerrordesc_np(errno));
}

int find_hook(const char *option, char **path, nvb_error **err)
{
	int rc = choose_hook(option, path, err);

	if (rc == 0)
		warn_of_hook(*path);
	return rc;
}
