/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <locale.h>
#include <string.h>

#include "cli/common.h"
#include "watch.h"

/*
 * What `bolt monitor` and `nvbind monitor` become. It is called by the name of who was typed, which its
 * messages carry.
 */
static int monitor(int argc, char **argv, nvb_error **err)
{
	_cleanup_watch_ struct watch watch = {0};
	int rc = monitor_check(argc, err);

	if (rc < 0)
		return rc;
	/* Letters alone: numbers have a point, whatever the country. */
	setlocale(LC_CTYPE, "");
	watch_catch_signals();
	rc = watch_open(&watch, argc, argv, err);
	if (rc < 0)
		return rc;
	if (monitor_settings.format == MONITOR_TABLE && !monitor_settings.once && !monitor_settings.count &&
		screen_is_possible())
		return screen_run(&watch, err);
	return stream_run(&watch, err);
}

int main(int argc, char **argv)
{
	static const struct nvb_verb verbs[] = {VERB_MONITOR(monitor), {NULL}};
	struct nvb_program program = {
		.name = program_invocation_short_name,
		.summary = "shows what GPUs do, and who uses them",
		.verbs = verbs,
		.common = nvb_common_groups,
		.prepare = nvb_common_prepare,
	};

	return nvb_program_main(&program, argc, argv);
}
