/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SHIM_REPORT_H
#define NVB_SHIM_REPORT_H

#include "base/error.h"
#include "nvbind/log.h"
#include "shim/arguments.h"

/*
 * How engines learn what went wrong: the last error in the file that they gave the runtime with --log is what
 * containerd, dockerd and podman show their user, in the format that they asked for (logrus', as runc writes
 * it); others show what stands on stderr. What is said comes from images too, so it is made one line of text
 * that a terminal may show.
 */

/* To stderr, one line, and to the log. */
void shim_report_error(const struct shim_arguments *arguments, const nvb_error *error);

/* To the log; to stderr only where there is none: a runtime's stderr is often the container's. */
void shim_report_message(
	const struct shim_arguments *arguments, enum nvb_log_level level, const char *message);

#endif
