/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BASE_PROC_H
#define NVB_BASE_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Processes by number and start time: a number alone means another process once the first is gone. Source of
 * the fields: proc(5), /proc/PID/stat.
 */

/* When a process started, in clock ticks since boot; 0 when there is none, only its corpse, or it cannot be
 * told: errno says why, 0 for a corpse. */
uint64_t nvb_proc_start_time(pid_t pid);

/* Whether that very process still runs. Of one that /proc hides from us, or that cannot be looked at for want
 * of descriptors or memory, only the number can be checked. */
bool nvb_proc_is_alive(pid_t pid, uint64_t start_time);

#endif
