/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inventory/nvml_abi.h"
#include "sim/mig.h"
#include "sim/protocol.h"

/* One card in a state file of its own; changes go through what daemon and library call. */
struct machine {
	struct sim_map map;
	struct sim_gpu gpu; /* the last read */
};

static void start(struct machine *m, uint32_t family, uint32_t architecture)
{
	char elf[SIM_STATE_OFFSET] = {0}, path[] = "/tmp/simmig.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(sim_state_format(fd, elf, sizeof(elf)), 0);
	m->map = (struct sim_map)SIM_MAP_INIT;
	assert_int_equal(sim_state_map(fd, true, &m->map), 0);
	assert_int_equal(sim_lock(&m->map), 0);
	sim_draft_machine(&m->map)->gpu_count = 1;
	sim_publish_machine(&m->map);
	struct sim_gpu *gpu = sim_draft_gpu(&m->map, 0);
	gpu->mig.family = family;
	gpu->architecture = architecture;
	strcpy(gpu->uuid, "GPU-11111111-2222-3333-4444-555555555555");
	sim_publish_gpu(&m->map, 0);
	sim_unlock(&m->map);
}

static uint32_t change(struct machine *m, struct sim_change c, uint32_t *id)
{
	uint32_t rc = sim_change_apply(&m->map, &c, true, id);

	sim_read_gpu(m->map.state, 0, &m->gpu);
	return rc;
}

static uint32_t create_gi(struct machine *m, uint32_t profile, uint32_t *id)
{
	return change(
		m, (struct sim_change){.kind = SIM_CHANGE_CREATE_GI, .a = profile, .b = SIM_ANYWHERE}, id);
}

static uint32_t create_ci(struct machine *m, uint32_t gi, uint32_t profile, uint32_t *id)
{
	return change(m,
		(struct sim_change){.kind = SIM_CHANGE_CREATE_CI, .gi = gi, .a = profile, .b = SIM_ANYWHERE},
		id);
}

static void life_cycle_runs_in_its_order_only(void **unused)
{
	(void)unused;
	struct machine *m = calloc(1, sizeof(*m));
	struct sim_mig_device devices[SIM_GI_MAX * SIM_CI_MAX];
	uint32_t id = 99, gi, ci;

	start(m, SIM_MIG_A100_40, NVML_ARCH_AMPERE);
	assert_int_equal(create_gi(m, 9, &id), NVML_NOT_SUPPORTED);
	assert_int_equal(id, 99);
	assert_int_equal(sim_change_apply(&m->map, &(struct sim_change){.kind = SIM_CHANGE_MIG_MODE, .a = 1},
				 false, &id),
		NVML_NO_PERMISSION);
	assert_int_equal(change(m, (struct sim_change){.kind = SIM_CHANGE_MIG_MODE, .a = 1}, &id), NVML_OK);
	assert_int_equal(m->gpu.mig.mode, 1);
	assert_int_equal(create_gi(m, 9, &gi), NVML_OK);
	assert_int_equal(gi, 2);
	assert_int_equal(sim_mig_devices(&m->gpu, devices), 0);
	assert_int_equal(create_ci(m, gi, NVML_PROFILE_3_SLICE, &ci), NVML_OK);
	assert_int_equal(sim_mig_devices(&m->gpu, devices), 1);
	assert_int_equal(strncmp(devices[0].ci->uuid, "MIG-", 4), 0);
	assert_int_equal(strlen(devices[0].ci->uuid), 40);
	assert_int_equal(create_ci(m, gi, NVML_PROFILE_1_SLICE, &ci), NVML_INSUFFICIENT_RESOURCES);

	char uuid[48];
	strcpy(uuid, devices[0].ci->uuid);
	assert_int_equal(
		change(m, (struct sim_change){.kind = SIM_CHANGE_DESTROY_GI, .gi = gi}, &id), NVML_IN_USE);
	assert_int_equal(
		change(m, (struct sim_change){.kind = SIM_CHANGE_MIG_MODE, .a = 0}, &id), NVML_IN_USE);
	assert_int_equal(
		change(m, (struct sim_change){.kind = SIM_CHANGE_DESTROY_CI, .gi = gi, .ci = 0}, &id),
		NVML_OK);
	assert_int_equal(
		change(m, (struct sim_change){.kind = SIM_CHANGE_DESTROY_CI, .gi = gi, .ci = 0}, &id),
		NVML_NOT_FOUND);
	/* The same instance again has the same name again. */
	assert_int_equal(create_ci(m, gi, NVML_PROFILE_3_SLICE, &ci), NVML_OK);
	assert_int_equal(sim_mig_devices(&m->gpu, devices), 1);
	assert_string_equal(devices[0].ci->uuid, uuid);
	assert_int_equal(
		change(m, (struct sim_change){.kind = SIM_CHANGE_DESTROY_CI, .gi = gi, .ci = ci}, &id),
		NVML_OK);
	assert_int_equal(
		change(m, (struct sim_change){.kind = SIM_CHANGE_DESTROY_GI, .gi = gi}, &id), NVML_OK);
	assert_int_equal(change(m, (struct sim_change){.kind = SIM_CHANGE_MIG_MODE, .a = 0}, &id), NVML_OK);
	sim_state_unmap(&m->map);
	free(m);
}

static void a_process_holds_its_instance(void **unused)
{
	(void)unused;
	struct machine *m = calloc(1, sizeof(*m));
	uint32_t gi, ci, id;

	start(m, SIM_MIG_H100_80, NVML_ARCH_HOPPER);
	assert_int_equal(change(m, (struct sim_change){.kind = SIM_CHANGE_MIG_MODE, .a = 1}, &id), NVML_OK);
	assert_int_equal(create_gi(m, 19, &gi), NVML_OK);
	assert_int_equal(create_ci(m, gi, NVML_PROFILE_1_SLICE, &ci), NVML_OK);
	assert_int_equal(sim_lock(&m->map), 0);
	struct sim_process_table *table = sim_draft_processes(&m->map);
	table->process[table->count++] = (struct sim_process){.pid = 7, .gi = gi, .ci = ci};
	sim_publish_processes(&m->map);
	sim_unlock(&m->map);
	assert_int_equal(
		change(m, (struct sim_change){.kind = SIM_CHANGE_DESTROY_CI, .gi = gi, .ci = ci}, &id),
		NVML_IN_USE);
	sim_state_unmap(&m->map);
	free(m);
}

static void placement_follows_the_slices(void **unused)
{
	(void)unused;
	struct machine *m = calloc(1, sizeof(*m));
	struct sim_gi_profile profile;
	uint32_t id, seen = 0;

	start(m, SIM_MIG_A100_80, NVML_ARCH_AMPERE);
	assert_int_equal(change(m, (struct sim_change){.kind = SIM_CHANGE_MIG_MODE, .a = 1}, &id), NVML_OK);
	assert_true(sim_gi_profile(&m->gpu, NVML_PROFILE_1_SLICE, &profile));
	assert_string_equal(profile.name, "1g.10gb");
	assert_int_equal(sim_gi_capacity(&m->gpu, &profile), 7);
	for (int i = 0; i < 7; i++) {
		assert_int_equal(create_gi(m, 19, &id), NVML_OK);
		assert_in_range(id, 7, 14);
		assert_false(seen >> id & 1);
		seen |= 1u << id;
	}
	assert_int_equal(create_gi(m, 19, &id), NVML_INSUFFICIENT_RESOURCES);
	assert_int_equal(sim_gi_capacity(&m->gpu, &profile), 0);
	/* Wherever one is freed, a whole half does not come back by itself. */
	assert_int_equal(
		change(m, (struct sim_change){.kind = SIM_CHANGE_DESTROY_GI, .gi = 11}, &id), NVML_OK);
	assert_int_equal(create_gi(m, 9, &id), NVML_INSUFFICIENT_RESOURCES);
	assert_int_equal(create_gi(m, 20, &id), NVML_OK);
	assert_int_equal(id, 11);
	sim_state_unmap(&m->map);
	free(m);
}

static void given_place_is_kept_or_refused(void **unused)
{
	(void)unused;
	struct machine *m = calloc(1, sizeof(*m));
	uint32_t id;

	start(m, SIM_MIG_H200_141, NVML_ARCH_HOPPER);
	assert_int_equal(change(m, (struct sim_change){.kind = SIM_CHANGE_MIG_MODE, .a = 1}, &id), NVML_OK);
	assert_int_equal(
		change(m, (struct sim_change){.kind = SIM_CHANGE_CREATE_GI, .a = 9, .b = 4}, &id), NVML_OK);
	assert_int_equal(id, 1);
	assert_int_equal(change(m, (struct sim_change){.kind = SIM_CHANGE_CREATE_GI, .a = 9, .b = 4}, &id),
		NVML_INSUFFICIENT_RESOURCES);
	assert_int_equal(change(m, (struct sim_change){.kind = SIM_CHANGE_CREATE_GI, .a = 9, .b = 2}, &id),
		NVML_INVALID_ARGUMENT);
	assert_int_equal(
		change(m, (struct sim_change){.kind = SIM_CHANGE_CREATE_GI, .a = 9, .b = 4000000000u}, &id),
		NVML_INVALID_ARGUMENT);
	assert_int_equal(create_gi(m, 77, &id), NVML_INVALID_ARGUMENT);
	sim_state_unmap(&m->map);
	free(m);
}

/* What the tables say must be possible: names, sums and placements of every family. */
static void tables_are_consistent(void **unused)
{
	(void)unused;
	static struct sim_gpu gpu;
	struct sim_gi_profile whole, profile;

	for (gpu.mig.family = SIM_MIG_A30_24; gpu.mig.family < SIM_MIG_FAMILY_COUNT; gpu.mig.family++) {
		assert_true(sim_gi_profile_by_id(&gpu, 0, &whole));
		assert_int_equal(whole.slices, sim_mig_max(&gpu));
		for (uint32_t p = 0; p < NVML_GI_PROFILE_COUNT; p++) {
			if (!sim_gi_profile(&gpu, p, &profile))
				continue;
			assert_true(profile.memory_mb * profile.instances <= whole.memory_mb * 15 / 14);
			assert_true(profile.sm_count * profile.instances <= whole.sm_count);
			assert_true(profile.copy_engines && profile.starts);
			for (uint32_t s = 0; s < 8; s++)
				if (profile.starts >> s & 1)
					assert_true(s + profile.size <= whole.size);
			assert_int_equal(sim_gi_capacity(&gpu, &profile), profile.instances);
		}
	}
}

static void knobs_keep_their_ranges(void **unused)
{
	(void)unused;
	struct machine *m = calloc(1, sizeof(*m));
	uint32_t id;

	start(m, SIM_MIG_NONE, NVML_ARCH_ADA);
	assert_int_equal(change(m, (struct sim_change){.kind = SIM_CHANGE_POWER_LIMIT, .a = 300000}, &id),
		NVML_NOT_SUPPORTED);
	assert_int_equal(sim_lock(&m->map), 0);
	struct sim_gpu *gpu = sim_draft_gpu(&m->map, 0);
	gpu->features = SIM_HAS_POWER_LIMIT | SIM_HAS_LOCKED_CLOCKS;
	gpu->power.limit_min = 150000, gpu->power.limit_max = 600000, gpu->power.draw = 400000;
	gpu->clocks.max[SIM_CLOCK_GRAPHICS] = 3105, gpu->clocks.now[SIM_CLOCK_GRAPHICS] = 2800;
	sim_publish_gpu(&m->map, 0);
	sim_unlock(&m->map);
	assert_int_equal(change(m, (struct sim_change){.kind = SIM_CHANGE_POWER_LIMIT, .a = 149999}, &id),
		NVML_INVALID_ARGUMENT);
	assert_int_equal(
		change(m, (struct sim_change){.kind = SIM_CHANGE_POWER_LIMIT, .a = 300000}, &id), NVML_OK);
	assert_int_equal(m->gpu.power.limit, 300000);
	assert_int_equal(m->gpu.power.draw, 300000);
	assert_int_equal(
		change(m, (struct sim_change){.kind = SIM_CHANGE_LOCK_CLOCKS, .a = 900, .b = 1500}, &id),
		NVML_OK);
	assert_int_equal(m->gpu.clocks.now[SIM_CLOCK_GRAPHICS], 1500);
	assert_int_equal(
		change(m, (struct sim_change){.kind = SIM_CHANGE_MIG_MODE, .a = 1}, &id), NVML_NOT_SUPPORTED);
	assert_int_equal(change(m, (struct sim_change){.kind = 4711}, &id), NVML_INVALID_ARGUMENT);
	assert_int_equal(change(m, (struct sim_change){.kind = SIM_CHANGE_PERSISTENCE, .gpu = 1}, &id),
		NVML_INVALID_ARGUMENT);
	sim_state_unmap(&m->map);
	free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(life_cycle_runs_in_its_order_only),
		cmocka_unit_test(a_process_holds_its_instance),
		cmocka_unit_test(placement_follows_the_slices),
		cmocka_unit_test(given_place_is_kept_or_refused),
		cmocka_unit_test(tables_are_consistent),
		cmocka_unit_test(knobs_keep_their_ranges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
