/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi/diff.h"

#include <inttypes.h>

#include "base/str.h"

/*
 * Lists are compared as sets: their elements are sorted by what names them (a node's path, a variable's name)
 * and merged, so hostile specs with a million elements cost what sorting costs.
 */

struct differ {
	struct nvb_cdi_diff *diff;
	const char *device;
	bool no_memory;
};

/* One element of a list, by name. Either an object or a value. */
struct element {
	const char *key, *value;
	const struct nvb_cdi_object *object;
	size_t order;
};

struct elements {
	struct element *items; /* in the arena */
	size_t count;
};

/* Whose the change is while objects of a list are compared. */
struct place {
	const char *part, *subject;
	const struct nvb_cdi_object *a, *b;
};

void nvb_cdi_diff_release(struct nvb_cdi_diff *diff)
{
	free(diff->changes);
	nvb_arena_release(&diff->arena);
	*diff = (struct nvb_cdi_diff){0};
}

static const char *keep(struct differ *d, const char *text)
{
	d->no_memory |= !text;
	return text;
}

static void add(struct differ *d, struct nvb_cdi_change change)
{
	if (d->no_memory || !NVB_GROW(d->diff->changes, d->diff->count, d->diff->capacity)) {
		d->no_memory = true;
		return;
	}
	change.device = d->device;
	d->diff->changes[d->diff->count++] = change;
}

/* --- values as text --- */

static const char *scalar_text(
	struct differ *d, const struct nvb_cdi_field *field, const struct nvb_cdi_object *object)
{
	struct nvb_arena *arena = &d->diff->arena;
	const void *p = nvb_cdi_field_at(object, field);

	switch (field->kind) {
	case NVB_CDI_FIELD_STRING:
		return *(const char *const *)p ? *(const char *const *)p : "";
	case NVB_CDI_FIELD_BOOL:
		return *(const bool *)p ? "true" : "false";
	case NVB_CDI_FIELD_I64:
		return keep(d, nvb_arena_printf(arena, "%" PRId64, *(const int64_t *)p));
	case NVB_CDI_FIELD_U32:
		return keep(d, nvb_arena_printf(arena, "%" PRIu32, *(const uint32_t *)p));
	default:
		return "";
	}
}

static bool is_scalar(const struct nvb_cdi_field *field)
{
	return field->kind <= NVB_CDI_FIELD_U32 && field->kind != NVB_CDI_FIELD_STRINGS;
}

static void summarise_field(struct differ *d, struct nvb_strbuf *sb, const struct nvb_cdi_field *field,
	const struct nvb_cdi_object *object)
{
	const struct nvb_cdi_array *array = nvb_cdi_array_at(object, field);

	if (!nvb_cdi_field_used(object, field) && !is_scalar(field))
		return;
	nvb_sb_addf(sb, "%s%s ", sb->len ? ", " : "", field->name);
	if (is_scalar(field))
		nvb_sb_add(sb, scalar_text(d, field, object));
	else if (field->kind == NVB_CDI_FIELD_STRINGS)
		for (size_t i = 0; i < array->count; i++)
			nvb_sb_addf(sb, "%s%s", i ? " " : "", ((const char **)array->items)[i]);
	else if (field->kind == NVB_CDI_FIELD_OBJECT)
		nvb_sb_add(sb, "given");
	else
		nvb_sb_addf(sb, "%zu", array->count);
}

/* What an object says besides its name. A device's is what its edits say. */
static const char *summary(struct differ *d, const struct nvb_cdi_class *class,
	const struct nvb_cdi_object *object, const char *key)
{
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};
	char *text;

	for (size_t i = 0; i < class->field_count; i++) {
		const struct nvb_cdi_field *field = &class->fields[i];

		if (!nvb_cdi_given(object, (unsigned)i) ||
			(is_scalar(field) && nvb_streq(scalar_text(d, field, object), key)))
			continue;
		summarise_field(d, &sb, field, object);
	}
	text = nvb_arena_strdup(&d->diff->arena, sb.s ? sb.s : "");
	d->no_memory |= sb.failed;
	return keep(d, text);
}

/* --- elements and their names --- */

static const char *string_of(
	const struct nvb_cdi_class *class, const struct nvb_cdi_object *object, const char *name)
{
	for (size_t i = 0; i < class->field_count; i++)
		if (nvb_streq(class->fields[i].name, name) && nvb_cdi_given(object, (unsigned)i))
			return *(const char *const *)nvb_cdi_field_at(object, &class->fields[i]);
	return NULL;
}

/* A hook is known by when it runs, which program it is and its first word: not by where the program lies. */
static const char *hook_key(struct differ *d, const struct nvb_cdi_hook *hook)
{
	const char *slash = hook->path ? strrchr(hook->path, '/') : NULL;
	const char *word = hook->arg_count > 1 ? hook->args[1] : "";

	return keep(d, nvb_arena_printf(&d->diff->arena, "%s %s%s%s", hook->name ? hook->name : "",
			       slash	    ? slash + 1
			       : hook->path ? hook->path
					    : "",
			       *word ? " " : "", word));
}

static const char *object_key(
	struct differ *d, const struct nvb_cdi_field *field, const struct nvb_cdi_object *object)
{
	static const char *const names[] = {"containerPath", "path", "name"};

	if (nvb_streq(field->name, "hooks"))
		return hook_key(d, (const struct nvb_cdi_hook *)object);
	for (size_t i = 0; i < NVB_ELEMENTS(names); i++) {
		const char *key = string_of(field->object, object, names[i]);

		if (key)
			return key;
	}
	return "";
}

/* "NAME=VALUE" cut in two. */
static void cut_variable(struct differ *d, const char *variable, struct element *element)
{
	const char *equals = strchr(variable, '=');

	element->key =
		equals ? keep(d, nvb_arena_strndup(&d->diff->arena, variable, (size_t)(equals - variable)))
		       : variable;
	element->value = equals ? equals + 1 : "";
}

/* Arguments: an option and its value are one element. */
static void join_arguments(struct differ *d, const struct nvb_cdi_array *array, struct elements *out)
{
	const char *const *args = array->items;

	for (size_t i = 0; i < array->count && !d->no_memory; i++) {
		const char *text = args[i];

		if (nvb_after(text, "--") && !strchr(text, '=') && i + 1 < array->count &&
			args[i + 1][0] != '-')
			text = keep(d, nvb_arena_printf(&d->diff->arena, "%s %s", text, args[++i]));
		out->items[out->count] = (struct element){.key = text, .value = "", .order = out->count};
		out->count++;
	}
}

static struct element element_at(
	struct differ *d, const struct nvb_cdi_field *field, const struct nvb_cdi_array *array, size_t i)
{
	struct element e = {.value = "", .order = i};

	switch (field->kind) {
	case NVB_CDI_FIELD_STRINGS:
		if (nvb_streq(field->name, "env"))
			cut_variable(d, ((const char **)array->items)[i], &e);
		else
			e.key = ((const char **)array->items)[i];
		break;
	case NVB_CDI_FIELD_U32S:
		e.key = keep(d, nvb_arena_printf(&d->diff->arena, "%" PRIu32, ((uint32_t *)array->items)[i]));
		break;
	case NVB_CDI_FIELD_MAP:
		e.key = ((struct nvb_cdi_pair *)array->items)[i].key;
		e.value = ((struct nvb_cdi_pair *)array->items)[i].value;
		break;
	default:
		e.object = (const void *)((char *)array->items + i * field->object->size);
		e.key = object_key(d, field, e.object);
	}
	return e;
}

static int by_key(const void *x, const void *y)
{
	const struct element *a = x, *b = y;
	int order = strverscmp(a->key, b->key);

	if (!order)
		order = strcmp(a->key, b->key);
	return order ? order : a->order < b->order ? -1 : 1;
}

static struct elements list(
	struct differ *d, const struct nvb_cdi_field *field, const struct nvb_cdi_object *object)
{
	const struct nvb_cdi_array *array = object ? nvb_cdi_array_at(object, field) : NULL;
	struct elements out = {0};

	if (!array || !array->count || d->no_memory)
		return out;
	out.items = nvb_arena_alloc(&d->diff->arena, array->count * sizeof(*out.items));
	if (!out.items) {
		d->no_memory = true;
		return out;
	}
	if (nvb_streq(field->name, "args"))
		join_arguments(d, array, &out);
	else
		for (; out.count < array->count && !d->no_memory; out.count++)
			out.items[out.count] = element_at(d, field, array, out.count);
	if (d->no_memory)
		out.count = 0;
	if (out.count > 1)
		qsort(out.items, out.count, sizeof(*out.items), by_key);
	return out;
}

/* --- comparing --- */

static void compare_objects(struct differ *d, const struct nvb_cdi_class *class, const struct place *place,
	const struct nvb_cdi_object *a, const struct nvb_cdi_object *b);

/* A device's edits are compared in its name, everything else under the name of its list. */
static void compare_pair(
	struct differ *d, const struct nvb_cdi_field *field, const struct element *a, const struct element *b)
{
	if (nvb_streq(field->name, "devices")) {
		d->device = a->key;
		compare_objects(d, field->object, NULL, a->object, b->object);
		d->device = NULL;
	} else {
		const struct place place = {field->name, a->key, a->object, b->object};

		compare_objects(d, field->object, &place, a->object, b->object);
	}
}

static const char *text_of(struct differ *d, const struct nvb_cdi_field *field, const struct element *e)
{
	return !e ? NULL : e->object ? summary(d, field->object, e->object, e->key) : e->value;
}

/* An element that only one side has, or values of one name that differ. */
static void add_element(struct differ *d, const struct nvb_cdi_field *field, const struct place *place,
	const struct element *a, const struct element *b)
{
	const char *key = a ? a->key : b->key;
	struct nvb_cdi_change change = {
		.part = field->name,
		.subject = key,
		.before = text_of(d, field, a),
		.after = text_of(d, field, b),
		.a = a ? a->object : NULL,
		.b = b ? b->object : NULL,
	};

	if (place) { /* of a mount's options, a hook's arguments: the mount, the hook */
		change.part = place->part;
		change.subject = place->subject;
		change.field = field->name;
		change.before = a ? a->key : NULL;
		change.after = b ? b->key : NULL;
		change.a = place->a;
		change.b = place->b;
	}
	add(d, change);
}

static void compare_lists(struct differ *d, const struct nvb_cdi_field *field, const struct place *place,
	const struct nvb_cdi_object *a, const struct nvb_cdi_object *b)
{
	const struct elements x = list(d, field, a), y = list(d, field, b);
	size_t i = 0, j = 0;

	while (!d->no_memory && (i < x.count || j < y.count)) {
		int order = i == x.count ? 1 : j == y.count ? -1 : 0;

		if (!order && !nvb_streq(x.items[i].key, y.items[j].key))
			order = strverscmp(x.items[i].key, y.items[j].key)
					?: strcmp(x.items[i].key, y.items[j].key);
		if (order < 0) {
			add_element(d, field, place, &x.items[i++], NULL);
		} else if (order > 0) {
			add_element(d, field, place, NULL, &y.items[j++]);
		} else {
			if (x.items[i].object)
				compare_pair(d, field, &x.items[i], &y.items[j]);
			else if (!nvb_streq(x.items[i].value, y.items[j].value))
				add_element(d, field, place, &x.items[i], &y.items[j]);
			i++;
			j++;
		}
	}
}

static void compare_scalars(struct differ *d, const struct nvb_cdi_field *field, const struct place *place,
	const struct nvb_cdi_object *a, const struct nvb_cdi_object *b)
{
	const char *before = a ? scalar_text(d, field, a) : NULL,
		   *after = b ? scalar_text(d, field, b) : NULL;
	struct nvb_cdi_change change = {.part = field->name, .before = before, .after = after};

	if (d->no_memory || nvb_streq0(before, after))
		return;
	if (place) {
		change.part = place->part;
		change.subject = place->subject;
		change.field = field->name;
		change.a = place->a;
		change.b = place->b;
	}
	add(d, change);
}

static void compare_fields(struct differ *d, const struct nvb_cdi_field *field, const struct place *place,
	const struct nvb_cdi_object *a, const struct nvb_cdi_object *b)
{
	/* containerEdits have no name of their own; intelRdt is the one of its kind. */
	const struct place inner = {field->name, NULL, NULL, NULL};

	if (is_scalar(field))
		compare_scalars(d, field, place, a, b);
	else if (field->kind == NVB_CDI_FIELD_OBJECT)
		compare_objects(d, field->object, nvb_streq(field->name, "containerEdits") ? NULL : &inner,
			a ? *(void *const *)nvb_cdi_field_at(a, field) : NULL,
			b ? *(void *const *)nvb_cdi_field_at(b, field) : NULL);
	else
		compare_lists(d, field, place, a, b);
}

/* Either may be NULL: it says nothing then. */
static void compare_objects(struct differ *d, const struct nvb_cdi_class *class, const struct place *place,
	const struct nvb_cdi_object *a, const struct nvb_cdi_object *b)
{
	for (size_t i = 0; i < class->field_count && !d->no_memory; i++) {
		const struct nvb_cdi_object *x = a && nvb_cdi_given(a, (unsigned)i) ? a : NULL;
		const struct nvb_cdi_object *y = b && nvb_cdi_given(b, (unsigned)i) ? b : NULL;

		if (x || y)
			compare_fields(d, &class->fields[i], place, x, y);
	}
}

int nvb_cdi_diff(struct nvb_cdi_diff *diff, const struct nvb_cdi_spec *a, const struct nvb_cdi_spec *b,
	nvb_error **err)
{
	struct differ d = {.diff = diff};

	compare_objects(&d, &nvb_cdi_spec_class, NULL, &a->object, &b->object);
	if (!d.no_memory)
		return 0;
	nvb_cdi_diff_release(diff);
	return nvb_fail_oom(err);
}

void nvb_cdi_change_describe(struct nvb_strbuf *sb, const struct nvb_cdi_change *change)
{
	if (change->device)
		nvb_sb_addf(sb, "device %s: ", change->device);
	nvb_sb_add(sb, change->part);
	if (change->subject)
		nvb_sb_addf(sb, " %s", change->subject);
	if (change->field)
		nvb_sb_addf(sb, ": %s", change->field);
	if (change->before && change->after)
		nvb_sb_addf(sb, ": %s -> %s", change->before, change->after);
	else if (change->field || !change->subject)
		nvb_sb_addf(sb, ": %s", change->before ? change->before : change->after);
	else if (*(change->before ? change->before : change->after))
		nvb_sb_addf(sb, " (%s)", change->before ? change->before : change->after);
}
