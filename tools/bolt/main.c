/* SPDX-License-Identifier: Apache-2.0 */
#include "bolt/verbs.h"
#include "cli/common.h"

static const struct nvb_verb surge_verbs[] = {
	BOLT_SURGE_RUN,
	{NULL},
};

static const struct nvb_verb verbs[] = {
	{.name = "surge", .summary = "run capsules", .verbs = surge_verbs},
	{NULL},
};

static const struct nvb_program program = {
	.name = "bolt",
	.summary = "capsules with GPUs",
	.verbs = verbs,
	.common = nvb_common_groups,
	.prepare = nvb_common_prepare,
};

int main(int argc, char **argv)
{
	return nvb_program_main(&program, argc, argv);
}
