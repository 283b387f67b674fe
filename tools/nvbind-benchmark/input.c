/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gpu.h"

/* input DEVICE: for each key that is pressed there when this program had read it, by CLOCK_MONOTONIC, a line;
 * a line "ready" before the first. Ends when its device does. */
int gpu_input(int argc, char **argv)
{
	struct input_event event;
	int fd;

	if (argc < 1)
		return gpu_fail("input needs a device");
	fd = open(argv[0], O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return gpu_fail("%s: %s", argv[0], strerror(errno));
	puts("ready");
	fflush(stdout);
	while (read(fd, &event, sizeof(event)) == (ssize_t)sizeof(event)) {
		uint64_t now = gpu_clock(CLOCK_MONOTONIC);

		if (event.type != EV_KEY || event.value != 1)
			continue;
		printf("%llu\n", (unsigned long long)now);
		fflush(stdout);
	}
	close(fd);
	return 0;
}
