/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_NETWORK_PROXY_H
#define NVB_NETWORK_PROXY_H

#include <sys/types.h>

#include "network/port.h"

/*
 * A process that leads ports of the host into a capsule: it listens in the host's network namespace and
 * connects in the capsule's, so it needs no address translation, no bridge and no root. What comes through it
 * has the capsule's own address as its source. It ends when the capsule's first process ends.
 */
struct nvb_proxy {
	const int *sockets; /* of nvb_port_listen(), one for each port */
	const struct nvb_port *ports;
	size_t count;
	uint32_t address;  /* of the capsule, for connections */
	const char *netns; /* path */
	pid_t init;	   /* the capsule's first process */
};

/* Starts it; returns its number. The sockets stay the caller's to close. */
int nvb_proxy_start(const struct nvb_proxy *proxy, nvb_error **err);

#endif
