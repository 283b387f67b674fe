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

int find_hook(const char *option, char **path, nvb_error **err)
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
	if (access(found, X_OK) < 0)
		nvb_report_warning("nvbind", "%s: %s; no container starts with this until it is there", found,
			strerrordesc_np(errno));
	*path = found;
	return 0;
}
