/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <stdio.h>

#include "base/str.h"
#include "cli/complete.h"

/* Words that are looked at, from argv[0] on; what turns out to be an argument moves to the front. */
struct scan {
	const struct nvb_option_group *const *groups;
	char **argv;
	int argc, at, arguments;
	nvb_error **err;
};

enum { MOST_OPTIONS = 256 };

static int fail_value(const struct nvb_option *option, const char *value, const char *wanted, nvb_error **err)
{
	return nvb_fail(err, NVB_ERR_INVALID, "option '--%s': '%s' is not %s", option->name, value, wanted);
}

static int set_flag(const struct nvb_option *option, const char *value, nvb_error **err)
{
	if (!value || nvb_streq(value, "true"))
		*option->to.flag = true;
	else if (nvb_streq(value, "false"))
		*option->to.flag = false;
	else
		return fail_value(option, value, "true or false", err);
	return 0;
}

static int set_value(const struct nvb_option *option, const char *value, nvb_error **err)
{
	char what[80];

	snprintf(what, sizeof(what), "option '--%s'", option->name);
	switch (option->kind) {
	case NVB_KIND_FLAG:
		return set_flag(option, value, err);
	case NVB_KIND_STRING:
		*option->to.string = value;
		return 0;
	case NVB_KIND_LIST:
		return nvb_strv_add(option->to.list, value) ? 0 : nvb_fail_oom(err);
	case NVB_KIND_U32:
		if (!nvb_parse_u32(value, option->to.u32))
			return fail_value(option, value, "a number from 0 to 4294967295", err);
		return 0;
	case NVB_KIND_SIZE:
		return nvb_parse_size(value, what, option->to.u64, err);
	case NVB_KIND_DURATION:
		return nvb_parse_duration(value, what, option->to.u64, err);
	case NVB_KIND_CHOICE:
		return nvb_choice_parse(option->choices, value, what, option->to.choice, err);
	case NVB_KIND_CALLBACK:
		return option->to.callback(option, value, err);
	}
	return nvb_fail(err, NVB_ERR_INVALID, "option '--%s' has no kind", option->name);
}

static int apply(struct scan *scan, const struct nvb_option *option, const char *value)
{
	int rc = set_value(option, value, scan->err);

	if (rc == 0 && option->given)
		*option->given = true;
	return rc;
}

const struct nvb_option *nvb_option_find(
	const struct nvb_option_group *const *groups, const char *name, size_t size, char letter)
{
	for (size_t i = 0; groups[i]; i++)
		for (const struct nvb_option_group *group = groups[i]; group->options; group++)
			for (const struct nvb_option *o = group->options; o->name; o++)
				if (letter ? o->letter == letter
					   : strlen(o->name) == size && memcmp(o->name, name, size) == 0)
					return o;
	return NULL;
}

/* `name` without its dashes; hidden options are not proposed. */
static int fail_unknown(const struct scan *scan, const char *name, size_t size)
{
	const char *names[MOST_OPTIONS], *nearest;
	_cleanup_free_ char *word = strndup(name, size);
	size_t count = 0;
	int rc;

	if (!word)
		return nvb_fail_oom(scan->err);
	for (size_t i = 0; scan->groups[i]; i++)
		for (const struct nvb_option_group *group = scan->groups[i]; group->options; group++)
			for (const struct nvb_option *o = group->options; o->name; o++)
				if (o->help && count < MOST_OPTIONS)
					names[count++] = o->name;
	rc = nvb_fail(scan->err, NVB_ERR_INVALID, "unknown option '--%s'", word);
	nearest = nvb_nearest(word, names, count);
	return nearest ? nvb_hint(scan->err, rc, "did you mean '--%s'?", nearest) : rc;
}

/* The value of an option that needs one: what was attached to it, else the next word. */
static int take_value(struct scan *scan, const struct nvb_option *option, const char **value)
{
	if (*value)
		return 0;
	if (scan->at >= scan->argc)
		return nvb_fail(scan->err, NVB_ERR_INVALID, "option '--%s' lacks its %s", option->name,
			option->argument);
	*value = scan->argv[scan->at++];
	return 0;
}

static int parse_long(struct scan *scan, const char *word)
{
	size_t size = strcspn(word, "=");
	const char *value = word[size] ? word + size + 1 : NULL;
	const struct nvb_option *option = nvb_option_find(scan->groups, word, size, 0);
	int rc;

	if (!option)
		return fail_unknown(scan, word, size);
	if (option->kind != NVB_KIND_FLAG && !option->argument && value)
		return nvb_fail(scan->err, NVB_ERR_INVALID, "option '--%s' takes no value", option->name);
	if (option->argument) {
		rc = take_value(scan, option, &value);
		if (rc < 0)
			return rc;
	}
	return apply(scan, option, value);
}

/* -i, -it, -e KEY=VALUE, -eKEY=VALUE, -e=KEY=VALUE. */
static int parse_letters(struct scan *scan, const char *letters)
{
	for (const char *p = letters; *p; p++) {
		const struct nvb_option *option = nvb_option_find(scan->groups, NULL, 0, *p);
		const char *value = NULL;
		int rc;

		if (!option)
			return nvb_fail(scan->err, NVB_ERR_INVALID,
				p[1] || p != letters ? "unknown option '-%c' in '-%s'"
						     : "unknown option '-%c'",
				*p, letters);
		if (option->argument) {
			if (p[1])
				value = p + 1 + (p[1] == '=');
			rc = take_value(scan, option, &value);
			if (rc < 0)
				return rc;
		}
		rc = apply(scan, option, value);
		if (rc != 0 || option->argument)
			return rc;
	}
	return 0;
}

static void take_rest(struct scan *scan)
{
	while (scan->at < scan->argc)
		scan->argv[scan->arguments++] = scan->argv[scan->at++];
}

int nvb_options_parse(const struct nvb_option_group *const *groups, enum nvb_options_end end, int *argc,
	char **argv, nvb_error **err)
{
	struct scan scan = {.groups = groups, .argv = argv, .argc = *argc, .err = err};

	while (scan.at < scan.argc) {
		char *word = argv[scan.at++];
		int rc = 0;

		if (nvb_streq(word, "--")) {
			if (end == NVB_OPTIONS_KEEP_DASHES)
				argv[scan.arguments++] = word;
			take_rest(&scan);
		} else if (word[0] != '-' || !word[1]) {
			argv[scan.arguments++] = word;
			if (end == NVB_OPTIONS_FIRST)
				take_rest(&scan);
		} else if (word[1] == '-') {
			rc = parse_long(&scan, word + 2);
		} else {
			rc = parse_letters(&scan, word + 1);
		}
		if (rc != 0)
			return rc;
	}
	argv[scan.arguments] = NULL;
	*argc = scan.arguments;
	return 0;
}
