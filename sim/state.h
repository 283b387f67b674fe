/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_STATE_H
#define SIM_STATE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The live state of a simulated machine: one file of fixed size that every simulated library maps shared.
 *
 * It lies beside the driver's libraries as libnvidia-simstate.so.<driver version> and begins with an ELF
 * image of SIM_STATE_OFFSET bytes, so that whoever collects "every *.so.<version> beside libcuda" takes it
 * along without knowing what it is. The state follows behind that image.
 *
 * Consistency: what changes together lives in one cell, which holds two copies. A writer (one at a time,
 * under a lock on the file) fills the copy that is not current and then advances the generation; a reader
 * copies the current one and takes it if the generation stayed the same. A writer killed at any moment leaves
 * the old copy current, so there is nothing to repair and readers never wait.
 *
 * Only fixed-width types, no pointers: 32-bit libraries read the same file.
 */

#define SIM_STATE_MAGIC	   UINT64_C(0x3154534d4953564e) /* "NVSIMST1" as it stands in the file */
#define SIM_STATE_LAYOUT   3
#define SIM_STATE_OFFSET   4096
#define SIM_STATE_FILENAME "libnvidia-simstate.so." /* + driver version */

#define SIM_GPU_MAX	64
#define SIM_GI_MAX	8  /* GPU instances that exist at a time; at most 7 on today's cards */
#define SIM_CI_MAX	8  /* compute instances in one GPU instance */
#define SIM_LINK_MAX	18 /* NVLinks of one GPU (Hopper, Blackwell) */
#define SIM_FAN_MAX	4
#define SIM_EVENT_MAX	64
#define SIM_PROCESS_MAX 512
#define SIM_NO_INSTANCE UINT32_MAX

/* i386 would align 64-bit members to 4 bytes. */
typedef uint64_t sim_u64 __attribute__((aligned(8)));

/* Clock domains, in nvmlClockType_t's order. */
enum sim_clock { SIM_CLOCK_GRAPHICS, SIM_CLOCK_SM, SIM_CLOCK_MEM, SIM_CLOCK_VIDEO, SIM_CLOCK_COUNT };

/* What the card can report at all: a bit that is not set makes NVML answer NOT_SUPPORTED. */
enum sim_feature {
	SIM_HAS_FAN = 1u << 0,
	SIM_HAS_ECC = 1u << 1,
	SIM_HAS_MIG = 1u << 2,
	SIM_HAS_NVLINK = 1u << 3,
	SIM_HAS_DISPLAY = 1u << 4,
	SIM_HAS_POWER_LIMIT = 1u << 5,
	SIM_HAS_ENERGY = 1u << 6,
	SIM_HAS_MEM_TEMP = 1u << 7,
	SIM_HAS_LOCKED_CLOCKS = 1u << 8,
	SIM_HAS_ROW_REMAP = 1u << 9,
	SIM_HAS_INSTANT_POWER = 1u << 10,
	SIM_HAS_PCIE_COUNTERS = 1u << 11,
	SIM_HAS_FABRIC = 1u << 12,
	SIM_HAS_CONF_COMPUTE = 1u << 13,
};

/* What is broken now. */
enum sim_fault {
	SIM_FAULT_LOST = 1u << 0,    /* fell off the bus while in use: every call answers GPU_IS_LOST */
	SIM_FAULT_OFF_BUS = 1u << 1, /* not there at all: not counted, no node answers */
	SIM_FAULT_RESET = 1u << 2,   /* needs a reset: RESET_REQUIRED */
	SIM_FAULT_POWER = 1u << 3,   /* auxiliary power cable missing: INSUFFICIENT_POWER at handle time */
	SIM_FAULT_IRQ = 1u << 4,     /* interrupt trouble: IRQ_ISSUE */
	SIM_FAULT_ECC = 1u << 5,     /* uncorrectable ECC error pending: contexts fail */
	SIM_FAULT_HANG = 1u << 6,    /* calls answer TIMEOUT */
	SIM_FAULT_NO_PERMISSION = 1u << 7, /* changes are refused, root's as well: a locked-down machine */
};

/* Flags of the machine. */
enum sim_machine_flag {
	SIM_MACHINE_OPEN_MODULE = 1u << 0,
	SIM_MACHINE_VARY = 1u << 1,    /* telemetry moves slowly and deterministically with time */
	SIM_MACHINE_LATENCY = 1u << 2, /* latencies as in life (first open, PCIe window) */
	SIM_MACHINE_WSL = 1u << 3,
	SIM_MACHINE_FABRIC_DOWN = 1u << 4, /* NVSwitch system without its fabric manager */
	SIM_MACHINE_DAEMON = 1u << 5,	   /* the daemon serves this state */
};

/* Families of MIG profiles (sim/mig.h holds the tables). */
enum sim_mig_family {
	SIM_MIG_NONE,
	SIM_MIG_A30_24,
	SIM_MIG_A100_40,
	SIM_MIG_A100_80,
	SIM_MIG_H100_80,
	SIM_MIG_H100_96,
	SIM_MIG_H200_141,
	SIM_MIG_B200_180,
	SIM_MIG_GB200_186,
	SIM_MIG_FAMILY_COUNT,
};

struct sim_pci {
	uint32_t domain, bus, device, function;
	uint32_t device_id;    /* device id << 16 | vendor id (0x10de), as NVML gives it */
	uint32_t subsystem_id; /* the same for the subsystem */
};

struct sim_memory {
	sim_u64 total, reserved, used; /* bytes; used excludes reserved */
	sim_u64 bar1_total, bar1_used;
	uint32_t bus_width; /* bits */
	uint32_t pad;
};

struct sim_power {
	uint32_t draw;	/* mW, average */
	uint32_t limit; /* mW, what is set now */
	uint32_t limit_default;
	uint32_t limit_min, limit_max;
	uint32_t state; /* performance state P0..P15 */
	/* Energy since the driver was loaded: energy_mj at energy_at (CLOCK_REALTIME ns) and draw since then.
	 */
	sim_u64 energy_mj, energy_at;
};

struct sim_clocks {
	uint32_t now[SIM_CLOCK_COUNT], max[SIM_CLOCK_COUNT], application[SIM_CLOCK_COUNT]; /* MHz */
	uint32_t application_default[SIM_CLOCK_COUNT];
	uint32_t locked_min, locked_max;	 /* graphics, MHz; 0: not locked */
	uint32_t mem_locked_min, mem_locked_max; /* memory, MHz; 0: not locked */
	sim_u64 throttle_reasons;		 /* nvmlClocksEventReasons bits */
};

struct sim_thermal {
	uint32_t gpu, memory;				  /* degrees Celsius */
	uint32_t shutdown, slowdown, gpu_max, memory_max; /* thresholds; 0: unknown */
	uint32_t fan_count;
	uint32_t fan[SIM_FAN_MAX]; /* percent */
};

struct sim_utilisation {
	uint32_t gpu, memory, encoder, decoder, jpeg, ofa; /* percent */
};

struct sim_ecc {
	uint32_t mode, pending;		      /* 0 off, 1 on */
	sim_u64 corrected[2], uncorrected[2]; /* [0] since reboot, [1] over the card's life */
	uint32_t remapped_corrected, remapped_uncorrected;
	uint32_t remap_pending, remap_failed;
	uint32_t retired_pages_pending, pad;
};

struct sim_pcie {
	uint32_t gen, gen_max, width, width_max; /* gen_max: of card and slot together */
	uint32_t gen_max_device, replay_counter;
	uint32_t tx_kbps, rx_kbps; /* KB/s, what the 20 ms window gives */
	sim_u64 tx_bytes, rx_bytes,
		counted_at; /* counters at counted_at (CLOCK_REALTIME ns), growing since */
};

/* What goes over all NVLinks: counters at counted_at (CLOCK_REALTIME ns), growing since. */
struct sim_link_traffic {
	uint32_t tx_kbps, rx_kbps; /* KB/s */
	sim_u64 tx_bytes, rx_bytes, counted_at;
};

/* enum of nvmlIntNvLinkDeviceType_t: 0 GPU, 1 IBM NPU, 2 switch */
struct sim_link {
	uint32_t active, version, remote_type, speed_mbps; /* speed of one direction */
	struct sim_pci remote;
	sim_u64 errors[4]; /* replay, recovery, CRC flit, CRC data */
};

struct sim_compute_instance {
	uint32_t used, id;
	uint32_t profile;     /* NVML_COMPUTE_INSTANCE_PROFILE_* */
	uint32_t start, size; /* placement in compute slices of its GPU instance */
	uint32_t slices;      /* compute slices */
	sim_u64 memory_used;  /* bytes in use by processes on it */
	char uuid[48];	      /* of the MIG device: "MIG-xxxxxxxx-..." */
};

struct sim_gpu_instance {
	uint32_t used, id;
	uint32_t profile;     /* NVML_GPU_INSTANCE_PROFILE_* */
	uint32_t start, size; /* placement in memory slices */
	uint32_t slices;      /* compute slices */
	struct sim_compute_instance ci[SIM_CI_MAX];
};

/* What happens to the MIG change that a trap is set for. */
enum sim_trap {
	SIM_TRAP_NONE,
	SIM_TRAP_KILL_BEFORE, /* whoever asked is killed, and nothing is changed */
	SIM_TRAP_KILL_AFTER,  /* ... when it is changed */
	SIM_TRAP_ANSWER,      /* + an nvmlReturn_t: that is the answer, and nothing is changed */
};

struct sim_mig {
	uint32_t family;	/* enum sim_mig_family */
	uint32_t mode, pending; /* 0 off, 1 on */
	uint32_t needs_reset;	/* a mode change waits for a reset (Ampere with clients) */
	uint32_t waits;		/* 1: it always does, as in a virtual machine that cannot reset its GPU */
	uint32_t trap_in;	/* the change of this card by then springs the trap; 0: none is set */
	uint32_t trap;		/* enum sim_trap */
	uint32_t pad;
	struct sim_gpu_instance gi[SIM_GI_MAX];
};

struct sim_gpu {
	char name[96];
	char uuid[48]; /* "GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" */
	char serial[32], vbios[32], part_number[32];
	char gsp_version[32]; /* empty: no GSP firmware in use */
	struct sim_pci pci;
	uint32_t minor;
	uint32_t brand;	       /* nvmlBrandType_t */
	uint32_t architecture; /* nvmlDeviceArchitecture_t */
	uint32_t cc_major, cc_minor;
	uint32_t sm_count, core_count;
	uint32_t l2_bytes;
	uint32_t features; /* enum sim_feature */
	uint32_t faults;   /* enum sim_fault */
	uint32_t persistence, compute_mode;
	uint32_t display_connected, display_active;
	int32_t numa_node; /* -1: none */
	uint32_t link_count;
	uint32_t open_delay_us; /* first open without persistence mode, when SIM_MACHINE_LATENCY */
	uint32_t copy_engines, encoders, decoders, jpegs, ofas;
	sim_u64 cpu_set[16]; /* CPUs near it, bit per CPU */
	sim_u64 cluster_uuid[2];
	uint32_t clique_id, fabric_state;
	struct sim_memory memory;
	struct sim_power power;
	struct sim_clocks clocks;
	struct sim_thermal thermal;
	struct sim_utilisation utilisation;
	struct sim_ecc ecc;
	struct sim_pcie pcie;
	struct sim_link link[SIM_LINK_MAX];
	struct sim_link_traffic traffic;
	uint32_t call_delay_us, pad; /* how long every call of NVML about this card takes: a slow one */
	struct sim_mig mig;
};

/* What holds for the whole machine. */
struct sim_machine {
	char driver_version[32]; /* of the libraries */
	char module_version[32]; /* of the kernel module; empty: none loaded */
	uint32_t cuda_version;	 /* 12040 for 12.4 */
	uint32_t flags;		 /* enum sim_machine_flag */
	uint32_t gpu_count;
	uint32_t init_delay_us; /* nvmlInit and cuInit, when SIM_MACHINE_LATENCY */
	sim_u64 seed;		/* of everything that varies */
};

/* One program that uses a GPU, as the daemon knows it from its live connection. Pids are the host's. */
struct sim_process {
	uint32_t gpu; /* index */
	uint32_t pid;
	uint32_t kind;	 /* 'C' compute, 'G' graphics, 'M' MPS client */
	uint32_t gi, ci; /* ids, SIM_NO_INSTANCE without MIG */
	uint32_t pad;
	sim_u64 memory; /* bytes */
	sim_u64 since;	/* CLOCK_REALTIME ns */
};

struct sim_process_table {
	uint32_t count, pad;
	struct sim_process process[SIM_PROCESS_MAX];
};

/* Something a program can wait for (nvmlEventSetWait). */
struct sim_event {
	sim_u64 sequence; /* 1 for the first ever; 0: slot never used */
	sim_u64 time;	  /* CLOCK_REALTIME ns */
	sim_u64 type;	  /* nvmlEventType* bit */
	sim_u64 data;	  /* the Xid for nvmlEventTypeXidCriticalError */
	uint32_t gpu;	  /* index */
	uint32_t gi, ci;
	uint32_t pad;
};

struct sim_event_ring {
	sim_u64 last; /* sequence of the newest; event n lies in slot n % SIM_EVENT_MAX */
	struct sim_event event[SIM_EVENT_MAX];
};

struct sim_machine_cell {
	sim_u64 generation;
	struct sim_machine copy[2];
};

struct sim_gpu_cell {
	sim_u64 generation;
	struct sim_gpu copy[2];
};

struct sim_process_cell {
	sim_u64 generation;
	struct sim_process_table copy[2];
};

struct sim_event_cell {
	sim_u64 generation;
	struct sim_event_ring copy[2];
};

struct sim_state {
	sim_u64 magic;
	uint32_t layout, size; /* SIM_STATE_LAYOUT; sizeof(struct sim_state) */
	sim_u64 identity;      /* random, made with the file */
	sim_u64 inode;	       /* of the file it was made in: another one means a copy that no longer lives */
	uint32_t wake;	       /* futex word: low half of the newest event's sequence */
	uint32_t pad[7];
	struct sim_machine_cell machine;
	struct sim_event_cell events;
	struct sim_process_cell processes;
	struct sim_gpu_cell gpu[SIM_GPU_MAX];
};

#define SIM_STATE_FILE_SIZE (SIM_STATE_OFFSET + ((sizeof(struct sim_state) + 4095) & ~(size_t)4095))

static_assert(sizeof(struct sim_pci) == 24, "the layout is the same for 32-bit libraries");
static_assert(
	sizeof(struct sim_gpu) % 8 == 0 && _Alignof(struct sim_gpu) == 8, "the same for 32-bit libraries");
static_assert(offsetof(struct sim_state, machine) % 8 == 0, "cells are aligned");

/* A mapped state. Zero-initialise `fd` to -1. */
struct sim_map {
	int fd;
	bool writable;
	bool live; /* this is the file it was made in, not a copy of it */
	struct sim_state *state;
};
#define SIM_MAP_INIT     \
	{                \
		.fd = -1 \
	}

/*
 * All calls return 0 or -errno. Nothing here is thread-safe by itself against another writer of the same
 * process: the lock is the file's (flock), so a writer needs an open file description of its own.
 */

/* Makes a new, empty state in an empty file: `elf` is its first SIM_STATE_OFFSET bytes. */
int sim_state_format(int fd, const void *elf, size_t elf_size);

/* Maps the state in fd and takes the descriptor over (also on failure). EPROTO: not such a file or of another
 * layout. */
int sim_state_map(int fd, bool writable, struct sim_map *map);
int sim_state_open(const char *path, bool writable, struct sim_map *map);
void sim_state_unmap(struct sim_map *map);

/* Consistent copies. */
void sim_read_machine(const struct sim_state *state, struct sim_machine *out);
int sim_read_gpu(const struct sim_state *state, uint32_t index, struct sim_gpu *out);
void sim_read_processes(const struct sim_state *state, struct sim_process_table *out);
void sim_read_events(const struct sim_state *state, struct sim_event_ring *out);

/*
 * A change: lock, get a draft (a copy of what is current, to be edited in place), publish or drop it. Nobody
 * sees the draft before sim_publish_*. Several cells may be changed under one lock.
 *
 *	rc = sim_lock(map);
 *	struct sim_gpu *gpu = sim_draft_gpu(map, 0);
 *	gpu->thermal.gpu = 71;
 *	sim_publish_gpu(map, 0);
 *	sim_unlock(map);
 */
int sim_lock(struct sim_map *map);
void sim_unlock(struct sim_map *map);
struct sim_machine *sim_draft_machine(struct sim_map *map);
void sim_publish_machine(struct sim_map *map);
struct sim_gpu *sim_draft_gpu(struct sim_map *map, uint32_t index); /* index < SIM_GPU_MAX */
void sim_publish_gpu(struct sim_map *map, uint32_t index);
struct sim_process_table *sim_draft_processes(struct sim_map *map);
void sim_publish_processes(struct sim_map *map);

/* Adds an event (sequence and time are filled in) and wakes who waits. The lock must be held. */
void sim_post_event(struct sim_map *map, const struct sim_event *event);

/* Waits until an event newer than `seen` exists or timeout_ms passed: 0, -ETIMEDOUT, -EINTR. */
int sim_wait_event(const struct sim_state *state, uint64_t seen, uint32_t timeout_ms);

/*
 * Minor numbers of MIG capability nodes (/dev/nvidia-caps/nvidia-cap<N>), by the GPU's own minor. The
 * driver's numbering as /proc/driver/nvidia-caps shows it: IMEX management 0, config 1, monitor 2, then 135
 * per GPU: 15 GPU instances of one access node and 8 compute instances each.
 */
#define SIM_CAP_IMEX_MANAGEMENT 0u
#define SIM_CAP_CONFIG		1u
#define SIM_CAP_MONITOR		2u
static inline uint32_t sim_cap_gi(uint32_t gpu_minor, uint32_t gi)
{
	return 3 + gpu_minor * 135 + gi * 9;
}
static inline uint32_t sim_cap_ci(uint32_t gpu_minor, uint32_t gi, uint32_t ci)
{
	return sim_cap_gi(gpu_minor, gi) + 1 + ci;
}

/* CLOCK_REALTIME in nanoseconds. */
uint64_t sim_now(void);

/* Energy since the driver was loaded, in mJ, at `now`. */
uint64_t sim_energy(const struct sim_power *power, uint64_t now);

/* A counter at `now` that stood at `bytes` at `at` and grows by `kbps` KB/s since. */
uint64_t sim_counted(uint64_t bytes, uint64_t at, uint32_t kbps, uint64_t now);

/* Keeps what PCIe and NVLink have counted so far, before their rates change. */
void sim_count_traffic(struct sim_gpu *gpu, uint64_t now);

/* Sets the draw and keeps the energy counted so far. */
void sim_set_draw(struct sim_power *power, uint32_t draw, uint64_t now);

#endif
