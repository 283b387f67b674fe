/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "shim/arguments.h"

enum { MOST_WORDS = 64 };

/* Every string that is found is a part of a word that was given. */
static void check(const char *found, char *const *argv, int argc)
{
	bool from_argv = !found;

	for (int i = 1; !from_argv && i < argc; i++)
		from_argv = found >= argv[i] && found <= argv[i] + strlen(argv[i]);
	FUZZ_CHECK(from_argv);
}

/* A runtime's command line, a word a line. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[] = "runtime", *argv[MOST_WORDS + 1] = {name};
	struct shim_arguments arguments;
	char *text = strndup((const char *)data, size), *rest = text, *word;
	int argc = 1;

	if (!text)
		return 0;
	while (argc < MOST_WORDS && (word = strsep(&rest, "\n")))
		argv[argc++] = word;
	argv[argc] = NULL;
	shim_arguments_parse(&arguments, argc, argv);
	check(arguments.bundle, argv, argc);
	check(arguments.config, argv, argc);
	check(arguments.id, argv, argc);
	check(arguments.root, argv, argc);
	check(arguments.pid_file, argv, argc);
	check(arguments.log, argv, argc);
	FUZZ_CHECK(!arguments.bundle || *arguments.bundle);
	free(text);
	return 0;
}
