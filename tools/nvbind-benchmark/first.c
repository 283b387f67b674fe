/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * nvbind-benchmark-first [PROGRAM [ARGUMENT...]]: the first process of a container that is measured. The
 * first thing it does is to look at the clock; then it becomes PROGRAM, which is told by its last two
 * arguments what the clock said and whose it was, or says so itself. Static, so that no linker comes before.
 * "wait" waits for its end, which the first process of a container must ask for.
 */
static void leave(int signal)
{
	(void)signal;
	_exit(0);
}

int main(int argc, char **argv)
{
	enum { ROOM = 32 };
	char *words[ROOM], time[32], clock[64];
	struct timespec now;
	ssize_t size;

	clock_gettime(CLOCK_BOOTTIME, &now);
	if (argc == 2 && strcmp(argv[1], "wait") == 0) {
		signal(SIGTERM, leave);
		for (;;)
			pause();
	}
	/* In a time namespace of its own the container would have another clock. */
	size = readlink("/proc/self/ns/time", clock, sizeof(clock) - 1);
	clock[size > 0 ? size : 0] = '\0';
	snprintf(time, sizeof(time), "%lld", (long long)now.tv_sec * 1000000000 + now.tv_nsec);
	if (argc < 2) {
		printf("nvbind-benchmark first %s clock %s\n", time, clock);
		return fflush(stdout) == 0 ? 0 : 1;
	}
	if (argc + 2 > ROOM)
		return 125;
	memcpy(words, argv + 1, (size_t)(argc - 1) * sizeof(*words));
	words[argc - 1] = time;
	words[argc] = clock;
	words[argc + 1] = NULL;
	execv(words[0], words);
	perror(words[0]);
	return 127;
}
