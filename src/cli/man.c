/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/man.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "config.h"

struct page {
	const struct nvb_program *program;
	const struct nvb_option_group *builtin;
	const char *directory;
	struct nvb_strbuf out;
};

void nvb_man_add(struct nvb_strbuf *out, const char *text)
{
	bool start = !out->len || out->s[out->len - 1] == '\n';

	for (; *text; text++) {
		if (start && (*text == '.' || *text == '\''))
			nvb_sb_add(out, "\\&");
		start = *text == '\n';
		if (*text == '\\')
			nvb_sb_add(out, "\\e");
		else if (*text == '-')
			nvb_sb_add(out, "\\-");
		else if (*text == '\'')
			nvb_sb_add(out, "\\(aq");
		else
			nvb_sb_addc(out, *text);
	}
}

void nvb_man_title(struct nvb_strbuf *out, const char *title, const char *section)
{
	nvb_sb_add(out, ".TH ");
	for (const char *c = title; *c; c++)
		nvb_sb_addc(out, *c == ' ' ? '-' : (char)toupper((unsigned char)*c));
	nvb_sb_addf(out, " %s %s \"nvbind %s\"\n", section, NVB_DATE, NVB_VERSION);
}

static void bold(struct nvb_strbuf *out, const char *text)
{
	nvb_sb_add(out, "\\fB");
	nvb_man_add(out, text);
	nvb_sb_add(out, "\\fR");
}

/* "nvbind cdi" as a page is called. */
static void page_name(struct nvb_strbuf *out, const char *path)
{
	for (; *path; path++)
		nvb_sb_addc(out, *path == ' ' ? '-' : *path);
}

static void reference(struct nvb_strbuf *out, const char *path, const char *name)
{
	_cleanup_strbuf_ struct nvb_strbuf page = {0};

	page_name(&page, path);
	nvb_sb_addf(&page, "%s%s", *name ? "-" : "", name);
	if (page.s)
		bold(out, page.s);
	nvb_sb_add(out, "(1)");
}

static void heading(struct nvb_strbuf *out, const char *path, const char *summary)
{
	_cleanup_strbuf_ struct nvb_strbuf name = {0};

	page_name(&name, path);
	nvb_man_title(out, path, "1");
	nvb_sb_add(out, ".SH NAME\n");
	nvb_man_add(out, name.s ? name.s : "");
	nvb_sb_add(out, " \\- ");
	nvb_man_add(out, summary ? summary : "part of nvbind");
	nvb_sb_add(out, "\n.SH SYNOPSIS\n");
	bold(out, path);
	nvb_sb_add(out, " [\\fIOPTION\\fR...]");
}

/* Paragraphs end with a newline in the tables. */
static void paragraphs(struct nvb_strbuf *out, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		_cleanup_free_ char *one = strndup(text, n);

		nvb_man_add(out, one ? one : "");
		text += n + (text[n] == '\n');
		nvb_sb_add(out, *text ? "\n.PP\n" : "\n");
	}
}

static void add_option(struct nvb_strbuf *out, const struct nvb_option *o)
{
	_cleanup_free_ char *choices = o->choices ? nvb_choice_list(o->choices, ", ") : NULL;

	nvb_sb_add(out, ".TP\n");
	if (o->letter)
		nvb_sb_addf(out, "\\fB\\-%c\\fR, ", o->letter);
	nvb_sb_add(out, "\\fB\\-\\-");
	nvb_man_add(out, o->name);
	nvb_sb_add(out, "\\fR");
	if (o->argument) {
		nvb_sb_add(out, " \\fI");
		nvb_man_add(out, o->argument);
		nvb_sb_add(out, "\\fR");
	}
	nvb_sb_addc(out, '\n');
	nvb_man_add(out, o->help);
	if (choices) {
		nvb_sb_add(out, ": ");
		nvb_man_add(out, choices);
	}
	nvb_sb_addc(out, '\n');
}

static void add_groups(struct nvb_strbuf *out, const struct nvb_option_group *groups)
{
	for (const struct nvb_option_group *g = groups; g && g->options; g++) {
		if (!nvb_streq(g->title, "Options")) {
			nvb_sb_add(out, ".SS ");
			nvb_man_add(out, g->title);
			nvb_sb_addc(out, '\n');
		}
		for (const struct nvb_option *o = g->options; o->name; o++)
			if (o->help)
				add_option(out, o);
	}
}

static void add_verbs(struct nvb_strbuf *out, const char *path, const struct nvb_verb *verbs)
{
	nvb_sb_add(out, ".SH COMMANDS\n");
	for (const struct nvb_verb *v = verbs; v->name; v++) {
		if (!v->summary)
			continue;
		nvb_sb_add(out, ".TP\n");
		reference(out, path, v->name);
		nvb_sb_addc(out, '\n');
		nvb_man_add(out, v->summary);
		nvb_sb_addc(out, '\n');
	}
}

static bool have_options(const struct nvb_option_group *groups)
{
	for (const struct nvb_option_group *g = groups; g && g->options; g++)
		for (const struct nvb_option *o = g->options; o->name; o++)
			if (o->help)
				return true;
	return false;
}

/* Those of every command are described once, in the program's page. */
static void name_common(struct page *p)
{
	size_t n = 0;

	if (!have_options(p->program->common))
		return;
	nvb_sb_add(&p->out, ".SH OPTIONS OF EVERY COMMAND\n");
	for (const struct nvb_option_group *g = p->program->common; g->options; g++)
		for (const struct nvb_option *o = g->options; o->name; o++)
			if (o->help) {
				nvb_sb_addf(&p->out, "%s\\fB\\-\\-", n++ ? ",\n" : "");
				nvb_man_add(&p->out, o->name);
				nvb_sb_add(&p->out, "\\fR");
			}
	nvb_sb_add(&p->out, ":\nsee ");
	reference(&p->out, p->program->name, "");
	nvb_sb_add(&p->out, ".\n");
}

static void exit_status(struct nvb_strbuf *out, const struct nvb_verb *verb)
{
	nvb_sb_add(out, ".SH EXIT STATUS\n");
	if (verb && verb->failure)
		nvb_sb_addf(out,
			"%d for a failure of the command itself and for wrong usage; what else there is, the "
			"description says.\n",
			verb->failure);
	else
		nvb_sb_add(out, "0 for success, 1 for a failure, 2 for wrong usage.\n");
}

static int finish(struct page *p, const char *path, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf file = {0}, out = p->out;

	p->out = (struct nvb_strbuf){0};
	nvb_sb_addf(&file, "%s/", p->directory);
	page_name(&file, path);
	nvb_sb_add(&file, ".1");
	if (file.failed || out.failed)
		return nvb_fail_oom(err);
	return nvb_file_output(file.s, out.s, out.len, 0644, err);
}

static void see_also(struct page *p, const char *path)
{
	const char *last = strrchr(path, ' ');
	_cleanup_free_ char *above = last ? strndup(path, (size_t)(last - path)) : NULL;

	nvb_sb_add(&p->out, ".SH SEE ALSO\n");
	if (above) {
		reference(&p->out, above, "");
		nvb_sb_add(&p->out, ",\n");
	}
	nvb_sb_add(&p->out, "\\fBnvbind\\-config\\fR(5)\n");
}

static int write_verb(struct page *p, const char *path, const struct nvb_verb *verb, nvb_error **err)
{
	struct nvb_strbuf *out = &p->out;
	char below[128];
	int rc;

	heading(out, path, verb->summary);
	nvb_sb_addc(out, ' ');
	nvb_man_add(out, verb->verbs ? "COMMAND [ARG...]" : verb->synopsis ? verb->synopsis : "");
	nvb_sb_add(out, "\n.SH DESCRIPTION\n");
	paragraphs(out, verb->description ? verb->description : verb->summary);
	if (verb->verbs)
		add_verbs(out, path, verb->verbs);
	if (have_options(verb->groups)) {
		nvb_sb_add(out, ".SH OPTIONS\n");
		add_groups(out, verb->groups);
	}
	name_common(p);
	exit_status(out, verb);
	if (verb->examples) {
		nvb_sb_add(out, ".SH EXAMPLES\n.nf\n");
		nvb_man_add(out, verb->examples);
		nvb_sb_add(out, nvb_ends_with(verb->examples, "\n") ? ".fi\n" : "\n.fi\n");
	}
	see_also(p, path);
	rc = finish(p, path, err);
	for (const struct nvb_verb *v = verb->verbs; rc == 0 && v && v->name; v++) {
		if (!v->summary)
			continue;
		snprintf(below, sizeof(below), "%.90s %.30s", path, v->name);
		rc = write_verb(p, below, v, err);
	}
	return rc;
}

static int write_program(struct page *p, nvb_error **err)
{
	struct nvb_strbuf *out = &p->out;

	heading(out, p->program->name, p->program->summary);
	nvb_sb_add(out, " COMMAND [ARG...]\n.SH DESCRIPTION\n");
	nvb_man_add(out, p->program->name);
	nvb_sb_add(out, ": ");
	nvb_man_add(out, p->program->summary);
	nvb_sb_add(out, ".\nEach command has a page of its own.\n");
	add_verbs(out, p->program->name, p->program->verbs);
	nvb_sb_add(out, ".SH OPTIONS\n");
	add_groups(out, p->builtin);
	add_groups(out, p->program->common);
	exit_status(out, NULL);
	see_also(p, p->program->name);
	return finish(p, p->program->name, err);
}

int nvb_man_write(const struct nvb_program *program, const struct nvb_option_group *builtin,
	const char *directory, nvb_error **err)
{
	struct page p = {.program = program, .builtin = builtin, .directory = directory};
	char path[128];
	int rc = nvb_file_mkdirs(AT_FDCWD, directory, 0755, err);

	if (rc == 0 && !program->verbs_alone)
		rc = write_program(&p, err);
	for (const struct nvb_verb *v = program->verbs; rc == 0 && v->name; v++) {
		/* What another program does is that one's to describe. */
		if (!v->summary || (!v->verbs && !v->groups && v->options_end_at_first_argument))
			continue;
		snprintf(path, sizeof(path), "%.60s %.60s", program->name, v->name);
		rc = write_verb(&p, path, v, err);
	}
	nvb_sb_release(&p.out);
	return rc;
}
