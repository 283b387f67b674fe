/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "base/file.h"
#include "base/str.h"
#include "cdi/read.h"
#include "cdi_verbs.h"
#include "cli/output.h"

static int format = NVB_FORMAT_TABLE;

const struct nvb_option nvbind_cdi_validate_options[] = {
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvb_format_choices, &format), "how to print problems"},
	{NULL},
};

struct checker {
	struct nvb_strbuf json;
	size_t files, errors;
};

static void json_member(struct nvb_strbuf *out, const char *name, const char *value)
{
	nvb_sb_addf(out, ", \"%s\": ", name);
	if (value)
		nvb_sb_add_json(out, value);
	else
		nvb_sb_add(out, "null");
}

static void json_problem(struct nvb_strbuf *out, bool first, const char *severity, unsigned line,
	const char *path, const char *rule, const char *source, const char *message, const char *hint)
{
	nvb_sb_add(out, first ? "\n      {" : ",\n      {");
	nvb_sb_addf(out, "\"severity\": \"%s\"", severity);
	if (line)
		nvb_sb_addf(out, ", \"line\": %u", line);
	else
		nvb_sb_add(out, ", \"line\": null");
	json_member(out, "path", path);
	json_member(out, "rule", rule);
	json_member(out, "source", source);
	json_member(out, "message", message);
	json_member(out, "hint", hint);
	nvb_sb_addc(out, '}');
}

/* One line on stderr; what came out of the file is escaped. */
static void print_line(const char *severity, const char *text, const char *rule, const char *hint)
{
	_cleanup_strbuf_ struct nvb_strbuf line = {0};

	nvb_sb_add_visible(&line, text);
	nvb_sb_addf(&line, " [%s%s]", severity, rule);
	if (hint) {
		nvb_sb_add(&line, " (");
		nvb_sb_add_visible(&line, hint);
		nvb_sb_addc(&line, ')');
	}
	if (!line.failed)
		fprintf(stderr, "%s\n", line.s);
}

static void report_problems(struct checker *c, const struct nvb_cdi_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		const struct nvb_cdi_problem *p = &report->problems[i];
		const struct nvb_cdi_rule_info *rule = nvb_cdi_rule_info(p->rule);
		_cleanup_free_ char *text = nvb_cdi_problem_text(p);

		if (format == NVB_FORMAT_JSON)
			json_problem(&c->json, i == 0, rule->warning ? "warning" : "error", p->line, p->path,
				rule->id, rule->source, p->message, p->hint);
		else if (text)
			print_line(rule->warning ? "warning: " : "", text, rule->id, p->hint);
	}
	if (report->errors + report->warnings > report->count && format == NVB_FORMAT_TABLE)
		fprintf(stderr, "and %zu problems more\n", report->errors + report->warnings - report->count);
}

/* What could not be read, or is no YAML or JSON. */
static void report_failure(struct checker *c, const nvb_error *failure)
{
	const char *rule = nvb_error_code(failure) == NVB_ERR_CORRUPT ? "document" : "file";

	if (format == NVB_FORMAT_JSON)
		json_problem(&c->json, true, "error", 0, NULL, rule, NULL, nvb_error_message(failure),
			nvb_error_hint(failure));
	else
		print_line("", nvb_error_message(failure), rule, nvb_error_hint(failure));
}

static void print_good(const char *path, const struct nvb_cdi_spec *spec)
{
	_cleanup_strbuf_ struct nvb_strbuf line = {0};

	nvb_sb_add_visible(&line, path);
	nvb_sb_addf(&line, ": good: CDI %s, %s, %zu device%s", spec->version, spec->kind, spec->device_count,
		spec->device_count == 1 ? "" : "s");
	if (!line.failed)
		puts(line.s);
}

static int check_file(struct checker *c, const char *path, nvb_error **err)
{
	_cleanup_cdi_report_ struct nvb_cdi_report report = {0};
	_cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
	_cleanup_error_ nvb_error *failure = NULL;
	_cleanup_free_ char *data = NULL;
	size_t size;
	int rc = nvb_file_read(AT_FDCWD, path, NVB_CDI_SIZE_MAX, &data, &size, &failure);

	if (rc == 0)
		rc = nvb_cdi_check(&spec, data, size, nvb_cdi_format_of(path), path, &report, &failure);
	if (rc == -NVB_ERR_NO_MEMORY)
		return nvb_fail_oom(err);
	nvb_sb_add(&c->json, c->files++ ? ",\n  {\"file\": " : "\n  {\"file\": ");
	nvb_sb_add_json(&c->json, path);
	nvb_sb_addf(&c->json, ", \"valid\": %s,\n    \"problems\": [",
		rc == 0 && !report.errors ? "true" : "false");
	if (rc < 0)
		report_failure(c, failure);
	else
		report_problems(c, &report);
	nvb_sb_add(&c->json, "]}");
	c->errors += rc < 0 ? 1 : report.errors;
	if (rc == 0 && !report.errors && format == NVB_FORMAT_TABLE)
		print_good(path, &spec);
	return 0;
}

/* All specs of this host, those that could not be read first. */
static int check_host(struct checker *c, nvb_error **err)
{
	_cleanup_cdi_registry_ struct nvb_cdi_registry registry = {0};
	int rc = nvbind_cdi_load(&registry, NULL, err);

	if (rc == 0)
		nvbind_cdi_say_if_none(&registry);
	for (size_t i = 0; rc == 0 && i < registry.fault_count; i++)
		rc = check_file(c, registry.faults[i].path, err);
	for (size_t i = 0; rc == 0 && i < registry.source_count; i++)
		rc = check_file(c, registry.sources[i].path, err);
	for (size_t i = 0; rc == 0 && i < registry.entry_count; i++) {
		const struct nvb_cdi_entry *e = &registry.entries[i];

		if (!e->rival)
			continue;
		c->errors++;
		nvb_report_warning("nvbind", "%s stands in two specs and cannot be used: %s and %s", e->name,
			e->source->path, e->rival->path);
	}
	return rc;
}

int nvbind_cdi_validate(int argc, char **argv, nvb_error **err)
{
	struct checker c = {0};
	int rc = 0;

	for (int i = 0; rc == 0 && i < argc; i++)
		rc = check_file(&c, argv[i], err);
	if (!argc)
		rc = check_host(&c, err);
	if (rc == 0 && format == NVB_FORMAT_JSON) {
		nvb_sb_add(&c.json, c.files ? "\n]\n" : "]\n");
		if (c.json.failed)
			rc = nvb_fail_oom(err);
		else
			printf("[%s", c.json.s);
	}
	nvb_sb_release(&c.json);
	if (rc == 0)
		rc = nvb_stdout_flush(err);
	return rc < 0 ? rc : c.errors ? 1 : 0;
}
