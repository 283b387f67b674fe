/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_DAEMON_PROCESS_H
#define SIM_DAEMON_PROCESS_H

#include <sys/types.h>

#include "base/error.h"

/* The daemon as a process: `nvbind-sim serve ROOT`, detached. `root` is absolute, with links resolved. */

/* Starts it and waits until it answers. */
int sim_daemon_start(const char *root, nvb_error **err);

/* The pid of the daemon that serves this root, 0 if none does: the pid file's, if that process is one. */
pid_t sim_daemon_pid(const char *root);

/* Ends it and waits until it is gone; fine if none runs. Signals only a process that proved to be the daemon.
 */
int sim_daemon_stop(const char *root, nvb_error **err);

/* Calls `found` for every daemon on this host that may be seen; stops when it returns non-zero and returns
 * that. */
int sim_daemon_each(int (*found)(pid_t pid, const char *root, void *data), void *data);

#endif
