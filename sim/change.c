/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "inventory/nvml_abi.h"
#include "sim/mig.h"
#include "sim/protocol.h"

/* A handler edits the draft and says whether it may be published; it runs under the state's lock. */
typedef uint32_t (*change_fn)(
	struct sim_map *map, struct sim_gpu *gpu, const struct sim_change *change, uint32_t *result);

static bool in_use(struct sim_map *map, uint32_t gpu, uint32_t gi, uint32_t ci)
{
	const struct sim_process_cell *cell = &map->state->processes;
	const struct sim_process_table *table = &cell->copy[cell->generation & 1];

	for (uint32_t i = 0; i < table->count && i < SIM_PROCESS_MAX; i++) {
		const struct sim_process *process = &table->process[i];
		if (process->gpu == gpu && (gi == SIM_NO_INSTANCE || process->gi == gi) &&
			(ci == SIM_NO_INSTANCE || process->ci == ci))
			return true;
	}
	return false;
}

static uint32_t set_persistence(
	struct sim_map *map, struct sim_gpu *gpu, const struct sim_change *change, uint32_t *result)
{
	(void)map, (void)result;
	if (change->a > 1)
		return NVML_INVALID_ARGUMENT;
	gpu->persistence = change->a;
	return NVML_OK;
}

static uint32_t set_compute_mode(
	struct sim_map *map, struct sim_gpu *gpu, const struct sim_change *change, uint32_t *result)
{
	(void)map, (void)result;
	if (change->a > NVML_COMPUTE_EXCLUSIVE_PROCESS)
		return NVML_INVALID_ARGUMENT;
	/* Exclusive thread is gone since CUDA 8; with MIG on the driver offers the default alone. */
	if (change->a == NVML_COMPUTE_EXCLUSIVE_THREAD ||
		(gpu->mig.mode && change->a != NVML_COMPUTE_DEFAULT))
		return NVML_NOT_SUPPORTED;
	gpu->compute_mode = change->a;
	return NVML_OK;
}

static uint32_t set_power_limit(
	struct sim_map *map, struct sim_gpu *gpu, const struct sim_change *change, uint32_t *result)
{
	(void)map, (void)result;
	if (!(gpu->features & SIM_HAS_POWER_LIMIT))
		return NVML_NOT_SUPPORTED;
	if (change->a < gpu->power.limit_min || change->a > gpu->power.limit_max)
		return NVML_INVALID_ARGUMENT;
	gpu->power.limit = change->a;
	if (gpu->power.draw > gpu->power.limit)
		sim_set_draw(&gpu->power, gpu->power.limit, sim_now());
	return NVML_OK;
}

static uint32_t clamp(uint32_t value, uint32_t low, uint32_t high)
{
	return value < low ? low : value > high ? high : value;
}

static uint32_t lock_clocks(
	struct sim_map *map, struct sim_gpu *gpu, const struct sim_change *change, uint32_t *result)
{
	(void)map, (void)result;
	if (!(gpu->features & SIM_HAS_LOCKED_CLOCKS))
		return NVML_NOT_SUPPORTED;
	if (!change->a || change->a > change->b || change->a > gpu->clocks.max[SIM_CLOCK_GRAPHICS])
		return NVML_INVALID_ARGUMENT;
	gpu->clocks.locked_min = change->a;
	gpu->clocks.locked_max = clamp(change->b, change->a, gpu->clocks.max[SIM_CLOCK_GRAPHICS]);
	for (int domain = SIM_CLOCK_GRAPHICS; domain <= SIM_CLOCK_SM; domain++)
		gpu->clocks.now[domain] =
			clamp(gpu->clocks.now[domain], gpu->clocks.locked_min, gpu->clocks.locked_max);
	return NVML_OK;
}

static uint32_t reset_clocks(
	struct sim_map *map, struct sim_gpu *gpu, const struct sim_change *change, uint32_t *result)
{
	(void)map, (void)change, (void)result;
	if (!(gpu->features & SIM_HAS_LOCKED_CLOCKS))
		return NVML_NOT_SUPPORTED;
	gpu->clocks.locked_min = gpu->clocks.locked_max = 0;
	return NVML_OK;
}

static uint32_t lock_mem_clocks(
	struct sim_map *map, struct sim_gpu *gpu, const struct sim_change *change, uint32_t *result)
{
	(void)map, (void)result;
	if (!(gpu->features & SIM_HAS_LOCKED_CLOCKS))
		return NVML_NOT_SUPPORTED;
	if (!change->a || change->a > change->b || change->a > gpu->clocks.max[SIM_CLOCK_MEM])
		return NVML_INVALID_ARGUMENT;
	gpu->clocks.mem_locked_min = change->a;
	gpu->clocks.mem_locked_max = clamp(change->b, change->a, gpu->clocks.max[SIM_CLOCK_MEM]);
	gpu->clocks.now[SIM_CLOCK_MEM] =
		clamp(gpu->clocks.now[SIM_CLOCK_MEM], gpu->clocks.mem_locked_min, gpu->clocks.mem_locked_max);
	return NVML_OK;
}

static uint32_t reset_mem_clocks(
	struct sim_map *map, struct sim_gpu *gpu, const struct sim_change *change, uint32_t *result)
{
	(void)map, (void)change, (void)result;
	if (!(gpu->features & SIM_HAS_LOCKED_CLOCKS))
		return NVML_NOT_SUPPORTED;
	gpu->clocks.mem_locked_min = gpu->clocks.mem_locked_max = 0;
	return NVML_OK;
}

static uint32_t set_app_clocks(
	struct sim_map *map, struct sim_gpu *gpu, const struct sim_change *change, uint32_t *result)
{
	(void)map, (void)result;
	if (!gpu->clocks.application[SIM_CLOCK_GRAPHICS])
		return NVML_NOT_SUPPORTED;
	if (!change->a || change->a > gpu->clocks.max[SIM_CLOCK_MEM] || !change->b ||
		change->b > gpu->clocks.max[SIM_CLOCK_GRAPHICS])
		return NVML_INVALID_ARGUMENT;
	gpu->clocks.application[SIM_CLOCK_MEM] = change->a;
	gpu->clocks.application[SIM_CLOCK_GRAPHICS] = gpu->clocks.application[SIM_CLOCK_SM] = change->b;
	return NVML_OK;
}

static uint32_t reset_app_clocks(
	struct sim_map *map, struct sim_gpu *gpu, const struct sim_change *change, uint32_t *result)
{
	(void)map, (void)change, (void)result;
	if (!gpu->clocks.application[SIM_CLOCK_GRAPHICS])
		return NVML_NOT_SUPPORTED;
	for (int domain = 0; domain < SIM_CLOCK_VIDEO; domain++)
		gpu->clocks.application[domain] = gpu->clocks.application_default[domain];
	return NVML_OK;
}

static uint32_t set_ecc(
	struct sim_map *map, struct sim_gpu *gpu, const struct sim_change *change, uint32_t *result)
{
	(void)map, (void)result;
	if (!(gpu->features & SIM_HAS_ECC))
		return NVML_NOT_SUPPORTED;
	if (change->a > 1)
		return NVML_INVALID_ARGUMENT;
	gpu->ecc.pending = change->a;
	return NVML_OK;
}

static uint32_t clear_ecc(
	struct sim_map *map, struct sim_gpu *gpu, const struct sim_change *change, uint32_t *result)
{
	(void)map, (void)result;
	if (!(gpu->features & SIM_HAS_ECC))
		return NVML_NOT_SUPPORTED;
	if (change->a > 1)
		return NVML_INVALID_ARGUMENT;
	gpu->ecc.corrected[change->a] = gpu->ecc.uncorrected[change->a] = 0;
	return NVML_OK;
}

static uint32_t set_fan(
	struct sim_map *map, struct sim_gpu *gpu, const struct sim_change *change, uint32_t *result)
{
	(void)map, (void)result;
	if (!(gpu->features & SIM_HAS_FAN))
		return NVML_NOT_SUPPORTED;
	if (change->a >= gpu->thermal.fan_count || change->a >= SIM_FAN_MAX || change->b > 100)
		return NVML_INVALID_ARGUMENT;
	gpu->thermal.fan[change->a] = change->b;
	return NVML_OK;
}

/* Ampere needs an idle card to switch and leaves the change pending else; Hopper and later refuse at once. */
static uint32_t set_mig_mode(
	struct sim_map *map, struct sim_gpu *gpu, const struct sim_change *change, uint32_t *result)
{
	(void)result;
	if (!sim_mig_max(gpu))
		return NVML_NOT_SUPPORTED;
	if (change->a > 1)
		return NVML_INVALID_ARGUMENT;
	if (gpu->mig.mode == change->a) {
		gpu->mig.pending = change->a;
		gpu->mig.needs_reset = 0;
		return NVML_OK;
	}
	for (int i = 0; i < SIM_GI_MAX; i++)
		if (gpu->mig.gi[i].used)
			return NVML_IN_USE;
	bool used = in_use(map, change->gpu, SIM_NO_INSTANCE, SIM_NO_INSTANCE);
	if (used && gpu->architecture > NVML_ARCH_AMPERE)
		return NVML_IN_USE;
	if (used || gpu->mig.waits) {
		gpu->mig.pending = change->a;
		gpu->mig.needs_reset = 1;
		return NVML_OK;
	}
	gpu->mig.mode = gpu->mig.pending = change->a;
	gpu->mig.needs_reset = 0;
	return NVML_OK;
}

static uint32_t create_gi(
	struct sim_map *map, struct sim_gpu *gpu, const struct sim_change *change, uint32_t *result)
{
	struct sim_gi_profile profile;

	(void)map;
	if (!gpu->mig.mode)
		return NVML_NOT_SUPPORTED;
	if (!sim_gi_profile_by_id(gpu, change->a, &profile))
		return NVML_INVALID_ARGUMENT;
	if (change->b != SIM_ANYWHERE && (change->b >= 8 || !(profile.starts >> change->b & 1)))
		return NVML_INVALID_ARGUMENT;
	struct sim_gpu_instance *gi = sim_create_gi(gpu, &profile, change->b);
	if (!gi)
		return NVML_INSUFFICIENT_RESOURCES;
	*result = gi->id;
	return NVML_OK;
}

static uint32_t destroy_gi(
	struct sim_map *map, struct sim_gpu *gpu, const struct sim_change *change, uint32_t *result)
{
	struct sim_gpu_instance *gi = sim_find_gi(gpu, change->gi);

	(void)map, (void)result;
	if (!gi)
		return NVML_NOT_FOUND;
	for (int i = 0; i < SIM_CI_MAX; i++)
		if (gi->ci[i].used)
			return NVML_IN_USE;
	memset(gi, 0, sizeof(*gi));
	return NVML_OK;
}

static uint32_t create_ci(
	struct sim_map *map, struct sim_gpu *gpu, const struct sim_change *change, uint32_t *result)
{
	struct sim_gpu_instance *gi = sim_find_gi(gpu, change->gi);
	struct sim_ci_profile profile;

	(void)map;
	if (!gi)
		return NVML_NOT_FOUND;
	if (!sim_ci_profile_by_id(gpu, gi, change->a, &profile))
		return NVML_INVALID_ARGUMENT;
	if (change->b != SIM_ANYWHERE && change->b + profile.slices > gi->slices)
		return NVML_INVALID_ARGUMENT;
	struct sim_compute_instance *ci = sim_create_ci(gpu, gi, &profile, change->b);
	if (!ci)
		return NVML_INSUFFICIENT_RESOURCES;
	*result = ci->id;
	return NVML_OK;
}

static uint32_t destroy_ci(
	struct sim_map *map, struct sim_gpu *gpu, const struct sim_change *change, uint32_t *result)
{
	struct sim_gpu_instance *gi = sim_find_gi(gpu, change->gi);
	struct sim_compute_instance *ci = gi ? sim_find_ci(gi, change->ci) : NULL;

	(void)result;
	if (!ci)
		return NVML_NOT_FOUND;
	if (in_use(map, change->gpu, change->gi, change->ci))
		return NVML_IN_USE;
	memset(ci, 0, sizeof(*ci));
	return NVML_OK;
}

/* Instances do not outlive a reset, and a mode that waited for it is there afterwards. */
static uint32_t reset(
	struct sim_map *map, struct sim_gpu *gpu, const struct sim_change *change, uint32_t *result)
{
	(void)result;
	if (in_use(map, change->gpu, SIM_NO_INSTANCE, SIM_NO_INSTANCE))
		return NVML_IN_USE;
	memset(gpu->mig.gi, 0, sizeof(gpu->mig.gi));
	gpu->mig.mode = gpu->mig.pending;
	gpu->mig.needs_reset = 0;
	gpu->faults &= ~(uint32_t)(SIM_FAULT_RESET | SIM_FAULT_ECC);
	gpu->ecc.mode = gpu->ecc.pending;
	return NVML_OK;
}

static const change_fn handlers[] = {
	[SIM_CHANGE_PERSISTENCE] = set_persistence,
	[SIM_CHANGE_COMPUTE_MODE] = set_compute_mode,
	[SIM_CHANGE_POWER_LIMIT] = set_power_limit,
	[SIM_CHANGE_LOCK_CLOCKS] = lock_clocks,
	[SIM_CHANGE_RESET_CLOCKS] = reset_clocks,
	[SIM_CHANGE_LOCK_MEM_CLOCKS] = lock_mem_clocks,
	[SIM_CHANGE_RESET_MEM_CLOCKS] = reset_mem_clocks,
	[SIM_CHANGE_APP_CLOCKS] = set_app_clocks,
	[SIM_CHANGE_RESET_APP_CLOCKS] = reset_app_clocks,
	[SIM_CHANGE_ECC] = set_ecc,
	[SIM_CHANGE_CLEAR_ECC] = clear_ecc,
	[SIM_CHANGE_FAN] = set_fan,
	[SIM_CHANGE_MIG_MODE] = set_mig_mode,
	[SIM_CHANGE_CREATE_GI] = create_gi,
	[SIM_CHANGE_DESTROY_GI] = destroy_gi,
	[SIM_CHANGE_CREATE_CI] = create_ci,
	[SIM_CHANGE_DESTROY_CI] = destroy_ci,
	[SIM_CHANGE_RESET] = reset,
};

uint32_t sim_change_apply(
	struct sim_map *map, const struct sim_change *change, bool privileged, uint32_t *result)
{
	struct sim_machine machine;
	uint32_t created = 0;

	if (!change->kind || change->kind >= sizeof(handlers) / sizeof(handlers[0]))
		return NVML_INVALID_ARGUMENT;
	sim_read_machine(map->state, &machine);
	if (change->gpu >= machine.gpu_count || change->gpu >= SIM_GPU_MAX)
		return NVML_INVALID_ARGUMENT;
	if (!privileged)
		return NVML_NO_PERMISSION;
	int rc = sim_lock(map);
	if (rc < 0)
		return rc == -EROFS ? NVML_NO_PERMISSION : NVML_OPERATING_SYSTEM;
	struct sim_gpu *draft = sim_draft_gpu(map, change->gpu);
	uint32_t nvml = draft->faults & (SIM_FAULT_LOST | SIM_FAULT_OFF_BUS) ? NVML_GPU_IS_LOST
			: draft->faults & SIM_FAULT_NO_PERMISSION
				? NVML_NO_PERMISSION
				: handlers[change->kind](map, draft, change, &created);
	if (nvml == NVML_OK) {
		sim_publish_gpu(map, change->gpu);
		*result = created;
	}
	sim_unlock(map);
	return nvml;
}
