/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "cli/output.h"
#include "engine/check.h"
#include "runtime_verbs.h"

enum { NONE = -1 };

static struct {
	int runtime, format;
	const char *config, *name;
} opt = {.runtime = NONE, .format = NVB_FORMAT_TABLE, .name = "nvbind"};

const struct nvb_option nvbind_runtime_check_options[] = {
	{"runtime", 0, NVB_OPTION_CHOICE("ENGINE", engine_choices, &opt.runtime),
		"look at this engine alone"},
	{"config", 0, NVB_OPTION_STRING("FILE", &opt.config),
		"the engine's configuration, in place of its usual one"},
	{"name", 0, NVB_OPTION_STRING("NAME", &opt.name), "the runtime's name for the engine (nvbind)"},
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvb_format_choices, &opt.format), "how to print findings"},
	{NULL},
};

static const enum nvb_style styles[] = {
	[ENGINE_GOOD] = NVB_STYLE_GREEN,
	[ENGINE_NOTE] = NVB_STYLE_NONE,
	[ENGINE_PROBLEM] = NVB_STYLE_RED,
};

static void add_rows(struct nvb_table *table, const struct engine *engine, const struct engine_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		const struct engine_finding *finding = &report->findings[i];
		_cleanup_strbuf_ struct nvb_strbuf text = {0};

		nvb_sb_add_visible(&text, finding->text);
		if (finding->hint) {
			nvb_sb_add(&text, " (");
			nvb_sb_add_visible(&text, finding->hint);
			nvb_sb_addc(&text, ')');
		}
		nvb_table_cell(table, engine->name);
		nvb_table_cell(table, engine_status_names[finding->status]);
		nvb_table_style(table, styles[finding->status]);
		nvb_table_cell(table, text.s);
		table->failed = table->failed || text.failed;
	}
}

static void add_json(
	struct nvb_strbuf *out, const struct engine *engine, const struct engine_report *report, bool first)
{
	nvb_sb_addf(out, "%s\n  {\"engine\": \"%s\", \"good\": %s, \"findings\": [", first ? "" : ",",
		engine->name, report->problems ? "false" : "true");
	for (size_t i = 0; i < report->count; i++) {
		const struct engine_finding *finding = &report->findings[i];

		nvb_sb_addf(out, "%s\n    {\"status\": \"%s\", \"finding\": ", i ? "," : "",
			engine_status_names[finding->status]);
		nvb_sb_add_json(out, finding->text);
		nvb_sb_add(out, ", \"hint\": ");
		if (finding->hint)
			nvb_sb_add_json(out, finding->hint);
		else
			nvb_sb_add(out, "null");
		nvb_sb_addc(out, '}');
	}
	nvb_sb_add(out, "]}");
}

/* What all engines together came to. */
struct summary {
	struct nvb_table table;
	struct nvb_strbuf json;
	size_t engines, problems;
};

static int check_one(struct summary *summary, const struct engine *engine, nvb_error **err)
{
	_cleanup_engine_report_ struct engine_report report = {0};
	const struct engine_check check = {engine, opt.config, opt.name, &report};
	int rc = engine_check(&check, err);

	if (rc < 0)
		return rc;
	add_rows(&summary->table, engine, &report);
	add_json(&summary->json, engine, &report, summary->engines == 0);
	summary->engines++;
	summary->problems += report.problems;
	return 0;
}

static int print(struct summary *summary, nvb_error **err)
{
	if (opt.format == NVB_FORMAT_TABLE)
		return nvb_table_print(&summary->table, stdout, err);
	nvb_sb_add(&summary->json, "\n]\n");
	if (summary->json.failed)
		return nvb_fail_oom(err);
	return nvb_stdout_write(summary->json.s, summary->json.len, err);
}

int nvbind_runtime_check(int argc, char **argv, nvb_error **err)
{
	static const struct nvb_column columns[] = {{"ENGINE"}, {"STATUS"}, {"FINDING"}, {NULL}};
	struct summary summary = {.table = {.columns = columns}};
	int rc = 0;

	(void)argc;
	(void)argv;
	if (opt.config && opt.runtime == NONE)
		return nvb_usage(err, "--config: whose? --runtime names the engine");
	nvb_sb_addc(&summary.json, '[');
	for (size_t i = 0; rc == 0 && i < engine_count; i++)
		if (opt.runtime == NONE ? engine_is_here(&engines[i]) : (int)engines[i].id == opt.runtime)
			rc = check_one(&summary, &engines[i], err);
	if (rc == 0 && !summary.engines)
		rc = nvb_fail(err, NVB_ERR_NOT_FOUND,
			"no container engine is here: neither dockerd, podman, containerd nor crio");
	if (rc == 0)
		rc = print(&summary, err);
	nvb_table_release(&summary.table);
	nvb_sb_release(&summary.json);
	return rc < 0 ? rc : summary.problems ? 1 : 0;
}
