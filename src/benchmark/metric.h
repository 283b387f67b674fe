/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BENCHMARK_METRIC_H
#define NVB_BENCHMARK_METRIC_H

#include <stdbool.h>
#include <stddef.h>

/* What is measured, one table: names in the record, headings, and how each comes about. */

enum nvb_metric_unit {
	NVB_UNIT_NS,
	NVB_UNIT_PER_SECOND,
};

enum nvb_metric_group {
	NVB_GROUP_START,   /* a container's start, whole and in phases */
	NVB_GROUP_LIBRARY, /* calls of this library */
	NVB_GROUP_CONTEXT, /* CUDA calls of one process */
	NVB_GROUP_NATIVE,  /* the same work on the host and in a capsule */
	NVB_GROUP_INPUT,
};

struct nvb_metric {
	const char *name; /* NULL ends the table */
	enum nvb_metric_group group;
	enum nvb_metric_unit unit;
	bool phase; /* these add up to the whole command */
	const char *title;
	const char *how;
};

extern const struct nvb_metric nvb_metrics[];
/* Titles of the groups, by number. */
extern const char *const nvb_metric_groups[];
enum { NVB_METRIC_GROUPS = 5 };

/* NULL when there is none of that name. */
const struct nvb_metric *nvb_metric_find(const char *name);

#endif
