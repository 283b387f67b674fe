/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_NVML_LIBRARY_H
#define SIM_NVML_LIBRARY_H

#include <pthread.h>
#include <stddef.h>
#include <string.h>

#include "inventory/nvml_abi.h"
#include "sim/client.h"
#include "sim/state.h"

/*
 * The simulated libnvidia-ml.so.1: a reader of the machine's state behind NVML's interface. What this process
 * may see is decided as the driver's device nodes decide it, when the library is initialised.
 */

/* A function of the interface: exported, with its prototype in front. */
#define API(name, ...)                                                        \
	__attribute__((visibility("default"))) nvml_return name(__VA_ARGS__); \
	nvml_return name(__VA_ARGS__)

/*
 * Handles are addresses into arrays that hold nothing: the place in the array is the identity (GPU index, ids
 * of the instances). So they stay valid for ever, are the same for the same thing and need no memory, and
 * whether the thing still exists is looked up at each call.
 */
#define LIB_GI_IDS 15 /* ids 0..14, as the driver numbers them */

struct ref {
	uint32_t gpu; /* index in the state */
	bool mig;     /* a MIG device: gi and ci are set */
	uint32_t gi, ci;
};

nvml_device device_of_gpu(uint32_t gpu);
nvml_device device_of_mig(uint32_t gpu, uint32_t gi, uint32_t ci);
nvml_gpu_instance instance_of(uint32_t gpu, uint32_t gi);
nvml_compute_instance compute_of(uint32_t gpu, uint32_t gi, uint32_t ci);
bool device_ref(nvml_device device, struct ref *ref);
bool instance_ref(nvml_gpu_instance instance, struct ref *ref);
bool compute_ref(nvml_compute_instance instance, struct ref *ref);

/* What kinds of device a call takes; the other kind answers NOT_SUPPORTED. */
enum { FOR_GPU = 1, FOR_MIG = 2, FOR_BOTH = 3 };

/* Starts every call on a device: initialised? valid? there? healthy? Then a consistent copy of its state. */
nvml_return enter(nvml_device device, unsigned kinds, struct sim_gpu *gpu, struct ref *ref);
/*
 * The same as the first line of most functions: declares `gpu` and `ref`, returns on failure and when `wants`
 * (the caller's pointers) is false.
 */
#define ENTER(device, kinds, wants)                                     \
	struct sim_gpu gpu;                                             \
	struct ref ref;                                                 \
	do {                                                            \
		nvml_return rc_ = enter((device), (kinds), &gpu, &ref); \
		if (rc_ != NVML_OK)                                     \
			return rc_;                                     \
		if (!(wants))                                           \
			return NVML_INVALID_ARGUMENT;                   \
	} while (0)

/* The same for calls on instances. */
nvml_return enter_gpu(const struct ref *ref, struct sim_gpu *gpu);
/* For calls without a device. */
nvml_return enter_machine(struct sim_machine *machine);
/* For the few that work before nvmlInit as well. */
nvml_return peek_machine(struct sim_machine *machine);

/* Hands a change to the daemon. */
nvml_return request_change(struct sim_change change, uint32_t *result);
nvml_return change_device(nvml_device device, uint32_t kind, uint32_t a, uint32_t b);

/* The GPUs that this process sees, in PCI order. */
uint32_t visible_count(void);
uint32_t visible_gpu(uint32_t n);
/* Position of a GPU among the visible ones; UINT32_MAX when it is not one. */
uint32_t visible_index(uint32_t gpu);
/* Whether the capability nodes of a MIG device may be opened. */
bool visible_mig(const struct sim_gpu *gpu, uint32_t gi, uint32_t ci);

const struct sim_state *library_state(void);
const char *library_root(void);

/* Part of the interface that other parts build on. */
nvml_return nvmlSystemGetProcessName(uint32_t pid, char *name, uint32_t length);
nvml_return nvmlDeviceGetHandleByIndex_v2(uint32_t index, nvml_device *device);
nvml_return nvmlDeviceGetMaxPcieLinkGeneration(nvml_device device, uint32_t *gen);
nvml_return nvmlDeviceGetRunningProcessDetailList(nvml_device device, nvml_process_detail_list *list);

nvml_return nvmlDeviceGetHandleByPciBusId_v2(const char *bus_id, nvml_device *device);
nvml_return nvmlDeviceGetTopologyCommonAncestor(nvml_device a, nvml_device b, uint32_t *level);

/* How many NVLinks join two GPUs, directly or through switches. */
nvml_return nvlinks_between(nvml_device a, nvml_device b, uint32_t *count);

/* Lets telemetry vary with time as the scenario asks; the same at the same time for every reader. */
void vary(const struct sim_machine *machine, uint32_t index, struct sim_gpu *gpu, uint64_t now);

/* Copies a string into a caller's buffer: INSUFFICIENT_SIZE when it does not fit. */
nvml_return give_string(const char *s, char *buffer, uint32_t size);

/*
 * The interface's way to return a list: *count is the room, then the number there is; too little room (or
 * none, to ask) answers INSUFFICIENT_SIZE. False: the caller returns *rc at once.
 */
bool give_room(uint32_t have, uint32_t *count, const void *buffer, nvml_return *rc);

#endif
