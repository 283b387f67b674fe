/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_NETWORK_SUBNET_H
#define NVB_NETWORK_SUBNET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* An IPv4 subnet; addresses are in host order. */
struct nvb_subnet {
	uint32_t base;
	unsigned prefix; /* 8 to 30 */
};

/* "10.90.0.0/24": no bits behind the prefix may be set. */
int nvb_subnet_parse(const char *text, struct nvb_subnet *subnet, nvb_error **err);
bool nvb_address_parse(const char *text, uint32_t *address);

enum { NVB_SUBNET_TEXT = INET_ADDRSTRLEN + 4 };
char *nvb_subnet_format(struct nvb_subnet subnet, char out[static NVB_SUBNET_TEXT]);
char *nvb_address_format(uint32_t address, char out[static INET_ADDRSTRLEN]);

uint32_t nvb_subnet_mask(struct nvb_subnet subnet);
/* Of a host: neither the subnet's own nor its broadcast address. */
bool nvb_subnet_has_host(struct nvb_subnet subnet, uint32_t address);
bool nvb_subnets_overlap(struct nvb_subnet a, struct nvb_subnet b);

/*
 * Whether the host has a route into it already, but for those through `own` (an interface; NULL: none): "the
 * kernel's IPv4 routes", /proc/net/route. The default route is none.
 */
bool nvb_subnet_is_routed(struct nvb_subnet subnet, const char *own);

#endif
