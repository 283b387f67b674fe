/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <time.h>

#include "base/str.h"
#include "capsule/capsules.h"
#include "capsule/rootless.h"
#include "cli/logging.h"
#include "cli/output.h"
#include "verbs.h"

/* bolt capsule: what runs, and what was kept. */

static int format = NVB_FORMAT_TABLE;

static const struct nvb_option ps_options[] = {
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvb_format_choices, &format), "table or json"},
	{NULL},
};
const struct nvb_option_group capsule_ps_groups[] = {{"Options", ps_options}, {NULL}};

static void describe(const struct nvb_capsule_info *capsule, char *text, size_t size)
{
	if (capsule->running)
		snprintf(text, size, "running");
	else if (capsule->status < 0)
		snprintf(text, size, "ended");
	else
		snprintf(text, size, "ended with %d", capsule->status);
}

static int print_table(const struct nvb_capsule_info *list, size_t count, nvb_error **err)
{
	static const struct nvb_column columns[] = {
		{"ID"}, {"NAME"}, {"IMAGE"}, {"CREATED"}, {"STATE"}, {NULL}};
	_cleanup_table_ struct nvb_table table = {.columns = columns};
	int rc;

	for (size_t i = 0; i < count; i++) {
		time_t created = (time_t)list[i].created;
		char when[32] = "", state[32];
		struct tm local;

		if (created && localtime_r(&created, &local))
			strftime(when, sizeof(when), "%F %T", &local);
		describe(&list[i], state, sizeof(state));
		nvb_table_cellf(&table, "%.12s", list[i].id);
		nvb_table_cell(&table, list[i].name);
		nvb_table_cell(&table, list[i].image);
		nvb_table_cell(&table, when);
		nvb_table_cell(&table, state);
	}
	rc = nvb_table_print(&table, stdout, err);
	return rc < 0 ? rc : nvb_stdout_flush(err);
}

static int print_json(const struct nvb_capsule_info *list, size_t count, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf out = {0};

	for (size_t i = 0; i < count; i++) {
		nvb_sb_addf(&out, "%s\n  {\"id\": \"%s\", \"name\": ", i ? "," : "[", list[i].id);
		list[i].name ? nvb_sb_add_json(&out, list[i].name) : nvb_sb_add(&out, "null");
		nvb_sb_add(&out, ", \"image\": ");
		list[i].image ? nvb_sb_add_json(&out, list[i].image) : nvb_sb_add(&out, "null");
		nvb_sb_addf(&out, ", \"created\": %lld, \"running\": %s, \"status\": ", list[i].created,
			list[i].running ? "true" : "false");
		if (list[i].running || list[i].status < 0)
			nvb_sb_add(&out, "null}");
		else
			nvb_sb_addf(&out, "%d}", list[i].status);
	}
	nvb_sb_add(&out, count ? "\n]\n" : "[]\n");
	if (out.failed)
		return nvb_fail_oom(err);
	fputs(out.s, stdout);
	return nvb_stdout_flush(err);
}

int capsule_ps(int argc, char **argv, nvb_error **err)
{
	_cleanup_state_ struct nvb_state state = {0};
	struct nvb_capsule_info *list = NULL;
	size_t count = 0;
	int rc = nvb_state_open(&state, err);

	(void)argc;
	(void)argv;
	if (rc == 0)
		rc = nvb_capsules_list(&state, &list, &count, err);
	if (rc == 0)
		rc = format == NVB_FORMAT_JSON ? print_json(list, count, err) : print_table(list, count, err);
	nvb_capsules_free(list, count);
	return rc;
}

int capsule_rm(int argc, char **argv, nvb_error **err)
{
	_cleanup_state_ struct nvb_state state = {0};
	_cleanup_free_ char *narrow = NULL;
	int rc = nvb_state_open(&state, err);

	/* Files of other ids than the user's own can only be removed there. */
	if (rc == 0 && state.rootless)
		rc = nvb_rootless_enter(&state, &narrow, nvb_logging(), err);
	for (int i = 0; rc == 0 && i < argc; i++)
		rc = nvb_capsules_remove(&state, argv[i], err);
	return rc;
}
