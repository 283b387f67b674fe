/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"
#include "request/environment.h"

void nvb_config_asked_rules(const struct nvb_config *config, struct nvb_asked_rules *rules)
{
	*rules = (struct nvb_asked_rules){
		.environment = config->runtime.accept_environment,
		.mounts = config->runtime.accept_mounts,
		.imex = config->runtime.accept_imex,
		.requirements = config->runtime.check_requirements,
		.annotation_prefixes = config->runtime.annotation_prefixes,
		.swarm_resources = config->runtime.swarm_resources,
		.capabilities = config->runtime.capabilities,
	};
}
