/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody does beside a program while it works. Each prints "ready" once it has begun. */
#include "tools.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whoever is to stop it may be killed before; a case takes seconds. */
enum { LONGEST = 300 };

static void ready(void)
{
	alarm(LONGEST);
	puts("ready");
	fflush(stdout);
}

/* swap A B: exchanges two names as fast as it can, until it is killed. */
int tool_swap(int argc, char **argv)
{
	if (argc != 3 || renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE) < 0)
		die("swap");
	ready();
	for (;;)
		renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE);
}

/* lease FILE: holds a write lease and gives it to nobody. */
int tool_lease(int argc, char **argv)
{
	int fd = argc == 2 ? open(argv[1], O_RDWR | O_CLOEXEC) : -1;

	signal(SIGIO, SIG_IGN);
	if (fd < 0 || fcntl(fd, F_SETLEASE, F_WRLCK) < 0)
		die("lease");
	ready();
	for (;;)
		pause();
}

/* contain [shared]: enters a mount namespace of its own and stays there; with "shared" the mounts that are
 * shared stay so. */
int tool_contain(int argc, char **argv)
{
	if (unshare(CLONE_NEWNS) < 0)
		die("contain");
	if ((argc < 2 || strcmp(argv[1], "shared") != 0) &&
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		die("contain");
	ready();
	for (;;)
		pause();
}

/* many DIR COUNT FORMAT: that many empty files, named by the number. */
int tool_many(int argc, char **argv)
{
	int dir = argc == 4 ? open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

	if (dir < 0)
		die("many");
	for (long i = 0, count = strtol(argv[2], NULL, 10); i < count; i++) {
		const char *gap = strchr(argv[3], '%');
		char name[256];

		snprintf(name, sizeof(name), "%.*s%ld%s", (int)(gap ? gap - argv[3] : 0), argv[3], i,
			gap ? gap + 1 : "");
		if (mknodat(dir, name, S_IFREG | 0644, 0) < 0)
			die("%s", name);
	}
	return 0;
}
