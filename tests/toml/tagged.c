/* SPDX-License-Identifier: Apache-2.0 */
#include "tagged.h"

#include <math.h>

/* As nvb_sb_add_json, for strings that may hold NUL. */
static void add_string(struct nvb_strbuf *sb, const char *s, size_t size)
{
	nvb_sb_addc(sb, '"');
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '"' || c == '\\')
			nvb_sb_addf(sb, "\\%c", c);
		else if (c < 0x20)
			nvb_sb_addf(sb, "\\u%04x", c);
		else
			nvb_sb_addc(sb, (char)c);
	}
	nvb_sb_addc(sb, '"');
}

static void add_tagged(struct nvb_strbuf *sb, const char *type, const char *value)
{
	nvb_sb_addf(sb, "{\"type\": \"%s\", \"value\": \"%s\"}", type, value);
}

static void add_float(struct nvb_strbuf *sb, double value)
{
	char s[64];

	if (isnan(value))
		snprintf(s, sizeof(s), "nan");
	else if (isinf(value))
		snprintf(s, sizeof(s), "%sinf", value < 0 ? "-" : "");
	else
		snprintf(s, sizeof(s), "%.17g", value);
	add_tagged(sb, "float", s);
}

static void add_datetime(struct nvb_strbuf *sb, const struct nvb_toml_value *v)
{
	static const char *const types[] = {
		[NVB_TOML_OFFSET_DATETIME] = "datetime",
		[NVB_TOML_LOCAL_DATETIME] = "datetime-local",
		[NVB_TOML_LOCAL_DATE] = "date-local",
		[NVB_TOML_LOCAL_TIME] = "time-local",
	};
	const struct nvb_toml_datetime *d = &v->datetime;
	_cleanup_strbuf_ struct nvb_strbuf s = {0};

	if (v->type != NVB_TOML_LOCAL_TIME)
		nvb_sb_addf(&s, "%04u-%02u-%02u", d->year, d->month, d->day);
	if (v->type == NVB_TOML_OFFSET_DATETIME || v->type == NVB_TOML_LOCAL_DATETIME)
		nvb_sb_addc(&s, 'T');
	if (v->type != NVB_TOML_LOCAL_DATE)
		nvb_sb_addf(&s, "%02u:%02u:%02u", d->hour, d->minute, d->second);
	if (d->nanosecond % 1000000 == 0 && d->nanosecond)
		nvb_sb_addf(&s, ".%03u", d->nanosecond / 1000000);
	else if (d->nanosecond)
		nvb_sb_addf(&s, ".%09u", d->nanosecond);
	if (v->type == NVB_TOML_OFFSET_DATETIME && d->offset == 0)
		nvb_sb_addc(&s, 'Z');
	else if (v->type == NVB_TOML_OFFSET_DATETIME)
		nvb_sb_addf(&s, "%c%02d:%02d", d->offset < 0 ? '-' : '+', abs(d->offset) / 60,
			abs(d->offset) % 60);
	add_tagged(sb, types[v->type], s.s);
}

static void add_items(struct nvb_strbuf *sb, const struct nvb_toml_value *container, const char *brackets)
{
	nvb_sb_addc(sb, brackets[0]);
	nvb_toml_foreach(v, container)
	{
		if (v != container->items.first)
			nvb_sb_add(sb, ", ");
		if (v->key) {
			add_string(sb, v->key, v->key_size);
			nvb_sb_add(sb, ": ");
		}
		tagged_json(sb, v);
	}
	nvb_sb_addc(sb, brackets[1]);
}

void tagged_json(struct nvb_strbuf *sb, const struct nvb_toml_value *v)
{
	char s[32];

	switch (v->type) {
	case NVB_TOML_TABLE:
		add_items(sb, v, "{}");
		break;
	case NVB_TOML_ARRAY:
		add_items(sb, v, "[]");
		break;
	case NVB_TOML_STRING:
		nvb_sb_add(sb, "{\"type\": \"string\", \"value\": ");
		add_string(sb, v->string.s, v->string.size);
		nvb_sb_addc(sb, '}');
		break;
	case NVB_TOML_INTEGER:
		snprintf(s, sizeof(s), "%lld", (long long)v->integer);
		add_tagged(sb, "integer", s);
		break;
	case NVB_TOML_FLOAT:
		add_float(sb, v->real);
		break;
	case NVB_TOML_BOOLEAN:
		add_tagged(sb, "bool", v->boolean ? "true" : "false");
		break;
	case NVB_TOML_OFFSET_DATETIME:
	case NVB_TOML_LOCAL_DATETIME:
	case NVB_TOML_LOCAL_DATE:
	case NVB_TOML_LOCAL_TIME:
		add_datetime(sb, v);
		break;
	}
}
