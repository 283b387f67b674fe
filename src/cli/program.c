/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>

#include "base/file.h"
#include "base/str.h"
#include "cli/complete.h"
#include "cli/help.h"
#include "cli/man.h"
#include "cli/options.h"
#include "cli/output.h"
#include "config.h"

/* What nvb_usage returns: no code of the library is as small. */
enum { USAGE = -1000 };

enum { STATUS_FAILURE = 1, STATUS_USAGE = 2, MOST_VERBS = 128, DEEPEST_VERB = 4 };

/* As a shell says of a program that an interrupt ended. */
enum { STATUS_CANCELLED = 130 };

/* The way through one command line. */
struct walk {
	const struct nvb_program *program;
	const struct nvb_verb *verbs; /* among which the next word is looked for */
	const struct nvb_verb *verb;  /* reached so far, or NULL */
	char path[128];		      /* "bolt surge run" */
	int argc;
	char **argv;
	nvb_error **err;
};

static bool help_wanted, version_wanted;

/* Ends the parsing, so that `run --help` needs no image and minds no mistake behind it. */
static int want(const struct nvb_option *option, const char *value, nvb_error **err)
{
	(void)value;
	(void)err;
	*(bool *)option->data = true;
	return 1;
}

static const struct nvb_option program_options[] = {
	{"help", 'h', NVB_OPTION_CALLBACK(NULL, want, &help_wanted), "show this help"},
	{"version", 0, NVB_OPTION_CALLBACK(NULL, want, &version_wanted), "show the version"},
	{NULL},
};

static const struct nvb_option verb_options[] = {
	{"help", 'h', NVB_OPTION_CALLBACK(NULL, want, &help_wanted), NULL},
	{NULL},
};

static const struct nvb_option_group program_groups[] = {{"Options", program_options}, {NULL, NULL}};
static const struct nvb_option_group verb_groups[] = {{"Options", verb_options}, {NULL, NULL}};

int nvb_usage(nvb_error **err, const char *fmt, ...)
{
	_cleanup_free_ char *what = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&what, fmt, ap);
	va_end(ap);
	if (n < 0) {
		what = NULL;
		return nvb_fail_oom(err);
	}
	nvb_fail(err, NVB_ERR_INVALID, "%s", what);
	return USAGE;
}

/* Wrong usage found while walking; the hint says where to read more unless there is a better one. */
static int usage_hint(struct walk *w)
{
	if (w->err && *w->err && !nvb_error_hint(*w->err))
		nvb_hint(w->err, 0, "see '%s --help'", w->path);
	return USAGE;
}

static int parse_here(struct walk *w, enum nvb_options_end end)
{
	static const struct nvb_option_group none[] = {{NULL, NULL}};
	const struct nvb_option_group *const groups[] = {
		w->verb && w->verb->groups ? w->verb->groups : none,
		w->program->common ? w->program->common : none,
		w->verb ? verb_groups : program_groups,
		NULL,
	};
	int rc = nvb_options_parse(groups, end, &w->argc, w->argv, w->err);

	return rc < 0 ? usage_hint(w) : rc;
}

static const struct nvb_verb *find_verb(const struct nvb_verb *verbs, const char *name)
{
	for (const struct nvb_verb *v = verbs; v->name; v++)
		if (nvb_streq(v->name, name))
			return v;
	return NULL;
}

static int fail_unknown_verb(struct walk *w, const char *name)
{
	const char *names[MOST_VERBS], *nearest;
	size_t count = 0;

	for (const struct nvb_verb *v = w->verbs; v->name && count < MOST_VERBS; v++)
		if (v->summary)
			names[count++] = v->name;
	nvb_fail(w->err, NVB_ERR_INVALID, "unknown command '%s'", name);
	nearest = nvb_nearest(name, names, count);
	if (nearest)
		nvb_hint(w->err, 0, "did you mean '%s'?", nearest);
	return usage_hint(w);
}

static int fail_no_verb(struct walk *w)
{
	_cleanup_free_ char *names = nvb_help_verb_names(w->verbs);

	nvb_fail(w->err, NVB_ERR_INVALID, "a command is missing: %s", names ? names : "");
	return usage_hint(w);
}

static int enter(struct walk *w, const char *name)
{
	const struct nvb_verb *verb = find_verb(w->verbs, name);
	size_t n = strlen(w->path);

	if (!verb)
		return fail_unknown_verb(w, name);
	snprintf(w->path + n, sizeof(w->path) - n, " %s", verb->name);
	w->verb = verb;
	w->verbs = verb->verbs;
	return 0;
}

/* `help VERB...` shows what `VERB... --help` does. */
static int walk_help(struct walk *w)
{
	for (w->argv++, w->argc--; w->argc > 0 && w->verbs; w->argv++, w->argc--) {
		int rc = enter(w, w->argv[0]);

		if (rc < 0)
			return rc;
	}
	help_wanted = true;
	return 1;
}

static int check_arguments(struct walk *w)
{
	const struct nvb_verb *verb = w->verb;

	if ((uint32_t)w->argc < verb->min_args)
		nvb_fail(w->err, NVB_ERR_INVALID, "too few arguments; usage: %s [OPTION...] %s", w->path,
			verb->synopsis ? verb->synopsis : "");
	else if ((uint32_t)w->argc > verb->max_args)
		nvb_fail(w->err, NVB_ERR_INVALID, "unexpected argument '%s'", w->argv[verb->max_args]);
	else
		return 0;
	return usage_hint(w);
}

/* From the first word to a verb that can run, its options parsed. 1: help or version is wanted instead. */
static int walk(struct walk *w)
{
	int rc;

	while (w->verbs) {
		rc = parse_here(w, NVB_OPTIONS_FIRST);
		if (rc != 0)
			return rc;
		if (w->argc == 0)
			return fail_no_verb(w);
		if (!w->verb && nvb_streq(w->argv[0], "help") && !find_verb(w->verbs, "help"))
			return walk_help(w);
		rc = enter(w, w->argv[0]);
		if (rc < 0)
			return rc;
		w->argv++;
		w->argc--;
	}
	rc = parse_here(w, w->verb->options_end_at_first_argument ? NVB_OPTIONS_FIRST
			   : w->verb->keeps_dashes		  ? NVB_OPTIONS_KEEP_DASHES
								  : NVB_OPTIONS_ANYWHERE);
	return rc != 0 ? rc : check_arguments(w);
}

static int show_help_or_version(const struct walk *w)
{
	if (version_wanted)
		printf("%s %s\n", w->program->name, NVB_VERSION);
	else if (w->verb)
		nvb_help_verb(stdout, w->program, w->path, w->verb);
	else
		nvb_help_program(stdout, w->program, program_groups);
	return 0;
}

static int complete(const struct walk *w)
{
	nvb_complete(stdout, w->program, program_groups, nvb_streq(w->argv[0], NVB_DESCRIBE_VERB),
		w->argc - 1, w->argv + 1);
	return 0;
}

static int run(struct walk *w)
{
	int rc = w->program->prepare ? w->program->prepare(w->program, w->err) : 0;

	if (rc < 0)
		return rc;
	rc = w->verb->run(w->argc, w->argv, w->err);
	return rc == USAGE ? usage_hint(w) : rc;
}

static int dispatch(struct walk *w)
{
	int rc;

	if (w->argc > 0 &&
		(nvb_streq(w->argv[0], NVB_COMPLETE_VERB) || nvb_streq(w->argv[0], NVB_DESCRIBE_VERB)))
		return complete(w);
	if (w->argc == 2 && nvb_streq(w->argv[0], NVB_MAN_VERB))
		return nvb_man_write(w->program, program_groups, w->argv[1], w->err);
	rc = walk(w);
	if (rc > 0)
		return show_help_or_version(w);
	return rc == 0 ? run(w) : rc;
}

int nvb_program_main(const struct nvb_program *program, int argc, char **argv)
{
	_cleanup_error_ nvb_error *err = NULL;
	struct walk w = {.program = program, .verbs = program->verbs, .err = &err};
	int rc, failure;

	nvb_file_open_standard();
	help_wanted = version_wanted = false;
	snprintf(w.path, sizeof(w.path), "%s", program->name);
	w.argc = argc > 0 ? argc - 1 : 0;
	w.argv = argv + (argc > 0);
	rc = dispatch(&w);
	failure = w.verb ? w.verb->failure : 0;
	if (rc >= 0 && nvb_stdout_flush(&err) < 0)
		rc = -1;
	if (rc >= 0)
		return rc;
	/* Without one a program of ours that was run for it has said why already. */
	if (err)
		nvb_report_error(program->name, err);
	if (failure)
		return failure;
	if (rc == -(int)NVB_ERR_CANCELLED)
		return STATUS_CANCELLED;
	return rc == USAGE ? STATUS_USAGE : STATUS_FAILURE;
}
