/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/complete.h"

#include "base/str.h"

static const struct nvb_option_group none[] = {{NULL, NULL}};

/* Where the words before the cursor lead. */
struct place {
	const struct nvb_option_group *groups[4];
	const struct nvb_verb *verbs; /* one of these is next, or NULL */
	const struct nvb_verb *verb;
	const struct nvb_option *option; /* waits for its value, or NULL */
	bool no_options;		 /* behind "--", or among the words of a command to run */
	bool lost;			 /* behind a word that is not known */
};

/* The option that waits for a value behind this word. "-it" is looked at by its last letter. */
static const struct nvb_option *waiting_option(const struct place *place, const char *word)
{
	const struct nvb_option *o;

	if (word[1] == '-')
		o = nvb_option_find(place->groups, word + 2, strcspn(word + 2, "="), 0);
	else
		o = nvb_option_find(place->groups, NULL, 0, word[strlen(word) - 1]);
	return o && o->argument && !strchr(word, '=') ? o : NULL;
}

static void enter(struct place *place, const char *word)
{
	const struct nvb_verb *v = place->verbs;

	while (v->name && !nvb_streq(v->name, word))
		v++;
	if (!v->name) {
		place->lost = !nvb_streq(word, "help") || place->verb;
		return;
	}
	place->verb = v;
	place->verbs = v->verbs;
	place->groups[0] = v->groups ? v->groups : none;
}

static void step(struct place *place, const char *word)
{
	if (place->option) {
		/* bash cuts --opt=value at "=": what follows is still the option's. */
		if (!nvb_streq(word, "="))
			place->option = NULL;
	} else if (nvb_streq(word, "--")) {
		place->no_options = true;
	} else if (word[0] == '-' && word[1] && !place->no_options) {
		place->option = waiting_option(place, word);
	} else if (place->verbs) {
		enter(place, word);
	} else if (place->verb && place->verb->options_end_at_first_argument) {
		place->lost = true;
	}
}

static void offer(FILE *f, const char *start, const char *prefix, const char *word)
{
	if (strncmp(word, start, strlen(start)) == 0)
		fprintf(f, "%s%s\n", prefix, word);
}

static void offer_options(FILE *f, const struct place *place, const char *word)
{
	const char *start = word[1] == '-' ? word + 2 : "";

	if (word[1] && word[1] != '-')
		return;
	for (size_t i = 0; place->groups[i]; i++)
		for (const struct nvb_option_group *g = place->groups[i]; g->options; g++)
			for (const struct nvb_option *o = g->options; o->name; o++)
				if (o->help)
					offer(f, start, "--", o->name);
}

void nvb_complete(FILE *f, const struct nvb_program *program, const struct nvb_option_group *builtin,
	int argc, char **words)
{
	struct place place = {
		.groups = {none, program->common ? program->common : none, builtin},
		.verbs = program->verbs,
	};
	const char *word = argc > 0 ? words[argc - 1] : "";

	for (int i = 0; i + 1 < argc; i++)
		step(&place, words[i]);
	if (place.lost)
		return;
	if (place.option) {
		const char *start = nvb_streq(word, "=") ? "" : word;

		for (const struct nvb_choice *c = place.option->choices; c && c->name; c++)
			offer(f, start, "", c->name);
	} else if (word[0] == '-' && !place.no_options) {
		offer_options(f, &place, word);
	} else if (place.verbs) {
		for (const struct nvb_verb *v = place.verbs; v->name; v++)
			if (v->summary)
				offer(f, word, "", v->name);
	}
}
