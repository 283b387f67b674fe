/* SPDX-License-Identifier: Apache-2.0 */
#include "tools.h"

#include <errno.h>
#include <string.h>

void die(const char *fmt, ...)
{
	int sys = errno;
	va_list ap;

	fputs("hostile-tool: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, ": %s\n", strerror(sys));
	exit(99);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} tools[] = {
		{"attempt", tool_attempt},
		{"canary", tool_canary},
		{"clear", tool_clear},
		{"contain", tool_contain},
		{"lease", tool_lease},
		{"many", tool_many},
		{"swap", tool_swap},
	};

	for (size_t i = 0; argc > 1 && i < sizeof(tools) / sizeof(tools[0]); i++)
		if (strcmp(argv[1], tools[i].name) == 0)
			return tools[i].run(argc - 1, argv + 1);
	fputs("usage: hostile-tool attempt|canary|clear|contain|lease|many|swap ...\n", stderr);
	return 99;
}
