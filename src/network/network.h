/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_NETWORK_NETWORK_H
#define NVB_NETWORK_NETWORK_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "network/subnet.h"
#include "nvbind/log.h"

/*
 * Networks that capsules can be on, each a bridge of the host. What they are stands in
 * <data>/networks/NAME.json and outlives the host; who is on them in <run>/networks/NAME/ and does not. The
 * network "bridge" is made when it is used first.
 */
struct nvb_network_place {
	const char *run, *data; /* /run/bolt, /var/lib/bolt */
	const struct nvb_log *log;
};

struct nvb_network_info {
	char *name;
	char id[65]; /* hex */
	char interface[IFNAMSIZ];
	struct nvb_subnet subnet;
	uint32_t gateway; /* the host's own address on it */
	unsigned mtu;	  /* 0: the kernel's */
	bool internal;	  /* no way out */
	long long created;
	char **labels; /* "KEY=VALUE" */
};

void nvb_network_info_release(struct nvb_network_info *network);
#define _cleanup_network_ _cleanup_(nvb_network_info_release)

/* Held while networks, addresses or names change: a descriptor, closing it unlocks. */
int nvb_networks_lock(const struct nvb_network_place *place, nvb_error **err);

/* The same of one capsule, by its directory: held while something is made or removed for it. Taken before the
 * networks' lock or without it, never behind it. */
int nvb_network_lock_capsule(const char *directory, nvb_error **err);

struct nvb_network_options {
	const char *subnet, *gateway; /* NULL: chosen */
	unsigned mtu;
	bool internal;
	char *const *labels;
};

/* NVB_ERR_CONFLICT for a name that is taken or a subnet that the host or another network uses. Under the
 * lock. */
int nvb_network_make(const struct nvb_network_place *place, const char *name,
	const struct nvb_network_options *options, struct nvb_network_info *network, nvb_error **err);

/* NVB_ERR_NOT_FOUND with the nearest name. The default network is made when it is not there. Under the lock.
 */
int nvb_network_open(const struct nvb_network_place *place, const char *name,
	struct nvb_network_info *network, nvb_error **err);

/* All that are there, by name. *list is malloc'd; release each, then free it. */
int nvb_networks_list(const struct nvb_network_place *place, struct nvb_network_info **list, size_t *count,
	nvb_error **err);
void nvb_networks_free(struct nvb_network_info *list, size_t count);

/* Takes it away: definition, bridge, rules. NVB_ERR_BUSY while capsules are on it. Under the lock. */
int nvb_network_remove(const struct nvb_network_place *place, const char *name, nvb_error **err);

/* As JSON, an object on one line. */
struct nvb_strbuf;
void nvb_network_write(const struct nvb_network_info *network, struct nvb_strbuf *out);
/* The same back from a parsed object. */
struct json_object;
int nvb_network_read(
	struct json_object *object, const char *where, struct nvb_network_info *network, nvb_error **err);

#endif
