/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "inventory/nvml_abi.h"
#include "sim/daemon_clients.h"
#include "sim/mig.h"

enum {
	USES_MAX = 1024, /* of one connection: 64 GPUs of 7 instances, twice */
	LOCK_TRIES = 100,
	LOCK_PAUSE_NS = 5000000,
};

int sim_daemon_lock(struct sim_daemon *daemon)
{
	const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};

	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(daemon->map.fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		nanosleep(&pause, NULL);
	}
	return -EBUSY;
}

static struct sim_use *find_use(struct sim_peer *peer, uint32_t gpu, uint32_t gi, uint32_t ci)
{
	for (size_t i = 0; i < peer->use_count; i++) {
		struct sim_use *use = &peer->uses[i];

		if (use->gpu == gpu && use->gi == gi && use->ci == ci)
			return use;
	}
	return NULL;
}

/* The process table anew from all connections. The state's lock is held. */
static void publish_processes(struct sim_daemon *daemon)
{
	struct sim_process_table *table = sim_draft_processes(&daemon->map);

	table->count = 0;
	for (const struct sim_peer *peer = daemon->peers; peer; peer = peer->next)
		for (size_t i = 0; i < peer->use_count && table->count < SIM_PROCESS_MAX; i++) {
			const struct sim_use *use = &peer->uses[i];

			table->process[table->count++] = (struct sim_process){.gpu = use->gpu,
				.pid = peer->pid,
				.kind = use->process,
				.gi = use->gi,
				.ci = use->ci,
				.memory = use->memory,
				.since = use->since};
		}
	sim_publish_processes(&daemon->map);
}

/* Other connections' computing uses of a GPU; *foreign: of other processes than `pid`. */
static size_t count_users(const struct sim_daemon *daemon, uint32_t gpu, uint32_t pid, size_t *foreign)
{
	size_t users = 0;

	*foreign = 0;
	for (const struct sim_peer *peer = daemon->peers; peer; peer = peer->next)
		for (size_t i = 0; i < peer->use_count; i++)
			if (peer->uses[i].gpu == gpu) {
				users++;
				*foreign += peer->uses[i].process == 'C' && peer->pid != pid;
			}
	return users;
}

/* A card that somebody computes on leaves its idle state: full clocks, P0 and a fifth of its power. */
static void wake_up(struct sim_idle *idle, struct sim_gpu *gpu)
{
	uint32_t draw = gpu->power.limit / 5;

	if (idle->saved)
		return;
	*idle = (struct sim_idle){.saved = true,
		.draw = gpu->power.draw,
		.state = gpu->power.state,
		.throttle_reasons = gpu->clocks.throttle_reasons};
	for (int c = 0; c < SIM_CLOCK_COUNT; c++) {
		uint32_t top = gpu->clocks.max[c];

		idle->clocks[c] = gpu->clocks.now[c];
		if (c <= SIM_CLOCK_SM && gpu->clocks.locked_max)
			top = gpu->clocks.locked_max;
		if (c == SIM_CLOCK_MEM && gpu->clocks.mem_locked_max)
			top = gpu->clocks.mem_locked_max;
		gpu->clocks.now[c] = top;
	}
	gpu->power.state = 0;
	gpu->clocks.throttle_reasons = 0;
	if (draw > gpu->power.draw)
		sim_set_draw(&gpu->power, draw, sim_now());
}

static void fall_asleep(struct sim_idle *idle, struct sim_gpu *gpu)
{
	if (!idle->saved)
		return;
	for (int c = 0; c < SIM_CLOCK_COUNT; c++)
		gpu->clocks.now[c] = idle->clocks[c];
	gpu->power.state = idle->state;
	gpu->clocks.throttle_reasons = idle->throttle_reasons;
	sim_set_draw(&gpu->power, idle->draw, sim_now());
	idle->saved = false;
}

/* The instance that a request names, in the draft: 0 or -errno. Without MIG it names none. */
static int find_instance(struct sim_gpu *gpu, uint32_t gi, uint32_t ci,
	struct sim_compute_instance **instance, uint64_t *capacity)
{
	struct sim_gpu_instance *parent;
	struct sim_gi_profile profile;

	*instance = NULL;
	*capacity = gpu->memory.total - gpu->memory.reserved;
	if (!gpu->mig.mode)
		return gi == SIM_NO_INSTANCE && ci == SIM_NO_INSTANCE ? 0 : -ENOENT;
	parent = sim_find_gi(gpu, gi);
	*instance = parent ? sim_find_ci(parent, ci) : NULL;
	if (!*instance || !sim_gi_profile(gpu, parent->profile, &profile))
		return -ENOENT;
	*capacity = (uint64_t)profile.memory_mb << 20;
	return 0;
}

static int check_use(
	const struct sim_daemon *daemon, const struct sim_peer *peer, const struct sim_request *request)
{
	struct sim_machine machine;
	struct sim_gpu gpu;
	size_t foreign;

	sim_read_machine(daemon->map.state, &machine);
	if (request->gpu >= machine.gpu_count || request->gpu >= SIM_GPU_MAX)
		return -ENODEV;
	if (request->process != 'C' && request->process != 'G' && request->process != 'M')
		return -EINVAL;
	sim_read_gpu(daemon->map.state, request->gpu, &gpu);
	if (gpu.faults & (SIM_FAULT_LOST | SIM_FAULT_OFF_BUS))
		return -ENODEV;
	if (gpu.faults & (SIM_FAULT_ECC | SIM_FAULT_RESET))
		return -EIO;
	count_users(daemon, request->gpu, peer->pid, &foreign);
	if (request->process == 'C' &&
		(gpu.compute_mode == NVML_COMPUTE_PROHIBITED ||
			(gpu.compute_mode == NVML_COMPUTE_EXCLUSIVE_PROCESS && foreign)))
		return -EBUSY;
	return 0;
}

static int add_use(struct sim_peer *peer, const struct sim_request *request, struct sim_use **use)
{
	if (peer->use_count >= USES_MAX || !NVB_GROW(peer->uses, peer->use_count, peer->use_capacity))
		return -ENOMEM;
	*use = &peer->uses[peer->use_count++];
	**use = (struct sim_use){
		.gpu = request->gpu, .gi = request->gi, .ci = request->ci, .since = sim_now(), .memfd = -1};
	return 0;
}

int sim_daemon_use(struct sim_daemon *daemon, struct sim_peer *peer, const struct sim_request *request)
{
	struct sim_compute_instance *instance;
	struct sim_use *use = find_use(peer, request->gpu, request->gi, request->ci);
	uint64_t held = use ? use->memory : 0, in_use, capacity;
	struct sim_gpu *gpu;
	int rc = check_use(daemon, peer, request);

	if (rc < 0 || (rc = sim_daemon_lock(daemon)) < 0)
		return rc;
	gpu = sim_draft_gpu(&daemon->map, request->gpu);
	rc = find_instance(gpu, request->gi, request->ci, &instance, &capacity);
	if (rc == 0) {
		in_use = (instance ? instance->memory_used : gpu->memory.used) - held;
		if (in_use > capacity || request->memory > capacity - in_use)
			rc = -ENOMEM;
	}
	if (rc == 0 && !use)
		rc = add_use(peer, request, &use);
	if (rc == 0) {
		if (instance)
			instance->memory_used += request->memory - held;
		gpu->memory.used += request->memory - held;
		use->memory = request->memory;
		use->process = request->process;
		wake_up(&daemon->idle[request->gpu], gpu);
		sim_publish_gpu(&daemon->map, request->gpu);
		publish_processes(daemon);
	}
	sim_unlock(&daemon->map);
	return rc;
}

/* Gives a use's memory back; the state's lock is held, the use is not counted any more. */
static void give_back(struct sim_daemon *daemon, const struct sim_use *use)
{
	struct sim_gpu *gpu = sim_draft_gpu(&daemon->map, use->gpu);
	struct sim_compute_instance *instance;
	uint64_t capacity;
	size_t foreign;

	if (find_instance(gpu, use->gi, use->ci, &instance, &capacity) == 0 && instance)
		instance->memory_used -=
			use->memory < instance->memory_used ? use->memory : instance->memory_used;
	gpu->memory.used -= use->memory < gpu->memory.used ? use->memory : gpu->memory.used;
	if (count_users(daemon, use->gpu, 0, &foreign) == 0)
		fall_asleep(&daemon->idle[use->gpu], gpu);
	sim_publish_gpu(&daemon->map, use->gpu);
}

static void drop_use(struct sim_daemon *daemon, struct sim_peer *peer, size_t index)
{
	struct sim_use use = peer->uses[index];

	peer->uses[index] = peer->uses[--peer->use_count];
	nvb_closep(&use.memfd);
	give_back(daemon, &use);
}

int sim_daemon_release(struct sim_daemon *daemon, struct sim_peer *peer, const struct sim_request *request)
{
	struct sim_use *use = find_use(peer, request->gpu, request->gi, request->ci);
	int rc;

	if (!use)
		return -ENOENT;
	rc = sim_daemon_lock(daemon);
	if (rc < 0)
		return rc;
	drop_use(daemon, peer, (size_t)(use - peer->uses));
	publish_processes(daemon);
	sim_unlock(&daemon->map);
	return 0;
}

void sim_daemon_release_all(struct sim_daemon *daemon, struct sim_peer *peer)
{
	if (peer->use_count) {
		/* It is gone whether or not somebody sits on the lock: cells stay consistent, the daemon is
		 * their only regular writer. */
		int rc = sim_daemon_lock(daemon);

		while (peer->use_count)
			drop_use(daemon, peer, peer->use_count - 1);
		publish_processes(daemon);
		if (rc == 0)
			sim_unlock(&daemon->map);
	}
	free(peer->uses);
	peer->uses = NULL;
}

int sim_daemon_memory(
	struct sim_daemon *daemon, struct sim_peer *peer, const struct sim_request *request, int *fd)
{
	struct sim_use *use = find_use(peer, request->gpu, request->gi, request->ci);
	struct sim_compute_instance *instance;
	uint64_t capacity;
	struct sim_gpu gpu;
	int rc;

	if (!use)
		return -ENOENT;
	if (use->memfd < 0) {
		_cleanup_close_ int memory = memfd_create("nvidia-memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);

		sim_read_gpu(daemon->map.state, use->gpu, &gpu);
		rc = find_instance(&gpu, use->gi, use->ci, &instance, &capacity);
		if (rc < 0)
			return rc;
		if (memory < 0 || ftruncate(memory, (off_t)capacity) < 0 ||
			fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
			return -errno;
		use->memfd = NVB_TAKE_FD(memory);
	}
	*fd = use->memfd;
	return 0;
}
