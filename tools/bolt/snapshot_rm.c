/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cli/output.h"
#include "snapshot_verbs.h"

/* bolt snapshot rm, prune */

static struct {
	bool force, keep_given, dry_run;
	uint32_t keep;
	int format;
} opt = {.format = NVB_FORMAT_TABLE};

static const struct nvb_option rm_options[] = {
	SNAPSHOT_STORE_OPTION,
	{"force", 'f', NVB_OPTION_FLAG(&opt.force), "one that is not there is no error"},
	{NULL},
};
const struct nvb_option_group snapshot_rm_groups[] = {{"Options", rm_options}, {NULL}};

static const struct nvb_option prune_options[] = {
	SNAPSHOT_STORE_OPTION,
	{"keep", 0, NVB_KIND_U32, "N", {.u32 = &opt.keep}, NULL, NULL, &opt.keep_given,
		"so many of each capsule; needed"},
	{"dry-run", 0, NVB_OPTION_FLAG(&opt.dry_run), "print what would be removed"},
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvb_format_choices, &opt.format), "table (ids) or json"},
	{NULL},
};
const struct nvb_option_group snapshot_prune_groups[] = {{"Options", prune_options}, {NULL}};

int snapshot_rm(int argc, char **argv, nvb_error **err)
{
	_cleanup_snapshots_ struct nvb_snapshots store = {0};
	int rc = snapshot_place(&store, false, err);

	for (int i = 0; rc == 0 && i < argc; i++) {
		_cleanup_error_ nvb_error *why = NULL;
		nvb_snapshot_id id;

		rc = nvb_snapshot_find(&store, argv[i], &id, &why);
		if (rc == 0)
			rc = nvb_snapshot_remove(&store, &id, &why);
		if (rc == -NVB_ERR_NOT_FOUND && opt.force)
			rc = 0;
		else if (rc < 0)
			nvb_error_move(err, NVB_TAKE_PTR(why));
		else
			puts(id.text);
	}
	return rc < 0 ? rc : nvb_stdout_flush(err);
}

/* Whether a later one of the same capsule pushes it out: `list` is in the order of their making. */
static bool is_surplus(const struct nvb_snapshot_info *list, size_t count, size_t which)
{
	const struct nvb_snapshot_info *info = &list[which];
	uint32_t later = 0;

	if (info->trouble || !info->is_signed)
		return false;
	for (size_t i = which + 1; i < count; i++)
		if (!list[i].trouble && list[i].is_signed &&
			nvb_streq0(list[i].manifest.capsule, info->manifest.capsule))
			later++;
	return later >= opt.keep;
}

static int remove_surplus(const struct nvb_snapshots *store, const struct nvb_snapshot_info *list,
	size_t count, char ***removed, nvb_error **err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < count; i++) {
		if (!is_surplus(list, count, i))
			continue;
		if (!opt.dry_run)
			rc = nvb_snapshot_remove(store, &list[i].id, err);
		if (rc == 0 && !nvb_strv_add(removed, list[i].id.text))
			rc = nvb_fail_oom(err);
	}
	return rc;
}

static int prune_one(const struct nvb_snapshots *store, const char *capsule, char ***removed, nvb_error **err)
{
	struct nvb_snapshot_info *list = NULL;
	size_t count = 0;
	int rc = nvb_snapshots_list(store, capsule, &list, &count, err);

	if (rc < 0)
		return rc;
	if (capsule && !count)
		rc = nvb_fail(err, NVB_ERR_NOT_FOUND, "no snapshots of a capsule '%s'", capsule);
	else
		rc = remove_surplus(store, list, count, removed, err);
	nvb_snapshot_infos_free(list, count);
	return rc;
}

int snapshot_prune(int argc, char **argv, nvb_error **err)
{
	_cleanup_snapshots_ struct nvb_snapshots store = {0};
	_cleanup_strv_ char **removed = NULL;
	int rc;

	if (!opt.keep_given)
		return nvb_usage(err, "--keep says how many of each capsule stay");
	rc = snapshot_place(&store, false, err);
	if (rc == 0 && !argc)
		rc = prune_one(&store, NULL, &removed, err);
	for (int i = 0; rc == 0 && i < argc; i++)
		rc = prune_one(&store, argv[i], &removed, err);
	if (rc == 0 && !opt.dry_run)
		rc = nvb_snapshots_sweep(&store, NULL, err);
	/* Also before a failure: they are gone. */
	if (opt.format == NVB_FORMAT_JSON)
		putchar('[');
	nvb_strv_foreach (id, removed) {
		if (opt.format == NVB_FORMAT_JSON)
			printf("%s\"%s\"", id == removed ? "" : ", ", *id);
		else
			puts(*id);
	}
	if (opt.format == NVB_FORMAT_JSON)
		puts("]");
	return rc < 0 ? rc : nvb_stdout_flush(err);
}
