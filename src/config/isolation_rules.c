/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

struct nvb_isolation_rules nvb_config_isolation_rules(const struct nvb_config *config)
{
	return (struct nvb_isolation_rules){
		.no_mig_create = !config->isolation.mig_create,
		.mig_mode = config->isolation.mig_mode,
		.no_mps = !config->isolation.mps,
		.no_dmem = !config->isolation.dmem,
	};
}
