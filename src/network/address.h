/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_NETWORK_ADDRESS_H
#define NVB_NETWORK_ADDRESS_H

#include "network/network.h"

/*
 * Who has which address of a network: <run>/networks/NAME/ADDRESS is a file with the capsule's id and what
 * others may call it, "<id> <name> <alias>...". An address whose capsule is gone from <run>/capsules is free,
 * so none is ever lost. All under the lock.
 */
struct nvb_member {
	char id[33];
	uint32_t address;
	char **names;
};

/* Gives the capsule the first address that is free; NVB_ERR_BUSY when there is none. */
int nvb_address_take(const struct nvb_network_place *place, const struct nvb_network_info *network,
	const char *id, char *const *names, uint32_t *address, nvb_error **err);
/* Gives it back if it is that capsule's. */
void nvb_address_release(
	const struct nvb_network_place *place, const char *network, const char *id, uint32_t address);

/* Others call it by another name from now on. What is not called `old` stays as it is. */
int nvb_member_rename(const struct nvb_network_place *place, const char *network,
	const struct nvb_member *member, const char *old, const char *name, nvb_error **err);

/* Those who are on a network, by address. */
int nvb_members_list(const struct nvb_network_place *place, const char *network, struct nvb_member **list,
	size_t *count, nvb_error **err);
void nvb_members_free(struct nvb_member *list, size_t count);

#endif
