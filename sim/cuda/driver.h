/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_CUDA_DRIVER_H
#define SIM_CUDA_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sim/client.h"
#include "sim/cuda/abi.h"

/*
 * The simulated libcuda from inside. One lock guards all of it: what runs on the "GPU" runs on the calling
 * thread anyway. Functions named cuda_* are for the other files and expect the lock to be held.
 */

/* Part of the device's memory; the pointer programs get is its address here. */
struct allocation {
	char *address;
	uint64_t offset, size; /* in the device's memory */
	struct context *context;
	bool managed;  /* the host may use the pointer as well */
	bool exported; /* another process may have it mapped */
};

/* What of a device's memory this process has. */
struct memory {
	int fd;				/* memfd that the daemon holds; -1 before the first allocation */
	uint64_t allocated;		/* bytes, all allocations */
	struct allocation *allocations; /* by offset */
	size_t count, capacity;
};

/* A GPU or MIG device that this process may use, numbered as programs see it. */
struct device {
	uint32_t gpu, gi, ci; /* in the state; SIM_NO_INSTANCE without MIG */
	char name[160];
	CUuuid uuid, parent;	 /* the same without MIG */
	uint32_t sms, whole_sms; /* that this process may use, that there are */
	uint64_t size;		 /* of its memory, without what the driver keeps */
	uint64_t limit;		 /* what of it this process may have as a client of MPS; 0: all */
	uint64_t used;		 /* of it, contexts included */
	unsigned contexts;
	struct context *primary;
	unsigned primary_users, primary_flags;
	struct memory memory;
};

struct context {
	struct device *device;
	unsigned flags;
	CUresult broken;    /* an error that stays, as an illegal address does */
	unsigned green_sms; /* of a green context: how many multiprocessors; else 0 */
	struct context *next;
};

struct driver {
	bool ready;
	int branch; /* 570 of driver 570.133.20 */
	pid_t pid;  /* where cuInit was called: a child of fork has no driver */
	struct sim_client client;
	struct device device[SIM_GPU_MAX];
	int count;
	struct context *contexts;
	struct import *imports; /* memory of other processes */
	int mps;		/* connection to the MPS server whose client this process is; -1: none */
};

/*
 * Enters the library: takes the lock and checks that cuInit was called in this process. Leave by cuda_leave,
 * which returns what it is given, in every case.
 */
CUresult cuda_enter(struct driver **driver);
CUresult cuda_leave(CUresult result);
/* The lock alone, whatever is or is not initialised. */
void cuda_lock(void);

/* A new context on a device; the daemon is told, and may refuse. With the last one the device is closed. */
CUresult cuda_context_create(
	struct driver *driver, struct device *device, unsigned flags, struct context **out);
void cuda_context_destroy(struct driver *driver, struct context *context);
bool cuda_context_exists(const struct driver *driver, const struct context *context);

/* The thread's current context: CUDA_ERROR_INVALID_CONTEXT when it has none, its error when it is broken. */
CUresult cuda_current(const struct driver *driver, struct context **context);
/* The device of a number; CUDA_ERROR_INVALID_DEVICE. */
CUresult cuda_device(struct driver *driver, CUdevice number, struct device **device);

/* Finds the devices: driver.client is attached. */
CUresult cuda_find_devices(struct driver *driver);

/* "GPU-67a7ff37-cdcc-..." to its bytes. */
CUuuid cuda_uuid(const char *text);

/* Becomes a client of MPS where a daemon answers: devices and what may be had of them follow (mps.c). */
CUresult cuda_mps_connect(struct driver *driver);
void cuda_mps_disconnect(struct driver *driver);
CUresult cuda_mps_health(const struct driver *driver);

/* Whether the hardware behind a device works now. */
CUresult cuda_device_health(const struct driver *driver, const struct device *device);

/* Tells the daemon what this process uses of a device: contexts and allocations. Errors as programs see them.
 */
CUresult cuda_report_use(struct driver *driver, struct device *device, uint64_t allocated);

/* Opens and closes the connection that stands for the open device. */
CUresult cuda_connect(struct driver *driver);
void cuda_disconnect(struct driver *driver);

/* The device's memory into memory.fd. */
CUresult cuda_open_memory(struct driver *driver, struct device *device);

/* Everything that a context allocated. */
void cuda_free_all(struct driver *driver, struct context *context);

/* The allocation that holds an address, and its device; NULL. */
struct allocation *cuda_find_allocation(
	const struct driver *driver, CUdeviceptr pointer, struct device **device);
/* Whether size bytes from an address lie within one allocation of any device, or of another process. */
bool cuda_is_device_memory(const struct driver *driver, CUdeviceptr pointer, uint64_t size);

/* 0 or a negated errno of the protocol as a CUresult. */
CUresult cuda_from_errno(int rc);

#endif
