/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_NETWORK_CONNECT_H
#define NVB_NETWORK_CONNECT_H

#include <sys/types.h>

#include "network/network.h"
#include "network/port.h"

/*
 * The networks of one capsule, from its start to its end:
 *
 *	nvb_network_connect	before the container: ports are taken, the namespace made, addresses given
 *	nvb_network_started	once its first process runs: published ports lead inside
 *	nvb_network_disconnect	when it has ended, or is found dead, by whoever finds it
 *
 * What is made is recorded first, in the capsule's directory. Only for programs with one thread.
 */
struct nvb_network_request {
	const struct nvb_network_place *place;
	const char *id, *directory; /* <run>/capsules/<id> */
	const char *netns;	    /* where the namespace is to be mounted */
	const char *hosts;	    /* /etc/hosts's beginning */
	const char *hostname;
	char *const *names; /* what others may call it */
	char *const *networks;
	const struct nvb_port *ports;
	size_t port_count;
	char *const *extra_hosts;
	bool rootless;
};

struct nvb_connection;

int nvb_network_connect(
	const struct nvb_network_request *request, struct nvb_connection **connection, nvb_error **err);
int nvb_network_started(struct nvb_connection *connection, pid_t init, nvb_error **err);
/* Closes what this process has open of it, and takes nothing away. NULL is fine. */
void nvb_connection_free(struct nvb_connection *connection);

/* The name server to be asked instead of the host's, or NULL. */
const char *nvb_connection_resolver(const struct nvb_connection *connection);

/* Takes away what the capsule in `directory` had; nothing when it had none. Troubles are logged. */
void nvb_network_disconnect(const struct nvb_network_place *place, const char *id, const char *directory);

#endif
