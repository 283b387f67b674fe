/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_MONITOR_WATCH_H
#define NVBIND_MONITOR_WATCH_H

#include <signal.h>

#include "../monitor/monitor.h"
#include "../monitor/names.h"
#include "base/mem.h"
#include "inventory/inventory.h"
#include "monitor/replay.h"
#include "monitor/view.h"

/* Where samples come from, this host or a log, and the log they go to. */
struct watch {
	struct nvb_inventory *inventory;
	nvb_sampler *sampler; /* NULL: it is a replay */
	struct nvb_replay replay;
	struct names *names;
	FILE *log;
	uint64_t interval;
	size_t *gpus;	  /* those that were named, by index; malloc'd */
	size_t gpu_count; /* 0: all */
};

int watch_open(struct watch *watch, int argc, char **argv, nvb_error **err);
void watch_close(struct watch *watch);
#define _cleanup_watch_ _cleanup_(watch_close)

/* The next sample, written to the log if there is one; NULL: none within `timeout_ms`, or the replay's end.
 */
int watch_next(struct watch *watch, int timeout_ms, nvb_sample **sample, nvb_error **err);
/* Whether this GPU was asked for. */
bool watch_wants(const struct watch *watch, const nvb_sample *sample, size_t gpu);

/* Lines or tables until the end, on standard output: stream.c. */
int stream_run(struct watch *watch, nvb_error **err);
/* One sample as tables: plain.c. */
int plain_print(const struct watch *watch, const nvb_sample *sample, nvb_error **err);
/* The screen: screen.c. */
int screen_run(struct watch *watch, nvb_error **err);
/* Whether there is a terminal that a screen can be drawn on. */
bool screen_is_possible(void);

/* Set by the signals that end us. */
extern volatile sig_atomic_t watch_stopped;
void watch_catch_signals(void);

#endif
