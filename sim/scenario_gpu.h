/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SCENARIO_GPU_H
#define SIM_SCENARIO_GPU_H

#include "sim/scenario.h"

/* "0000:1b:00.0" to its numbers; false when it is none. */
bool sim_parse_pci(const char *address, struct sim_pci *pci);

/* "0-55,112-167" to one bit per CPU; false when it is none or above `bits`. */
bool sim_parse_cpus(const char *list, sim_u64 *set, size_t bits);

/*
 * Fills in one GPU from a [[gpu]] table: `index` counts over the machine, `nth` within the table. UUID and
 * serial number follow from seed and index.
 */
int sim_scenario_gpu(struct sim_scenario *scenario, const struct nvb_toml_value *table, uint32_t index,
	uint32_t nth, uint64_t seed, nvb_error **err);

#endif
