/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"

#include "base/str.h"
#include "cli/output.h"

enum {
	NAME_INDENT = 2,
	WIDEST_NAME = 26,    /* what is wider puts its text on the next line */
	NARROWEST_TEXT = 30, /* columns of text even on a terminal that has no room for them */
	WIDEST_LINE = 100,
};

struct layout {
	FILE *f;
	size_t width;	     /* of the page */
	size_t name_columns; /* of the left column, with its indent and gap */
};

static struct layout layout_of(FILE *f)
{
	size_t width = nvb_terminal_width(f);

	return (struct layout){.f = f, .width = width > WIDEST_LINE ? WIDEST_LINE : width};
}

static void heading(const struct layout *l, const char *title)
{
	fprintf(l->f, "\n%s%s:%s\n", nvb_style_on(l->f, NVB_STYLE_BOLD), title, nvb_style_off(l->f));
}

/* One paragraph from column `indent` on, where the cursor already is; breaks at blanks. */
static void wrap(const struct layout *l, const char *text, size_t indent)
{
	size_t room = l->width > indent + NARROWEST_TEXT ? l->width - indent : NARROWEST_TEXT, column = 0;

	while (*(text += strspn(text, " "))) {
		size_t n = strcspn(text, " \n");

		if (column && column + 1 + n > room) {
			fprintf(l->f, "\n%*s", (int)indent, "");
			column = 0;
		}
		fprintf(l->f, "%s%.*s", column ? " " : "", (int)n, text);
		column += n + (column != 0);
		text += n;
		if (*text == '\n') {
			fprintf(l->f, "\n%*s", text[1] ? (int)indent : 0, "");
			column = 0;
			text++;
		}
	}
	fputc('\n', l->f);
}

static void row(const struct layout *l, const char *name, const char *text)
{
	size_t n = strlen(name);

	fprintf(l->f, "%*s%s", NAME_INDENT, "", name);
	if (n + NAME_INDENT + 2 > l->name_columns)
		fprintf(l->f, "\n%*s", (int)l->name_columns, "");
	else
		fprintf(l->f, "%*s", (int)(l->name_columns - NAME_INDENT - n), "");
	wrap(l, text, l->name_columns);
}

/* "-e, --env KEY=VALUE" */
static void option_name(const struct nvb_option *o, char *buffer, size_t size)
{
	char letter[8] = "    ";

	if (o->letter)
		snprintf(letter, sizeof(letter), "-%c, ", o->letter);
	snprintf(buffer, size, "%s--%s%s%s", letter, o->name, o->argument ? " " : "",
		o->argument ? o->argument : "");
}

static size_t fit_column(size_t columns, const char *name)
{
	size_t n = strlen(name);

	if (n > WIDEST_NAME)
		n = WIDEST_NAME;
	return n + NAME_INDENT + 2 > columns ? n + NAME_INDENT + 2 : columns;
}

static void option_rows(const struct layout *l, const struct nvb_option *options)
{
	for (const struct nvb_option *o = options; o->name; o++) {
		_cleanup_free_ char *choices = o->choices ? nvb_choice_list(o->choices, ", ") : NULL;
		_cleanup_strbuf_ struct nvb_strbuf text = {0};
		char name[128];

		if (!o->help)
			continue;
		option_name(o, name, sizeof(name));
		nvb_sb_add(&text, o->help);
		if (choices)
			nvb_sb_addf(&text, ": %s", choices);
		if (text.s)
			row(l, name, text.s);
	}
}

static void fit_options(struct layout *l, const struct nvb_option_group *groups)
{
	char name[128];

	for (const struct nvb_option_group *g = groups; g && g->options; g++) {
		for (const struct nvb_option *o = g->options; o->name; o++) {
			option_name(o, name, sizeof(name));
			if (o->help)
				l->name_columns = fit_column(l->name_columns, name);
		}
	}
}

static void option_groups(const struct layout *l, const struct nvb_option_group *groups)
{
	for (const struct nvb_option_group *g = groups; g && g->options; g++) {
		heading(l, g->title);
		option_rows(l, g->options);
	}
}

static void verb_list(struct layout *l, const struct nvb_verb *verbs)
{
	l->name_columns = 0;
	for (const struct nvb_verb *v = verbs; v->name; v++)
		if (v->summary)
			l->name_columns = fit_column(l->name_columns, v->name);
	heading(l, "Commands");
	for (const struct nvb_verb *v = verbs; v->name; v++)
		if (v->summary)
			row(l, v->name, v->summary);
}

/* Where the options stand that every verb takes: their names only, their meaning is in the program's help. */
static void common_options(const struct layout *l, const struct nvb_program *program)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};

	for (const struct nvb_option_group *g = program->common; g && g->options; g++)
		for (const struct nvb_option *o = g->options; o->name; o++)
			if (o->help)
				nvb_sb_addf(&text, "%s--%s", text.len ? ", " : "", o->name);
	if (!text.len)
		return;
	nvb_sb_addf(&text, " (see '%s --help')", program->name);
	heading(l, "Options of every command");
	fprintf(l->f, "%*s", NAME_INDENT, "");
	if (text.s)
		wrap(l, text.s, NAME_INDENT);
}

static void usage(const struct layout *l, const char *path, const char *rest)
{
	fprintf(l->f, "%sUsage:%s %s [OPTION...]%s%s\n", nvb_style_on(l->f, NVB_STYLE_BOLD),
		nvb_style_off(l->f), path, rest ? " " : "", rest ? rest : "");
}

static void title(const struct layout *l, const char *path, const char *summary)
{
	fprintf(l->f, "%s%s%s%s%s\n\n", nvb_style_on(l->f, NVB_STYLE_BOLD), path, nvb_style_off(l->f),
		summary ? " - " : "", summary ? summary : "");
}

void nvb_help_program(FILE *f, const struct nvb_program *program, const struct nvb_option_group *builtin)
{
	struct layout l = layout_of(f);

	title(&l, program->name, program->summary);
	usage(&l, program->name, "COMMAND [ARG...]");
	verb_list(&l, program->verbs);
	l.name_columns = 0;
	fit_options(&l, program->common);
	fit_options(&l, builtin);
	option_groups(&l, program->common);
	option_groups(&l, builtin);
	fprintf(f, "\n'%s COMMAND --help' says more about a command.\n", program->name);
}

void nvb_help_verb(FILE *f, const struct nvb_program *program, const char *path, const struct nvb_verb *verb)
{
	struct layout l = layout_of(f);

	title(&l, path, verb->summary);
	usage(&l, path, verb->verbs ? "COMMAND [ARG...]" : verb->synopsis);
	if (verb->description) {
		fputc('\n', f);
		wrap(&l, verb->description, 0);
	}
	if (verb->verbs)
		verb_list(&l, verb->verbs);
	l.name_columns = 0;
	fit_options(&l, verb->groups);
	option_groups(&l, verb->groups);
	common_options(&l, program);
	if (verb->examples) {
		heading(&l, "Examples");
		fprintf(f, "%s%s", verb->examples, nvb_ends_with(verb->examples, "\n") ? "" : "\n");
	}
}

char *nvb_help_verb_names(const struct nvb_verb *verbs)
{
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};

	for (const struct nvb_verb *v = verbs; v->name; v++)
		if (v->summary)
			nvb_sb_addf(&sb, "%s%s", sb.len ? ", " : "", v->name);
	return nvb_sb_finish(&sb);
}
