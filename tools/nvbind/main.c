/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/common.h"
#include "cli/logging.h"
#include "nvbind.h"

static const struct nvb_verb verbs[] = {
	{
		.name = "plan",
		.summary = "say what a container would get, and why",
		.description = "Prints every edit with its reason, whether it is required, and who enforces "
			       "it. Nothing "
			       "is changed.",
		.examples = "  nvbind plan --gpu 0\n"
			    "  nvbind plan --gpus all --capabilities all --format json\n",
		.groups = plan_groups,
		.run = verb_plan,
	},
	{NULL},
};

int load_inventory(const struct nvb_request *request, struct nvb_inventory **inventory, nvb_error **err)
{
	struct nvb_inventory_options options;
	struct nvb_inventory *loaded = NULL;
	int rc;

	nvb_common_inventory_options(&options);
	rc = nvb_inventory_load(&options, &loaded, err);
	(void)request;
	if (rc < 0) {
		nvb_inventory_free(loaded);
		return rc;
	}
	*inventory = loaded;
	return 0;
}

int main(int argc, char **argv)
{
	static const struct nvb_program program = {
		.name = "nvbind",
		.summary = "give containers NVIDIA GPUs",
		.verbs = verbs,
		.common = nvb_common_groups,
		.prepare = nvb_common_prepare,
	};

	return nvb_program_main(&program, argc, argv);
}
