/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_NETWORK_BACKEND_H
#define NVB_NETWORK_BACKEND_H

#include <net/if.h>

#include "network/network.h"
#include "network/port.h"

/* An interface of a capsule in a network. */
struct nvb_endpoint {
	struct nvb_network_info network;
	uint32_t address;
	char interface[IFNAMSIZ]; /* inside: "eth0" */
	bool first;		  /* it has the default route */
};

/* What a backend is told. */
struct nvb_backend_task {
	const char *id;	     /* the capsule's */
	const char *netns;   /* path */
	const char *scratch; /* a directory of bolt's own that outlives the capsule */
	const struct nvb_endpoint *endpoints;
	size_t count;
	const struct nvb_port *ports; /* led to the first endpoint, where the backend does that */
	size_t port_count;
};

/*
 * Who makes bridges and interfaces: programs of the distribution's. What they are told is all there is to
 * know, so an end needs no memory of theirs.
 */
struct nvb_backend {
	const char *name;
	bool translates;     /* it makes the rules for address translation and ports itself */
	char *(*find)(void); /* the program, malloc'd; NULL: not installed */
	int (*begin)(const char *program, const struct nvb_backend_task *task, nvb_error **err);
	int (*end)(const char *program, const struct nvb_backend_task *task, nvb_error **err);
};

extern const struct nvb_backend nvb_backend_cni, nvb_backend_netavark;

/* The first that is installed; *program is malloc'd. */
int nvb_backend_choose(const struct nvb_backend **backend, char **program, nvb_error **err);

#endif
