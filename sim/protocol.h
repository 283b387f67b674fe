/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_PROTOCOL_H
#define SIM_PROTOCOL_H

#include "sim/state.h"

/*
 * Between the simulated libraries and the daemon of a simulated machine: a SOCK_SEQPACKET unix socket at
 * SIM_SOCKET below the machine's root, one struct sim_request per message, answered by one struct sim_reply.
 *
 * A connection stands for an open device. It is made by nvmlInit (SIM_CLIENT_NVML) or with the first CUDA
 * context (SIM_CLIENT_CUDA) and closed by nvmlShutdown or with the last context; whatever it held is released
 * then, also when the program was killed. The daemon takes pid (in its own, the host's, numbering) and uid
 * from SO_PEERCRED and believes nothing of the kind from the message.
 *
 * The same layout for 32-bit programs: fixed-width members in naturally aligned places.
 */
#define SIM_SOCKET	     "run/nvidia-persistenced/socket"
#define SIM_PROTOCOL_VERSION 1

enum sim_request_kind {
	/* First on every connection. The reply carries a read-only descriptor of the live state (SCM_RIGHTS).
	 */
	SIM_REQUEST_HELLO = 1,
	/*
	 * This connection uses `gpu` (and the MIG instance gi/ci) with `memory` bytes in all; replaces what
	 * it said about the same gpu, gi, ci before. -ENOMEM when the device has not that much left, -EBUSY
	 * when the compute mode forbids it. Adds a row to the process table.
	 */
	SIM_REQUEST_USE,
	/* Ends that use (row and memory). Closing the connection ends all. */
	SIM_REQUEST_RELEASE,
	/* Changes the machine: see struct sim_change. */
	SIM_REQUEST_CHANGE,
	/*
	 * The memory of a device that this connection uses (-ENOENT else): the reply carries a memfd as large
	 * as the device's memory, empty, which the daemon holds as long as the connection lives. Where in it
	 * an allocation lies is the client's choice; how much it may allocate is what USE granted.
	 */
	SIM_REQUEST_MEMORY,
};

enum sim_client_kind { SIM_CLIENT_NVML = 1, SIM_CLIENT_CUDA, SIM_CLIENT_CONTROL };

enum sim_change_kind {
	SIM_CHANGE_PERSISTENCE = 1,  /* a: 0, 1 */
	SIM_CHANGE_COMPUTE_MODE,     /* a: nvmlComputeMode_t */
	SIM_CHANGE_POWER_LIMIT,	     /* a: mW */
	SIM_CHANGE_LOCK_CLOCKS,	     /* a, b: MHz, graphics */
	SIM_CHANGE_RESET_CLOCKS,     /* graphics lock */
	SIM_CHANGE_LOCK_MEM_CLOCKS,  /* a, b: MHz, memory */
	SIM_CHANGE_RESET_MEM_CLOCKS, /* memory lock */
	SIM_CHANGE_APP_CLOCKS,	     /* a: memory MHz, b: graphics MHz */
	SIM_CHANGE_RESET_APP_CLOCKS, /* back to the defaults */
	SIM_CHANGE_ECC,		     /* a: pending mode */
	SIM_CHANGE_CLEAR_ECC,	     /* a: 0 volatile, 1 aggregate */
	SIM_CHANGE_FAN,		     /* a: fan, b: percent */
	SIM_CHANGE_MIG_MODE,	     /* a: 0, 1 */
	SIM_CHANGE_CREATE_GI,	     /* a: profile, b: start or SIM_ANYWHERE; result: id */
	SIM_CHANGE_DESTROY_GI,	     /* gi */
	SIM_CHANGE_CREATE_CI,	     /* gi, a: profile, b: start or SIM_ANYWHERE; result: id */
	SIM_CHANGE_DESTROY_CI,	     /* gi, ci */
	SIM_CHANGE_RESET,	     /* the whole card; nobody may use it */
};
#define SIM_ANYWHERE UINT32_MAX

struct sim_change {
	uint32_t kind; /* enum sim_change_kind */
	uint32_t gpu;  /* index */
	uint32_t gi, ci;
	uint32_t a, b;
};

struct sim_request {
	uint32_t version;	   /* SIM_PROTOCOL_VERSION */
	uint32_t kind;		   /* enum sim_request_kind */
	uint32_t client;	   /* HELLO: enum sim_client_kind */
	uint32_t process;	   /* USE: 'C', 'G' or 'M', as in struct sim_process */
	uint32_t gpu, gi, ci, pad; /* USE, RELEASE, MEMORY; gi and ci SIM_NO_INSTANCE without MIG */
	sim_u64 memory;		   /* USE: bytes */
	struct sim_change change;  /* CHANGE */
};

struct sim_reply {
	int32_t status;	 /* 0 or -errno: what became of the message itself and of USE and RELEASE */
	uint32_t nvml;	 /* CHANGE: nvmlReturn_t */
	uint32_t result; /* CHANGE: id of what was created */
	uint32_t pid;	 /* HELLO: the caller's pid as the host sees it */
};

/*
 * Applies a change to the state under its lock, as the driver would: checks ranges, support, placement and
 * (`privileged`: the caller's uid is 0) permission. Returns an nvmlReturn_t; *result gets the id of a created
 * instance. Nothing is changed on failure. Making and removing capability nodes is the daemon's part.
 */
uint32_t sim_change_apply(
	struct sim_map *map, const struct sim_change *change, bool privileged, uint32_t *result);

#endif
