/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_EXPORTER_H
#define NVBIND_EXPORTER_H

#include "base/error.h"

/* sockets.c: the socket that systemd hands over (sd_listen_fds(3)), -1 where it hands none. */
int inherited_socket(int *fd, nvb_error **err);

/* serve.c: until a signal ends it. */
int serve(const char *program, uint64_t interval_ns, nvb_error **err);

#endif
