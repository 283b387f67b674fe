/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CLI_OPTIONS_H
#define NVB_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/choice.h"
#include "base/error.h"
#include "base/units.h"

/*
 * Command lines as tables. A program is a table of verbs, a verb is a table of options and a function;
 * parsing, help and "did you mean" come from these tables and from nothing else.
 *
 *	static struct { bool rm; char **env; int isolation; } opt;
 *
 *	static const struct nvb_option run_options[] = {
 *		{"rm", 0, NVB_OPTION_FLAG(&opt.rm), "remove the capsule when it ends"},
 *		{"env", 'e', NVB_OPTION_LIST("KEY=VALUE", &opt.env), "set a variable (repeatable)"},
 *		{"isolation", 0, NVB_OPTION_CHOICE("MODE", isolation_choices, &opt.isolation), "..."},
 *		{NULL},
 *	};
 *
 *	static const struct nvb_verb surge_verbs[] = {
 *		{
 *			.name = "run",
 *			.synopsis = "IMAGE [COMMAND [ARG...]]",
 *			.summary = "run a program in a new capsule",
 *			.groups = NVB_GROUPS({"Options", run_options}),
 *			.run = surge_run,
 *			.min_args = 1,
 *			.max_args = NVB_ARGS_ANY,
 *			.options_end_at_first_argument = true,
 *			.failure = 125,
 *		},
 *		{NULL},
 *	};
 *
 * Accepted: --opt value, --opt=value, -o value, -ovalue, -o=value, bundled flags (-it), --flag=false,
 * options before and after arguments, "--" (all that follows are arguments). Of an option given twice the
 * last counts, except for lists, which grow. Strings point into argv. Every verb has --help and -h (a verb's
 * own -h comes first, so that `-h NAME` can be docker's), the program has --version and `help VERB...`.
 */
enum nvb_option_kind {
	NVB_KIND_FLAG = 1, /* bool */
	NVB_KIND_STRING,   /* const char * */
	NVB_KIND_LIST,	   /* char **, one more element for each use (release with nvb_strv_free) */
	NVB_KIND_U32,	   /* uint32_t, decimal */
	NVB_KIND_SIZE,	   /* uint64_t, bytes: 512, 64k, 8G, 8GB, 8GiB; powers of 1024 as docker reads them */
	NVB_KIND_DURATION, /* uint64_t, nanoseconds: 100ms, 2s, 5m, 1h; a bare number is refused */
	NVB_KIND_CHOICE,   /* int */
	NVB_KIND_CALLBACK,
};

struct nvb_option {
	const char *name; /* long form without dashes; NULL ends the table */
	char letter;	  /* short form or 0 */
	enum nvb_option_kind kind;
	const char *argument; /* what the help calls it; NULL for flags */
	union {
		bool *flag;
		const char **string;
		char ***list;
		uint32_t *u32;
		uint64_t *u64;
		int *choice;
		/* `value` is NULL when the option takes none. 0, a negated code, or 1: stop parsing here. */
		int (*callback)(const struct nvb_option *option, const char *value, nvb_error **err);
	} to;
	const struct nvb_choice *choices;
	void *data;	  /* the callback's own */
	bool *given;	  /* set when not NULL and the option is used */
	const char *help; /* lower case, no full stop; NULL hides the option */
};

/* The middle of an option's row; the type of the pointer is checked by the compiler. */
#define NVB_OPTION_FLAG(p)	      NVB_KIND_FLAG, NULL, {.flag = (p)}, NULL, NULL, NULL
#define NVB_OPTION_STRING(arg, p)     NVB_KIND_STRING, (arg), {.string = (p)}, NULL, NULL, NULL
#define NVB_OPTION_LIST(arg, p)	      NVB_KIND_LIST, (arg), {.list = (p)}, NULL, NULL, NULL
#define NVB_OPTION_U32(arg, p)	      NVB_KIND_U32, (arg), {.u32 = (p)}, NULL, NULL, NULL
#define NVB_OPTION_SIZE(arg, p)	      NVB_KIND_SIZE, (arg), {.u64 = (p)}, NULL, NULL, NULL
#define NVB_OPTION_DURATION(arg, p)   NVB_KIND_DURATION, (arg), {.u64 = (p)}, NULL, NULL, NULL
#define NVB_OPTION_CHOICE(arg, ch, p) NVB_KIND_CHOICE, (arg), {.choice = (p)}, (ch), NULL, NULL
/* arg NULL: the callback takes no value. */
#define NVB_OPTION_CALLBACK(arg, fn, data) NVB_KIND_CALLBACK, (arg), {.callback = (fn)}, NULL, (data), NULL

struct nvb_option_group {
	const char *title; /* heading in the help; NULL ends the list */
	const struct nvb_option *options;
};
#define NVB_GROUPS(...) ((const struct nvb_option_group[]){__VA_ARGS__, {NULL, NULL}})

#define NVB_ARGS_ANY UINT32_MAX

/*
 * What a verb does. argv[0..argc-1] are its arguments, options taken out, NULL behind the last. Returns the
 * exit status (0..255), or a negated code with *err set: the program then prints that error on one line and
 * leaves with the verb's status for failure. What is wrong with the command line itself (options that exclude
 * each other) is reported by `return nvb_usage(err, "...")`, which chooses the status for wrong usage.
 */
typedef int (*nvb_verb_function)(int argc, char **argv, nvb_error **err);

int nvb_usage(nvb_error **err, const char *fmt, ...) __attribute__((format(printf, 2, 3), cold));

struct nvb_verb {
	const char *name;	 /* NULL ends the table */
	const char *summary;	 /* for the list of verbs; lower case, no full stop; NULL hides the verb */
	const char *synopsis;	 /* the arguments: "IMAGE [COMMAND [ARG...]]" */
	const char *description; /* further paragraphs of the verb's help (wrapped), or NULL */
	const char *examples;	 /* printed as it stands at the end of the verb's help, or NULL */
	const struct nvb_option_group *groups;
	const struct nvb_verb *verbs; /* either these or `run` */
	nvb_verb_function run;
	uint32_t min_args, max_args; /* max_args 0: takes none */
	/* `surge run`: what follows IMAGE belongs to the command, options included. */
	bool options_end_at_first_argument;
	/* Where "--" parts a command from what may be left out before it, it stays among the arguments. */
	bool keeps_dashes;
	/* Exit status of our failure: 0 means 1, and 2 for wrong usage; any other number is used for both
	 * (125 for verbs that pass a program's status through). */
	int failure;
};

struct nvb_program {
	const char *name;
	const char *summary;
	const struct nvb_verb *verbs;
	/* Options of every verb, also before the verb; see cli/common.h. */
	const struct nvb_option_group *common;
	/* Runs between parsing and the verb (configuration, logging); may be NULL. 0 or a negated code. */
	int (*prepare)(const struct nvb_program *program, nvb_error **err);
	bool verbs_alone; /* a part of another program's: it has no manual page of its own */
};

/* Parses, runs the verb, reports its error; returns the exit status for main() to return. */
int nvb_program_main(const struct nvb_program *program, int argc, char **argv);

/* Where options may stand. */
enum nvb_options_end {
	NVB_OPTIONS_ANYWHERE,	 /* before and after arguments */
	NVB_OPTIONS_FIRST,	 /* the first argument ends them */
	NVB_OPTIONS_KEEP_DASHES, /* as anywhere; "--" stays as the argument that it is */
};

/*
 * The parser alone, for programs without verbs. `groups` is a list of arrays of groups, searched in order,
 * NULL at its end. argv[0] is the first word to look at, not the program's name; the arguments are moved to
 * its front, *argc becomes their number. 0, a negated code, or 1 when a callback stopped it.
 */
int nvb_options_parse(const struct nvb_option_group *const *groups, enum nvb_options_end end, int *argc,
	char **argv, nvb_error **err);

#endif
