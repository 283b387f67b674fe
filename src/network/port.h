/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_NETWORK_PORT_H
#define NVB_NETWORK_PORT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* A port of the host that leads to one of a container. */
struct nvb_port {
	char address[INET6_ADDRSTRLEN]; /* of the host; "": all of them */
	uint16_t host;			/* 0: one that is free */
	uint16_t container;
	bool udp;
};

/* Ports in a row: "8000-8010:80-90". */
struct nvb_port_range {
	struct nvb_port first;
	unsigned count;
};

/*
 * "[ADDRESS:]HOST:CONTAINER[/udp]" as docker writes it, each of HOST and CONTAINER a port or FIRST-LAST, an
 * IPv6 address in brackets; without HOST, "CONTAINER[/udp]" or "ADDRESS::CONTAINER", the host's are any free
 * ones.
 */
int nvb_port_parse(const char *text, struct nvb_port_range *range, nvb_error **err);

/* "127.0.0.1:8080->80/tcp", "8080->80/udp" into `out`, which is returned. */
enum { NVB_PORT_TEXT = INET6_ADDRSTRLEN + 32 };
char *nvb_port_format(const struct nvb_port *port, char out[static NVB_PORT_TEXT]);

#endif
