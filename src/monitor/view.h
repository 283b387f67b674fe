/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_MONITOR_VIEW_H
#define NVB_MONITOR_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "nvbind/sampler.h"

/* What of a sample is shown, and in which words: everything about the screen that needs no terminal. */

enum { NVB_VIEW_CELL = 64 };

/* What is not available reads so. */
#define NVB_VIEW_NOTHING "n/a"

/* "40.2G", "512M": powers of 1024, four characters at most before the letter. */
const char *nvb_view_bytes(double bytes, char out[static NVB_VIEW_CELL]);
/* One value in the unit people read: "56%", "40.2G", "1.2G/s", "350W", "61C", "1980MHz"; "n/a". */
const char *nvb_view_value(struct nvb_value value, enum nvb_metric metric, char out[static NVB_VIEW_CELL]);
/* "power cap, thermal (hardware)"; "" for none but idle; "n/a". */
void nvb_view_throttle(struct nvb_value reasons, char *out, size_t size);

/* Whose a process is: a capsule's name (or the beginning of its id), "docker:1a2b3c4d5e6f", "pod:...",
 * "slurm:123.0", "host". */
const char *nvb_view_owner(const struct nvb_sample_process *process, char out[static NVB_VIEW_CELL]);

/* How a GPU fares: its state, or why it is not fine, unless that is the notice of the whole sample. */
const char *nvb_view_state(const nvb_sample *sample, size_t gpu);
/* Whether the driver has told of any GPU who uses it. */
bool nvb_view_knows_processes(const nvb_sample *sample);

/* Who uses a GPU, or one of its MIG devices (NVB_NO_MIG: all of it), and how much: "trainer 40.2G,
 * host 1.0G", most memory first. "" for nobody, "n/a" where the driver does not tell. */
void nvb_view_users(const nvb_sample *sample, size_t gpu, uint32_t mig, char *out, size_t size);

/* The processes in the order they are shown. */
enum nvb_view_sort {
	NVB_SORT_GPU,
	NVB_SORT_MEMORY,
	NVB_SORT_UTILIZATION,
	NVB_SORT_OWNER,
	NVB_SORT_PID,
	NVB_SORT_COMMAND,
	NVB_SORT_COUNT
};
extern const char *const nvb_view_sorts[NVB_SORT_COUNT];

struct nvb_view_row {
	size_t gpu, process; /* in the sample */
};

struct nvb_view_choice {
	enum nvb_view_sort sort;
	bool reverse;
	const char
		*filter; /* part of the owner, command, user's number, pid; upper or lower case; NULL: all */
	size_t gpu;	 /* of one GPU; SIZE_MAX: of all */
};

/* Whether that text is part of whose it is, of its command, or is its number. */
bool nvb_view_wants(const struct nvb_sample_process *process, const char *filter);

/* *rows is malloc'd. False without memory. */
bool nvb_view_processes(const nvb_sample *sample, const struct nvb_view_choice *choice,
	struct nvb_view_row **rows, size_t *count);

/* The lines of the list of GPUs: each GPU, and behind it its MIG devices. */
struct nvb_view_line {
	size_t gpu;
	uint32_t mig; /* NVB_NO_MIG: the GPU's own */
};
bool nvb_view_lines(const nvb_sample *sample, bool migs, struct nvb_view_line **lines, size_t *count);

#endif
