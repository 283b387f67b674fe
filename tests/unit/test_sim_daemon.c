/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "cmocka_all.h"
#include "inventory/nvml_abi.h"
#include "sim/daemon_clients.h"

#define GIB (UINT64_C(1) << 30)

/* A daemon of two GPUs of 8 GiB, without sockets, and two clients of it. */
struct fixture {
	struct sim_daemon daemon;
	struct sim_peer a, b;
	int lock; /* another open file of the state */
};

static void set_gpus(struct sim_map *map)
{
	assert_int_equal(sim_lock(map), 0);
	sim_draft_machine(map)->gpu_count = 2;
	sim_publish_machine(map);
	for (uint32_t i = 0; i < 2; i++) {
		struct sim_gpu *gpu = sim_draft_gpu(map, i);

		gpu->memory.total = 8 * GIB;
		gpu->power.limit = 500000;
		gpu->power.draw = 20000;
		gpu->power.state = 8;
		gpu->clocks.max[SIM_CLOCK_SM] = 2000;
		gpu->clocks.now[SIM_CLOCK_SM] = 300;
		sim_publish_gpu(map, i);
	}
	sim_unlock(map);
}

static int make(void **state)
{
	const char elf[SIM_STATE_OFFSET] = {0};
	struct fixture *f = calloc(1, sizeof(*f));
	char link[64];
	int fd = memfd_create("state", MFD_CLOEXEC);

	if (!f || fd < 0 || sim_state_format(fd, elf, sizeof(elf)) < 0)
		return -1;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	f->lock = open(link, O_RDONLY | O_CLOEXEC);
	f->daemon = (struct sim_daemon){.root = -1, .state_fd = fd, .map = SIM_MAP_INIT};
	if (sim_state_map(fd, true, &f->daemon.map) < 0)
		return -1;
	set_gpus(&f->daemon.map);
	f->a = (struct sim_peer){.fd = -1, .pid = 100, .next = &f->b};
	f->b = (struct sim_peer){.fd = -1, .pid = 200, .uid = 1000, .previous = &f->a};
	f->daemon.peers = &f->a;
	*state = f;
	return 0;
}

static int unmake(void **state)
{
	struct fixture *f = *state;

	sim_daemon_release_all(&f->daemon, &f->a);
	sim_daemon_release_all(&f->daemon, &f->b);
	close(f->lock);
	sim_state_unmap(&f->daemon.map);
	free(f);
	return 0;
}

static struct sim_reply ask_raw(struct fixture *f, struct sim_peer *peer, struct sim_request request, int *fd)
{
	struct sim_reply reply;

	sim_daemon_answer(&f->daemon, peer, &request, &reply, fd);
	return reply;
}

static int ask(
	struct fixture *f, struct sim_peer *peer, enum sim_request_kind kind, uint32_t gpu, uint64_t memory)
{
	int fd;

	peer->greeted = true;
	return ask_raw(f, peer,
		(struct sim_request){.version = SIM_PROTOCOL_VERSION,
			.kind = kind,
			.process = 'C',
			.gpu = gpu,
			.gi = SIM_NO_INSTANCE,
			.ci = SIM_NO_INSTANCE,
			.memory = memory},
		&fd)
		.status;
}

static struct sim_gpu gpu_now(const struct fixture *f, uint32_t index)
{
	struct sim_gpu gpu;

	sim_read_gpu(f->daemon.map.state, index, &gpu);
	return gpu;
}

static uint32_t programs(const struct fixture *f)
{
	struct sim_process_table table;

	sim_read_processes(f->daemon.map.state, &table);
	return table.count;
}

static void hello_comes_first(void **state)
{
	struct fixture *f = *state;
	struct sim_request request = {.version = SIM_PROTOCOL_VERSION, .kind = SIM_REQUEST_USE};
	int fd;

	assert_int_equal(ask_raw(f, &f->a, request, &fd).status, -EPROTO);
	request.kind = SIM_REQUEST_HELLO;
	request.version++;
	assert_int_equal(ask_raw(f, &f->a, request, &fd).status, -EPROTO);
	assert_int_equal(fd, -1);
	request.version = SIM_PROTOCOL_VERSION;
	assert_int_equal(ask_raw(f, &f->a, request, &fd).status, 0);
	assert_int_equal(fd, f->daemon.state_fd);
	assert_int_equal(ask_raw(f, &f->a, request, &fd).pid, 100);
	request.kind = 99;
	assert_int_equal(ask_raw(f, &f->a, request, &fd).status, -EPROTO);
}

static void memory_is_accounted(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask(f, &f->a, SIM_REQUEST_USE, 0, 3 * GIB), 0);
	assert_int_equal(ask(f, &f->b, SIM_REQUEST_USE, 0, 5 * GIB), 0);
	assert_int_equal(ask(f, &f->a, SIM_REQUEST_USE, 0, 3 * GIB + 1), -ENOMEM);
	assert_true(gpu_now(f, 0).memory.used == 8 * GIB);
	assert_int_equal(programs(f), 2);
	/* What is said replaces what was said before. */
	assert_int_equal(ask(f, &f->b, SIM_REQUEST_USE, 0, 1 * GIB), 0);
	assert_true(gpu_now(f, 0).memory.used == 4 * GIB);
	assert_int_equal(ask(f, &f->a, SIM_REQUEST_USE, 0, UINT64_MAX), -ENOMEM);
	assert_int_equal(ask(f, &f->a, SIM_REQUEST_RELEASE, 0, 0), 0);
	assert_int_equal(ask(f, &f->a, SIM_REQUEST_RELEASE, 0, 0), -ENOENT);
	sim_daemon_release_all(&f->daemon, &f->b);
	assert_true(gpu_now(f, 0).memory.used == 0);
	assert_int_equal(programs(f), 0);
}

static void a_used_card_wakes_up(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask(f, &f->a, SIM_REQUEST_USE, 1, GIB), 0);
	assert_int_equal(gpu_now(f, 1).power.state, 0);
	assert_int_equal(gpu_now(f, 1).clocks.now[SIM_CLOCK_SM], 2000);
	assert_true(gpu_now(f, 1).power.draw > 20000);
	assert_int_equal(gpu_now(f, 0).power.state, 8);
	assert_int_equal(ask(f, &f->b, SIM_REQUEST_USE, 1, GIB), 0);
	assert_int_equal(ask(f, &f->a, SIM_REQUEST_RELEASE, 1, 0), 0);
	assert_int_equal(gpu_now(f, 1).power.state, 0);
	assert_int_equal(ask(f, &f->b, SIM_REQUEST_RELEASE, 1, 0), 0);
	assert_int_equal(gpu_now(f, 1).power.state, 8);
	assert_int_equal(gpu_now(f, 1).clocks.now[SIM_CLOCK_SM], 300);
	assert_int_equal(gpu_now(f, 1).power.draw, 20000);
}

static void set_mode(struct fixture *f, uint32_t mode, uint32_t faults)
{
	struct sim_gpu *gpu;

	assert_int_equal(sim_lock(&f->daemon.map), 0);
	gpu = sim_draft_gpu(&f->daemon.map, 0);
	gpu->compute_mode = mode;
	gpu->faults = faults;
	sim_publish_gpu(&f->daemon.map, 0);
	sim_unlock(&f->daemon.map);
}

static void compute_mode_and_faults_refuse(void **state)
{
	struct fixture *f = *state;

	set_mode(f, NVML_COMPUTE_EXCLUSIVE_PROCESS, 0);
	assert_int_equal(ask(f, &f->a, SIM_REQUEST_USE, 0, 1), 0);
	assert_int_equal(ask(f, &f->b, SIM_REQUEST_USE, 0, 1), -EBUSY);
	f->b.pid = f->a.pid; /* another connection of the same process may */
	assert_int_equal(ask(f, &f->b, SIM_REQUEST_USE, 0, 1), 0);
	set_mode(f, NVML_COMPUTE_PROHIBITED, 0);
	assert_int_equal(ask(f, &f->a, SIM_REQUEST_USE, 0, 1), -EBUSY);
	set_mode(f, 0, SIM_FAULT_LOST);
	assert_int_equal(ask(f, &f->a, SIM_REQUEST_USE, 0, 1), -ENODEV);
	set_mode(f, 0, SIM_FAULT_ECC);
	assert_int_equal(ask(f, &f->a, SIM_REQUEST_USE, 0, 1), -EIO);
	assert_int_equal(ask(f, &f->a, SIM_REQUEST_USE, 2, 1), -ENODEV);
	assert_int_equal(ask(f, &f->a, SIM_REQUEST_USE, UINT32_MAX, 1), -ENODEV);
}

static void memory_is_sealed_and_kept(void **state)
{
	struct fixture *f = *state;
	struct sim_request request = {.version = SIM_PROTOCOL_VERSION,
		.kind = SIM_REQUEST_MEMORY,
		.gi = SIM_NO_INSTANCE,
		.ci = SIM_NO_INSTANCE};
	struct stat st;
	int first, second;

	assert_int_equal(ask(f, &f->a, SIM_REQUEST_MEMORY, 0, 0), -ENOENT);
	assert_int_equal(ask(f, &f->a, SIM_REQUEST_USE, 0, GIB), 0);
	assert_int_equal(ask_raw(f, &f->a, request, &first).status, 0);
	assert_int_equal(ask_raw(f, &f->a, request, &second).status, 0);
	assert_int_equal(first, second);
	assert_int_equal(fstat(first, &st), 0);
	assert_true((uint64_t)st.st_size == 8 * GIB);
	assert_int_equal(ftruncate(first, 0), -1);
	assert_int_equal(ask(f, &f->a, SIM_REQUEST_RELEASE, 0, 0), 0);
	assert_int_equal(fcntl(first, F_GETFD), -1);
}

static void changes_ask_who_asks(void **state)
{
	struct fixture *f = *state;
	struct sim_request request = {.version = SIM_PROTOCOL_VERSION,
		.kind = SIM_REQUEST_CHANGE,
		.change = {.kind = SIM_CHANGE_COMPUTE_MODE, .a = NVML_COMPUTE_EXCLUSIVE_PROCESS}};
	int fd;

	f->a.greeted = f->b.greeted = true;
	assert_int_equal(ask_raw(f, &f->b, request, &fd).nvml, NVML_NO_PERMISSION);
	assert_int_equal(gpu_now(f, 0).compute_mode, 0);
	assert_int_equal(ask_raw(f, &f->a, request, &fd).nvml, NVML_OK);
	assert_int_equal(gpu_now(f, 0).compute_mode, NVML_COMPUTE_EXCLUSIVE_PROCESS);
}

/* Any client can lock the file it was given: the daemon must not wait for it. */
static void a_client_cannot_lock_the_daemon_out(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask(f, &f->a, SIM_REQUEST_USE, 0, GIB), 0);
	assert_int_equal(flock(f->lock, LOCK_EX), 0);
	assert_int_equal(ask(f, &f->b, SIM_REQUEST_USE, 0, GIB), -EBUSY);
	/* A client that is gone is gone all the same. */
	sim_daemon_release_all(&f->daemon, &f->a);
	assert_true(gpu_now(f, 0).memory.used == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(hello_comes_first, make, unmake),
		cmocka_unit_test_setup_teardown(memory_is_accounted, make, unmake),
		cmocka_unit_test_setup_teardown(a_used_card_wakes_up, make, unmake),
		cmocka_unit_test_setup_teardown(compute_mode_and_faults_refuse, make, unmake),
		cmocka_unit_test_setup_teardown(memory_is_sealed_and_kept, make, unmake),
		cmocka_unit_test_setup_teardown(changes_ask_who_asks, make, unmake),
		cmocka_unit_test_setup_teardown(a_client_cannot_lock_the_daemon_out, make, unmake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
