/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BENCHMARK_PROCESS_EVENTS_H
#define NVB_BENCHMARK_PROCESS_EVENTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"

/*
 * When an engine's helpers run, by the kernel's own account, whoever starts them and without a wrapper around
 * any: the process connector (linux/cn_proc.h) tells the time of every exec and exit on the host, fanotify(7)
 * tells which of the programs we look for a process executed. Both keep what happens until it is asked for,
 * so nothing has to be looked up in time. Only root outside of every namespace of processes and networks is
 * told.
 */
enum nvb_program_kind {
	NVB_PROGRAM_RUNTIME, /* runc, crun */
	NVB_PROGRAM_SHIM,    /* a runtime that edits and executes another one */
	NVB_PROGRAM_HOOK,
};

struct nvb_process_events;

/* Looks for the programs in PATH and the usual places; `ours` is a hook of ours, NULL: none. */
int nvb_process_events_open(const char *ours, struct nvb_process_events **events, nvb_error **err);
void nvb_process_events_free(struct nvb_process_events *events);
static inline void nvb_process_events_freep(struct nvb_process_events **events)
{
	nvb_process_events_free(*events);
}

/* Readable when something happened; to be drained with the function beside it, or what happens is lost. */
int nvb_process_events_fd(const struct nvb_process_events *events);
void nvb_process_events_drain(void *events);

/* Forgets what happened. */
void nvb_process_events_clear(struct nvb_process_events *events);

/* What happened between two points of CLOCK_BOOTTIME, in ns. */
struct nvb_process_phases {
	uint64_t runtime; /* first exec of a runtime or shim; 0: none was seen */
	uint64_t shim;	  /* how long that shim took to execute the next one, 0 when it was none */
	uint64_t hooks;	  /* how long hooks ran; what runs at a time counts once */
	uint32_t hook_count;
};
/* NVB_ERR_SYSTEM when the kernel had more to tell than was kept. */
int nvb_process_events_phases(struct nvb_process_events *events, uint64_t from, uint64_t to,
	struct nvb_process_phases *phases, nvb_error **err);

#endif
