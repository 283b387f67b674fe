/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CLI_PROGRESS_H
#define NVB_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A progress bar on stderr while something long runs, on a terminal only; elsewhere every call does nothing.
 *
 *	pulling nvidia/cuda  [=========>            ]  41%  1.2 GiB / 2.9 GiB  85 MiB/s  00:21 left
 *
 * Redrawn at most ten times a second, so call nvb_progress_set as often as you like. Nothing of it remains on
 * the screen after nvb_progress_end: the program then says what was done. Zero-initialise before the start.
 */
struct nvb_progress {
	const char *label; /* must stay alive; escaped when printed */
	uint64_t done, total;
	uint64_t started, drawn; /* monotonic clock, ns */
	bool active;
};

/* `total` in bytes, 0 when it is not known (then no bar, only amount and rate). */
void nvb_progress_begin(struct nvb_progress *progress, const char *label, uint64_t total);
void nvb_progress_set(struct nvb_progress *progress, uint64_t done);
/* When the total becomes known or changes. */
void nvb_progress_set_total(struct nvb_progress *progress, uint64_t total);
/* Wipes the line, whosever it is, before something else is printed on the terminal (messages of cli/logging.h
 * and cli/output.h do it themselves); the next set draws it again. */
void nvb_progress_clear_line(void);
void nvb_progress_end(struct nvb_progress *progress);

#endif
