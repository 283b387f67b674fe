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
	place->groups[2] = none; /* the program's own stand before its verbs */
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

/* Where words go, and how. */
struct offers {
	FILE *f;
	bool describe;
};

static void offer(
	const struct offers *o, const char *start, const char *prefix, const char *word, const char *text)
{
	if (strncmp(word, start, strlen(start)) != 0)
		return;
	fprintf(o->f, "%s%s", prefix, word);
	if (o->describe && text)
		fprintf(o->f, "\t%.*s", (int)strcspn(text, "\n"), text);
	fputc('\n', o->f);
}

static void offer_options(const struct offers *offers, const struct place *place, const char *word)
{
	const char *start = word[1] == '-' ? word + 2 : "";

	if (word[1] && word[1] != '-')
		return;
	for (size_t i = 0; place->groups[i]; i++)
		for (const struct nvb_option_group *g = place->groups[i]; g->options; g++)
			for (const struct nvb_option *o = g->options; o->name; o++)
				if (o->help)
					offer(offers, start, "--", o->name, o->help);
}

static void offer_values(
	const struct offers *offers, const struct nvb_option *option, const char *start, const char *prefix)
{
	for (const struct nvb_choice *c = option->choices; c && c->name; c++)
		offer(offers, start, prefix, c->name, NULL);
}

/* "--format=js", where a shell leaves it in one piece. */
static bool offer_joined(const struct offers *offers, const struct place *place, const char *word)
{
	const char *equals = strchr(word, '=');
	const struct nvb_option *option;
	char prefix[64];

	if (!equals || word[1] != '-' || place->no_options)
		return false;
	option = nvb_option_find(place->groups, word + 2, (size_t)(equals - word - 2), 0);
	if (option && snprintf(prefix, sizeof(prefix), "%.*s", (int)(equals + 1 - word), word) <
			      (int)sizeof(prefix))
		offer_values(offers, option, equals + 1, prefix);
	return true;
}

void nvb_complete(FILE *f, const struct nvb_program *program, const struct nvb_option_group *builtin,
	bool describe, int argc, char **words)
{
	const struct offers offers = {f, describe};
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
		offer_values(&offers, place.option, nvb_streq(word, "=") ? "" : word, "");
	} else if (word[0] == '-' && !place.no_options) {
		if (!offer_joined(&offers, &place, word))
			offer_options(&offers, &place, word);
	} else if (place.verbs) {
		for (const struct nvb_verb *v = place.verbs; v->name; v++)
			if (v->summary)
				offer(&offers, word, "", v->name, v->summary);
	}
}
