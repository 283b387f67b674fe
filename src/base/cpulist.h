/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BASE_CPULIST_H
#define NVB_BASE_CPULIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

/* Sets of CPUs as /sys and control groups write them: "0-15,32-47". */
struct nvb_cpulist {
	uint64_t *words; /* malloc'd: a bit a CPU */
	size_t count;
};
enum { NVB_CPUS_MAX = 1 << 16 }; /* more than any kernel is built for */

/* Adds a list; false for what is none, and without memory. */
bool nvb_cpulist_add(struct nvb_cpulist *list, const char *text);
/* Leaves what the other has as well. */
void nvb_cpulist_intersect(struct nvb_cpulist *list, const struct nvb_cpulist *other);
/* Leaves those this process may run on; false without memory, or when the kernel does not tell. */
bool nvb_cpulist_keep_allowed(struct nvb_cpulist *list);
bool nvb_cpulist_is_empty(const struct nvb_cpulist *list);
bool nvb_cpulist_has(const struct nvb_cpulist *list, unsigned cpu);
/* malloc'd, "" for the empty set; NULL without memory. */
char *nvb_cpulist_format(const struct nvb_cpulist *list);
void nvb_cpulist_release(struct nvb_cpulist *list);
#define _cleanup_cpulist_ _cleanup_(nvb_cpulist_release)

#endif
