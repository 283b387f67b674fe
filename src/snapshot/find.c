/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "snapshot/reader.h"

/* Which snapshot a name means. */

enum { SHORTEST = 4 }; /* of an id's beginning */

struct names {
	const struct nvb_snapshot_info *list;
	size_t count;
	const char *asked;
};

static bool begins(const char *id, const char *prefix)
{
	return id && strlen(prefix) >= SHORTEST && nvb_after(id, prefix);
}

/* 1: found, 0: none begins so. */
static int by_id(const struct names *n, nvb_snapshot_id *id, nvb_error **err)
{
	const struct nvb_snapshot_info *found = NULL;

	for (size_t i = 0; i < n->count; i++) {
		if (!begins(n->list[i].id.text, n->asked))
			continue;
		if (found)
			return nvb_hint(err,
				nvb_fail(err, NVB_ERR_CONFLICT, "several snapshots begin with %s", n->asked),
				"give more digits of the id");
		found = &n->list[i];
	}
	if (found)
		*id = found->id;
	return found != NULL;
}

/* The capsule that is meant: an exact id or name before the beginning of an id; of several that had the name
 * the one with the last snapshot. */
static const char *capsule_of(const struct names *n, const char *capsule)
{
	const char *exact = NULL, *prefix = NULL;

	for (size_t i = 0; i < n->count; i++) {
		const struct nvb_snapshot_manifest *m = &n->list[i].manifest;

		if (nvb_streq0(m->capsule, capsule))
			return m->capsule;
		if (nvb_streq0(m->name, capsule))
			exact = m->capsule;
		if (begins(m->capsule, capsule))
			prefix = m->capsule;
	}
	return exact ?: prefix;
}

static int by_capsule(
	const struct names *n, const char *capsule, const char *number, nvb_snapshot_id *id, nvb_error **err)
{
	const struct nvb_snapshot_info *found = NULL;
	const char *which = capsule_of(n, capsule);
	uint64_t wanted = 0;

	if (number && !nvb_streq(number, "latest") && (!nvb_parse_u64(number, &wanted) || !wanted))
		return nvb_fail(err, NVB_ERR_INVALID, "snapshot '%s': behind @ stands a number or 'latest'",
			n->asked);
	if (!which)
		return 0;
	/* Which one is the last, a damaged manifest cannot be believed about. */
	for (size_t i = 0; i < n->count; i++)
		if (nvb_streq0(n->list[i].manifest.capsule, which) && !n->list[i].is_signed)
			return nvb_hint(err,
				nvb_fail(err, NVB_ERR_CORRUPT, "snapshot %s of that capsule: %s",
					n->list[i].id.text,
					n->list[i].trouble
						?: "its manifest is not the one that was signed here"),
				"name the one that is meant by its id, or remove that one");
	for (size_t i = 0; i < n->count; i++) {
		const struct nvb_snapshot_info *info = &n->list[i];

		if (!nvb_streq0(info->manifest.capsule, which) ||
			(wanted ? info->manifest.number != wanted
				: found && info->manifest.number < found->manifest.number))
			continue;
		/* One of them was imported. */
		if (found && info->manifest.number == found->manifest.number)
			return nvb_hint(err,
				nvb_fail(err, NVB_ERR_CONFLICT,
					"%s and %s are both number %llu of that capsule", found->id.text,
					info->id.text, (unsigned long long)info->manifest.number),
				"name the one that is meant by its id");
		found = info;
	}
	if (found)
		*id = found->id;
	return found != NULL;
}

static int find(const struct names *n, nvb_snapshot_id *id, nvb_error **err)
{
	_cleanup_free_ char *capsule = strdup(n->asked);
	char *number = capsule ? strrchr(capsule, '@') : NULL;
	int rc;

	if (!capsule)
		return nvb_fail_oom(err);
	if (number)
		*number++ = '\0';
	if (nvb_streq(n->asked, "latest") && n->count) {
		*id = n->list[n->count - 1].id;
		return 1;
	}
	rc = number ? 0 : by_id(n, id, err);
	return rc ? rc : by_capsule(n, capsule, number, id, err);
}

int nvb_snapshot_find(
	const struct nvb_snapshots *store, const char *name, nvb_snapshot_id *id, nvb_error **err)
{
	struct nvb_snapshot_info *list = NULL;
	struct names n = {.asked = name};
	int rc = nvb_snapshots_list_lean(store, NULL, &list, &n.count, err);

	if (rc < 0)
		return rc;
	n.list = list;
	rc = find(&n, id, err);
	nvb_snapshot_infos_free(list, n.count);
	if (rc == 0)
		return nvb_hint(err, nvb_fail(err, NVB_ERR_NOT_FOUND, "no such snapshot: %s", name),
			"'bolt snapshot ls' lists what is here");
	return rc < 0 ? rc : 0;
}
