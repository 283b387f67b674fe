/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

#include "gpu.h"

/* libraries: the files that this program and NVIDIA's libcuda need of the system, a line each, as the linker
 * found them; the linker itself by the name under which the kernel looks for it. */

static int print_object(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)size;
	(void)data;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_INTERP)
			printf("%s\n", (const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr));
	if (info->dlpi_name[0] == '/')
		printf("%s\n", info->dlpi_name);
	return 0;
}

int gpu_libraries(int argc, char **argv)
{
	/* What NVIDIA's libcuda and libnvidia-ml are linked with. glibc 2.34 made most of them empty. */
	static const char *const needed[] = {
		"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", NULL};

	(void)argc;
	(void)argv;
	for (size_t i = 0; needed[i]; i++)
		if (!dlopen(needed[i], RTLD_NOW | RTLD_LOCAL))
			return gpu_fail("%s", dlerror());
	dl_iterate_phdr(print_object, NULL);
	return fflush(stdout) == 0 ? 0 : 1;
}
