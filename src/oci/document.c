/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/document.h"

#include "base/str.h"

typedef int (*element_reader)(struct oci_document *document, enum oci_place place, nvb_error **err);

static int add_match(
	struct oci_document *document, const struct oci_item *item, size_t at, size_t end, nvb_error **err)
{
	if (!NVB_GROW(document->matches, document->match_count, document->match_capacity))
		return nvb_fail_oom(err);
	document->matches[document->match_count++] = (struct oci_match){
		.at = at,
		.size = end - at,
		.item = (uint32_t)(item - document->items->items),
	};
	return 0;
}

/* The decoded string: a span of the text, or a copy in the arena where it has escapes. */
static int decoded(struct oci_document *document, const struct nvb_json *string, const char **s, size_t *size,
	nvb_error **err)
{
	_cleanup_free_ char *copy = NULL;

	*s = string->text;
	*size = string->size;
	if (!string->escaped)
		return 0;
	copy = nvb_json_strdup(string);
	*s = copy ? nvb_arena_strdup(&document->arena, copy) : NULL;
	if (!*s)
		return nvb_fail_oom(err);
	*size = strlen(*s);
	return 0;
}

/* The key of an element read by fields: its JSON type 0 (null) also stands for "absent". */
static int want(struct oci_document *document, const struct nvb_json *field, enum nvb_json_type type,
	const char *name, nvb_error **err)
{
	if (field->type == type || field->type == NVB_JSON_NULL)
		return 0;
	return nvb_jscan_fail(&document->js, (size_t)(field->text - document->text), err,
		"%s must be %s, is %s", name, nvb_json_type_name(type), nvb_json_type_name(field->type));
}

/* Reads an object element; fields[i] is the value of names[i]. *at is where it begins. */
static int read_fields(struct oci_document *document, const char *const *names, struct nvb_json *fields,
	size_t *at, nvb_error **err)
{
	struct nvb_jscan *js = &document->js;
	struct nvb_json key, other;
	int rc = nvb_jscan_enter(js, NVB_JSON_OBJECT, err), more, which;

	if (rc < 0)
		return rc;
	*at = js->at - 1;
	for (size_t i = 0; names[i]; i++)
		fields[i].type = NVB_JSON_NULL;
	while ((more = nvb_jscan_next(js, &key, err)) > 0) {
		rc = nvb_jscan_match(js, &key, names, &which, err);
		if (rc == 0)
			rc = nvb_jscan_value(js, which < 0 ? &other : &fields[which], err);
		if (rc < 0)
			return rc;
	}
	return more;
}

static int read_env(struct oci_document *document, enum oci_place place, nvb_error **err)
{
	struct nvb_json value;
	struct oci_item *item;
	const char *s = NULL, *equals;
	size_t size = 0;
	int rc = nvb_jscan_expect(&document->js, NVB_JSON_STRING, &value, err);

	if (rc == 0)
		rc = decoded(document, &value, &s, &size, err);
	if (rc < 0)
		return rc;
	equals = memchr(s, '=', size);
	item = oci_items_find(document->items, place, s, equals ? (size_t)(equals - s) : size);
	if (!item)
		return 0;
	item->found = true;
	return add_match(document, item, (size_t)(value.text - document->text) - 1, document->js.at, err);
}

static bool is_below(const struct oci_item *item, const char *directory, size_t size)
{
	if (size == 1)
		return true;
	return item->name_size > size && item->name[size] == '/' && memcmp(item->name, directory, size) == 0;
}

/* A mount of others hides those of ours that came before it and lie below it. */
static void hide_below(struct oci_items *items, const char *directory, size_t size)
{
	if (!items->found_mounts)
		return;
	for (size_t i = 0; i < items->count; i++) {
		struct oci_item *item = &items->items[i];

		if (item->place == OCI_MOUNTS && item->found && is_below(item, directory, size))
			item->hidden = true;
	}
}

/* An element known by a path: a mount by its destination, a device by its path. */
static int read_by_path(struct oci_document *document, enum oci_place place, nvb_error **err)
{
	static const char *const destination[] = {"destination", NULL}, *const path[] = {"path", NULL};
	const char *const *names = place == OCI_MOUNTS ? destination : path;
	struct oci_item *item;
	struct nvb_json field;
	const char *s;
	size_t size, at;
	int rc = read_fields(document, names, &field, &at, err);

	if (rc == 0)
		rc = want(document, &field, NVB_JSON_STRING, names[0], err);
	if (rc < 0 || field.type == NVB_JSON_NULL)
		return rc;
	rc = decoded(document, &field, &s, &size, err);
	if (rc < 0)
		return rc;
	if (!oci_clean_path(&document->arena, s, size, &s, &size))
		return nvb_fail_oom(err);
	item = oci_items_find(document->items, place, s, size);
	if (!item) {
		if (place == OCI_MOUNTS)
			hide_below(document->items, s, size);
		return 0;
	}
	document->items->found_mounts += place == OCI_MOUNTS;
	item->found = true;
	item->hidden = false;
	return add_match(document, item, at, document->js.at, err);
}

static int read_hook(struct oci_document *document, enum oci_place place, nvb_error **err)
{
	static const char *const names[] = {"path", NULL};
	struct oci_items *items = document->items;
	struct nvb_json path;
	size_t at;
	int rc = read_fields(document, names, &path, &at, err);

	if (rc == 0)
		rc = want(document, &path, NVB_JSON_STRING, names[0], err);
	if (rc < 0 || path.type == NVB_JSON_NULL)
		return rc;
	for (size_t i = 0; rc == 0 && i < items->count; i++) {
		struct oci_item *item = &items->items[i];

		if (item->place == place && nvb_json_equals(&path, item->name, strlen(item->name)))
			rc = add_match(document, item, at, document->js.at, err);
	}
	return rc;
}

static int read_gid(struct oci_document *document, enum oci_place place, nvb_error **err)
{
	struct oci_items *items = document->items;
	struct nvb_json value;
	uint64_t gid;
	int rc = nvb_jscan_expect(&document->js, NVB_JSON_NUMBER, &value, err);

	if (rc < 0)
		return rc;
	if (!nvb_json_u64(&value, &gid) || gid > UINT32_MAX)
		return nvb_jscan_fail(
			&document->js, (size_t)(value.text - document->text), err, "not a group id");
	for (size_t i = 0; i < items->count; i++)
		if (items->items[i].place == place && items->items[i].major == gid)
			items->items[i].found = true;
	return 0;
}

static int read_rlimit(struct oci_document *document, enum oci_place place, nvb_error **err)
{
	static const char *const names[] = {"type", NULL};
	struct oci_item *item;
	struct nvb_json type;
	const char *s;
	size_t size, at;
	int rc = read_fields(document, names, &type, &at, err);

	if (rc == 0)
		rc = want(document, &type, NVB_JSON_STRING, names[0], err);
	if (rc < 0 || type.type == NVB_JSON_NULL)
		return rc;
	rc = decoded(document, &type, &s, &size, err);
	if (rc < 0)
		return rc;
	item = oci_items_find(document->items, place, s, size);
	if (!item)
		return 0;
	item->found = true;
	return add_match(document, item, at, document->js.at, err);
}

static int read_namespace(struct oci_document *document, enum oci_place place, nvb_error **err)
{
	static const char *const names[] = {"type", NULL};
	struct nvb_json type;
	size_t at;
	int rc = read_fields(document, names, &type, &at, err);

	(void)place;
	if (rc == 0)
		rc = want(document, &type, NVB_JSON_STRING, names[0], err);
	if (rc == 0 && type.type == NVB_JSON_STRING && nvb_json_equals(&type, "user", 4))
		document->user_namespace = true;
	return rc;
}

/* A device number of a rule: absent, null and negative ones stand for all. */
static int read_number(struct oci_document *document, const struct nvb_json *field, const char *name,
	bool *any, uint32_t *number, nvb_error **err)
{
	int64_t value = -1;
	int rc = want(document, field, NVB_JSON_NUMBER, name, err);

	if (rc < 0)
		return rc;
	if (field->type == NVB_JSON_NUMBER && !nvb_json_i64(field, &value))
		return nvb_jscan_fail(&document->js, (size_t)(field->text - document->text), err,
			"%s is not an integer", name);
	*any = value < 0 || value > UINT32_MAX;
	*number = *any ? 0 : (uint32_t)value;
	return 0;
}

struct rule {
	bool allow, any_type, any_major, any_minor;
	char type;
	uint32_t major, minor;
	unsigned access;
};

static void apply_rule(struct oci_item *item, const struct rule *rule)
{
	if (rule->allow)
		item->granted |= rule->access;
	else
		item->granted &= ~rule->access;
}

/* Rules take effect in their order, the last one that matches a device decides. */
static void apply_to_all(struct oci_items *items, const struct rule *rule)
{
	struct oci_item *one;

	if (!rule->any_type && !rule->any_major && !rule->any_minor) {
		one = oci_items_find_rule(items, rule->type, rule->major, rule->minor);
		if (one)
			apply_rule(one, rule);
		return;
	}
	for (size_t i = 0; i < items->count; i++) {
		struct oci_item *item = &items->items[i];

		if (item->place == OCI_RULES &&
			(rule->any_type || (oci_item_device_type(item) == rule->type &&
						   (rule->any_major || item->major == rule->major) &&
						   (rule->any_minor || item->minor == rule->minor))))
			apply_rule(item, rule);
	}
}

static unsigned rule_access(const struct nvb_json *access)
{
	unsigned bits = 0;

	if (access->type != NVB_JSON_STRING || !access->size || access->escaped)
		return OCI_READ | OCI_WRITE | OCI_MKNOD;
	for (size_t i = 0; i < access->size; i++)
		bits |= access->text[i] == 'r'	 ? OCI_READ
			: access->text[i] == 'w' ? OCI_WRITE
			: access->text[i] == 'm' ? OCI_MKNOD
						 : 0;
	return bits;
}

static int read_rule(struct oci_document *document, enum oci_place place, nvb_error **err)
{
	enum { ALLOW, TYPE, MAJOR, MINOR, ACCESS, FIELDS };
	static const char *const names[FIELDS + 1] = {"allow", "type", "major", "minor", "access"};
	struct nvb_json fields[FIELDS];
	struct rule rule = {0};
	size_t at;
	int rc = read_fields(document, names, fields, &at, err);

	(void)place;
	if (rc == 0)
		rc = want(document, &fields[ALLOW], NVB_JSON_BOOL, names[ALLOW], err);
	if (rc == 0)
		rc = want(document, &fields[TYPE], NVB_JSON_STRING, names[TYPE], err);
	if (rc == 0)
		rc = want(document, &fields[ACCESS], NVB_JSON_STRING, names[ACCESS], err);
	if (rc == 0)
		rc = read_number(document, &fields[MAJOR], names[MAJOR], &rule.any_major, &rule.major, err);
	if (rc == 0)
		rc = read_number(document, &fields[MINOR], names[MINOR], &rule.any_minor, &rule.minor, err);
	if (rc < 0)
		return rc;
	rule.allow = fields[ALLOW].type == NVB_JSON_BOOL && fields[ALLOW].text[0] == 't';
	rule.any_type = fields[TYPE].type == NVB_JSON_NULL || !fields[TYPE].size ||
			nvb_json_equals(&fields[TYPE], "a", 1);
	rule.type = rule.any_type ? 'a' : fields[TYPE].text[0];
	rule.access = rule_access(&fields[ACCESS]);
	apply_to_all(document->items, &rule);
	return 0;
}

static const element_reader readers[OCI_PLACE_COUNT] = {
	[OCI_ENV] = read_env,
	[OCI_GIDS] = read_gid,
	[OCI_RLIMITS] = read_rlimit,
	[OCI_MOUNTS] = read_by_path,
	[OCI_DEVICES] = read_by_path,
	[OCI_RULES] = read_rule,
	[OCI_NAMESPACES] = read_namespace,
	[OCI_PRESTART] = read_hook,
	[OCI_CREATE_RUNTIME] = read_hook,
	[OCI_CREATE_CONTAINER] = read_hook,
	[OCI_START_CONTAINER] = read_hook,
	[OCI_POSTSTART] = read_hook,
	[OCI_POSTSTOP] = read_hook,
};

static int read_array(struct oci_document *document, enum oci_place place, nvb_error **err)
{
	struct nvb_jscan *js = &document->js;
	struct oci_site *site = &document->sites[place];
	int more;

	while ((more = nvb_jscan_next(js, NULL, err)) > 0) {
		int rc;

		if (!site->first)
			site->first = js->at;
		rc = readers[place](document, place, err);
		if (rc < 0)
			return rc;
	}
	return more;
}

static int read_place(struct oci_document *document, enum oci_place place, nvb_error **err);

static int read_object(struct oci_document *document, enum oci_place place, nvb_error **err)
{
	const struct oci_children *children = oci_children(place);
	struct nvb_jscan *js = &document->js;
	struct oci_site *site = &document->sites[place];
	struct nvb_json key, other;
	int more, which;

	while ((more = nvb_jscan_next(js, &key, err)) > 0) {
		int rc = nvb_jscan_match(js, &key, children->names, &which, err);

		if (!site->first)
			site->first = (size_t)(key.text - document->text) - 1;
		if (place == OCI_ROOT && site->at.count++ == 0)
			document->spaced = js->at < js->size && js->text[js->at] == ' ';
		if (rc == 0)
			rc = which < 0 ? nvb_jscan_value(js, &other, err)
				       : read_place(document, children->places[which], err);
		if (rc < 0)
			return rc;
	}
	return more;
}

/* Reads what stands at a place; a null is as good as nothing there, as for Go. */
static int read_place(struct oci_document *document, enum oci_place place, nvb_error **err)
{
	struct oci_site *site = &document->sites[place];
	struct nvb_jscan *js = &document->js;
	enum nvb_json_type type;
	struct nvb_json value;
	int rc = nvb_jscan_peek(js, &type, err);

	if (rc < 0)
		return rc;
	if (type == NVB_JSON_NULL && place != OCI_ROOT && place != OCI_VERSION) {
		site->state = OCI_NULL;
		site->at.open = js->at;
		rc = nvb_jscan_value(js, &value, err);
		site->at.close = js->at;
		return rc;
	}
	site->state = OCI_PRESENT;
	if (oci_places[place].type == NVB_JSON_STRING)
		return nvb_jscan_expect(js, NVB_JSON_STRING, &value, err);
	rc = nvb_jscan_enter(js, oci_places[place].type, err);
	if (rc == 0)
		rc = oci_places[place].type == NVB_JSON_OBJECT ? read_object(document, place, err)
							       : read_array(document, place, err);
	site->at = js->left;
	return rc;
}

int oci_document_read(struct oci_document *document, const char *text, size_t size, struct oci_items *items,
	nvb_error **err)
{
	int rc;

	document->text = text;
	document->size = size;
	document->items = items;
	nvb_jscan_begin(&document->js, text, size);
	rc = read_place(document, OCI_ROOT, err);
	if (rc == 0)
		rc = nvb_jscan_end(&document->js, err);
	if (rc == 0 && document->sites[OCI_VERSION].state != OCI_PRESENT)
		rc = nvb_fail(err, NVB_ERR_CORRUPT, "not an OCI config.json: ociVersion is missing");
	nvb_jscan_release(&document->js);
	return rc;
}

void oci_document_release(struct oci_document *document)
{
	free(document->matches);
	nvb_arena_release(&document->arena);
}
