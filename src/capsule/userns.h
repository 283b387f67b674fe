/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_USERNS_H
#define NVB_CAPSULE_USERNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * A user namespace in which an ordinary user is root: what unpacking images with their owners, mounting and
 * running containers without the host's root needs. Inside, 0 is the user; 1 and up are the user's
 * subordinate ids (subuid(5), subgid(5)), which newuidmap and newgidmap of the package uidmap let in.
 */

/*
 * Puts this process, which has one thread, into a new one; what depends on who the caller is (paths,
 * configuration) must be decided before. Where there are no subordinate ids the user's own are the only ones
 * inside: *narrow says why then (malloc'd), else it is NULL. NVB_ERR_PERMISSION, with what to do, where
 * the host lets nobody have one.
 */
int nvb_userns_enter(char **narrow, nvb_error **err);

/* Adds what to do about it to an error that came of a host which allows user namespaces and takes their
 * powers away (Ubuntu's AppArmor setting); returns rc. */
int nvb_userns_hint(nvb_error **err, int rc);

/* The ids that exist in this process's user namespace. */
struct nvb_ids {
	struct {
		uint32_t first, count;
	} * ranges; /* malloc'd */
	size_t count, capacity;
};
enum nvb_id_kind {
	NVB_IDS_USERS,
	NVB_IDS_GROUPS,
};
int nvb_ids_read(struct nvb_ids *ids, enum nvb_id_kind kind, nvb_error **err);
bool nvb_ids_have(const struct nvb_ids *ids, uint32_t id);
void nvb_ids_release(struct nvb_ids *ids);
#define _cleanup_ids_ _cleanup_(nvb_ids_release)

/* False where the namespace has the user's own group alone: the kernel then lets nobody change the list of
 * groups. */
bool nvb_userns_may_set_groups(void);

#endif
