/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/nvml/library.h"

/* A triangle between -amplitude and +amplitude: integer, so every reader gets the same. */
static int64_t triangle(uint64_t now, uint64_t period, uint64_t phase, int64_t amplitude)
{
	int64_t position = (int64_t)((now + phase % period) % period);
	int64_t quarter = (int64_t)period / 4;
	int64_t distance = position < 2 * quarter ? position - quarter : 3 * quarter - position;

	return distance * amplitude / quarter;
}

static uint32_t moved(uint32_t value, int64_t by, uint32_t low, uint32_t high)
{
	int64_t result = (int64_t)value + by;

	return result < low ? low : result > high ? high : (uint32_t)result;
}

#define SECONDS UINT64_C(1000000)

void vary(const struct sim_machine *machine, uint32_t index, struct sim_gpu *gpu, uint64_t now)
{
	uint64_t us = now / 1000, phase = (machine->seed + index * 7919) * UINT64_C(1000003);
	struct sim_utilisation *utilisation = &gpu->utilisation;

	/* What is idle stays idle. */
	if (utilisation->gpu) {
		utilisation->gpu = moved(utilisation->gpu, triangle(us, 20 * SECONDS, phase, 5), 1, 100);
		utilisation->memory =
			moved(utilisation->memory, triangle(us, 27 * SECONDS, phase, 3), 0, 100);
	}
	/* The energy is that of the steady draw: it must never run backwards. */
	gpu->power.energy_mj = sim_energy(&gpu->power, now);
	gpu->power.energy_at = now;
	gpu->power.draw = moved(gpu->power.draw, triangle(us, 13 * SECONDS, phase, gpu->power.draw / 50), 0,
		gpu->power.limit ? gpu->power.limit : UINT32_MAX);
	/* So must what was counted. */
	sim_count_traffic(gpu, now);
	gpu->thermal.gpu = moved(gpu->thermal.gpu, triangle(us, 60 * SECONDS, phase, 2), 1, 120);
	if (gpu->thermal.memory)
		gpu->thermal.memory =
			moved(gpu->thermal.memory, triangle(us, 70 * SECONDS, phase, 2), 1, 120);
	gpu->pcie.tx_kbps = moved(
		gpu->pcie.tx_kbps, triangle(us, 9 * SECONDS, phase, gpu->pcie.tx_kbps / 20), 0, UINT32_MAX);
	gpu->pcie.rx_kbps = moved(
		gpu->pcie.rx_kbps, triangle(us, 11 * SECONDS, phase, gpu->pcie.rx_kbps / 20), 0, UINT32_MAX);
}
