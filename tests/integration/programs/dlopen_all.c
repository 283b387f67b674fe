/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dlopen_all SONAME...: loads every one as a program would that knows nothing of where libraries lie, and prints what
 * was found: "SONAME => path", or "SONAME: reason". Exits with 1 when one was not. Built by the tests against
 * the C library of the root it runs in.
 */
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	int status = 0;

	for (int i = 1; i < argc; i++) {
		void *handle = dlopen(argv[i], RTLD_LAZY | RTLD_LOCAL);

		if (handle) {
			printf("%s => %s\n", argv[i], ((struct link_map *)handle)->l_name);
		} else {
			printf("%s: %s\n", argv[i], dlerror());
			status = 1;
		}
	}
	return status;
}
