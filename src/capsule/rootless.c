/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/rootless.h"

#include "base/log.h"
#include "base/mem.h"
#include "capsule/userns.h"

int nvb_rootless_enter(
	const struct nvb_state *state, char **narrow, const struct nvb_log *log, nvb_error **err)
{
	int rc;

	nvb_state_sweep(state, log);
	rc = nvb_userns_enter(narrow, err);
	if (rc == 0 && *narrow)
		nvb_info(log, "the user and group ids in the capsule are your own alone: %s", *narrow);
	return rc;
}

static int check_id(
	const char *what, uint32_t id, const struct nvb_ids *ids, const char *narrow, nvb_error **err)
{
	int rc;

	if (nvb_ids_have(ids, id))
		return 0;
	rc = nvb_fail(err, NVB_ERR_UNSUPPORTED, "the capsule cannot run as %s %u: %s", what, id,
		narrow ? narrow : "you have fewer subordinate ids than that");
	return nvb_hint(err, rc,
		"root can give you some: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 "
		"USER");
}

int nvb_rootless_fit_process(struct nvb_process *process, const char *narrow, nvb_error **err)
{
	_cleanup_ids_ struct nvb_ids users = {0}, groups = {0};
	struct nvb_user *user = &process->user;
	size_t kept = 0;
	int rc = nvb_ids_read(&users, NVB_IDS_USERS, err);

	if (rc == 0)
		rc = nvb_ids_read(&groups, NVB_IDS_GROUPS, err);
	if (rc == 0)
		rc = check_id("user", user->uid, &users, narrow, err);
	if (rc == 0)
		rc = check_id("group", user->gid, &groups, narrow, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < user->group_count && nvb_userns_may_set_groups(); i++)
		if (nvb_ids_have(&groups, user->groups[i]))
			user->groups[kept++] = user->groups[i];
	user->group_count = kept;
	return 0;
}
