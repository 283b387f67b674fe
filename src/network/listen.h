/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_NETWORK_LISTEN_H
#define NVB_NETWORK_LISTEN_H

#include "network/port.h"

/*
 * Takes a port of the host: a socket that listens (TCP) or is bound (UDP), non-blocking. A port without an
 * address is taken for IPv4 and IPv6 alike where the host has both. port->host gets the number where it was
 * 0. NVB_ERR_CONFLICT when somebody has it.
 */
int nvb_port_listen(struct nvb_port *port, nvb_error **err);

#endif
