/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_NETWORK_NAT_H
#define NVB_NETWORK_NAT_H

#include "network/network.h"
#include "network/port.h"

/*
 * Rules for address translation through the host's iptables, for backends that make none of their own. A
 * network has a chain of its own name in filter and a rule in nat; published ports stand in nat's chain
 * BOLT-PORTS, each with the capsule's id as its comment.
 */

/* 0 when the host can translate addresses, else a negated code with the reason. */
int nvb_nat_check(nvb_error **err);

/* The network's rules, if they are not there. Under the networks' lock. */
int nvb_nat_ensure(const struct nvb_network_info *network, nvb_error **err);
void nvb_nat_forget(const struct nvb_network_info *network);

/* Ports of the host to those of `address`; loopback and IPv6 addresses of the host are left out, which
 * the proxy serves. */
int nvb_nat_add_ports(const struct nvb_network_info *network, const char *id, uint32_t address,
	const struct nvb_port *ports, size_t count, nvb_error **err);
/* Takes away what is there of them. */
void nvb_nat_remove_ports(const struct nvb_network_info *network, const char *id, uint32_t address,
	const struct nvb_port *ports, size_t count);

#endif
