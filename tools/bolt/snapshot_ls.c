/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <time.h>

#include "base/str.h"
#include "cli/output.h"
#include "snapshot_verbs.h"

/* bolt snapshot ls, inspect */

static struct {
	bool quiet;
	int format;
} opt = {.format = NVB_FORMAT_TABLE};

static const struct nvb_option ls_options[] = {
	SNAPSHOT_STORE_OPTION,
	{"quiet", 'q', NVB_OPTION_FLAG(&opt.quiet), "ids alone"},
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvb_format_choices, &opt.format), "table or json"},
	{NULL},
};
const struct nvb_option_group snapshot_ls_groups[] = {{"Options", ls_options}, {NULL}};

/* What everybody says who wants JSON of a command: it is what this one prints anyway. */
static const struct nvb_choice inspect_formats[] = {{"json", NVB_FORMAT_JSON}, {NULL}};

static const struct nvb_option inspect_options[] = {
	SNAPSHOT_STORE_OPTION,
	SNAPSHOT_KEY_OPTION,
	{"trust", 0, NVB_OPTION_FLAG(&snapshot_trust), "also one that this host has not signed"},
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", inspect_formats, &opt.format), "json, which it always is"},
	{NULL},
};
const struct nvb_option_group snapshot_inspect_groups[] = {{"Options", inspect_options}, {NULL}};

static const char *format_time(uint64_t ns, char *buffer, size_t size)
{
	time_t seconds = (time_t)(ns / 1000000000);
	struct tm tm;

	if (!ns || !localtime_r(&seconds, &tm) || !strftime(buffer, size, "%Y-%m-%d %H:%M:%S", &tm))
		return "-";
	return buffer;
}

static const char *state_of(const struct nvb_snapshot_info *info)
{
	if (info->trouble)
		return "damaged";
	if (!info->is_signed)
		return "not signed here";
	return info->manifest.encryption ? "encrypted" : "-";
}

static void add_row(struct nvb_table *table, const struct nvb_snapshot_info *info)
{
	const struct nvb_snapshot_manifest *m = &info->manifest;
	_cleanup_strbuf_ struct nvb_strbuf comment = {0};
	char buffer[64];

	nvb_table_cell(table, info->id.text);
	nvb_table_cellf(table, "%.32s@%llu", m->name ?: m->capsule ?: "?", (unsigned long long)m->number);
	nvb_table_cell(table, format_time(m->created, buffer, sizeof(buffer)));
	nvb_table_cell(table, nvb_format_bytes(m->bytes, buffer, sizeof(buffer)));
	nvb_table_cell(table, nvb_format_bytes(m->stored, buffer, sizeof(buffer)));
	nvb_table_cell(table, nvb_format_bytes(m->new_stored + m->index_size, buffer, sizeof(buffer)));
	nvb_table_cell(table, nvb_format_bytes(info->alone, buffer, sizeof(buffer)));
	nvb_table_cellf(table, "%zu", m->gpu_count);
	nvb_table_cell(table, state_of(info));
	nvb_sb_add_visible(&comment, m->comment ?: "-");
	nvb_table_cellf(table, "%.60s", comment.s ?: "");
	if (info->trouble || !info->is_signed)
		nvb_table_style(table, NVB_STYLE_RED);
}

static int print_table(const struct nvb_snapshot_info *list, size_t count, nvb_error **err)
{
	static const struct nvb_column columns[] = {{"ID"}, {"CAPSULE"}, {"CREATED"}, {"SIZE", true},
		{"STORED", true}, {"NEW", true}, {"ALONE", true}, {"GPUS", true}, {"NOTE"}, {"COMMENT"},
		{NULL}};
	_cleanup_table_ struct nvb_table table = {.columns = columns};

	for (size_t i = 0; i < count; i++)
		add_row(&table, &list[i]);
	return nvb_table_print(&table, stdout, err);
}

/* The manifest, and before it what is not in it. */
static void add_object(const struct nvb_snapshot_info *info, struct nvb_strbuf *out)
{
	nvb_sb_addf(out, "{\"id\": \"%s\", \"signed\": %s, \"alone\": %llu, ", info->id.text,
		info->is_signed ? "true" : "false", (unsigned long long)info->alone);
	if (info->trouble) {
		nvb_sb_add(out, "\"damaged\": ");
		nvb_sb_add_json(out, info->trouble);
		nvb_sb_add(out, ", ");
	}
	nvb_sb_add(out, "\"manifest\": ");
	nvb_snapshot_manifest_write(&info->manifest, NVB_MANIFEST_ALL, 1, out);
	nvb_sb_addc(out, '}');
}

static int print_json(const struct nvb_snapshot_info *list, size_t count, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf out = {0};

	nvb_sb_addc(&out, '[');
	for (size_t i = 0; i < count; i++) {
		nvb_sb_add(&out, i ? ",\n " : "");
		add_object(&list[i], &out);
	}
	nvb_sb_add(&out, "]\n");
	return out.failed ? nvb_fail_oom(err) : nvb_stdout_write(out.s, out.len, err);
}

int snapshot_ls(int argc, char **argv, nvb_error **err)
{
	_cleanup_snapshots_ struct nvb_snapshots store = {0};
	struct nvb_snapshot_info *list = NULL;
	size_t count = 0;
	int rc = snapshot_place(&store, false, err);

	if (rc == 0)
		rc = nvb_snapshots_list(&store, argc ? argv[0] : NULL, &list, &count, err);
	if (rc < 0)
		return rc;
	if (opt.quiet)
		for (size_t i = 0; i < count; i++)
			puts(list[i].id.text);
	else if (opt.format == NVB_FORMAT_JSON)
		rc = print_json(list, count, err);
	else
		rc = print_table(list, count, err);
	nvb_snapshot_infos_free(list, count);
	return rc < 0 ? rc : nvb_stdout_flush(err);
}

int snapshot_inspect(int argc, char **argv, nvb_error **err)
{
	_cleanup_snapshots_ struct nvb_snapshots store = {0};
	_cleanup_strbuf_ struct nvb_strbuf out = {0};
	struct nvb_snapshot_options options = {
		.key_file = snapshot_key_file ?: NVB_SNAPSHOT_NO_KEY, .trust = snapshot_trust};
	int rc = snapshot_place(&store, false, err);

	nvb_sb_addc(&out, '[');
	for (int i = 0; rc == 0 && i < argc; i++) {
		_cleanup_snapshot_ nvb_snapshot *snapshot = NULL;

		rc = nvb_snapshot_open(&store, argv[i], &options, &snapshot, err);
		if (rc < 0)
			break;
		nvb_sb_add(&out, i ? ",\n " : "");
		nvb_snapshot_manifest_write(nvb_snapshot_manifest(snapshot), NVB_MANIFEST_ALL, 0, &out);
	}
	nvb_sb_add(&out, "]\n");
	if (rc < 0)
		return rc;
	return out.failed ? nvb_fail_oom(err) : nvb_stdout_write(out.s, out.len, err);
}
