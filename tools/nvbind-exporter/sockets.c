/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "exporter.h"

/* The first of them; sd_listen_fds(3). */
#define FIRST_FD 3

static int is_listening(int fd, nvb_error **err)
{
	int listens = 0, type = 0, rc;
	socklen_t size = sizeof(listens);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens &&
		getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM)
		return 0;
	rc = nvb_fail(
		err, NVB_ERR_INVALID, "what LISTEN_FDS hands over is no socket that listens for connections");
	return nvb_hint(err, rc, "the socket unit needs ListenStream= and Accept=no");
}

int inherited_socket(int *fd, nvb_error **err)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	uint64_t number, fds;
	int flags, rc;

	*fd = -1;
	if (!pid || !count || !nvb_parse_u64(pid, &number) || number != (uint64_t)getpid())
		return 0;
	if (!nvb_parse_u64(count, &fds) || fds != 1)
		return nvb_fail(err, NVB_ERR_INVALID, "LISTEN_FDS is %s: one socket is wanted", count);
	rc = is_listening(FIRST_FD, err);
	if (rc < 0)
		return rc;
	flags = fcntl(FIRST_FD, F_GETFL);
	if (flags < 0 || fcntl(FIRST_FD, F_SETFL, flags | O_NONBLOCK) < 0 ||
		fcntl(FIRST_FD, F_SETFD, FD_CLOEXEC) < 0)
		return nvb_fail_errno(err, errno, "the socket of LISTEN_FDS");
	*fd = FIRST_FD;
	return 0;
}
