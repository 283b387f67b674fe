/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi/emit.h"

static void newline(struct nvb_emit *emit, unsigned indent)
{
	static const char spaces[] = "                                                                ";

	nvb_sb_addc(&emit->out, '\n');
	nvb_sb_addn(&emit->out, spaces, indent < sizeof(spaces) ? indent : sizeof(spaces) - 1);
}

/* What stands before a value: separator, dash, indentation. Keys have written theirs in a map. */
static void before_value(struct nvb_emit *emit, bool scalar)
{
	struct nvb_emit_level *level = emit->depth ? &emit->levels[emit->depth - 1] : NULL;

	if (!level)
		return;
	if (!level->list) {
		if (emit->format == NVB_CDI_YAML && scalar)
			nvb_sb_addc(&emit->out, ' ');
		return;
	}
	if (emit->format == NVB_CDI_JSON) {
		if (level->used)
			nvb_sb_addc(&emit->out, ',');
		newline(emit, level->indent);
	} else {
		newline(emit, level->indent);
		nvb_sb_add(&emit->out, scalar ? "- " : "-");
	}
	level->used = true;
}

static void begin(struct nvb_emit *emit, bool list)
{
	const struct nvb_emit_level *parent = emit->depth ? &emit->levels[emit->depth - 1] : NULL;

	before_value(emit, false);
	if (emit->depth == NVB_EMIT_DEPTH) {
		emit->out.failed = true;
		return;
	}
	emit->levels[emit->depth++] =
		(struct nvb_emit_level){.list = list, .indent = parent ? parent->indent + 2 : 0};
	if (emit->format == NVB_CDI_JSON) {
		nvb_sb_addc(&emit->out, list ? '[' : '{');
		emit->levels[emit->depth - 1].indent = emit->depth * 2;
	} else {
		emit->inline_key = parent && parent->list && !list;
	}
}

void nvb_emit_map(struct nvb_emit *emit)
{
	begin(emit, false);
}

void nvb_emit_list(struct nvb_emit *emit)
{
	begin(emit, true);
}

void nvb_emit_end(struct nvb_emit *emit)
{
	struct nvb_emit_level level;

	if (!emit->depth)
		return;
	level = emit->levels[--emit->depth];
	if (emit->format == NVB_CDI_JSON) {
		if (level.used)
			newline(emit, emit->depth * 2);
		nvb_sb_addc(&emit->out, level.list ? ']' : '}');
	} else if (!level.used) {
		nvb_sb_add(&emit->out, level.list ? " []" : " {}");
	}
	emit->inline_key = false;
	if (!emit->depth)
		nvb_sb_addc(&emit->out, '\n');
}

/* True when no reader of YAML 1.1 or 1.2 can take the plain text for anything but this string. */
static bool is_plain(const char *s)
{
	static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "y", "n", "null"};
	const char *p = s;

	if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '/'))
		return false;
	for (; *p; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
			    strchr("/_-.+@=:", *p)))
			return false;
	if (p[-1] == ':') /* a key */
		return false;
	for (size_t i = 0; i < NVB_ELEMENTS(words); i++)
		if (strcasecmp(s, words[i]) == 0)
			return false;
	return true;
}

/* Length of the (well-formed) UTF-8 sequence at s, and its code point. */
static size_t decode(const char *s, uint32_t *code)
{
	const unsigned char *u = (const unsigned char *)s;

	if (u[0] < 0x80) {
		*code = u[0];
		return 1;
	}
	if (u[0] < 0xe0) {
		*code = (u[0] & 0x1fu) << 6 | (u[1] & 0x3fu);
		return 2;
	}
	if (u[0] < 0xf0) {
		*code = (u[0] & 0x0fu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu);
		return 3;
	}
	*code = (u[0] & 0x07u) << 18 | (u[1] & 0x3fu) << 12 | (u[2] & 0x3fu) << 6 | (u[3] & 0x3fu);
	return 4;
}

/* What must not stand raw in a YAML stream, or would be read as a line break (YAML 1.1, 5.1 and 5.4). */
static bool needs_escape(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029 ||
	       code == 0xfeff || code == 0xfffe || code == 0xffff;
}

/* The escapes that YAML's and JSON's double quotes have in common. */
static void quoted(struct nvb_emit *emit, const char *s)
{
	nvb_sb_addc(&emit->out, '"');
	while (*s) {
		uint32_t code;
		size_t n = decode(s, &code);

		if (code == '"' || code == '\\') {
			nvb_sb_addc(&emit->out, '\\');
			nvb_sb_addc(&emit->out, (char)code);
		} else if (code == '\n') {
			nvb_sb_add(&emit->out, "\\n");
		} else if (code == '\t') {
			nvb_sb_add(&emit->out, "\\t");
		} else if (needs_escape(code)) {
			nvb_sb_addf(&emit->out, "\\u%04x", code);
		} else {
			nvb_sb_addn(&emit->out, s, n);
		}
		s += n;
	}
	nvb_sb_addc(&emit->out, '"');
}

static void text(struct nvb_emit *emit, const char *s)
{
	if (emit->format == NVB_CDI_YAML && is_plain(s))
		nvb_sb_add(&emit->out, s);
	else if (nvb_utf8_valid(s, strlen(s)))
		quoted(emit, s);
	else if (!emit->not_utf8)
		emit->not_utf8 = s;
}

void nvb_emit_key(struct nvb_emit *emit, const char *key)
{
	struct nvb_emit_level *level = &emit->levels[emit->depth - 1];

	if (emit->format == NVB_CDI_JSON) {
		if (level->used)
			nvb_sb_addc(&emit->out, ',');
		newline(emit, level->indent);
	} else if (emit->inline_key) {
		nvb_sb_addc(&emit->out, ' ');
	} else if (emit->out.len) {
		newline(emit, level->indent);
	}
	emit->inline_key = false;
	level->used = true;
	text(emit, key);
	nvb_sb_add(&emit->out, emit->format == NVB_CDI_JSON ? ": " : ":");
}

void nvb_emit_string(struct nvb_emit *emit, const char *s)
{
	before_value(emit, true);
	text(emit, s);
}

void nvb_emit_integer(struct nvb_emit *emit, long long value)
{
	before_value(emit, true);
	nvb_sb_addf(&emit->out, "%lld", value);
}

void nvb_emit_bool(struct nvb_emit *emit, bool value)
{
	before_value(emit, true);
	nvb_sb_add(&emit->out, value ? "true" : "false");
}
