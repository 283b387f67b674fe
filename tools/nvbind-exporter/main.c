/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/common.h"
#include "cli/options.h"
#include "exporter.h"
#include "serve_options.h"

static uint64_t interval = UINT64_C(1000000000);

static const struct nvb_option monitor_options[] = {
	{"interval", 0, NVB_OPTION_DURATION("TIME", &interval), "how often to measure (1s)"},
	{NULL},
};

static const char *program_name = "nvbind";

static int run(int argc, char **argv, nvb_error **err)
{
	int wanted = serve_wanted(err);

	(void)argc;
	(void)argv;
	if (wanted < 0)
		return wanted;
	if (!wanted)
		return nvb_usage(err, "--listen or --web is missing");
	return serve(program_name, interval, err);
}

static const struct nvb_verb verbs[] = {
	{
		.name = "monitor",
		.summary = "serve what the GPUs do",
		.groups = NVB_GROUPS({"Options", monitor_options}, {"Server", serve_options}),
		.run = run,
	},
	{NULL},
};

int main(int argc, char **argv)
{
	const struct nvb_program program = {
		.name = program_name,
		.summary = "serve what the GPUs do",
		.verbs = verbs,
		.common = nvb_common_groups,
		.prepare = nvb_common_prepare,
	};

	return nvb_program_main(&program, argc, argv);
}
