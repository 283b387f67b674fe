/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "cli/output.h"
#include "watch.h"

/* Built without ncurses: tables take the screen's place. */

bool screen_is_possible(void)
{
	nvb_report_warning(
		program_invocation_short_name, "built without ncurses: there are tables, no screen");
	return false;
}

int screen_run(struct watch *watch, nvb_error **err)
{
	return stream_run(watch, err);
}
