/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/state.h"

static int make_state(char *path, size_t size)
{
	char elf[SIM_STATE_OFFSET] = "\177ELF";

	snprintf(path, size, "%s/simstate.XXXXXX", getenv("TMPDIR") ?: "/tmp");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(sim_state_format(fd, elf, sizeof(elf)), 0);
	return fd;
}

static void formatted_state_maps_and_keeps_its_elf(void **unused)
{
	(void)unused;
	char path[256], head[4];
	int fd = make_state(path, sizeof(path));
	struct sim_map map = SIM_MAP_INIT;

	assert_int_equal(pread(fd, head, 4, 0), 4);
	assert_memory_equal(head, "\177ELF", 4);
	assert_int_equal(sim_state_format(fd, path, SIM_STATE_OFFSET), -EEXIST);
	assert_int_equal(sim_state_open(path, false, &map), 0);
	assert_true(map.live);
	assert_int_equal(sim_lock(&map), -EROFS);
	sim_state_unmap(&map);

	/* A file of another kind, and one whose head is damaged. */
	assert_int_equal(sim_state_open("/proc/self/exe", false, &map), -EPROTO);
	assert_int_equal(pwrite(fd, "x", 1, SIM_STATE_OFFSET), 1);
	assert_int_equal(sim_state_open(path, false, &map), -EPROTO);
	close(fd);
	unlink(path);
}

static void copy_of_a_state_is_known_as_one(void **unused)
{
	(void)unused;
	char path[256], copy[300];
	int fd = make_state(path, sizeof(path));
	struct sim_map map = SIM_MAP_INIT;

	snprintf(copy, sizeof(copy), "%s.copy", path);
	int out = open(copy, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	assert_true(out >= 0);
	char block[4096];
	lseek(fd, 0, SEEK_SET);
	for (ssize_t n; (n = read(fd, block, sizeof(block))) > 0;)
		assert_int_equal(write(out, block, (size_t)n), n);
	close(out);
	assert_int_equal(sim_state_open(copy, false, &map), 0);
	assert_false(map.live);
	sim_state_unmap(&map);
	close(fd);
	unlink(path);
	unlink(copy);
}

static void draft_is_invisible_until_published(void **unused)
{
	(void)unused;
	char path[256];
	int fd = make_state(path, sizeof(path));
	struct sim_map map = SIM_MAP_INIT;
	struct sim_gpu *gpu = malloc(sizeof(*gpu));

	assert_int_equal(sim_state_map(fd, true, &map), 0);
	assert_int_equal(sim_lock(&map), 0);
	sim_draft_gpu(&map, 3)->thermal.gpu = 71;
	assert_int_equal(sim_read_gpu(map.state, 3, gpu), 0);
	assert_int_equal(gpu->thermal.gpu, 0);
	sim_publish_gpu(&map, 3);
	assert_int_equal(sim_read_gpu(map.state, 3, gpu), 0);
	assert_int_equal(gpu->thermal.gpu, 71);
	/* A draft that was dropped leaves nothing behind in the next one. */
	sim_draft_gpu(&map, 3)->thermal.gpu = 99;
	sim_draft_gpu(&map, 3)->thermal.memory = 80;
	sim_publish_gpu(&map, 3);
	assert_int_equal(sim_read_gpu(map.state, 3, gpu), 0);
	assert_int_equal(gpu->thermal.gpu, 71);
	assert_int_equal(gpu->thermal.memory, 80);
	sim_unlock(&map);
	assert_int_equal(sim_read_gpu(map.state, SIM_GPU_MAX, gpu), -ERANGE);
	free(gpu);
	sim_state_unmap(&map);
	unlink(path);
}

/* A writer that publishes as fast as it can and is killed at a random moment; what is read is always whole.
 */
static void readers_see_whole_updates_while_a_writer_dies(void **unused)
{
	(void)unused;
	char path[256];
	int fd = make_state(path, sizeof(path));
	struct sim_map map = SIM_MAP_INIT;
	struct sim_gpu *gpu = malloc(sizeof(*gpu));
	uint32_t last = 0;

	assert_int_equal(sim_state_map(fd, false, &map), 0);
	for (int round = 0; round < 5; round++) {
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			struct sim_map own = SIM_MAP_INIT;
			if (sim_state_open(path, true, &own) < 0 || sim_lock(&own) < 0)
				_exit(1);
			for (;;) {
				struct sim_gpu *draft = sim_draft_gpu(&own, 0);
				draft->minor++;
				memset(draft->name, (int)(draft->minor & 0xff), sizeof(draft->name));
				draft->mig.gi[SIM_GI_MAX - 1].id = draft->minor;
				sim_publish_gpu(&own, 0);
			}
		}
		uint32_t first = last;
		for (uint64_t i = 0; i < 20000 || last == first; i++) {
			sim_read_gpu(map.state, 0, gpu);
			assert_true(gpu->minor >= last);
			last = gpu->minor;
			assert_int_equal(gpu->mig.gi[SIM_GI_MAX - 1].id, last);
			assert_int_equal((unsigned char)gpu->name[0], last & 0xff);
			assert_int_equal((unsigned char)gpu->name[sizeof(gpu->name) - 1], last & 0xff);
		}
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	free(gpu);
	sim_state_unmap(&map);
	unlink(path);
}

static void event_wakes_a_waiter_on_a_read_only_map(void **unused)
{
	(void)unused;
	char path[256];
	int fd = make_state(path, sizeof(path));
	struct sim_map map = SIM_MAP_INIT;
	struct sim_event_ring ring;

	assert_int_equal(sim_state_map(fd, true, &map), 0);
	assert_int_equal(sim_wait_event(map.state, 0, 1), -ETIMEDOUT);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct sim_map own = SIM_MAP_INIT;
		if (sim_state_open(path, false, &own) < 0)
			_exit(2);
		_exit(sim_wait_event(own.state, 0, 60000) == 0 ? 0 : 1);
	}
	assert_int_equal(sim_lock(&map), 0);
	sim_post_event(&map, &(struct sim_event){.type = 8, .data = 79, .gpu = 2});
	sim_unlock(&map);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	sim_read_events(map.state, &ring);
	assert_int_equal(ring.last, 1);
	assert_int_equal(ring.event[1].data, 79);
	assert_true(ring.event[1].time > 0);
	sim_state_unmap(&map);
	unlink(path);
}

static void energy_follows_the_draw(void **unused)
{
	(void)unused;
	struct sim_power power = {.draw = 100000, .energy_mj = 5, .energy_at = 1000000000};

	assert_int_equal(sim_energy(&power, 3000000000), 5 + 200000);
	sim_set_draw(&power, 50000, 3000000000);
	assert_int_equal(sim_energy(&power, 4000000000), 5 + 200000 + 50000);
	/* The clock was set back: it never runs backwards. */
	assert_int_equal(sim_energy(&power, 1), 5 + 200000);
}

static void capability_minors_are_the_drivers(void **unused)
{
	(void)unused;
	assert_int_equal(sim_cap_gi(0, 0), 3);
	assert_int_equal(sim_cap_ci(0, 0, 0), 4);
	assert_int_equal(sim_cap_gi(0, 1), 12);
	assert_int_equal(sim_cap_gi(1, 0), 138);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formatted_state_maps_and_keeps_its_elf),
		cmocka_unit_test(copy_of_a_state_is_known_as_one),
		cmocka_unit_test(draft_is_invisible_until_published),
		cmocka_unit_test(readers_see_whole_updates_while_a_writer_dies),
		cmocka_unit_test(event_wakes_a_waiter_on_a_read_only_map),
		cmocka_unit_test(energy_follows_the_draw),
		cmocka_unit_test(capability_minors_are_the_drivers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
