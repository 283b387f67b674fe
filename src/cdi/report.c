/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi/report.h"

#include <stdarg.h>

#include "base/str.h"

#define SCHEMA "the JSON schema of CDI"
#define SPEC   "the CDI specification 1.1.0, "

/* clang-format off */
static const struct nvb_cdi_rule_info rules[NVB_CDI_RULES] = {
	[NVB_CDI_RULE_TYPE] = {"schema.type", SCHEMA, false},
	[NVB_CDI_RULE_REQUIRED] = {"schema.required", SCHEMA, false},
	[NVB_CDI_RULE_UNKNOWN] = {"schema.unknown-field", SPEC "Released versions (loading fails on unknown fields)", false},
	[NVB_CDI_RULE_RANGE] = {"schema.range", SCHEMA, false},
	[NVB_CDI_RULE_VERSION] = {"version.released", SPEC "Specification version", false},
	[NVB_CDI_RULE_VERSION_FIELD] = {"version.too-low", SPEC "Released versions", false},
	[NVB_CDI_RULE_VERSION_PREFIX] = {"version.semver", SPEC "Specification version", true},
	[NVB_CDI_RULE_KIND] = {"kind.syntax", SPEC "Kind", false},
	[NVB_CDI_RULE_KIND_LABEL] = {"kind.label", SPEC "Kind", true},
	[NVB_CDI_RULE_ANNOTATION] = {"annotation.key", "the reference implementation, which has the rule (a Kubernetes qualified name) and never gets to it", true},
	[NVB_CDI_RULE_NO_DEVICES] = {"devices.empty", SPEC "CDI Devices", false},
	[NVB_CDI_RULE_DEVICE_NAME] = {"device.name", SPEC "CDI Devices", false},
	[NVB_CDI_RULE_DEVICE_DUPLICATE] = {"device.duplicate", "the reference implementation", false},
	[NVB_CDI_RULE_DEVICE_EMPTY] = {"device.empty-edits", "the reference implementation", false},
	[NVB_CDI_RULE_ENV] = {"env.syntax", SPEC "OCI Edits: env", false},
	[NVB_CDI_RULE_NODE_PATH] = {"device-node.path", SPEC "OCI Edits: deviceNodes", false},
	[NVB_CDI_RULE_NODE_TYPE] = {"device-node.type", SPEC "OCI Edits: deviceNodes", false},
	[NVB_CDI_RULE_NODE_PERMISSIONS] = {"device-node.permissions", SPEC "OCI Edits: deviceNodes", false},
	[NVB_CDI_RULE_NODE_NUMBER] = {"device-node.number", "mknod(2)", false},
	[NVB_CDI_RULE_NODE_MODE] = {"device-node.file-mode", "mknod(2)", false},
	[NVB_CDI_RULE_NET_NAME] = {"net-device.name", "the reference implementation", false},
	[NVB_CDI_RULE_NET_DUPLICATE] = {"net-device.duplicate", "the reference implementation", false},
	[NVB_CDI_RULE_HOOK_NAME] = {"hook.name", SPEC "OCI Edits: hooks", false},
	[NVB_CDI_RULE_HOOK_PATH] = {"hook.path", SPEC "OCI Edits: hooks", false},
	[NVB_CDI_RULE_HOOK_TIMEOUT] = {"hook.timeout", SPEC "OCI Edits: hooks", false},
	[NVB_CDI_RULE_MOUNT_PATH] = {"mount.path", SPEC "OCI Edits: mounts", false},
	[NVB_CDI_RULE_RDT_CLOS] = {"intel-rdt.clos-id", "the reference implementation", false},
};
/* clang-format on */

const struct nvb_cdi_rule_info *nvb_cdi_rule_info(enum nvb_cdi_rule rule)
{
	return &rules[rule];
}

void nvb_cdi_report_release(struct nvb_cdi_report *report)
{
	free(report->problems);
	nvb_arena_release(&report->arena);
	*report = (struct nvb_cdi_report){0};
}

static const char *__attribute__((format(printf, 2, 0)))
format(struct nvb_cdi_report *report, const char *fmt, va_list ap)
{
	_cleanup_free_ char *text = NULL;
	const char *kept;

	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	kept = text ? nvb_arena_strdup(&report->arena, text) : NULL;
	if (!kept)
		report->no_memory = true;
	return kept;
}

static const char *place(struct nvb_cdi_report *report, const struct nvb_cdi_node *at, const char *field)
{
	const char *path = nvb_cdi_node_path(&report->arena, at);

	if (path && field)
		path = nvb_arena_printf(&report->arena, "%s%s%s", path, *path ? "." : "", field);
	if (!path)
		report->no_memory = true;
	return path;
}

void nvb_cdi_report_add(struct nvb_cdi_report *report, const char *file, const struct nvb_cdi_node *at,
	const char *field, enum nvb_cdi_rule rule, const char *fmt, ...)
{
	struct nvb_cdi_problem problem = {.rule = rule, .file = file, .line = at ? at->line : 0};
	va_list ap;

	if (rules[rule].warning)
		report->warnings++;
	else
		report->errors++;
	if (nvb_cdi_report_full(report))
		return;
	va_start(ap, fmt);
	problem.message = format(report, fmt, ap);
	va_end(ap);
	problem.path = place(report, at, field);
	problem.file = nvb_arena_strdup(&report->arena, file);
	if (!problem.message || !problem.path || !problem.file ||
		!NVB_GROW(report->problems, report->count, report->capacity)) {
		report->no_memory = true;
		return;
	}
	report->problems[report->count++] = problem;
}

void nvb_cdi_report_hint(struct nvb_cdi_report *report, const char *fmt, ...)
{
	va_list ap;

	if (!report->count || nvb_cdi_report_full(report))
		return;
	va_start(ap, fmt);
	report->problems[report->count - 1].hint = format(report, fmt, ap);
	va_end(ap);
}

char *nvb_cdi_problem_text(const struct nvb_cdi_problem *problem)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};

	nvb_sb_add(&text, problem->file);
	if (problem->line)
		nvb_sb_addf(&text, ":%u", problem->line);
	nvb_sb_add(&text, ": ");
	if (*problem->path)
		nvb_sb_addf(&text, "%s: ", problem->path);
	nvb_sb_add(&text, problem->message);
	return nvb_sb_finish(&text);
}

int nvb_cdi_report_fail(const struct nvb_cdi_report *report, nvb_error **err)
{
	for (size_t i = 0; i < report->count; i++) {
		const struct nvb_cdi_problem *problem = &report->problems[i];
		_cleanup_free_ char *text = NULL;
		int rc;

		if (rules[problem->rule].warning)
			continue;
		text = nvb_cdi_problem_text(problem);
		if (!text)
			return nvb_fail_oom(err);
		rc = report->errors > 1
			     ? nvb_fail(err, NVB_ERR_CORRUPT, "%s (and %zu more)", text, report->errors - 1)
			     : nvb_fail(err, NVB_ERR_CORRUPT, "%s", text);
		return problem->hint ? nvb_hint(err, rc, "%s", problem->hint) : rc;
	}
	/* Errors behind warnings that filled the report, or no memory to keep one. */
	if (report->no_memory)
		return nvb_fail_oom(err);
	return report->errors ? nvb_fail(err, NVB_ERR_CORRUPT, "%zu problems", report->errors) : 0;
}
