/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/state.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "sim/compat.h"

/*
 * The generation's low bit names the current copy. 64-bit generations are read and written whole on every
 * machine these libraries run on (cmpxchg8b or an aligned 64-bit move on i386, which gcc emits for __atomic).
 */
static uint64_t generation_now(const uint64_t *generation)
{
	return __atomic_load_n(generation, __ATOMIC_ACQUIRE);
}

/* True if nothing was published since `before`; the fence keeps the copying above it. */
static bool generation_held(const uint64_t *generation, uint64_t before)
{
	atomic_thread_fence(memory_order_acquire);
	return __atomic_load_n(generation, __ATOMIC_RELAXED) == before;
}

static void generation_advance(uint64_t *generation)
{
	__atomic_store_n(generation, *generation + 1, __ATOMIC_RELEASE);
	/* What a later draft writes must not overtake this: it goes into the copy that was current so far. */
	atomic_thread_fence(memory_order_seq_cst);
}

#define READ_CELL(cell, out)                                                       \
	do {                                                                       \
		uint64_t before_;                                                  \
		do {                                                               \
			before_ = generation_now(&(cell)->generation);             \
			memcpy((out), &(cell)->copy[before_ & 1], sizeof(*(out))); \
		} while (!generation_held(&(cell)->generation, before_));          \
	} while (0)

#define DRAFT_CELL(cell)                                                                                 \
	({                                                                                               \
		uint64_t now_ = (cell)->generation;                                                      \
		memcpy(&(cell)->copy[(now_ + 1) & 1], &(cell)->copy[now_ & 1], sizeof((cell)->copy[0])); \
		&(cell)->copy[(now_ + 1) & 1];                                                           \
	})

void sim_read_machine(const struct sim_state *state, struct sim_machine *out)
{
	READ_CELL(&state->machine, out);
}

int sim_read_gpu(const struct sim_state *state, uint32_t index, struct sim_gpu *out)
{
	if (index >= SIM_GPU_MAX)
		return -ERANGE;
	READ_CELL(&state->gpu[index], out);
	return 0;
}

void sim_read_processes(const struct sim_state *state, struct sim_process_table *out)
{
	READ_CELL(&state->processes, out);
	if (out->count > SIM_PROCESS_MAX)
		out->count = SIM_PROCESS_MAX;
}

void sim_read_events(const struct sim_state *state, struct sim_event_ring *out)
{
	READ_CELL(&state->events, out);
}

struct sim_machine *sim_draft_machine(struct sim_map *map)
{
	return DRAFT_CELL(&map->state->machine);
}

void sim_publish_machine(struct sim_map *map)
{
	generation_advance(&map->state->machine.generation);
}

struct sim_gpu *sim_draft_gpu(struct sim_map *map, uint32_t index)
{
	return DRAFT_CELL(&map->state->gpu[index]);
}

void sim_publish_gpu(struct sim_map *map, uint32_t index)
{
	generation_advance(&map->state->gpu[index].generation);
}

struct sim_process_table *sim_draft_processes(struct sim_map *map)
{
	return DRAFT_CELL(&map->state->processes);
}

void sim_publish_processes(struct sim_map *map)
{
	generation_advance(&map->state->processes.generation);
}

int sim_lock(struct sim_map *map)
{
	if (!map->writable)
		return -EROFS;
	while (flock(map->fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

void sim_unlock(struct sim_map *map)
{
	flock(map->fd, LOCK_UN);
}

void sim_post_event(struct sim_map *map, const struct sim_event *event)
{
	struct sim_state *state = map->state;
	struct sim_event_ring *ring = DRAFT_CELL(&state->events);
	struct sim_event *slot = &ring->event[(ring->last + 1) % SIM_EVENT_MAX];

	*slot = *event;
	slot->sequence = ring->last + 1;
	slot->time = sim_now();
	ring->last++;
	uint32_t wake = (uint32_t)ring->last;
	generation_advance(&state->events.generation);
	__atomic_store_n(&state->wake, wake, __ATOMIC_RELEASE);
	syscall(SYS_futex, &state->wake, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

int sim_wait_event(const struct sim_state *state, uint64_t seen, uint32_t timeout_ms)
{
	uint64_t deadline = sim_now() + (uint64_t)timeout_ms * 1000000;

	for (;;) {
		uint32_t newest = __atomic_load_n(&state->wake, __ATOMIC_ACQUIRE);
		if (newest != (uint32_t)seen)
			return 0;
		uint64_t now = sim_now();
		if (now >= deadline)
			return -ETIMEDOUT;
		struct timespec left = {
			.tv_sec = (time_t)((deadline - now) / 1000000000),
			.tv_nsec = (long)((deadline - now) % 1000000000),
		};
		/* A shared futex on a read-only mapping: the kernel finds it by file and offset. */
		if (syscall(SYS_futex, &state->wake, FUTEX_WAIT, newest, &left, NULL, 0) < 0 &&
			errno == EINTR)
			return -EINTR;
	}
}

int sim_state_format(int fd, const void *elf, size_t elf_size)
{
	struct sim_map map = SIM_MAP_INIT;
	struct stat st;

	if (elf_size != SIM_STATE_OFFSET)
		return -EINVAL;
	int rc = sim_fstat(fd, &st);
	if (rc < 0)
		return rc;
	if (st.st_size)
		return -EEXIST;
	if (ftruncate(fd, (off_t)SIM_STATE_FILE_SIZE) < 0)
		return -errno;
	ssize_t written = pwrite(fd, elf, elf_size, 0);
	if (written != (ssize_t)elf_size)
		return written < 0 ? -errno : -EIO;
	map.state = mmap(NULL, sizeof(*map.state), PROT_READ | PROT_WRITE, MAP_SHARED, fd, SIM_STATE_OFFSET);
	if (map.state == MAP_FAILED)
		return -errno;
	map.state->layout = SIM_STATE_LAYOUT;
	map.state->size = sizeof(*map.state);
	map.state->inode = st.st_ino;
	rc = getrandom(&map.state->identity, sizeof(map.state->identity), 0) < 0 ? -errno : 0;
	/* The magic last: a file that was never finished is not a state. */
	if (rc == 0)
		__atomic_store_n(&map.state->magic, SIM_STATE_MAGIC, __ATOMIC_RELEASE);
	munmap(map.state, sizeof(*map.state));
	return rc;
}

int sim_state_map(int fd, bool writable, struct sim_map *map)
{
	struct stat st;
	int rc = sim_fstat(fd, &st);

	if (rc == 0 && (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < SIM_STATE_FILE_SIZE))
		rc = -EPROTO;
	if (rc < 0) {
		close(fd);
		return rc;
	}
	struct sim_state *state = mmap(NULL, sizeof(*state), writable ? PROT_READ | PROT_WRITE : PROT_READ,
		MAP_SHARED, fd, SIM_STATE_OFFSET);
	if (state == MAP_FAILED) {
		rc = -errno;
		close(fd);
		return rc;
	}
	if (__atomic_load_n(&state->magic, __ATOMIC_ACQUIRE) != SIM_STATE_MAGIC ||
		state->layout != SIM_STATE_LAYOUT || state->size != sizeof(*state)) {
		munmap(state, sizeof(*state));
		close(fd);
		return -EPROTO;
	}
	map->fd = fd;
	map->writable = writable;
	map->state = state;
	map->live = state->inode == st.st_ino;
	return 0;
}

int sim_state_open(const char *path, bool writable, struct sim_map *map)
{
	int fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? -errno : sim_state_map(fd, writable, map);
}

void sim_state_unmap(struct sim_map *map)
{
	if (map->state)
		munmap(map->state, sizeof(*map->state));
	if (map->fd >= 0)
		close(map->fd);
	map->state = NULL;
	map->fd = -1;
}

uint64_t sim_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

uint64_t sim_energy(const struct sim_power *power, uint64_t now)
{
	if (!power->energy_at || now <= power->energy_at)
		return power->energy_mj;
	/* mW times us is nJ; in two steps, so that years fit. */
	uint64_t us = (now - power->energy_at) / 1000;
	return power->energy_mj + us / 1000000 * power->draw + us % 1000000 * power->draw / 1000000;
}

void sim_set_draw(struct sim_power *power, uint32_t draw, uint64_t now)
{
	power->energy_mj = sim_energy(power, now);
	power->energy_at = now;
	power->draw = draw;
}

uint64_t sim_counted(uint64_t bytes, uint64_t at, uint32_t kbps, uint64_t now)
{
	return at && now > at ? bytes + (now - at) / 1000000 * kbps : bytes;
}

void sim_count_traffic(struct sim_gpu *gpu, uint64_t now)
{
	struct sim_link_traffic *links = &gpu->traffic;
	struct sim_pcie *pcie = &gpu->pcie;

	pcie->tx_bytes = sim_counted(pcie->tx_bytes, pcie->counted_at, pcie->tx_kbps, now);
	pcie->rx_bytes = sim_counted(pcie->rx_bytes, pcie->counted_at, pcie->rx_kbps, now);
	links->tx_bytes = sim_counted(links->tx_bytes, links->counted_at, links->tx_kbps, now);
	links->rx_bytes = sim_counted(links->rx_bytes, links->counted_at, links->rx_kbps, now);
	pcie->counted_at = links->counted_at = now;
}
