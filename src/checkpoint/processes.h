/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CHECKPOINT_PROCESSES_H
#define NVB_CHECKPOINT_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* Processes of a capsule, seen from the host. */

/* CRIU saves a tree of processes: NVB_ERR_BUSY names one of them that does not descend from `init`, a program
 * that was started beside it ('bolt capsule exec'). */
int nvb_processes_check(pid_t init, const int *pids, size_t count, nvb_error **err);

/* The first of them, from *at on, that does not descend from `init`, nor, unless that is 0, from `other`; *at
 * is behind it then. 0: there is none. */
pid_t nvb_processes_beside(pid_t init, pid_t other, const int *pids, size_t count, size_t *at);

/* Bytes that they have resident. */
uint64_t nvb_processes_memory(const int *pids, size_t count);

/* Its number in its innermost namespace; 0 unknown. */
int nvb_process_inner(pid_t pid);
/* Its name; at most 16 bytes, "" unknown. */
void nvb_process_name(pid_t pid, char name[static 17]);

/* Whether a child of it that has this name is dead and not waited for. */
bool nvb_process_has_corpse(pid_t pid, const char *name);

/* Asks the process that began then to end, which it may take a minute for, and ends it. */
void nvb_processes_end(pid_t pid, uint64_t started);

/* Waits until nobody traces them; a CRIU that does not let go in ten seconds is killed. */
void nvb_processes_untrace(const int *pids, size_t count);

#endif
