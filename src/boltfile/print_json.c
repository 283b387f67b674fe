/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "boltfile/print.h"

/* The same as an object: tables are objects, lists of NAME=VALUE too. */

struct printer {
	struct nvb_strbuf out;
	unsigned depth;
	bool first; /* of its object */
};

static void member(struct printer *p, const char *name, size_t size)
{
	_cleanup_free_ char *copy = strndup(name, size);

	nvb_sb_addf(&p->out, "%s\n%*s", p->first ? "" : ",", (int)p->depth * 2, "");
	p->out.failed = p->out.failed || !copy;
	if (copy)
		nvb_sb_add_json(&p->out, copy);
	nvb_sb_add(&p->out, ": ");
	p->first = false;
}

static void open_object(struct printer *p)
{
	nvb_sb_addc(&p->out, '{');
	p->depth++;
	p->first = true;
}

static void close_object(struct printer *p)
{
	p->depth--;
	if (!p->first)
		nvb_sb_addf(&p->out, "\n%*s", (int)p->depth * 2, "");
	nvb_sb_addc(&p->out, '}');
	p->first = false;
}

static void print_strings(struct printer *p, char *const *list)
{
	nvb_sb_addc(&p->out, '[');
	nvb_strv_foreach (item, list) {
		nvb_sb_add(&p->out, item == list ? "" : ", ");
		nvb_sb_add_json(&p->out, *item);
	}
	nvb_sb_addc(&p->out, ']');
}

static void print_depends(struct printer *p, char *const *list)
{
	open_object(p);
	nvb_strv_foreach (item, list) {
		size_t n = strcspn(*item, ":");

		member(p, *item, n);
		nvb_sb_addf(&p->out, "{\"condition\": \"%s\"}", *item + n + 1);
	}
	close_object(p);
}

/* "NAME=VALUE", and "NAME" alone as null. */
static void print_pairs(struct printer *p, char *const *list)
{
	open_object(p);
	nvb_strv_foreach (item, list) {
		const char *end = strchrnul(*item, '=');

		member(p, *item, (size_t)(end - *item));
		*end ? nvb_sb_add_json(&p->out, end + 1) : nvb_sb_add(&p->out, "null");
	}
	close_object(p);
}

static void print_value(struct printer *p, const struct boltfile_key *key, const void *base)
{
	const void *field = (const char *)base + key->offset;

	if (key->type == KEY_FLAG)
		nvb_sb_add(&p->out, *(const enum nvb_said *)field == NVB_SAID_YES ? "true" : "false");
	else if (key->type == KEY_INTEGER)
		nvb_sb_add(&p->out, *(const char *const *)field);
	else if (key->type == KEY_PAIRS || key->type == KEY_LIMITS)
		print_pairs(p, *(char *const *const *)field);
	else if (key->type == KEY_DEPENDS)
		print_depends(p, *(char *const *const *)field);
	else if (key->type >= KEY_LIST)
		print_strings(p, *(char *const *const *)field);
	else
		nvb_sb_add_json(&p->out, *(const char *const *)field);
}

/* Closes the objects that `path` does not stand in and opens those that it does; both are cut by dots and
 * begin below the scope. Names up to the last dot are objects. */
static void move_to(struct printer *p, const char *from, const char *path)
{
	size_t same = 0;

	for (size_t i = 0; from[i] && from[i] == path[i]; i++)
		if (from[i] == '.')
			same = i + 1;
	for (const char *dot = from + same; (dot = strchr(dot, '.')); dot++)
		close_object(p);
	for (const char *at = path + same, *dot; (dot = strchr(at, '.')); at = dot + 1) {
		member(p, at, (size_t)(dot - at));
		open_object(p);
	}
}

static void print_scope(struct printer *p, const char *scope, bool named, const void *base)
{
	const char *from = "";

	for (size_t i = 0; i < nvb_boltfile_table_size; i++) {
		const struct boltfile_key *key = &nvb_boltfile_table[i];
		const char *rest = nvb_after(key->path, scope), *dot;

		if (!rest || (!named && strchr(key->path, '*')) || !nvb_boltfile_is_first(key) ||
			!nvb_boltfile_is_said(key, base))
			continue;
		move_to(p, from, rest);
		dot = strrchr(rest, '.');
		member(p, dot ? dot + 1 : rest, strlen(dot ? dot + 1 : rest));
		print_value(p, key, base);
		from = rest;
	}
	move_to(p, from, "");
}

static void print_parts(
	struct printer *p, const char *kind, const char *scope, const struct nvb_boltfile_parts *parts)
{
	if (!parts->count)
		return;
	member(p, kind, strlen(kind));
	open_object(p);
	for (size_t i = 0; i < parts->count; i++) {
		member(p, parts->list[i].name, strlen(parts->list[i].name));
		open_object(p);
		print_scope(p, scope, true, &parts->list[i]);
		close_object(p);
	}
	close_object(p);
}

int nvb_boltfile_print_json(const struct nvb_boltfile *file, char **text, nvb_error **err)
{
	struct printer p = {0};
	char *printed;

	open_object(&p);
	print_scope(&p, "", false, file);
	member(&p, "services", strlen("services"));
	open_object(&p);
	for (size_t i = 0; i < file->service_count; i++) {
		member(&p, file->services[i].name, strlen(file->services[i].name));
		open_object(&p);
		print_scope(&p, "services.*.", true, &file->services[i]);
		close_object(&p);
	}
	close_object(&p);
	print_parts(&p, "networks", "networks.*.", &file->networks);
	print_parts(&p, "volumes", "volumes.*.", &file->volumes);
	close_object(&p);
	nvb_sb_addc(&p.out, '\n');
	printed = nvb_sb_finish(&p.out);
	if (!printed)
		return nvb_fail_oom(err);
	*text = printed;
	return 0;
}
