/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/text.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

const char *nvb_dialect_content_type(enum nvb_dialect dialect)
{
	return dialect == NVB_DIALECT_OPENMETRICS
		       ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
		       : "text/plain; version=0.0.4; charset=utf-8";
}

void nvb_exposition_family(struct nvb_exposition *e, const struct nvb_family *family)
{
	e->family = family;
	e->headed = false;
}

static const struct {
	const char *type, *suffix;
} kinds[] = {
	[NVB_FAMILY_GAUGE] = {"gauge", ""},
	[NVB_FAMILY_COUNTER] = {"counter", "_total"},
	[NVB_FAMILY_INFO] = {"info", "_info"},
	[NVB_FAMILY_BARE_COUNTER] = {"counter", ""},
};

/* Help texts are ours and have nothing in them that would be escaped. */
static void header(struct nvb_exposition *e)
{
	const struct nvb_family *f = e->family;
	/* The older format knows no info, and names a family as its samples are named. */
	bool older = e->dialect == NVB_DIALECT_PROMETHEUS;
	const char *type = kinds[f->type].type, *suffix = older ? kinds[f->type].suffix : "";

	if (older && f->type == NVB_FAMILY_INFO)
		type = "gauge";
	nvb_sb_addf(&e->out, "# HELP %s%s %c%s.\n# TYPE %s%s %s\n", f->name, suffix,
		toupper((unsigned char)*f->help), f->help + 1, f->name, suffix, type);
	if (e->dialect == NVB_DIALECT_OPENMETRICS && f->unit)
		nvb_sb_addf(&e->out, "# UNIT %s %s\n", f->name, f->unit);
	e->name_length = (size_t)snprintf(e->name, sizeof(e->name), "%s%s", f->name, kinds[f->type].suffix);
	e->headed = true;
}

/* The digits of `value` before `end`; returns where they begin. */
static char *put_digits(char *end, uint64_t value)
{
	do {
		*--end = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	return end;
}

/* Below 2^53 a double holds every whole number. */
#define EXACT 9007199254740992.0

/* Room for any value. */
enum { NUMBER = 32 };

/* Nearly all values are whole, or thousandths (milliwatts as watts, percents as ratios): those are written
 * without the C library's printing, which is most of the time else. Returns the length; 0: it is none. */
static size_t put_decimal(char out[static NUMBER], double value)
{
	char text[NUMBER], *end = text + sizeof(text), *p = end;
	double thousandths = nearbyint(value * 1000);
	uint64_t whole, rest = 0;

	if (!(value >= 0) || value >= EXACT)
		return 0;
	whole = (uint64_t)value;
	if ((double)whole != value) {
		/* Divided again it is the same number, so reading what we write gives it back. */
		if (thousandths >= EXACT || thousandths / 1000 != value)
			return 0;
		whole = (uint64_t)thousandths / 1000;
		rest = (uint64_t)thousandths % 1000;
	}
	if (rest) {
		size_t places = 3;

		while (rest % 10 == 0) {
			rest /= 10;
			places--;
		}
		p = put_digits(end, rest);
		while (p > end - places)
			*--p = '0';
		*--p = '.';
	}
	p = put_digits(p, whole);
	memcpy(out, p, (size_t)(end - p));
	return (size_t)(end - p);
}

static size_t put_number(char out[static NUMBER], double value)
{
	size_t n = put_decimal(out, value);

	/* 15 digits give back what was a decimal fraction: 0.0001, not 0.00010000000000000000479. */
	return n ? n : (size_t)snprintf(out, NUMBER, "%.15g", value);
}

/* A line is written into room for all of it: there are thousands, and a look at the buffer's end for each
 * part of one would be a third of the time. */
void nvb_exposition_sample(struct nvb_exposition *e, const struct nvb_strbuf *labels, double value)
{
	size_t length = labels ? labels->len : 0;
	char *p;

	if (!isfinite(value))
		return;
	if (!e->headed)
		header(e);
	p = nvb_sb_room(&e->out, e->name_length + length + NUMBER + sizeof("{} \n"));
	if (!p)
		return;
	p = mempcpy(p, e->name, e->name_length);
	if (length) {
		*p++ = '{';
		p = mempcpy(p, labels->s, length);
		*p++ = '}';
	}
	*p++ = ' ';
	p += put_number(p, value);
	*p++ = '\n';
	nvb_sb_took(&e->out, p);
}

void nvb_exposition_end(struct nvb_exposition *e)
{
	if (e->dialect == NVB_DIALECT_OPENMETRICS)
		nvb_sb_add(&e->out, "# EOF\n");
}

/* How many bytes at s are written as they are. */
static size_t plain(const char *s)
{
	size_t n = 0;

	while ((unsigned char)s[n] >= 0x20 && (unsigned char)s[n] < 0x80 && s[n] != '\\' && s[n] != '"')
		n++;
	return n;
}

/* Length of the well-formed UTF-8 sequence at s, 0 for none. */
static size_t sequence(const char *s)
{
	size_t left;

	if ((unsigned char)*s < 0x80)
		return 1;
	left = strnlen(s, 4);
	for (size_t n = 2; n <= left; n++)
		if (nvb_utf8_valid(s, n))
			return n;
	return 0;
}

static void add_escaped(struct nvb_strbuf *out, const char *s)
{
	while (*s) {
		size_t n = plain(s);

		nvb_sb_addn(out, s, n);
		s += n;
		if (!*s)
			break;
		n = sequence(s);
		if (!n) {
			nvb_sb_add(out, "\xef\xbf\xbd");
		} else if (*s == '\n') {
			nvb_sb_add(out, "\\n");
		} else {
			if (*s == '\\' || *s == '"')
				nvb_sb_addc(out, '\\');
			nvb_sb_addn(out, s, n);
		}
		s += n ? n : 1;
	}
}

void nvb_labels_add(struct nvb_strbuf *labels, const char *name, const char *value)
{
	if (!value)
		return;
	if (labels->len)
		nvb_sb_addc(labels, ',');
	nvb_sb_add(labels, name);
	nvb_sb_add(labels, "=\"");
	add_escaped(labels, value);
	nvb_sb_addc(labels, '"');
}

void nvb_labels_addu(struct nvb_strbuf *labels, const char *name, unsigned value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	nvb_labels_add(labels, name, text);
}
