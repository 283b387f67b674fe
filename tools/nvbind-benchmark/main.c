/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gpu.h"

int gpu_fail(const char *fmt, ...)
{
	va_list arguments;

	fputs("nvbind-benchmark-gpu: ", stderr);
	va_start(arguments, fmt);
	vfprintf(stderr, fmt, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	return 1;
}

uint64_t gpu_clock(int clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} verbs[] = {
		{"start", gpu_start},
		{"libraries", gpu_libraries},
		{"context", gpu_context},
		{"compute", gpu_compute},
		{"input", gpu_input},
	};

	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(*verbs); i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].run(argc - 2, argv + 2);
	return gpu_fail("'nvbind benchmark' runs this program");
}
