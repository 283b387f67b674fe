/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SUPERVISOR_REPORT_H
#define NVB_SUPERVISOR_REPORT_H

#include <sys/types.h>

#include "base/error.h"

/*
 * What one process of bolt's tells another about a start or a request, in one packet of a SOCK_SEQPACKET
 * socket: "ok NUMBER", or "failed STATUS CODE" with the message and the hint on lines of their own.
 */
enum { NVB_REPORT_MOST = 8192 };

/* `number` is the container's first process, 0 where there is none to tell; `fd` goes along, -1: none. */
void nvb_report_ok(int socket, pid_t number, int fd);
/* Takes nothing over; a NULL error has been told the user already. */
void nvb_report_failure(int socket, int status, const nvb_error *error);

/*
 * Waits for the report. 0 with *number and *fd (-1: none came), either may be NULL; or the reported failure
 * with *status. NVB_ERR_CANCELLED when the other end went without a word.
 */
int nvb_report_read(int socket, pid_t *number, int *fd, int *status, nvb_error **err);

#endif
