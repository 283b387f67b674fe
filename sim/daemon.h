/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_DAEMON_H
#define SIM_DAEMON_H

/*
 * The daemon of a simulated machine: what the kernel module would be. It listens where the real driver's
 * persistence daemon does, keeps account of who uses which GPU and how much of its memory, makes the changes
 * that clients ask for, and the files that follow from them. One thread, one epoll; every client is taken for
 * hostile.
 */
#define SIM_DAEMON_NAME	 "nvbind-sim" /* argv[0] and argv[1] of its process */
#define SIM_DAEMON_VERB	 "serve"
#define SIM_DAEMON_READY '+' /* what it writes to SIM_DAEMON_READY_FD once it serves; else a message */

enum { SIM_DAEMON_READY_FD = 3 };

/* Serves until it gets SIGTERM or the machine's directory is removed; the exit status. */
int sim_daemon_serve(const char *root);

#endif
