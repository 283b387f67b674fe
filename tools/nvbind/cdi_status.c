/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "cdi_examine.h"
#include "cdi_verbs.h"
#include "cli/output.h"

/* nvbind cdi status: which specs fit this host still, and why the others do not. */

static int format = NVB_FORMAT_TABLE;

const struct nvb_option nvbind_cdi_status_options[] = {
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvb_format_choices, &format), "table or json"},
	{NULL},
};

/* Findings of one kind that are printed for people. Another driver has other files: their number says enough.
 */
static size_t shown_of(const struct nvb_cdi_findings *findings, enum nvb_cdi_stale kind)
{
	return findings->by_kind[NVB_CDI_STALE_DRIVER] &&
			       (kind == NVB_CDI_STALE_GONE || kind == NVB_CDI_STALE_NEW)
		       ? 0
		       : 3;
}

static void add_rest(struct nvb_strbuf *out, enum nvb_cdi_stale kind, size_t shown, size_t rest)
{
	if (shown)
		nvb_sb_addf(out, "    and %zu more of that kind\n", rest);
	else
		nvb_sb_addf(out, "    %zu file%s %s\n", rest, rest == 1 ? "" : "s",
			kind == NVB_CDI_STALE_GONE ? "gone" : "not in the spec");
}

static enum nvb_style style_of(enum cdi_state state)
{
	return state == CDI_FRESH ? NVB_STYLE_GREEN : state == CDI_HIDDEN ? NVB_STYLE_YELLOW : NVB_STYLE_RED;
}

static void add_advice(struct nvb_strbuf *out, const struct cdi_file *file)
{
	if (file->state == CDI_FRESH || file->state == CDI_HIDDEN)
		return;
	if (file->state == CDI_CONFLICT)
		nvb_sb_add(out, "    remove one of the specs\n");
	else if (file->line && !file->why_not)
		nvb_sb_addf(out, "    'nvbind cdi refresh' makes it again%s\n",
			file->findings.by_kind[NVB_CDI_STALE_UNMADE] ? " once it can be" : "");
	else if (file->why_not)
		nvb_sb_addf(out, "    'nvbind cdi refresh' leaves it alone: %s\n", file->why_not);
	else if (file->source)
		nvb_sb_addf(out, "    it was made by %s: make it again with that\n", file->made_by);
}

static void add_file(struct nvb_strbuf *out, const struct cdi_file *file)
{
	const struct nvb_cdi_findings *f = &file->findings;
	size_t same = 0;

	nvb_sb_add_visible(out, file->path);
	nvb_sb_addf(out, ": %s%s%s", nvb_style_on(stdout, style_of(file->state)), cdi_state_name(file->state),
		nvb_style_off(stdout));
	if (file->source) {
		size_t devices = file->source->spec.device_count;

		nvb_sb_add(out, " (");
		nvb_sb_add_visible(out, file->source->spec.kind);
		nvb_sb_addf(
			out, ", %zu device%s, made by %s)", devices, devices == 1 ? "" : "s", file->made_by);
	}
	nvb_sb_addc(out, '\n');
	for (size_t i = 0; i < f->count; i++) {
		bool last = i + 1 == f->count || f->items[i + 1].kind != f->items[i].kind;

		size_t shown = shown_of(f, f->items[i].kind);

		same = i && f->items[i - 1].kind == f->items[i].kind ? same + 1 : 0;
		if (same < shown) {
			nvb_sb_add(out, "    ");
			nvb_sb_add_visible(out, f->items[i].message);
			nvb_sb_addc(out, '\n');
		} else if (last) {
			add_rest(out, f->items[i].kind, shown, same + 1 - shown);
		}
	}
	add_advice(out, file);
}

static void member(struct nvb_strbuf *out, const char *name, const char *value)
{
	nvb_sb_addf(out, ", \"%s\": ", name);
	if (value)
		nvb_sb_add_json(out, value);
	else
		nvb_sb_add(out, "null");
}

static void add_json(struct nvb_strbuf *out, const struct cdi_file *file)
{
	nvb_sb_add(out, out->len > 1 ? ",\n  {\"spec\": " : "\n  {\"spec\": ");
	nvb_sb_add_json(out, file->path);
	member(out, "state", cdi_state_name(file->state));
	member(out, "kind", file->source ? file->source->spec.kind : NULL);
	if (file->source)
		nvb_sb_addf(out, ", \"devices\": %zu", file->source->spec.device_count);
	else
		nvb_sb_add(out, ", \"devices\": null");
	member(out, "made_by", file->made_by);
	member(out, "recipe", file->line);
	nvb_sb_addf(out, ", \"refreshable\": %s", file->line && !file->why_not ? "true" : "false");
	member(out, "not_refreshable", file->why_not);
	nvb_sb_add(out, ",\n    \"findings\": [");
	for (size_t i = 0; i < file->findings.count; i++) {
		const struct nvb_cdi_finding *finding = &file->findings.items[i];

		nvb_sb_add(out, i ? ",\n      {\"reason\": " : "\n      {\"reason\": ");
		nvb_sb_add_json(out, nvb_cdi_stale_name(finding->kind));
		member(out, "subject", finding->subject);
		member(out, "message", finding->message);
		nvb_sb_addc(out, '}');
	}
	nvb_sb_add(out, file->findings.count ? "\n    ]}" : "]}");
}

int nvbind_cdi_status(int argc, char **argv, nvb_error **err)
{
	_cleanup_examination_ struct cdi_examination x = {0};
	_cleanup_strbuf_ struct nvb_strbuf out = {0};
	bool json = format == NVB_FORMAT_JSON, wrong = false;
	int rc = cdi_examine(&x, err);

	(void)argc;
	(void)argv;
	if (rc < 0)
		return rc;
	nvbind_cdi_say_if_none(&x.registry);
	nvb_sb_add(&out, json ? "[" : "");
	for (size_t i = 0; i < x.count; i++) {
		wrong |= x.files[i].state > CDI_HIDDEN;
		if (json)
			add_json(&out, &x.files[i]);
		else
			add_file(&out, &x.files[i]);
	}
	nvb_sb_add(&out, !json ? "" : x.count ? "\n]\n" : "]\n");
	if (out.failed)
		return nvb_fail_oom(err);
	rc = nvb_stdout_write(out.s, out.len, err);
	return rc < 0 ? rc : wrong;
}
