/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_NETWORK_NAMES_H
#define NVB_NETWORK_NAMES_H

#include "network/network.h"

/*
 * Names of the capsules of a network, for each other: lines in /etc/hosts. A capsule's file is
 * <run>/capsules/<id>/hosts, which is mounted into it; it begins with what is the capsule's own
 * (<run>/capsules/<id>/hosts.own) and goes on with those who share a network with it. It is written in place,
 * since a mount shows one inode.
 */

/* The part that is the capsule's own, and the file with nothing besides. `lines` (NULL: none) are added to
 * it. */
int nvb_names_begin(const char *directory, const char *text, char *const *lines, nvb_error **err);

/* Writes the files of all who are on the network anew. Those that cannot be written are left. Under the lock.
 */
int nvb_names_refresh(const struct nvb_network_place *place, const char *network, nvb_error **err);

/* A capsule that runs is called otherwise: the files of all who share a network with it say so at once, its
 * own, too. Takes the lock. Nothing where it is on no network. */
int nvb_names_rename(const struct nvb_network_place *place, const char *id, const char *old, const char *name,
	nvb_error **err);

#endif
