/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <malloc.h>

#include "../monitor/monitor.h"
#include "../monitor/serve_options.h"
#include "cli/common.h"
#include "exporter.h"

/* What `monitor --listen` and `--web` become. It is called by the name of who was typed, which its messages
 * carry. */

#define SECOND UINT64_C(1000000000)
enum { KEPT = 4 << 20 };

static int run(int argc, char **argv, nvb_error **err)
{
	const struct monitor_settings *s = &monitor_settings;
	int rc = monitor_check(argc, err);

	(void)argv;
	if (rc < 0)
		return rc;
	if (!serve_wanted())
		return nvb_usage(err, "--listen or --web is missing");
	return serve(program_invocation_short_name,
		s->interval    ? s->interval
		: s->real_time ? SECOND / 10
			       : SECOND,
		err);
}

int main(int argc, char **argv)
{
	static const struct nvb_verb verbs[] = {VERB_MONITOR(run), {NULL}};
	const struct nvb_program program = {
		.name = program_invocation_short_name,
		.summary = "serve what GPUs do",
		.verbs = verbs,
		.common = nvb_common_groups,
		.prepare = nvb_common_prepare,
	};

	/* The text of a scrape is as large each time: kept, its pages need not be asked of the kernel anew.
	 */
	mallopt(M_MMAP_THRESHOLD, KEPT);
	mallopt(M_TRIM_THRESHOLD, 2 * KEPT);
	return nvb_program_main(&program, argc, argv);
}
