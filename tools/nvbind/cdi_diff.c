/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "base/file.h"
#include "base/str.h"
#include "cdi/diff.h"
#include "cdi/read.h"
#include "cdi_make.h"
#include "cdi_verbs.h"
#include "cli/logging.h"
#include "cli/output.h"

/* nvbind cdi diff: what two specs say differently. */

static int format = NVB_FORMAT_TABLE;

const struct nvb_option nvbind_cdi_diff_options[] = {
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvb_format_choices, &format), "table or json"},
	{NULL},
};

/* A spec from a file, or one that was made now. */
struct side {
	const char *name;
	struct nvb_cdi_spec read;
	struct nvb_cdi_recipe recipe; /* of a file that has one that can be read */
	bool has_recipe;
	struct cdi_made made;
};

static void release_side(struct side *side)
{
	nvb_cdi_spec_release(&side->read);
	nvb_cdi_recipe_release(&side->recipe);
	cdi_made_release(&side->made);
}

static const struct nvb_cdi_spec *spec_of(const struct side *side)
{
	return side->made.line ? &side->made.spec : &side->read;
}

static int read_side(struct side *side, nvb_error **err)
{
	_cleanup_free_ char *data = NULL, *line = NULL;
	size_t size;
	int rc = nvb_file_read(AT_FDCWD, side->name, NVB_CDI_SIZE_MAX, &data, &size, err);

	if (rc == 0)
		rc = nvb_cdi_parse(&side->read, data, size, nvb_cdi_format_of(side->name), side->name, err);
	if (rc == 0)
		rc = nvb_cdi_recipe_find(&side->read, data, &line, err);
	side->has_recipe = rc == 0 && line && nvb_cdi_recipe_parse(&side->recipe, line, NULL) == 0;
	return rc;
}

/* As the other side was made, where it says so, else as generate does without options. */
static int make_side(struct side *side, const struct side *other, struct cdi_hosts *hosts, nvb_error **err)
{
	int rc = other->has_recipe ? 0 : cdi_recipe_take_roots(&side->recipe, err);

	if (rc == 0)
		rc = cdi_make(&side->made, hosts, other->has_recipe ? &other->recipe : &side->recipe,
			nvb_cdi_format_of(other->name), false, err);
	return rc;
}

static void add_text(struct nvb_strbuf *out, const struct nvb_cdi_change *change)
{
	_cleanup_strbuf_ struct nvb_strbuf line = {0};
	char sign = change->before && change->after ? '~' : change->before ? '-' : '+';
	enum nvb_style style = sign == '-' ? NVB_STYLE_RED : sign == '+' ? NVB_STYLE_GREEN : NVB_STYLE_YELLOW;

	nvb_cdi_change_describe(&line, change);
	out->failed |= line.failed;
	nvb_sb_addf(out, "%s%c ", nvb_style_on(stdout, style), sign);
	nvb_sb_add_visible(out, line.s ? line.s : "");
	nvb_sb_addf(out, "%s\n", nvb_style_off(stdout));
}

static void member(struct nvb_strbuf *out, const char *name, const char *value, bool first)
{
	nvb_sb_addf(out, "%s\"%s\": ", first ? "" : ", ", name);
	if (value)
		nvb_sb_add_json(out, value);
	else
		nvb_sb_add(out, "null");
}

static void add_json(struct nvb_strbuf *out, const struct nvb_cdi_change *change, bool first)
{
	nvb_sb_add(out, first ? "\n  {" : ",\n  {");
	member(out, "device", change->device, true);
	member(out, "part", change->part, false);
	member(out, "subject", change->subject, false);
	member(out, "field", change->field, false);
	member(out, "before", change->before, false);
	member(out, "after", change->after, false);
	nvb_sb_addc(out, '}');
}

static int print(const struct nvb_cdi_diff *diff, const struct side sides[2], nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf out = {0};
	bool json = format == NVB_FORMAT_JSON;

	nvb_sb_add(&out, json ? "[" : "");
	for (size_t i = 0; !json && diff->count && i < 2; i++) {
		nvb_sb_add(&out, i ? "+++ " : "--- ");
		nvb_sb_add_visible(&out, nvb_streq(sides[i].name, "-") ? "made now" : sides[i].name);
		nvb_sb_addc(&out, '\n');
	}
	for (size_t i = 0; i < diff->count; i++) {
		if (json)
			add_json(&out, &diff->changes[i], i == 0);
		else
			add_text(&out, &diff->changes[i]);
	}
	nvb_sb_add(&out, !json ? "" : diff->count ? "\n]\n" : "]\n");
	if (out.failed)
		return nvb_fail_oom(err);
	return nvb_stdout_write(out.s, out.len, err);
}

static int compare(struct side sides[2], nvb_error **err)
{
	_cleanup_hosts_ struct cdi_hosts hosts = {.log = nvb_logging()};
	_cleanup_cdi_diff_ struct nvb_cdi_diff diff = {0};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < 2; i++)
		if (!nvb_streq(sides[i].name, "-"))
			rc = read_side(&sides[i], err);
	for (size_t i = 0; rc == 0 && i < 2; i++)
		if (nvb_streq(sides[i].name, "-"))
			rc = make_side(&sides[i], &sides[!i], &hosts, err);
	if (rc == 0)
		rc = nvb_cdi_diff(&diff, spec_of(&sides[0]), spec_of(&sides[1]), err);
	if (rc == 0)
		rc = print(&diff, sides, err);
	return rc < 0 ? rc : diff.count > 0;
}

int nvbind_cdi_diff(int argc, char **argv, nvb_error **err)
{
	struct side sides[2] = {{.name = argv[0]}, {.name = argv[1]}};
	int rc;

	(void)argc;
	if (nvb_streq(argv[0], "-") && nvb_streq(argv[1], "-"))
		return nvb_usage(
			err, "'-' is the spec that would be made now: give a file to compare it with");
	rc = compare(sides, err);
	release_side(&sides[0]);
	release_side(&sides[1]);
	return rc;
}
