/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <string.h>

#include "base/jscan.h"
#include "snapshot/format.h"
#include "snapshot/manifest.h"

/* The manifest as JSON: a field is a row of one table, by which it is written, read and shown. */

enum kind {
	TEXT,	/* const char *; NULL: not said */
	NUMBER, /* uint64_t; 0: not said */
	FLAG,	/* bool; false: not said */
	JSON,	/* const char *: an object as text */
	LIST,	/* an array of structures, which have a table of their own */
};

struct list;

struct field {
	const char *key;
	enum kind kind;
	size_t offset;
	bool sealed; /* not for everybody's eyes: encrypted where the snapshot is */
	const struct list *list;
};

struct list {
	const struct field *fields; /* ends with a key that is NULL */
	size_t size, count_offset;
};

enum { ELEMENTS_MAX = 65536 };

#define GPU(member) offsetof(struct nvb_snapshot_gpu, member)
static const struct field gpu_fields[] = {
	{"uuid", TEXT, GPU(uuid)},
	{"chip", TEXT, GPU(chip)},
	{"pci", TEXT, GPU(pci)},
	{"memory", NUMBER, GPU(memory)},
	{NULL},
};

#define PROCESS(member) offsetof(struct nvb_snapshot_process, member)
static const struct field process_fields[] = {
	{"pid", NUMBER, PROCESS(pid)},
	{"host_pid", NUMBER, PROCESS(host_pid)},
	{"started", NUMBER, PROCESS(started)},
	{"command", TEXT, PROCESS(command)},
	{"cuda", FLAG, PROCESS(cuda)},
	{"gpu_memory", NUMBER, PROCESS(gpu_memory)},
	{NULL},
};

#define TREE(member) offsetof(struct nvb_snapshot_tree, member)
static const struct field tree_fields[] = {
	{"name", TEXT, TREE(name)},
	{"files", NUMBER, TREE(files)},
	{"bytes", NUMBER, TREE(bytes)},
	{NULL},
};

#define AT(member) offsetof(struct nvb_snapshot_manifest, member)
static const struct list gpus = {gpu_fields, sizeof(struct nvb_snapshot_gpu), AT(gpu_count)},
			 processes = {process_fields, sizeof(struct nvb_snapshot_process), AT(process_count)},
			 trees = {tree_fields, sizeof(struct nvb_snapshot_tree), AT(tree_count)};

/* The format's version comes first and decides whether the rest is read. */
static const struct field fields[] = {
	{"version", NUMBER, AT(version)},
	{"id", TEXT, AT(id)},
	{"capsule", TEXT, AT(capsule)},
	{"name", TEXT, AT(name)},
	{"number", NUMBER, AT(number)},
	{"parent", TEXT, AT(parent)},
	{"created", NUMBER, AT(created)},
	{"comment", TEXT, AT(comment)},
	{"host", TEXT, AT(host)},
	{"kernel", TEXT, AT(kernel)},
	{"criu", TEXT, AT(criu)},
	{"runtime", TEXT, AT(runtime)},
	{"driver", TEXT, AT(driver)},
	{"image", TEXT, AT(image)},
	{"image_digest", TEXT, AT(image_digest)},
	{"gpus", LIST, AT(gpus), .list = &gpus},
	{"processes", LIST, AT(processes), .list = &processes},
	{"trees", LIST, AT(trees), .list = &trees},
	{"bytes", NUMBER, AT(bytes)},
	{"zero_bytes", NUMBER, AT(zero_bytes)},
	{"chunks", NUMBER, AT(chunks)},
	{"new_chunks", NUMBER, AT(new_chunks)},
	{"stored", NUMBER, AT(stored)},
	{"new_stored", NUMBER, AT(new_stored)},
	{"encryption", TEXT, AT(encryption)},
	{"key_id", TEXT, AT(key_id)},
	{"index_size", NUMBER, AT(index_size)},
	{"index_hash", TEXT, AT(index_hash)},
	{"definition", JSON, AT(definition), .sealed = true},
	{"details", JSON, AT(details), .sealed = true},
	{NULL},
};

/* Writing. */

#define VALUE(base, field, type) (*(type const *)((const char *)(base) + (field)->offset))

static void indent_by(struct nvb_strbuf *out, unsigned indent)
{
	for (unsigned i = 0; i < indent; i++)
		nvb_sb_addc(out, '\t');
}

static bool is_said(const void *base, const struct field *field)
{
	switch (field->kind) {
	case TEXT:
	case JSON:
		return VALUE(base, field, char *) != NULL;
	case NUMBER:
		return VALUE(base, field, uint64_t) != 0;
	case FLAG:
		return VALUE(base, field, bool);
	case LIST:
		return VALUE(base, field, void *) != NULL;
	}
	return false;
}

/* As it is, but for characters that terminals obey, which JSON lets stand in a string as they are. */
static void add_json(struct nvb_strbuf *out, const char *text)
{
	const unsigned char *u = (const unsigned char *)text;

	for (; *u; u++) {
		if (*u == 0x7f)
			nvb_sb_add(out, "\\u007f");
		else if (*u == 0xc2 && u[1] >= 0x80 && u[1] < 0xa0)
			nvb_sb_addf(out, "\\u%04x", *++u);
		else
			nvb_sb_addc(out, (char)*u);
	}
}

static void write_object(
	const void *base, const struct field *table, int part, unsigned indent, struct nvb_strbuf *out);

static void write_list(const void *base, const struct field *field, unsigned indent, struct nvb_strbuf *out)
{
	const char *items = VALUE(base, field, char *);
	size_t count = *(const size_t *)((const char *)base + field->list->count_offset);

	nvb_sb_addc(out, '[');
	for (size_t i = 0; i < count; i++) {
		nvb_sb_add(out, i ? ", " : "");
		write_object(
			items + i * field->list->size, field->list->fields, NVB_MANIFEST_ALL, indent, out);
	}
	nvb_sb_addc(out, ']');
}

static void write_value(const void *base, const struct field *field, unsigned indent, struct nvb_strbuf *out)
{
	switch (field->kind) {
	case TEXT:
		nvb_sb_add_json(out, VALUE(base, field, char *));
		break;
	case JSON:
		add_json(out, VALUE(base, field, char *));
		break;
	case NUMBER:
		nvb_sb_addf(out, "%llu", (unsigned long long)VALUE(base, field, uint64_t));
		break;
	case FLAG:
		nvb_sb_add(out, VALUE(base, field, bool) ? "true" : "false");
		break;
	case LIST:
		write_list(base, field, indent + 1, out);
		break;
	}
}

static void write_object(
	const void *base, const struct field *table, int part, unsigned indent, struct nvb_strbuf *out)
{
	bool first = true;

	nvb_sb_addc(out, '{');
	for (const struct field *field = table; field->key; field++) {
		if (!is_said(base, field) ||
			(part != NVB_MANIFEST_ALL && field->sealed != (part == NVB_MANIFEST_SEALED)))
			continue;
		nvb_sb_add(out, first ? "\n" : ",\n");
		first = false;
		indent_by(out, indent + 1);
		nvb_sb_addf(out, "\"%s\": ", field->key);
		write_value(base, field, indent, out);
	}
	if (!first) {
		nvb_sb_addc(out, '\n');
		indent_by(out, indent);
	}
	nvb_sb_addc(out, '}');
}

void nvb_snapshot_manifest_write(const struct nvb_snapshot_manifest *manifest, enum nvb_manifest_part part,
	unsigned indent, struct nvb_strbuf *out)
{
	write_object(manifest, fields, (int)part, indent, out);
}

/* Reading. */

#define PLACE(base, field, type) (*(type *)((char *)(base) + (field)->offset))

struct reading {
	struct nvb_jscan js;
	bool sealed; /* the other half of one whose open half was read, which was held against much already */
	struct nvb_arena *arena;
};

static int read_object(struct reading *r, void *base, const struct field *table, nvb_error **err);

static int read_text(struct reading *r, const char **out, nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	struct nvb_json value;
	int rc = nvb_jscan_expect(&r->js, NVB_JSON_STRING, &value, err);

	if (rc < 0)
		return rc;
	text = nvb_json_strdup(&value);
	*out = text ? nvb_arena_strdup(r->arena, text) : NULL;
	return *out ? 0 : nvb_fail_oom(err);
}

static int read_json(struct reading *r, const char **out, nvb_error **err)
{
	struct nvb_json value;
	int rc = nvb_jscan_expect(&r->js, NVB_JSON_OBJECT, &value, err);

	if (rc < 0)
		return rc;
	*out = nvb_arena_strndup(r->arena, value.text, value.size);
	return *out ? 0 : nvb_fail_oom(err);
}

static int read_number(struct reading *r, uint64_t *out, nvb_error **err)
{
	struct nvb_json value;
	size_t at = r->js.at;
	int rc = nvb_jscan_expect(&r->js, NVB_JSON_NUMBER, &value, err);

	if (rc == 0 && !nvb_json_u64(&value, out))
		rc = nvb_jscan_fail(&r->js, at, err, "not a whole number that fits");
	return rc;
}

static int read_flag(struct reading *r, bool *out, nvb_error **err)
{
	struct nvb_json value;
	int rc = nvb_jscan_expect(&r->js, NVB_JSON_BOOL, &value, err);

	if (rc == 0)
		*out = value.text[0] == 't';
	return rc;
}

static int read_list(struct reading *r, void *base, const struct field *field, nvb_error **err)
{
	const struct list *list = field->list;
	_cleanup_free_ char *items = NULL;
	size_t count = 0, capacity = 0;
	int rc = nvb_jscan_enter(&r->js, NVB_JSON_ARRAY, err), more;

	while (rc == 0 && (more = nvb_jscan_next(&r->js, NULL, err)) != 0) {
		if (more < 0)
			return more;
		if (count == ELEMENTS_MAX)
			return nvb_jscan_fail(&r->js, r->js.at, err, "too many of them");
		if (!nvb_grow((void **)&items, count, &capacity, list->size))
			return nvb_fail_oom(err);
		memset(items + count * list->size, 0, list->size);
		rc = read_object(r, items + count++ * list->size, list->fields, err);
	}
	if (rc < 0)
		return rc;
	PLACE(base, field, void *) = nvb_arena_memdup(r->arena, items ?: "", count * list->size + !count);
	if (!PLACE(base, field, void *))
		return nvb_fail_oom(err);
	*(size_t *)((char *)base + list->count_offset) = count;
	return 0;
}

static int read_value(struct reading *r, void *base, const struct field *field, nvb_error **err)
{
	switch (field->kind) {
	case TEXT:
		return read_text(r, &PLACE(base, field, const char *), err);
	case JSON:
		return read_json(r, &PLACE(base, field, const char *), err);
	case NUMBER:
		return read_number(r, &PLACE(base, field, uint64_t), err);
	case FLAG:
		return read_flag(r, &PLACE(base, field, bool), err);
	case LIST:
		return read_list(r, base, field, err);
	}
	return 0;
}

static int read_object(struct reading *r, void *base, const struct field *table, nvb_error **err)
{
	struct nvb_json key;
	int rc = nvb_jscan_enter(&r->js, NVB_JSON_OBJECT, err), more;

	while (rc == 0 && (more = nvb_jscan_next(&r->js, &key, err)) != 0) {
		const struct field *field = table;

		if (more < 0)
			return more;
		while (field->key && !nvb_json_equals(&key, field->key, strlen(field->key)))
			field++;
		if (!field->key)
			return nvb_jscan_fail(&r->js, r->js.at, err, "not a field of a snapshot's manifest");
		if (r->sealed && table == fields && !field->sealed)
			return nvb_jscan_fail(&r->js, r->js.at, err, "not a field that is sealed");
		rc = read_value(r, base, field, err);
		/* What a later version means by its other fields is not guessed. */
		if (rc == 0 && table == fields && field == fields &&
			VALUE(base, field, uint64_t) > NVB_SNAPSHOT_VERSION)
			return nvb_fail(err, NVB_ERR_UNSUPPORTED,
				"the snapshot has format %llu, of a later bolt; this one reads up to %d",
				(unsigned long long)VALUE(base, field, uint64_t), NVB_SNAPSHOT_VERSION);
	}
	return rc;
}

int nvb_snapshot_manifest_read(
	struct nvb_snapshot_manifest *manifest, const char *text, size_t size, nvb_error **err)
{
	struct reading r = {.arena = &manifest->arena, .sealed = manifest->version};
	int rc;

	if (size > NVB_MANIFEST_MAX)
		return nvb_fail(err, NVB_ERR_CORRUPT, "larger than any manifest");
	nvb_jscan_begin(&r.js, text, size);
	rc = read_object(&r, manifest, fields, err);
	if (rc == 0)
		rc = nvb_jscan_end(&r.js, err);
	nvb_jscan_release(&r.js);
	return rc;
}

void nvb_snapshot_manifest_release(struct nvb_snapshot_manifest *manifest)
{
	nvb_arena_release(&manifest->arena);
	*manifest = (struct nvb_snapshot_manifest){0};
}
