/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_CONTEXT_H
#define NVBIND_CONTEXT_H

#include <stddef.h>

#include "nvbind/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * CUDA contexts of this process that are prepared ahead, so that a thread changes from one to another in the
 * time the driver needs to note it: tens to hundreds of nanoseconds. That is all that "switching" is here. It
 * is no change of what the GPU runs: a kernel's launch costs microseconds, the hardware's time slice is in
 *the order of a millisecond, and contexts never leave their process. bench/README.md says how each is
 *measured.
 *
 *	nvb_contexts_open(NULL, &contexts, &error);
 *	nvb_context_prepare(contexts, &(struct nvb_context_options){.size = sizeof(struct
 *		nvb_context_options), .device = "GPU-67a7ff37-..."}, &render, &error);
 *	nvb_context_bind(render, &error);	// this thread's CUDA calls go there
 */

/** The CUDA driver, loaded into this process. Its functions may be called from several threads. */
typedef struct nvb_contexts nvb_contexts;
/** One context, ready to be bound. Immutable: several threads may bind it at a time, as CUDA allows it. */
typedef struct nvb_context nvb_context;

/** Set `size` to sizeof(struct nvb_contexts_options); zero and NULL are the defaults. */
struct nvb_contexts_options {
	size_t size;
	const char *library; /* path of the driver's library; NULL: libcuda.so.1 as the linker finds it */
};

/**
 * Loads libcuda and initialises it (cuInit), which takes milliseconds, seconds on a large machine without
 * persistence mode. Changes no thread's current context. The driver stays loaded until the process ends, as
 * it keeps threads of its own; nvb_contexts_close gives back the handle alone. `options` may be NULL.
 * Errors: NVB_ERR_NOT_FOUND (no libcuda; no device that this process may open), NVB_ERR_UNSUPPORTED (a
 * libcuda without a function that is needed), NVB_ERR_STALE (libraries and kernel module of different
 * versions), NVB_ERR_NO_MEMORY, NVB_ERR_SYSTEM with CUDA's own name of the error. Source: CUDA Driver API
 * reference, chapters 6.2 to 6.8 and 6.35.
 */
NVB_API int nvb_contexts_open(
	const struct nvb_contexts_options *options, nvb_contexts **contexts, nvb_error **error);

/** NULL is allowed. Contexts made with it stay usable until they are released. */
NVB_API void nvb_contexts_close(nvb_contexts *contexts);

/** What a context is. */
enum nvb_context_kind {
	NVB_CONTEXT_PRIMARY, /* the device's primary context, which the CUDA runtime API uses as well */
	NVB_CONTEXT_OWN,     /* one of its own: separate memory, modules and faults */
	NVB_CONTEXT_GREEN,   /* a green context: a part of the device's multiprocessors (driver 550 on) */
};

/** Set `size` to sizeof(struct nvb_context_options); zero and NULL are the defaults. */
struct nvb_context_options {
	size_t size;
	enum nvb_context_kind kind;
	const char *device; /* UUID ("GPU-...", "MIG-...") or PCI address ("0000:3b:00.0"); NULL: `ordinal` */
	int ordinal;	    /* CUDA's own number of the device in this process; not nvb_gpu_info.index */
	unsigned flags;	    /* CU_CTX_* of cuCtxCreate, for NVB_CONTEXT_OWN alone */
	/* For NVB_CONTEXT_GREEN alone. The device is cut into groups of at least that many multiprocessors
	 * (rounded up to what the device can divide; 0: half of them), and the context gets group number
	 * `group`. Contexts with the same count and different groups share none. */
	unsigned multiprocessors, group;
};

/**
 * Makes a context, or retains the primary one. The calling thread's current context stays what it was. Costs
 * milliseconds and, for the first context of a device, some hundreds of MiB of its memory. Errors:
 * NVB_ERR_NOT_FOUND (no such device or group), NVB_ERR_INVALID (options that the kind has no use for),
 * NVB_ERR_UNSUPPORTED (green contexts on a driver or device without them), NVB_ERR_BUSY (the device's compute
 * mode lets nobody in), NVB_ERR_NO_MEMORY (of the host or of the device), NVB_ERR_SYSTEM.
 */
NVB_API int nvb_context_prepare(nvb_contexts *contexts, const struct nvb_context_options *options,
	nvb_context **context, nvb_error **error);

/**
 * Makes it the calling thread's current context (cuCtxSetCurrent). Nothing of ours is in between but two
 * calls: no lock, no allocation, no state of a thread's. Errors: NVB_ERR_NOT_FOUND for a context that was
 * destroyed behind our back (cuDevicePrimaryCtxReset), NVB_ERR_UNSUPPORTED in a child of fork(), where CUDA
 * does not work.
 */
NVB_API int nvb_context_bind(const nvb_context *context, nvb_error **error);

/** Leaves the calling thread without a current context. */
NVB_API int nvb_contexts_unbind(nvb_contexts *contexts, nvb_error **error);

/**
 * As nvb_context_bind, and hands out in *before what was current (a CUcontext, of whomever; NULL: none), for
 * nvb_context_switch_back. Two calls of the driver. On failure *before is untouched and nothing has changed.
 */
NVB_API int nvb_context_switch(const nvb_context *to, void **before, nvb_error **error);

/** Makes `before` the calling thread's current context again; `from` is what was switched to. */
NVB_API int nvb_context_switch_back(const nvb_context *from, void *before, nvb_error **error);

/** The CUcontext, for CUDA's own functions. Not to be destroyed by the caller. */
NVB_API void *nvb_context_handle(const nvb_context *context);

/** Set `size` to sizeof(struct nvb_context_info) before the call. */
struct nvb_context_info {
	size_t size;
	enum nvb_context_kind kind;
	int ordinal;		  /* CUDA's number of the device in this process */
	char uuid[48];		  /* "GPU-...", of a MIG device "MIG-..." */
	unsigned multiprocessors; /* that the context has; 0 unknown */
};

/** What was prepared. NVB_ERR_INVALID for another size. */
NVB_API int nvb_context_info(const nvb_context *context, struct nvb_context_info *info, nvb_error **error);

/**
 * Destroys the context, or gives the primary one back. NULL is allowed. A thread that has it bound must not
 * use it any more, and its memory, streams and modules are gone with it (of the primary one with the last
 * user). Thread-safe for different contexts.
 */
NVB_API void nvb_context_release(nvb_context *context);

#ifdef __cplusplus
}
#endif
#endif
