/* SPDX-License-Identifier: Apache-2.0 */
#include "nvbind/oci.h"
#include "oci/document.h"
#include "oci/render.h"

/*
 * Splicing: the output is the input with the bytes of some elements replaced and some new ones put behind the
 * last of their array. Where an array or object is missing, it is put behind the last member of the nearest
 * one above that is there. What is written looks like its neighbours: it takes over the white space in front
 * of the first of them.
 */
struct insertion {
	size_t at, remove;
	enum oci_place place;
};

struct splicer {
	const struct oci_document *document;
	const struct oci_items *items;
	struct oci_writer writer;
	size_t copied;			 /* input already in the output */
	size_t missing[OCI_PLACE_COUNT]; /* items to be added to an array */
	bool needed[OCI_PLACE_COUNT];	 /* something is missing here or below */
	struct insertion insertions[OCI_PLACE_COUNT];
	size_t insertion_count;
	const char *unit; /* one step of indentation, with its size */
	size_t unit_size;
};

/* White space in front of the members of a place: a piece of the input, then `steps` units. */
struct indent {
	const char *s;
	size_t size;
	size_t steps;
};

static bool is_active(const struct splicer *splicer, const struct oci_item *item)
{
	return item->when == OCI_ALWAYS ||
	       (item->when == OCI_WITH_USERNS) == splicer->document->user_namespace;
}

static bool is_missing(const struct splicer *splicer, const struct oci_item *item)
{
	if (!is_active(splicer, item))
		return false;
	if (item->place == OCI_RULES)
		return (item->granted & item->access) != item->access;
	return !item->found || item->hidden;
}

static const char *site_text(const struct splicer *splicer, size_t at)
{
	return splicer->document->text + at;
}

static struct indent member_indent(const struct splicer *splicer, enum oci_place place)
{
	const struct oci_site *site = &splicer->document->sites[place];
	struct indent indent;

	if (site->state == OCI_PRESENT && site->first) {
		size_t from = site->at.open + 1;

		return (struct indent){site_text(splicer, from), site->first - from, 0};
	}
	indent = member_indent(splicer, oci_places[place].parent);
	if (memchr(indent.s, '\n', indent.size))
		indent.steps++;
	else
		indent.size = 0;
	return indent;
}

static void add_indent(struct splicer *splicer, const struct indent *indent)
{
	nvb_sb_addn(&splicer->writer.out, indent->s, indent->size);
	for (size_t i = 0; i < indent->steps; i++)
		nvb_sb_addn(&splicer->writer.out, splicer->unit, splicer->unit_size);
}

/* Between two members: a line break where their neighbours have one, else the document's usual spacing. */
static void add_separator(struct splicer *splicer, const struct indent *indent)
{
	nvb_sb_addc(&splicer->writer.out, ',');
	if (memchr(indent->s, '\n', indent->size))
		add_indent(splicer, indent);
	else if (splicer->writer.spaced)
		nvb_sb_addc(&splicer->writer.out, ' ');
}

static void write_value(struct splicer *splicer, enum oci_place place);

/* The missing members of a place, each but perhaps the first behind a separator. */
static void write_members(struct splicer *splicer, enum oci_place place, bool first)
{
	struct indent indent = member_indent(splicer, place);
	const struct oci_children *children = oci_children(place);

	for (size_t i = 0; children->names[i]; i++) {
		enum oci_place child = children->places[i];

		if (!splicer->needed[child] || splicer->document->sites[child].state != OCI_ABSENT)
			continue;
		if (!first)
			add_separator(splicer, &indent);
		oci_write_key(&splicer->writer, children->names[i]);
		write_value(splicer, child);
		first = false;
	}
	for (size_t i = 0; splicer->missing[place] && i < splicer->items->count; i++) {
		const struct oci_item *item = &splicer->items->items[i];

		if (item->place != place || !is_missing(splicer, item))
			continue;
		if (!first)
			add_separator(splicer, &indent);
		oci_write_item(&splicer->writer, splicer->items, item);
		first = false;
	}
}

/* All that goes between the brackets of an array or object that is empty so far. */
static void write_content(struct splicer *splicer, enum oci_place place)
{
	struct indent inner = member_indent(splicer, place), outer = inner;

	add_indent(splicer, &inner);
	write_members(splicer, place, true);
	if (outer.steps) {
		outer.steps--;
		add_indent(splicer, &outer);
	}
}

static void write_value(struct splicer *splicer, enum oci_place place)
{
	bool is_object = oci_places[place].type == NVB_JSON_OBJECT;

	nvb_sb_addc(&splicer->writer.out, is_object ? '{' : '[');
	write_content(splicer, place);
	nvb_sb_addc(&splicer->writer.out, is_object ? '}' : ']');
}

static void count_missing(struct splicer *splicer)
{
	for (size_t i = 0; i < splicer->items->count; i++) {
		const struct oci_item *item = &splicer->items->items[i];

		if (is_missing(splicer, item))
			splicer->missing[item->place]++;
	}
	for (size_t place = OCI_PLACE_COUNT - 1; place > OCI_ROOT; place--) {
		splicer->needed[place] |= splicer->missing[place] > 0;
		if (splicer->needed[place])
			splicer->needed[oci_places[place].parent] = true;
	}
}

/* Whether a place that is there gets new members itself. */
static bool grows(const struct splicer *splicer, enum oci_place place)
{
	const struct oci_children *children = oci_children(place);

	if (splicer->missing[place])
		return true;
	for (size_t i = 0; children->names[i]; i++)
		if (splicer->needed[children->places[i]] &&
			splicer->document->sites[children->places[i]].state == OCI_ABSENT)
			return true;
	return false;
}

static void collect_insertions(struct splicer *splicer)
{
	for (enum oci_place place = OCI_ROOT; place < OCI_PLACE_COUNT; place++) {
		const struct oci_site *site = &splicer->document->sites[place];
		struct insertion insertion = {site->at.tail, 0, place};
		size_t at = splicer->insertion_count;

		if (!splicer->needed[place] || site->state == OCI_ABSENT ||
			(site->state == OCI_PRESENT && !grows(splicer, place)))
			continue;
		if (site->state == OCI_NULL)
			insertion.at = site->at.open;
		else if (!site->first)
			insertion.at = site->at.open + 1;
		if (site->state == OCI_NULL || !site->first)
			insertion.remove = site->at.close - insertion.at;
		/* Few, and nearly in order. */
		for (; at && splicer->insertions[at - 1].at > insertion.at; at--)
			splicer->insertions[at] = splicer->insertions[at - 1];
		splicer->insertions[at] = insertion;
		splicer->insertion_count++;
	}
}

static void copy_until(struct splicer *splicer, size_t at)
{
	nvb_sb_addn(&splicer->writer.out, site_text(splicer, splicer->copied), at - splicer->copied);
	splicer->copied = at;
}

static void insert(struct splicer *splicer, const struct insertion *insertion)
{
	const struct oci_site *site = &splicer->document->sites[insertion->place];

	copy_until(splicer, insertion->at);
	splicer->copied += insertion->remove;
	if (site->state == OCI_NULL)
		write_value(splicer, insertion->place);
	else if (!site->first)
		write_content(splicer, insertion->place);
	else
		write_members(splicer, insertion->place, false);
}

/* Foreign hooks of one path differ in their arguments: such an element is ours only if it is ours whole. */
static bool is_foreign_hook(const struct oci_item *item)
{
	return item->edit && item->edit->kind == NVB_EDIT_HOOK;
}

static void find_foreign_hooks(struct splicer *splicer, struct oci_items *items)
{
	for (size_t i = 0; i < splicer->document->match_count; i++) {
		const struct oci_match *match = &splicer->document->matches[i];
		struct oci_item *item = &items->items[match->item];
		size_t before = splicer->writer.out.len;

		if (!is_foreign_hook(item))
			continue;
		oci_write_item(&splicer->writer, items, item);
		if (splicer->writer.out.len - before == match->size && splicer->writer.out.s &&
			memcmp(splicer->writer.out.s + before, site_text(splicer, match->at), match->size) ==
				0)
			item->found = true;
		splicer->writer.out.len = before;
	}
}

static void replace(struct splicer *splicer, const struct oci_match *match)
{
	const struct oci_item *item = &splicer->items->items[match->item];

	if (!is_active(splicer, item) || is_foreign_hook(item))
		return;
	copy_until(splicer, match->at);
	oci_write_item(&splicer->writer, splicer->items, item);
	splicer->copied += match->size;
}

static void splice(struct splicer *splicer)
{
	const struct oci_document *document = splicer->document;
	size_t next = 0;

	for (size_t i = 0; i < document->match_count; i++) {
		for (; next < splicer->insertion_count &&
			splicer->insertions[next].at <= document->matches[i].at;
			next++)
			insert(splicer, &splicer->insertions[next]);
		replace(splicer, &document->matches[i]);
	}
	for (; next < splicer->insertion_count; next++)
		insert(splicer, &splicer->insertions[next]);
	copy_until(splicer, document->size);
}

/* What is in front of the root's first key, behind its last line break, is one step. */
static void find_unit(struct splicer *splicer)
{
	struct indent indent = member_indent(splicer, OCI_ROOT);
	const char *line = memrchr(indent.s, '\n', indent.size);

	if (!line)
		return;
	splicer->unit = line + 1;
	splicer->unit_size = (size_t)(indent.s + indent.size - splicer->unit);
}

/* Our own hook may stand there already, under its path. */
static void find_own_hook(const struct oci_document *document, struct oci_items *items)
{
	for (size_t i = 0; i < document->match_count; i++)
		if (!items->items[document->matches[i].item].edit)
			items->items[document->matches[i].item].found = true;
}

/* Bytes that an item and an argument of our hook take, nearly: so that the output is allocated once. */
enum { ITEM_BYTES = 260, ARGUMENT_BYTES = 100 };

static int edit_document(const struct oci_document *document, struct oci_items *items, char **out,
	size_t *out_size, nvb_error **err)
{
	struct splicer splicer = {.document = document, .items = items, .unit = ""};
	size_t room = document->size + items->count * ITEM_BYTES +
		      nvb_strv_length(items->hook_args) * ARGUMENT_BYTES + 1024;

	splicer.writer.spaced = document->spaced;
	splicer.writer.out.s = malloc(room);
	if (!splicer.writer.out.s)
		return nvb_fail_oom(err);
	splicer.writer.out.capacity = room;
	find_unit(&splicer);
	find_own_hook(document, items);
	find_foreign_hooks(&splicer, items);
	count_missing(&splicer);
	if (splicer.needed[OCI_PROCESS] && document->sites[OCI_PROCESS].state != OCI_PRESENT) {
		nvb_sb_release(&splicer.writer.out);
		return nvb_fail(
			err, NVB_ERR_CORRUPT, "process is missing: there is nothing to give the GPU to");
	}
	collect_insertions(&splicer);
	splice(&splicer);
	if (splicer.writer.not_utf8) {
		nvb_sb_release(&splicer.writer.out);
		return nvb_fail(err, NVB_ERR_UNSUPPORTED,
			"a path or value of the plan is not UTF-8 and cannot be written in JSON");
	}
	*out_size = splicer.writer.out.len;
	*out = nvb_sb_finish(&splicer.writer.out);
	return *out ? 0 : nvb_fail_oom(err);
}

int nvb_oci_edit(const char *config, size_t size, const nvb_plan *plan, const struct nvb_oci_options *options,
	char **out, size_t *out_size, nvb_error **err)
{
	struct nvb_oci_options given = {0};
	struct oci_items items = {0};
	struct oci_document document;
	int rc;

	if (options && (options->size < sizeof(options->size) || options->size > sizeof(given)))
		return nvb_fail(err, NVB_ERR_INVALID, "nvb_oci_options.size is %zu, this library's is %zu",
			options->size, sizeof(given));
	if (options)
		memcpy(&given, options, options->size);
	memset(&document, 0, offsetof(struct oci_document, js));
	rc = oci_items_make(&items, plan, &given, err);
	if (rc == 0)
		rc = oci_document_read(&document, config, size, &items, err);
	document.user_namespace |= given.user_namespace;
	if (rc == 0)
		rc = edit_document(&document, &items, out, out_size, err);
	oci_document_release(&document);
	oci_items_release(&items);
	return rc;
}
