/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <time.h>

#include "base/str.h"
#include "cli/output.h"
#include "surge_file.h"
#include "surge_project.h"
#include "verbs.h"

/* bolt surge ps: the capsules of a project. */

static int format = NVB_FORMAT_TABLE;

static const struct nvb_option ps_options[] = {
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvb_format_choices, &format), "table or json"},
	{NULL},
};
const struct nvb_option_group surge_ps_groups[] = {
	{"Options", ps_options}, {"Boltfile", surge_file_options}, {NULL}};

static void describe(const struct nvb_capsule_info *info, char *text, size_t size)
{
	const char *state = nvb_choice_name(nvb_capsule_states, (int)info->state);

	if (info->state == NVB_CAPSULE_EXITED && info->error)
		snprintf(text, size, "failed to start (%d)", info->status);
	else if (info->state == NVB_CAPSULE_EXITED && info->status >= 0)
		snprintf(text, size, "%s (%d)", state, info->status);
	else if (info->unsupervised)
		snprintf(text, size, "%s (no supervisor)", state);
	else if (info->health)
		snprintf(text, size, "%s (%s)", state, info->health);
	else
		snprintf(text, size, "%s", state);
}

static void add_row(struct nvb_table *table, const struct nvb_project_capsule *capsule)
{
	const struct nvb_capsule_info *info = &capsule->info;
	time_t created = (time_t)info->created;
	char when[32] = "", state[64];
	struct tm local;

	if (created && localtime_r(&created, &local))
		strftime(when, sizeof(when), "%F %T", &local);
	describe(info, state, sizeof(state));
	nvb_table_cell(table, info->name ? info->name : info->id);
	nvb_table_cell(table, capsule->service);
	nvb_table_cell(table, info->image);
	nvb_table_cell(table, when);
	nvb_table_cell(table, state);
	nvb_table_cell(table, info->ports);
}

static void add_text(struct nvb_strbuf *out, const char *key, const char *text)
{
	nvb_sb_addf(out, ", \"%s\": ", key);
	text ? nvb_sb_add_json(out, text) : nvb_sb_add(out, "null");
}

static void add_object(struct nvb_strbuf *out, const struct nvb_project_capsule *capsule)
{
	const struct nvb_capsule_info *info = &capsule->info;

	nvb_sb_addf(out, "%s\n  {\"id\": \"%s\"", out->len ? "," : "[", info->id);
	add_text(out, "name", info->name);
	add_text(out, "service", capsule->service);
	nvb_sb_addf(out, ", \"number\": %u", capsule->number);
	add_text(out, "image", info->image);
	add_text(out, "state", nvb_choice_name(nvb_capsule_states, (int)info->state));
	add_text(out, "health", info->health);
	add_text(out, "ports", info->ports);
	nvb_sb_addf(out, ", \"created\": %lld, \"status\": ", info->created);
	if (info->state == NVB_CAPSULE_EXITED && info->status >= 0)
		nvb_sb_addf(out, "%d}", info->status);
	else
		nvb_sb_add(out, "null}");
}

static int print(const struct nvb_project_capsules *capsules, const bool *which, nvb_error **err)
{
	static const struct nvb_column columns[] = {
		{"NAME"}, {"SERVICE"}, {"IMAGE"}, {"CREATED"}, {"STATE"}, {"PORTS"}, {NULL}};
	_cleanup_table_ struct nvb_table table = {.columns = columns};
	_cleanup_strbuf_ struct nvb_strbuf json = {0};
	int rc;

	for (size_t i = 0; i < capsules->count; i++) {
		if (!which[i])
			continue;
		if (format == NVB_FORMAT_JSON)
			add_object(&json, &capsules->list[i]);
		else
			add_row(&table, &capsules->list[i]);
	}
	if (format == NVB_FORMAT_JSON) {
		nvb_sb_add(&json, json.len ? "\n]\n" : "[]\n");
		return json.failed ? nvb_fail_oom(err) : nvb_stdout_write(json.s, json.len, err);
	}
	rc = nvb_table_print(&table, stdout, err);
	return rc < 0 ? rc : nvb_stdout_flush(err);
}

int surge_ps(int argc, char **argv, nvb_error **err)
{
	_cleanup_surge_ struct surge surge = {0};
	_cleanup_capsules_ struct nvb_project_capsules capsules = {0};
	_cleanup_free_ bool *which = NULL;
	int rc = surge_open(&surge, true, err);

	if (rc == 0)
		rc = nvb_project_capsules_read(&surge.state, &surge.file, &capsules, err);
	if (rc == 0)
		rc = surge_choose(&surge, &capsules, argc, argv, &which, err);
	return rc < 0 ? rc : print(&capsules, which, err);
}
