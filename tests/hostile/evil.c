/* SPDX-License-Identifier: Apache-2.0 */
/* What an image would have loaded into a program of the host: leaves a mark in the directory that
 * HOSTILE_OUTSIDE names. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

unsigned int la_version(unsigned int version);

__attribute__((visibility("default"))) unsigned int la_version(unsigned int version)
{
	return version;
}

__attribute__((constructor)) static void loaded(void)
{
	const char *outside = getenv("HOSTILE_OUTSIDE");
	char path[4096];
	int fd;

	if (!outside || (size_t)snprintf(path, sizeof(path), "%s/was-loaded", outside) >= sizeof(path))
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd >= 0)
		close(fd);
}
