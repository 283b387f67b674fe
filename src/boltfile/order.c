/* SPDX-License-Identifier: Apache-2.0 */
#include "boltfile/order.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "boltfile/keys.h"

bool nvb_dependency_parse(const struct nvb_boltfile *file, const char *word, struct nvb_dependency *out)
{
	const char *colon = strrchr(word, ':');
	size_t n = colon ? (size_t)(colon - word) : 0;
	int condition;

	if (!colon || nvb_choice_parse(nvb_boltfile_conditions, colon + 1, "condition", &condition, NULL) < 0)
		return false;
	for (size_t i = 0; i < file->service_count; i++) {
		const char *name = file->services[i].name;

		if (strncmp(name, word, n) == 0 && !name[n]) {
			*out = (struct nvb_dependency){i, (enum nvb_condition)condition};
			return true;
		}
	}
	return false;
}

/* A walk in depth that needs no recursion: the way from the first service to the one looked at. */
struct walk {
	const struct nvb_boltfile *file;
	enum { UNSEEN, ON_THE_WAY, DONE } * state;
	size_t *way;		 /* services */
	char *const **next_word; /* of each on the way: what it depends on and was not looked at yet */
	size_t length;
};

static void enter(struct walk *w, size_t service)
{
	w->state[service] = ON_THE_WAY;
	w->way[w->length] = service;
	w->next_word[w->length++] = w->file->services[service].depends_on;
}

static const char *print_circle(const struct walk *w, size_t back_to, struct nvb_arena *arena)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};
	size_t i = 0;

	while (w->way[i] != back_to)
		i++;
	for (; i < w->length; i++)
		nvb_sb_addf(&text, "%s -> ", w->file->services[w->way[i]].name);
	nvb_sb_add(&text, w->file->services[back_to].name);
	return text.failed ? NULL : nvb_arena_strdup(arena, text.s);
}

/* Follows the walk until it is at its end or in a circle: then that service's index, else SIZE_MAX. */
static size_t follow(struct walk *w)
{
	while (w->length) {
		char *const **word = &w->next_word[w->length - 1];
		struct nvb_dependency dependency;

		if (!*word || !**word) {
			w->state[w->way[--w->length]] = DONE;
			continue;
		}
		if (!nvb_dependency_parse(w->file, *(*word)++, &dependency))
			continue;
		if (w->state[dependency.service] == ON_THE_WAY)
			return dependency.service;
		if (w->state[dependency.service] == UNSEEN)
			enter(w, dependency.service);
	}
	return SIZE_MAX;
}

const char *nvb_boltfile_circle(
	const struct nvb_boltfile *file, struct nvb_arena *arena, const struct nvb_service **at, bool *failed)
{
	size_t count = file->service_count, found;
	struct walk w = {.file = file};
	const char *text = NULL;

	w.state = calloc(count + 1, sizeof(*w.state));
	w.way = calloc(count + 1, sizeof(*w.way));
	w.next_word = calloc(count + 1, sizeof(*w.next_word));
	*failed = !w.state || !w.way || !w.next_word;
	for (size_t i = 0; !*failed && !text && i < count; i++) {
		if (w.state[i] != UNSEEN)
			continue;
		enter(&w, i);
		found = follow(&w);
		if (found == SIZE_MAX)
			continue;
		text = print_circle(&w, found, arena);
		*at = &file->services[found];
		*failed = !text;
	}
	free(w.state);
	free(w.way);
	free(w.next_word);
	return text;
}

static void mark(const struct nvb_boltfile *file, size_t service, bool dependencies, bool *wanted)
{
	bool more = true;

	wanted[service] = true;
	/* There is no circle, so as many rounds as services are enough. */
	while (dependencies && more) {
		more = false;
		for (size_t i = 0; i < file->service_count; i++)
			nvb_strv_foreach (word, wanted[i] ? file->services[i].depends_on : NULL) {
				struct nvb_dependency dependency;

				if (!nvb_dependency_parse(file, *word, &dependency) ||
					wanted[dependency.service])
					continue;
				wanted[dependency.service] = more = true;
			}
	}
}

int nvb_boltfile_select(const struct nvb_boltfile *file, char *const *names, size_t count, bool dependencies,
	bool *wanted, nvb_error **err)
{
	for (size_t i = 0; i < file->service_count; i++)
		wanted[i] = count == 0;
	for (size_t i = 0; i < count; i++) {
		const struct nvb_service *service;
		int rc = nvb_boltfile_find(file, names[i], &service, err);

		if (rc < 0)
			return rc;
		mark(file, (size_t)(service - file->services), dependencies, wanted);
	}
	return 0;
}
