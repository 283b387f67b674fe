/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_NETWORK_PROXY_LOOP_H
#define NVB_NETWORK_PROXY_LOOP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* Inside of the proxy's process. Everything that epoll tells of begins with a watcher. */
struct proxy_loop {
	int epoll;
	bool starved; /* out of descriptors: listeners rest for a moment */
};

struct proxy_watcher {
	void (*wake)(struct proxy_loop *loop, struct proxy_watcher *watcher, uint32_t events);
};

bool proxy_watch(struct proxy_loop *loop, int fd, uint32_t events, struct proxy_watcher *watcher);

/* Listeners, of either kind; they live as long as the process. */
bool proxy_tcp_listen(struct proxy_loop *loop, int fd, const struct sockaddr_in *target);
bool proxy_udp_listen(struct proxy_loop *loop, int fd, const struct sockaddr_in *target);

#endif
