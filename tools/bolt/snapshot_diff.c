/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cli/output.h"
#include "snapshot_verbs.h"

/* bolt snapshot diff */

static int format = NVB_FORMAT_TABLE;

static const struct nvb_option diff_options[] = {
	SNAPSHOT_STORE_OPTION,
	SNAPSHOT_KEY_OPTION,
	{"trust", 0, NVB_OPTION_FLAG(&snapshot_trust), "also those that this host has not signed"},
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvb_format_choices, &format), "table or json"},
	{NULL},
};
const struct nvb_option_group snapshot_diff_groups[] = {{"Options", diff_options}, {NULL}};

struct output {
	struct nvb_table table;
	struct nvb_strbuf json;
};

static const char *const changes[] = {
	[NVB_SNAPSHOT_ADDED] = "added",
	[NVB_SNAPSHOT_REMOVED] = "removed",
	[NVB_SNAPSHOT_CHANGED] = "changed",
	[NVB_SNAPSHOT_ATTRIBUTES] = "attributes",
};

static void add_row(struct nvb_table *table, const struct nvb_snapshot_difference *d)
{
	_cleanup_strbuf_ struct nvb_strbuf path = {0};
	char bytes[16];

	nvb_sb_addf(&path, "%s/", d->tree);
	nvb_sb_add_visible(&path, d->path);
	nvb_table_cell(table, changes[d->change]);
	nvb_table_cell(table, nvb_format_bytes(d->before, bytes, sizeof(bytes)));
	nvb_table_cell(table, nvb_format_bytes(d->after, bytes, sizeof(bytes)));
	nvb_table_cell(table, nvb_format_bytes(d->changed, bytes, sizeof(bytes)));
	nvb_table_cell(table, path.s);
}

static int each(void *data, const struct nvb_snapshot_difference *d, nvb_error **err)
{
	struct output *o = data;

	if (format == NVB_FORMAT_TABLE) {
		add_row(&o->table, d);
		return o->table.failed ? nvb_fail_oom(err) : 0;
	}
	nvb_sb_addf(&o->json,
		"%s{\"change\": \"%s\", \"tree\": \"%s\", \"path\": ", o->json.len ? ",\n " : "",
		changes[d->change], d->tree);
	nvb_sb_add_json(&o->json, d->path);
	nvb_sb_addf(&o->json, ", \"before\": %llu, \"after\": %llu, \"changed\": %llu}",
		(unsigned long long)d->before, (unsigned long long)d->after, (unsigned long long)d->changed);
	return o->json.failed ? nvb_fail_oom(err) : 0;
}

int snapshot_diff(int argc, char **argv, nvb_error **err)
{
	static const struct nvb_column columns[] = {
		{"CHANGE"}, {"BEFORE", true}, {"AFTER", true}, {"NEW", true}, {"PATH"}, {NULL}};
	struct nvb_snapshot_options options = {.key_file = snapshot_key_file, .trust = snapshot_trust};
	_cleanup_snapshots_ struct nvb_snapshots store = {0};
	_cleanup_snapshot_ nvb_snapshot *before = NULL, *after = NULL;
	struct output o = {.table = {.columns = columns}};
	int rc = snapshot_place(&store, false, err);

	(void)argc;
	if (rc == 0)
		rc = nvb_snapshot_open(&store, argv[0], &options, &before, err);
	if (rc == 0)
		rc = nvb_snapshot_open(&store, argv[1], &options, &after, err);
	if (rc == 0)
		rc = nvb_snapshot_diff(before, after, each, &o, err);
	if (rc == 0 && format == NVB_FORMAT_JSON)
		printf("[%s]\n", o.json.s ?: "");
	else if (rc == 0)
		rc = nvb_table_print(&o.table, stdout, err);
	nvb_table_release(&o.table);
	nvb_sb_release(&o.json);
	return rc < 0 ? rc : nvb_stdout_flush(err);
}
