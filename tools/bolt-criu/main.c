/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Stands in CRIU's place where a runtime looks for it, `criu swrk SOCKET`, and becomes CRIU once the images
 * are whole: the runtime is at work while they are unpacked and verified, and no CRIU sees one before.
 *
 * What it goes by is in the directory that CRIU_LIBS_DIR names (checkpoint/criu.c puts it there):
 *
 *	behind/criu	the CRIU that it becomes, under its own name
 *	whole		a pipe: to be read once the images are whole, at its end when they will never be
 *	version		CRIU's answer to what version it is, which a runtime asks first: given here, it spares
 *			one start of CRIU. It serves once; CRIU itself answers what else is asked
 *	next		a link to CRIU, which takes this program's place once that was answered
 *
 * It says nothing: standard error is the container's. Linked with the C library alone, statically: it starts
 * once or twice for each restore.
 */
enum { NEVER_WHOLE = 1, NO_CRIU = 127, VERSION = 10, ANSWER_MAX = 512 };

/* The runtime's socket, by which a criu that is called for that is asked; -1: it is called for something
 * else. */
static int socket_of(int argc, char **argv)
{
	char *end;
	long number;

	if (argc != 3 || strcmp(argv[1], "swrk") != 0)
		return -1;
	number = strtol(argv[2], &end, 10);
	return end != argv[2] && !*end && number >= 0 && number <= INT_MAX ? (int)number : -1;
}

/* The runtime may end before. */
static bool wait_until_whole(int directory, int socket)
{
	int whole = openat(directory, "whole", O_RDONLY | O_CLOEXEC);
	struct pollfd fds[] = {{.fd = whole, .events = POLLIN}, {.fd = socket}};

	if (whole < 0)
		return false;
	while (!fds[0].revents && !fds[1].revents)
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return false;
	close(whole);
	return fds[0].revents & POLLIN;
}

/* A request begins with its type: field 1, a varint. */
static bool asks_version(int socket)
{
	unsigned char request[2];

	return recv(socket, request, sizeof(request), MSG_PEEK) == sizeof(request) && request[0] == 1 << 3 &&
	       request[1] == VERSION;
}

/* True: that was all that was asked. */
static bool answer_version(int directory, int socket)
{
	char answer[ANSWER_MAX], request[ANSWER_MAX];
	int file = openat(directory, "version", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (file < 0)
		return false;
	n = read(file, answer, sizeof(answer));
	close(file);
	/* Whatever comes first: to look at a request is to wait for it, which CRIU does better itself. */
	unlinkat(directory, "version", 0);
	if (n <= 0 || !asks_version(socket))
		return false;
	/* The images are whole, so there is nothing to stand before any more. */
	renameat(directory, "next", directory, "criu");
	return recv(socket, request, sizeof(request), 0) > 0 &&
	       send(socket, answer, (size_t)n, MSG_NOSIGNAL) == n;
}

int main(int argc, char **argv)
{
	const char *place = getenv("CRIU_LIBS_DIR");
	int directory = place ? open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int socket = socket_of(argc, argv);
	char path[PATH_MAX];

	if (directory < 0 || (size_t)snprintf(path, sizeof(path), "%s/behind/criu", place) >= sizeof(path))
		return NO_CRIU;
	if (!wait_until_whole(directory, socket))
		return NEVER_WHOLE;
	if (socket >= 0 && answer_version(directory, socket))
		return 0;
	execv(path, argv);
	return NO_CRIU;
}
