/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_NETWORK_SLIRP_H
#define NVB_NETWORK_SLIRP_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * A way out for the network namespaces of ordinary users, who may make no bridge: a program that speaks TCP
 * and UDP for them (slirp4netns, pasta). It ends when its namespace's path is gone or it is killed.
 */
struct nvb_slirp {
	pid_t pid;
	uint32_t address;     /* of the capsule */
	const char *resolver; /* its name server, or NULL: the host's */
};

/* NVB_ERR_UNSUPPORTED when the host has neither. Waits until the interface is there. */
int nvb_slirp_start(const char *netns, struct nvb_slirp *slirp, nvb_error **err);

#endif
