/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/str.h"
#include "cli/output.h"
#include "verb.h"

static const enum nvb_style styles[] = {
	[NVB_DOCTOR_FINE] = NVB_STYLE_GREEN,
	[NVB_DOCTOR_NOTE] = NVB_STYLE_BOLD,
	[NVB_DOCTOR_WARNING] = NVB_STYLE_YELLOW,
	[NVB_DOCTOR_FAILURE] = NVB_STYLE_RED,
	[NVB_DOCTOR_BLIND] = NVB_STYLE_DIM,
	[NVB_DOCTOR_ABSENT] = NVB_STYLE_DIM,
	[NVB_DOCTOR_HIDDEN] = NVB_STYLE_DIM,
};

enum { STATUSES = NVB_DOCTOR_HIDDEN + 1 };

static void count(const struct nvb_doctor *doctor, size_t by_status[static STATUSES])
{
	size_t n;
	const struct nvb_doctor_finding *findings = nvb_doctor_findings(doctor, &n);

	for (int i = 0; i < STATUSES; i++)
		by_status[i] = 0;
	for (size_t i = 0; i < n; i++)
		by_status[findings[i].status]++;
}

int doctor_status(const struct nvb_doctor *doctor)
{
	size_t by_status[STATUSES];

	count(doctor, by_status);
	return by_status[NVB_DOCTOR_FAILURE] ? 2 : by_status[NVB_DOCTOR_WARNING] ? 1 : 0;
}

static void line(struct nvb_strbuf *out, const char *name, const char *text)
{
	if (!text)
		return;
	nvb_sb_addf(out, "    %-11s", name);
	nvb_sb_add_visible(out, text);
	nvb_sb_addc(out, '\n');
}

static void add_finding(struct nvb_strbuf *out, const struct nvb_doctor_finding *f)
{
	nvb_sb_addf(out, "%s%-14s%s %s", nvb_style_on(stdout, styles[f->status]),
		nvb_doctor_status_name(f->status), nvb_style_off(stdout), f->check->id);
	switch (f->status) {
	case NVB_DOCTOR_FINE:
		nvb_sb_addf(out, "  %s\n", f->check->title);
		return;
	case NVB_DOCTOR_ABSENT:
		nvb_sb_addc(out, '\n');
		return;
	case NVB_DOCTOR_HIDDEN:
		nvb_sb_addf(out, "  from %s\n", f->because);
		return;
	default:
		nvb_sb_addc(out, '\n');
	}
	line(out, "cause:", f->cause);
	line(out, "looked at:", f->looked_at);
	line(out, "mends it:", f->command);
}

static bool is_shown(enum nvb_doctor_status status, bool all)
{
	if (status == NVB_DOCTOR_BLIND)
		return false; /* these come last, together */
	return all || status == NVB_DOCTOR_NOTE || status == NVB_DOCTOR_WARNING ||
	       status == NVB_DOCTOR_FAILURE;
}

/* What could not be looked at: the ids that have one reason stand together. */
static void add_blind(struct nvb_strbuf *out, const struct nvb_doctor_finding *findings, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool before = false;

		if (findings[i].status != NVB_DOCTOR_BLIND)
			continue;
		for (size_t j = 0; j < i; j++)
			before |= findings[j].status == NVB_DOCTOR_BLIND &&
				  nvb_streq(findings[j].cause, findings[i].cause);
		if (before)
			continue;
		nvb_sb_addf(out, "%s%s%s  %s", nvb_style_on(stdout, styles[NVB_DOCTOR_BLIND]),
			nvb_doctor_status_name(NVB_DOCTOR_BLIND), nvb_style_off(stdout),
			findings[i].check->id);
		for (size_t j = i + 1; j < n; j++)
			if (findings[j].status == NVB_DOCTOR_BLIND &&
				nvb_streq(findings[j].cause, findings[i].cause))
				nvb_sb_addf(out, ", %s", findings[j].check->id);
		nvb_sb_addc(out, '\n');
		line(out, "because:", findings[i].cause);
	}
}

static const char *s(size_t n)
{
	return n == 1 ? "" : "s";
}

void doctor_print(struct nvb_strbuf *out, const struct nvb_doctor *doctor, bool all)
{
	size_t n, by_status[STATUSES], safe = 0;
	const struct nvb_doctor_finding *findings = nvb_doctor_findings(doctor, &n);

	count(doctor, by_status);
	for (size_t i = 0; i < n; i++) {
		if (is_shown(findings[i].status, all))
			add_finding(out, &findings[i]);
		safe += findings[i].safe;
	}
	add_blind(out, findings, n);
	nvb_sb_addf(out, "%zu check%s: %zu fine", n, s(n), by_status[NVB_DOCTOR_FINE]);
	for (int i = NVB_DOCTOR_NOTE; i < STATUSES; i++)
		if (by_status[i])
			nvb_sb_addf(out, ", %zu %s%s", by_status[i],
				nvb_doctor_status_name((enum nvb_doctor_status)i),
				i <= NVB_DOCTOR_FAILURE ? s(by_status[i]) : "");
	nvb_sb_addc(out, '\n');
	if (safe)
		nvb_sb_addf(out, "--fix mends %zu of these, after asking\n", safe);
}

/* --- JSON --- */

static void member(struct nvb_strbuf *out, const char *name, const char *value)
{
	nvb_sb_addf(out, ", \"%s\": ", name);
	if (value)
		nvb_sb_add_json(out, value);
	else
		nvb_sb_add(out, "null");
}

void doctor_print_json(struct nvb_strbuf *out, const struct nvb_doctor *doctor)
{
	static const char *const verdicts[] = {"fine", "warnings", "failures"};
	size_t n, by_status[STATUSES];
	const struct nvb_doctor_finding *findings = nvb_doctor_findings(doctor, &n);

	count(doctor, by_status);
	nvb_sb_addf(out, "{\n  \"status\": \"%s\",\n  \"counts\": {", verdicts[doctor_status(doctor)]);
	for (int i = 0; i < STATUSES; i++)
		nvb_sb_addf(out, "%s\"%s\": %zu", i ? ", " : "",
			nvb_doctor_status_name((enum nvb_doctor_status)i), by_status[i]);
	nvb_sb_add(out, "},\n  \"checks\": [");
	for (size_t i = 0; i < n; i++) {
		const struct nvb_doctor_finding *f = &findings[i];

		nvb_sb_addf(out, "%s\n    {\"id\": \"%s\", \"status\": \"%s\"", i ? "," : "", f->check->id,
			nvb_doctor_status_name(f->status));
		member(out, "title", f->check->title);
		member(out, "cause", f->cause);
		member(out, "looked_at", f->looked_at);
		member(out, "command", f->command);
		member(out, "because", f->because);
		nvb_sb_addf(out, ", \"safe\": %s}", f->safe ? "true" : "false");
	}
	nvb_sb_add(out, "\n  ]\n}\n");
}

/* --- the table --- */

void doctor_print_table(struct nvb_strbuf *out, const struct nvb_doctor_options *options)
{
	for (size_t i = 0; i < nvb_doctor_check_count; i++) {
		const struct nvb_doctor_check *check = &nvb_doctor_checks[i];

		if (options->container ? nvb_doctor_applies(check, options)
				       : nvb_doctor_applies(check, options) ||
						 check->flags & NVB_DOCTOR_OF_CONTAINER)
			nvb_sb_addf(out, "%-20s %s\n", check->id, check->title);
	}
}

void doctor_print_table_json(struct nvb_strbuf *out)
{
	nvb_sb_addc(out, '[');
	for (size_t i = 0; i < nvb_doctor_check_count; i++) {
		const struct nvb_doctor_check *check = &nvb_doctor_checks[i];

		nvb_sb_addf(out, "%s\n  {\"id\": \"%s\"", i ? "," : "", check->id);
		member(out, "title", check->title);
		member(out, "looks_at", check->looks_at);
		member(out, "cause", check->cause);
		member(out, "command", check->mends);
		member(out, "after", check->after);
		nvb_sb_addf(out, ", \"safe\": %s, \"container\": %s, \"probe\": %s}",
			check->flags & NVB_DOCTOR_SAFE ? "true" : "false",
			check->flags & NVB_DOCTOR_OF_CONTAINER ? "true" : "false",
			check->flags & NVB_DOCTOR_PROBES ? "true" : "false");
	}
	nvb_sb_add(out, "\n]\n");
}
