/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_USERS_H
#define NVB_CAPSULE_USERS_H

#include <sys/types.h>

#include "base/error.h"
#include "base/root.h"

/* Who a container's program runs as. */
struct nvb_user {
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* supplementary; malloc'd */
	size_t group_count;
	char *home; /* malloc'd; never NULL */
};

/*
 * Resolves "USER[:GROUP]" (names or numbers, "" for root) with the container's own etc/passwd and etc/group,
 * as docker does: a number that is listed nowhere is taken as it is, a name must be listed; supplementary
 * groups are those that list the user, unless a group was given. Both files are hostile input.
 */
int nvb_user_resolve(const struct nvb_root *root, const char *text, struct nvb_user *user, nvb_error **err);
void nvb_user_release(struct nvb_user *user);
#define _cleanup_user_ _cleanup_(nvb_user_release)

#endif
