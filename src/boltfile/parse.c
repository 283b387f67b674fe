/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "boltfile/check.h"
#include "boltfile/values.h"
#include "boltfile/variables.h"

/* Walking the file along the table of keys. */

enum { LONGEST_PATH = 256, MOST_SERVICES = 1024 };

/* The table that is being walked. */
struct place {
	const char *path;  /* in the table of keys, names of the user's as '*' */
	const char *shown; /* as the file has it */
	void *base;	   /* the struct that its fields are in */
	struct nvb_boltfile_given **given;
	size_t *given_count, *given_capacity;
};

static int walk(struct boltfile_reader *r, const struct place *place, const struct nvb_toml_value *table);

/* A path with one more name; NULL without memory. */
static const char *join(struct boltfile_reader *r, const char *path, const char *name)
{
	return nvb_arena_printf(&r->file->arena, "%s%s%s", path, *path ? "." : "", name);
}

static int fail_table(struct boltfile_reader *r, const struct nvb_toml_value *v)
{
	return nvb_toml_fail(&r->file->doc, v, r->err, "'%s' wants a table, this is %s", v->key,
		nvb_toml_type_name(v->type));
}

/* Two spellings of one key must not both be there. */
static int remember(struct boltfile_reader *r, const struct place *place, const struct boltfile_key *key,
	const struct nvb_toml_value *v)
{
	for (size_t i = 0; i < *place->given_count; i++) {
		const struct nvb_boltfile_given *other = &(*place->given)[i];

		if (other->offset == key->offset)
			return nvb_toml_fail_key(&r->file->doc, v, r->err,
				"'%s' says the same as '%s' on line %u; leave one of them out", v->key,
				other->value->key, other->value->key_line);
	}
	if (!NVB_GROW(*place->given, *place->given_count, *place->given_capacity))
		return nvb_fail_oom(r->err);
	(*place->given)[(*place->given_count)++] = (struct nvb_boltfile_given){key->offset, v};
	return 0;
}

/* A name of the user's becomes a part of a capsule's. */
static int check_member_name(struct boltfile_reader *r, const struct nvb_toml_value *v)
{
	size_t n = strspn(v->key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	if (n == 0 || n != v->key_size || n > 40 || *v->key == '-' || *v->key == '.')
		return nvb_hint(r->err,
			nvb_toml_fail_key(&r->file->doc, v, r->err, "'%s' is no name", v->key),
			"at most 40 letters, digits, '-', '_' and '.'");
	return v->type == NVB_TOML_TABLE ? 0 : fail_table(r, v);
}

static int walk_service(struct boltfile_reader *r, const char *path, const struct nvb_toml_value *v)
{
	struct nvb_boltfile *file = r->file;
	struct place place = {.path = path};
	struct nvb_service *service;

	if (file->service_count == MOST_SERVICES)
		return nvb_toml_fail_key(&file->doc, v, r->err, "more than %d services", (int)MOST_SERVICES);
	if (!NVB_GROW(file->services, file->service_count, file->service_capacity))
		return nvb_fail_oom(r->err);
	service = &file->services[file->service_count++];
	*service = (struct nvb_service){.name = v->key, .value = v};
	place.base = service;
	place.given = &service->given;
	place.given_count = &service->given_count;
	place.given_capacity = &service->given_capacity;
	place.shown = join(r, "services", v->key);
	return place.shown ? walk(r, &place, v) : nvb_fail_oom(r->err);
}

static int walk_part(struct boltfile_reader *r, const char *path, struct nvb_boltfile_parts *parts,
	const struct nvb_toml_value *v)
{
	struct place place = {.path = path};
	struct nvb_boltfile_part *part;

	if (!NVB_GROW(parts->list, parts->count, parts->capacity))
		return nvb_fail_oom(r->err);
	part = &parts->list[parts->count++];
	*part = (struct nvb_boltfile_part){.name = v->key, .value = v};
	place.base = part;
	place.given = &part->given;
	place.given_count = &part->given_count;
	place.given_capacity = &part->given_capacity;
	place.shown = join(r, parts == &r->file->networks ? "networks" : "volumes", v->key);
	return place.shown ? walk(r, &place, v) : nvb_fail_oom(r->err);
}

/* [services], [networks], [volumes]: the user names what stands in them. */
static int walk_each(
	struct boltfile_reader *r, const struct boltfile_key *key, const struct nvb_toml_value *v)
{
	const char *path = join(r, key->path, "*");

	if (!path)
		return nvb_fail_oom(r->err);
	if (v->type != NVB_TOML_TABLE)
		return fail_table(r, v);
	nvb_toml_foreach(member, v)
	{
		int rc = check_member_name(r, member);

		if (rc == 0 && nvb_streq(key->path, "services"))
			rc = walk_service(r, path, member);
		else if (rc == 0)
			rc = walk_part(r, path,
				nvb_streq(key->path, "networks") ? &r->file->networks : &r->file->volumes,
				member);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int walk_member(struct boltfile_reader *r, const struct place *place, const struct nvb_toml_value *v)
{
	struct place below = *place;
	const struct boltfile_key *key;
	int rc;

	below.path = join(r, place->path, v->key);
	below.shown = join(r, place->shown, v->key);
	if (!below.path || !below.shown)
		return nvb_fail_oom(r->err);
	key = nvb_boltfile_key(below.path);
	if (key && key->type == KEY_EACH)
		return walk_each(r, key, v);
	if (key && key->type == KEY_NONE)
		return nvb_boltfile_note(
			r, v->key_line, v->key_column, "%s has no effect: %s", below.shown, key->without);
	if (key && key->type == KEY_SAME)
		below.path = key->other;
	if (!key || key->type == KEY_SAME ||
		(v->type == NVB_TOML_TABLE && nvb_boltfile_has_below(below.path)))
		return v->type == NVB_TOML_TABLE ? walk(r, &below, v) : fail_table(r, v);
	rc = remember(r, place, key, v);
	return rc < 0 ? rc : nvb_boltfile_read_value(r, key, v, place->base);
}

/* Of a key that is unknown here and like none of its neighbours: the table below in which there is one like
 * it. */
static int look_below(struct boltfile_reader *r, const struct place *place,
	const struct nvb_toml_value *table, const char *const *names, size_t count, int rc)
{
	const char *unknown = NULL, *found;

	if (!r->err || !*r->err || nvb_error_hint(*r->err))
		return rc;
	nvb_toml_foreach(member, table)
	{
		bool known = unknown != NULL;

		for (size_t i = 0; i < count; i++)
			known = known || nvb_streq(names[i], member->key);
		if (!known)
			unknown = member->key;
	}
	found = unknown ? nvb_boltfile_nearest_below(place->path, unknown) : NULL;
	return found ? nvb_hint(r->err, rc, "did you mean '%s'?", found) : rc;
}

static int walk(struct boltfile_reader *r, const struct place *place, const struct nvb_toml_value *table)
{
	const char *names[NVB_BOLTFILE_MOST_BELOW];
	char where[LONGEST_PATH];
	size_t count = nvb_boltfile_below(place->path, &r->file->arena, names);
	int rc;

	if (nvb_streq(place->path, "services.*.gpu"))
		((struct nvb_service *)place->base)->gpu_asked = true;
	snprintf(where, sizeof(where), *place->shown ? "[%s]" : "a Boltfile", place->shown);
	rc = nvb_toml_check_keys(&r->file->doc, table, where, names, count, r->err);
	if (rc < 0)
		return look_below(r, place, table, names, count, rc);
	nvb_toml_foreach(member, table)
	{
		if (rc < 0)
			return rc;
		rc = walk_member(r, place, member);
	}
	return rc;
}

/* compose's rule: the directory's name in lower case, without what a name cannot have. */
static int name_project(struct nvb_boltfile *file, nvb_error **err)
{
	const char *slash = strrchr(file->directory, '/');
	char *name = nvb_arena_strdup(&file->arena, slash ? slash + 1 : file->directory), *to = name;

	if (!name)
		return nvb_fail_oom(err);
	for (const char *from = name; *from; from++) {
		char c = (char)(*from >= 'A' && *from <= 'Z' ? *from - 'A' + 'a' : *from);

		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (to > name && strchr("-_", c)))
			*to++ = c;
	}
	*to = '\0';
	if (to - name > 40)
		name[40] = '\0';
	file->project = *name ? name : "bolt";
	return 0;
}

int nvb_boltfile_parse(struct nvb_boltfile *file, const char *data, size_t size, const char *name,
	const char *directory, const struct nvb_boltfile_variables *variables, nvb_error **err)
{
	struct boltfile_reader reader = {.file = file, .variables = variables, .err = err};
	struct place root = {.path = "",
		.shown = "",
		.base = file,
		.given = &file->given,
		.given_count = &file->given_count,
		.given_capacity = &file->given_capacity};
	int rc = nvb_toml_parse(&file->doc, data, size, name, err);

	if (rc == 0 && !(file->directory = nvb_arena_strdup(&file->arena, directory)))
		rc = nvb_fail_oom(err);
	if (rc == 0)
		rc = walk(&reader, &root, &file->doc.root);
	if (rc == 0 && !file->project)
		rc = name_project(file, err);
	if (rc == 0)
		rc = nvb_boltfile_check(&reader);
	if (rc < 0)
		nvb_boltfile_release(file);
	return rc;
}

/* .env beside the file, which need not be there. */
static int read_dotenv(const char *directory, char ***list, nvb_error **err)
{
	_cleanup_free_ char *path = NULL, *data = NULL;
	_cleanup_error_ nvb_error *why = NULL;
	size_t size;
	int rc;

	if (asprintf(&path, "%s/.env", directory) < 0) {
		path = NULL;
		return nvb_fail_oom(err);
	}
	rc = nvb_file_read(AT_FDCWD, path, NVB_TOML_MAX, &data, &size, &why);
	if (rc == -NVB_ERR_NOT_FOUND)
		return 0;
	if (rc < 0) {
		nvb_error_move(err, NVB_TAKE_PTR(why));
		return rc;
	}
	return nvb_dotenv_parse(data, size, path, list, err);
}

static int directory_of(const char *path, char **out, nvb_error **err)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *part =
		slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
	char *real = part ? realpath(part, NULL) : NULL;

	if (!part)
		return nvb_fail_oom(err);
	if (!real)
		return nvb_fail_errno(err, errno, "the directory of %s", path);
	*out = real;
	return 0;
}

int nvb_boltfile_read(struct nvb_boltfile *file, const char *path, char *const *environment, nvb_error **err)
{
	_cleanup_free_ char *data = NULL, *directory = NULL;
	_cleanup_strv_ char **dotenv = NULL;
	struct nvb_boltfile_variables variables = {.environment = environment};
	size_t size;
	int rc = nvb_file_read(AT_FDCWD, path, NVB_TOML_MAX, &data, &size, err);

	if (rc == 0)
		rc = directory_of(path, &directory, err);
	if (rc == 0)
		rc = read_dotenv(directory, &dotenv, err);
	if (rc < 0)
		return rc;
	variables.file = dotenv;
	return nvb_boltfile_parse(file, data, size, path, directory, &variables, err);
}

static void release_parts(struct nvb_boltfile_parts *parts)
{
	for (size_t i = 0; i < parts->count; i++)
		free(parts->list[i].given);
	free(parts->list);
}

void nvb_boltfile_release(struct nvb_boltfile *file)
{
	for (size_t i = 0; i < file->service_count; i++)
		free(file->services[i].given);
	free(file->services);
	release_parts(&file->networks);
	release_parts(&file->volumes);
	free(file->given);
	free(file->notes);
	nvb_toml_release(&file->doc);
	nvb_arena_release(&file->arena);
	*file = (struct nvb_boltfile){0};
}

int nvb_boltfile_set_project(struct nvb_boltfile *file, const char *name, nvb_error **err)
{
	const char *copy;

	if (!nvb_boltfile_is_name(name))
		return nvb_fail(err, NVB_ERR_INVALID,
			"project '%s': a name is made of letters, digits, '-', '_' and '.'", name);
	copy = nvb_arena_strdup(&file->arena, name);
	if (!copy)
		return nvb_fail_oom(err);
	file->project = copy;
	return 0;
}

int nvb_boltfile_refuse_notes(const struct nvb_boltfile *file, nvb_error **err)
{
	int rc;

	if (!file->note_count)
		return 0;
	rc = nvb_fail(err, NVB_ERR_UNSUPPORTED, "%s", file->notes[0].text);
	return file->note_count == 1 ? nvb_hint(err, rc, "without --strict it is a warning")
				     : nvb_hint(err, rc, "without --strict it is a warning, as are %zu more",
					       file->note_count - 1);
}

const struct nvb_service *nvb_boltfile_service(const struct nvb_boltfile *file, const char *name)
{
	for (size_t i = 0; i < file->service_count; i++)
		if (nvb_streq(file->services[i].name, name))
			return &file->services[i];
	return NULL;
}

int nvb_boltfile_find(
	const struct nvb_boltfile *file, const char *name, const struct nvb_service **out, nvb_error **err)
{
	const char *names[MOST_SERVICES], *nearest;
	int rc;

	*out = nvb_boltfile_service(file, name);
	if (*out)
		return 0;
	for (size_t i = 0; i < file->service_count; i++)
		names[i] = file->services[i].name;
	rc = nvb_fail(err, NVB_ERR_NOT_FOUND, "%s: there is no service '%s'", file->doc.file, name);
	nearest = nvb_nearest(name, names, file->service_count);
	return nearest ? nvb_hint(err, rc, "did you mean '%s'?", nearest) : rc;
}

int nvb_service_fail(const struct nvb_boltfile *file, const struct nvb_service *service, size_t field,
	nvb_error **err, const char *fmt, ...)
{
	const struct nvb_toml_value *at = service->value;
	_cleanup_free_ char *what = NULL;
	va_list ap;
	int n;

	for (size_t i = 0; i < service->given_count; i++)
		if (service->given[i].offset == field)
			at = service->given[i].value;
	va_start(ap, fmt);
	n = vasprintf(&what, fmt, ap);
	va_end(ap);
	if (n < 0) {
		what = NULL;
		return nvb_fail_oom(err);
	}
	return at == service->value
		       ? nvb_toml_fail_key(&file->doc, at, err, "service '%s': %s", service->name, what)
		       : nvb_toml_fail(&file->doc, at, err, "service '%s': %s", service->name, what);
}
