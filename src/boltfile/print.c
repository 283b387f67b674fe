/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "boltfile/keys.h"
#include "boltfile/print.h"

enum { WIDEST_LINE = 96 };

void nvb_boltfile_quote(struct nvb_strbuf *sb, const char *s)
{
	nvb_sb_addc(sb, '"');
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			nvb_sb_addf(sb, "\\%c", c);
		else if (c == '$')
			nvb_sb_add(sb, "$$");
		else if (c == '\n' || c == '\t')
			nvb_sb_add(sb, c == '\n' ? "\\n" : "\\t");
		else if (c < 0x20 || c == 0x7f)
			nvb_sb_addf(sb, "\\u%04x", c);
		else
			nvb_sb_addc(sb, (char)c);
	}
	nvb_sb_addc(sb, '"');
}

bool nvb_boltfile_is_first(const struct boltfile_key *key)
{
	const char *dot = strchr(key->path, '*');
	size_t scope = dot ? (size_t)(dot - key->path) : 0;

	if (key->without || key->type >= KEY_NONE)
		return false;
	for (const struct boltfile_key *other = nvb_boltfile_table; other < key; other++)
		if (other->offset == key->offset && !other->without && other->type < KEY_NONE &&
			(scope ? strncmp(other->path, key->path, scope) == 0 && other->path[scope] == '*'
			       : !strchr(other->path, '*')))
			return false;
	return true;
}

bool nvb_boltfile_is_said(const struct boltfile_key *key, const void *base)
{
	const void *field = (const char *)base + key->offset;

	if (key->type == KEY_FLAG)
		return *(const enum nvb_said *)field != NVB_SAID_NOTHING;
	return *(const void *const *)field != NULL;
}

static void print_list(struct nvb_strbuf *out, char *const *list)
{
	_cleanup_strbuf_ struct nvb_strbuf line = {0};
	bool first = true;

	nvb_strv_foreach (item, list) {
		nvb_sb_add(&line, first ? "" : ", ");
		nvb_boltfile_quote(&line, *item);
		first = false;
	}
	if (line.len < WIDEST_LINE) {
		nvb_sb_addf(out, "[%s]", line.s ? line.s : "");
		return;
	}
	nvb_sb_add(out, "[\n");
	nvb_strv_foreach (item, list) {
		nvb_sb_add(out, "    ");
		nvb_boltfile_quote(out, *item);
		nvb_sb_add(out, ",\n");
	}
	nvb_sb_add(out, "]");
}

static void print_depends(struct nvb_strbuf *out, char *const *list)
{
	bool plain = true, first = true;

	nvb_strv_foreach (word, list)
		plain = plain && nvb_ends_with(*word, ":started");
	nvb_sb_add(out, plain ? "[" : "{ ");
	nvb_strv_foreach (word, list) {
		int n = (int)strcspn(*word, ":");

		nvb_sb_addf(out, plain ? "%s\"%.*s\"" : "%s\"%.*s\" = { condition = \"%s\" }",
			first ? "" : ", ", n, *word, *word + n + 1);
		first = false;
	}
	nvb_sb_add(out, plain ? "]" : " }");
}

static void print_value(struct nvb_strbuf *out, const struct boltfile_key *key, const void *base)
{
	const void *field = (const char *)base + key->offset;

	if (key->type == KEY_FLAG)
		nvb_sb_add(out, *(const enum nvb_said *)field == NVB_SAID_YES ? "true" : "false");
	else if (key->type == KEY_DEPENDS)
		print_depends(out, *(char *const *const *)field);
	else if (key->type == KEY_INTEGER)
		nvb_sb_add(out, *(const char *const *)field);
	else if (key->type >= KEY_LIST)
		print_list(out, *(char *const *const *)field);
	else
		nvb_boltfile_quote(out, *(const char *const *)field);
}

/* Names of the user's may hold a dot, nothing else that needs quotes. */
static const char *quote_for(const char *name)
{
	return strchr(name, '.') ? "\"" : "";
}

static void name_table(
	char *table, size_t size, const char *scope, const char *name, const char *rest, const char *last)
{
	int below = last > rest ? (int)(last - rest) - 1 : 0;

	if (name)
		snprintf(table, size, "%.*s.%s%s%s%s%.*s", (int)strcspn(scope, "."), scope, quote_for(name),
			name, quote_for(name), below ? "." : "", below, rest);
	else
		snprintf(table, size, "%.*s", below, rest);
}

/* Prints the fields of one scope: those rows that begin with `scope`; `name` is what '*' stands for. */
static void print_scope(struct nvb_strbuf *out, const char *scope, const char *name, const void *base)
{
	char header[256] = "";

	for (size_t i = 0; i < nvb_boltfile_table_size; i++) {
		const struct boltfile_key *key = &nvb_boltfile_table[i];
		const char *rest = nvb_after(key->path, scope), *last;
		char table[256];

		if (!rest || (!name && strchr(key->path, '*')) || !nvb_boltfile_is_first(key) ||
			!nvb_boltfile_is_said(key, base))
			continue;
		last = strrchr(rest, '.') ? strrchr(rest, '.') + 1 : rest;
		name_table(table, sizeof(table), scope, name, rest, last);
		if (!nvb_streq(table, header)) {
			nvb_sb_addf(out, "\n[%s]\n", table);
			memcpy(header, table, sizeof(header));
		}
		nvb_sb_addf(out, "%s = ", last);
		print_value(out, key, base);
		nvb_sb_addc(out, '\n');
	}
}

/* A table that says nothing must be there all the same. */
static void print_parts(struct nvb_strbuf *out, const char *kind, const struct nvb_boltfile_parts *parts)
{
	char scope[32];

	snprintf(scope, sizeof(scope), "%s.*.", kind);
	for (size_t i = 0; i < parts->count; i++) {
		const struct nvb_boltfile_part *part = &parts->list[i];

		if (!part->called && !part->driver && !part->subnet && !part->gateway && !part->external &&
			!part->internal)
			nvb_sb_addf(out, "\n[%s.%s%s%s]\n", kind, quote_for(part->name), part->name,
				quote_for(part->name));
		print_scope(out, scope, part->name, part);
	}
}

int nvb_boltfile_print_toml(const struct nvb_boltfile *file, char **text, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf out = {0};
	char *printed;

	print_scope(&out, "", NULL, file);
	for (size_t i = 0; i < file->service_count; i++)
		print_scope(&out, "services.*.", file->services[i].name, &file->services[i]);
	print_parts(&out, "networks", &file->networks);
	print_parts(&out, "volumes", &file->volumes);
	printed = nvb_sb_finish(&out);
	if (!printed)
		return nvb_fail_oom(err);
	*text = printed;
	return 0;
}
