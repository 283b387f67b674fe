/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_WEB_ADDRESS_H
#define NVB_WEB_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/error.h"

/* Where the server listens, and by which names it may be called. */

struct nvb_web_address {
	struct sockaddr_storage address;
	socklen_t length;
};

/* "127.0.0.1:9400", "[::1]:9400", "localhost:9400" (127.0.0.1), "0.0.0.0:0" (any free port). Names are not
 * looked up: one that resolves to another address tomorrow would open the server to others. */
int nvb_web_address_parse(const char *text, struct nvb_web_address *out, nvb_error **err);

bool nvb_web_address_is_loopback(const struct nvb_web_address *address);
/* Whether it is every address of the host. */
bool nvb_web_address_is_any(const struct nvb_web_address *address);

/* "127.0.0.1:9400", "[::1]:9400"; buffer of NVB_WEB_ADDRESS_TEXT bytes; returned. */
#define NVB_WEB_ADDRESS_TEXT 64
const char *nvb_web_address_text(const struct nvb_web_address *address, char *buffer);

/* A socket that listens there. */
int nvb_web_address_listen(const struct nvb_web_address *address, int *fd, nvb_error **err);

/*
 * Whether a Host header may name us: an IP address, localhost, or one of `names` (NULL is none). A page of a
 * stranger can make its own name lead to this server (DNS rebinding) and would then read what the browser of
 * somebody here can reach; it cannot make the browser send another name than its own, and an address is no
 * name.
 */
bool nvb_host_allowed(const char *host, char *const *names);

#endif
