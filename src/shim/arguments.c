/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/arguments.h"

#include <stddef.h>
#include <string.h>

#include "base/str.h"

/* Options that take a value, in front of the verb and behind it. Source: `runc --help`, `crun --help`, `youki
 * --help` and those of create and run. */
static const char *const global_values[] = {
	"log", "log-format", "root", "criu", "rootless", "cgroup-manager", "r", "l", "log-level", NULL};
static const char *const verb_values[] = {
	"bundle", "b", "console-socket", "pid-file", "preserve-fds", "config", "f", "user", NULL};

/* What may stand where the verb is expected; any other word there is the value of an option unknown to us. */
static const char *const verbs[] = {"create", "run", "start", "kill", "delete", "state", "exec", "list", "ps",
	"pause", "resume", "spec", "events", "checkpoint", "restore", "update", "features", "help", "init",
	"h", "info", "completion", "mounts", "stats", NULL};

struct words {
	char *const *next;
	char *const *end;
};

/* One option of the command line: its name, and its value when it stands in the same word. */
struct option {
	char name[32];
	const char *value;
};

static bool is_option(const char *word)
{
	return word[0] == '-' && word[1] && !nvb_streq(word, "--");
}

static void read_option(const char *word, struct option *option)
{
	const char *name = word + 1 + (word[1] == '-');
	const char *equals = strchr(name, '=');
	size_t n = equals ? (size_t)(equals - name) : strlen(name);

	*option = (struct option){.value = equals ? equals + 1 : NULL};
	/* argp's "-bDIR"; "-bundle" is Go's long option. */
	if (word[1] == 'b' && word[2] && word[2] != '=' &&
		!(n == strlen("bundle") && !strncmp(name, "bundle", n))) {
		option->name[0] = 'b';
		option->value = word + 2;
	} else if (n < sizeof(option->name)) {
		memcpy(option->name, name, n);
	}
}

/* The value of an option that takes one; NULL when the command line ends before it. */
static const char *value_of(const struct option *option, const char *const *takers, struct words *words)
{
	if (option->value)
		return option->value;
	if (nvb_strv_contains((char *const *)takers, option->name) && words->next < words->end)
		return *words->next++;
	return NULL;
}

static bool is(const struct option *option, const char *name, const char *letter)
{
	return nvb_streq(option->name, name) || (letter && nvb_streq(option->name, letter));
}

static bool asks_for_help(const struct option *option)
{
	return is(option, "help", "h") || is(option, "?", NULL) || is(option, "usage", NULL) ||
	       is(option, "version", "v") || is(option, "V", NULL);
}

/* crun takes "file:PATH" and sinks that are no file. */
static const char *log_file(const char *value)
{
	const char *file = value ? nvb_after(value, "file:") : NULL;

	if (!value || !*value || nvb_after(value, "journald:") || nvb_after(value, "syslog:"))
		return NULL;
	return file ? file : value;
}

/* Everything before the verb; the verb, or NULL. */
static const char *read_globals(struct shim_arguments *arguments, struct words *words, bool *help)
{
	while (words->next < words->end) {
		const char *word = *words->next++, *value;
		struct option option;

		if (!is_option(word)) {
			if (nvb_strv_contains((char *const *)verbs, word))
				return word;
			continue;
		}
		read_option(word, &option);
		value = value_of(&option, global_values, words);
		if (is(&option, "log", "l"))
			arguments->log = log_file(value);
		else if (is(&option, "log-format", NULL))
			arguments->log_json = value && nvb_streq(value, "json");
		else if (is(&option, "root", "r"))
			arguments->root = value;
		else if (is(&option, "nvbind-version", NULL))
			arguments->own_version = true;
		else
			*help |= asks_for_help(&option);
	}
	return NULL;
}

/* False when a value is missing: the runtime will say so. */
static bool read_verb(struct shim_arguments *arguments, struct words *words, bool *help)
{
	bool options = true;

	while (words->next < words->end) {
		const char *word = *words->next++, *value;
		struct option option;

		if (options && nvb_streq(word, "--")) {
			options = false;
			continue;
		}
		if (!options || !is_option(word)) {
			if (!arguments->id)
				arguments->id = word;
			continue;
		}
		read_option(word, &option);
		value = value_of(&option, verb_values, words);
		if (!value && nvb_strv_contains((char *const *)verb_values, option.name))
			return false;
		if (is(&option, "bundle", "b"))
			arguments->bundle = value;
		else if (is(&option, "config", "f"))
			arguments->config = value;
		else if (is(&option, "pid-file", NULL))
			arguments->pid_file = value;
		else
			*help |= asks_for_help(&option);
	}
	return true;
}

void shim_arguments_parse(struct shim_arguments *arguments, int argc, char *const *argv)
{
	struct words words = {argv + (argc > 0), argv + argc};
	bool help = false;
	const char *verb;

	*arguments = (struct shim_arguments){0};
	verb = read_globals(arguments, &words, &help);
	if (!verb || (!nvb_streq(verb, "create") && !nvb_streq(verb, "run")))
		return;
	arguments->creates = read_verb(arguments, &words, &help) && !help;
	if (arguments->bundle && !*arguments->bundle)
		arguments->bundle = NULL;
}
