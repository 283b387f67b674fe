/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_NETWORK_RECORD_H
#define NVB_NETWORK_RECORD_H

#include <sys/types.h>

#include "network/backend.h"

/*
 * What was made for a capsule's network: <run>/capsules/<id>/network, written before it is made, so that
 * whoever finds the capsule dead can take it away with this alone. Processes stand in a file beside it,
 * network.pids.
 */
struct nvb_network_record {
	char *backend, *program, *netns; /* backend NULL: without bridges */
	bool translated;		 /* rules of ours in the host's iptables */
	struct nvb_endpoint *endpoints;
	size_t count;
	struct nvb_port *ports;
	size_t port_count;
};

void nvb_network_record_release(struct nvb_network_record *record);
#define _cleanup_network_record_ _cleanup_(nvb_network_record_release)

int nvb_network_record_write(const char *directory, const struct nvb_network_record *record, nvb_error **err);
/* NVB_ERR_NOT_FOUND where there is none. */
int nvb_network_record_read(const char *directory, struct nvb_network_record *record, nvb_error **err);

/* The ports as they are, "8080->80/tcp, ..." on one line, in a file beside it, network.ports: for lists. */
int nvb_network_record_ports(const char *directory, const struct nvb_network_record *record, nvb_error **err);

int nvb_network_record_process(const char *directory, pid_t pid, nvb_error **err);
/* Ends them and waits until they are gone, a second at most. */
void nvb_network_record_kill(const char *directory);

#endif
