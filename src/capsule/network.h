/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_NETWORK_H
#define NVB_CAPSULE_NETWORK_H

#include "base/error.h"
#include "capsule/spec.h"
#include "capsule/state.h"
#include "network/connect.h"

/* A capsule's own networks, in the terms of a capsule; see network/connect.h for the three moments. */

/*
 * Before the bundle: *connection is NULL for one that has the host's network or none. `netns` is where its
 * namespace is, for the bundle (at least PATH_MAX bytes; "" for none). Needs the private mount namespace.
 */
int nvb_capsule_network(const struct nvb_state *state, const struct nvb_entry *entry,
	const struct nvb_capsule_spec *spec, const char *hostname, const struct nvb_log *log,
	struct nvb_connection **connection, char *netns, nvb_error **err);

/* The place of networks on this host. `log` may be NULL. */
struct nvb_network_place nvb_capsule_network_place(const struct nvb_state *state, const struct nvb_log *log);

#endif
