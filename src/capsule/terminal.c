/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"

/* The first of the standard streams that is a terminal. */
static int find_host(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (isatty(fd))
			return fd;
	return -1;
}

bool nvb_terminal_size(unsigned short *rows, unsigned short *columns)
{
	struct winsize size;
	int fd = find_host();

	if (fd < 0 || ioctl(fd, TIOCGWINSZ, &size) < 0 || !size.ws_row || !size.ws_col)
		return false;
	*rows = size.ws_row;
	*columns = size.ws_col;
	return true;
}

int nvb_terminal_open(struct nvb_terminal *t, const char *directory, nvb_error **err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	t->host = find_host();
	if (asprintf(&t->socket_path, "%s/console", directory) < 0) {
		t->socket_path = NULL;
		return nvb_fail_oom(err);
	}
	if (strlen(t->socket_path) >= sizeof(address.sun_path))
		return nvb_fail(err, NVB_ERR_INVALID, "%s: too long for a socket", t->socket_path);
	memcpy(address.sun_path, t->socket_path, strlen(t->socket_path) + 1);
	t->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (t->listener < 0 || bind(t->listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(t->listener, 1) < 0)
		return nvb_fail_errno(err, errno, "console socket %s", t->socket_path);
	return 0;
}

void nvb_terminal_close(struct nvb_terminal *t)
{
	if (t->raw)
		tcsetattr(t->host, TCSADRAIN, &t->saved);
	nvb_closep(&t->listener);
	if (t->socket_path)
		unlink(t->socket_path);
	free(t->socket_path);
	*t = (struct nvb_terminal)NVB_TERMINAL_INIT;
}

nfds_t nvb_terminal_poll(const struct nvb_terminal *t, struct pollfd *fds)
{
	if (t->listener < 0)
		return 0;
	*fds = (struct pollfd){.fd = t->listener, .events = POLLIN};
	return 1;
}

static int receive_master(int connection, nvb_error **err)
{
	char data[4096];
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec io = {.iov_base = data, .iov_len = sizeof(data)};
	struct msghdr message = {
		.msg_iov = &io, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	const struct cmsghdr *c;
	int fd;

	if (recvmsg(connection, &message, MSG_CMSG_CLOEXEC) < 0)
		return nvb_fail_errno(err, errno, "receiving the container's terminal");
	c = CMSG_FIRSTHDR(&message);
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
		c->cmsg_len < CMSG_LEN(sizeof(int)))
		return nvb_fail(err, NVB_ERR_CORRUPT, "the runtime sent no terminal");
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

int nvb_terminal_take(struct nvb_terminal *t, int *master, nvb_error **err)
{
	_cleanup_close_ int connection = accept4(t->listener, NULL, NULL, SOCK_CLOEXEC);
	int fd;

	if (connection < 0)
		return nvb_fail_errno(err, errno, "the runtime sent no terminal");
	fd = receive_master(connection, err);
	if (fd < 0)
		return fd;
	fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK);
	*master = fd;
	return 0;
}

void nvb_terminal_resize(const struct nvb_terminal *t)
{
	struct winsize size;

	if (t->host >= 0 && t->master >= 0 && ioctl(t->host, TIOCGWINSZ, &size) == 0)
		ioctl(t->master, TIOCSWINSZ, &size);
}

/* Every key goes to the container's terminal, which decides what ^C means. */
static void make_raw(struct nvb_terminal *t)
{
	struct termios raw;

	if (t->host < 0 || !isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &t->saved) < 0)
		return;
	t->host = STDIN_FILENO;
	raw = t->saved;
	cfmakeraw(&raw);
	t->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

int nvb_terminal_pump(struct nvb_terminal *t, bool interactive, struct nvb_stream *in, struct nvb_stream *out,
	nvb_error **err)
{
	_cleanup_close_ int connection = -1;
	int copy;

	if (t->listener < 0)
		return 0;
	connection = accept4(t->listener, NULL, NULL, SOCK_CLOEXEC);
	if (connection < 0)
		return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED
			       ? 0
			       : nvb_fail_errno(err, errno, "console socket");
	t->master = receive_master(connection, err);
	if (t->master < 0)
		return t->master;
	nvb_closep(&t->listener);
	t->listener = -1;
	fcntl(t->master, F_SETFL, O_RDWR | O_NONBLOCK);
	nvb_terminal_resize(t);
	/* The pipe that stood in for the output goes; the stream owns the master from here. */
	nvb_stream_close(out);
	out->from = t->master;
	out->to = STDOUT_FILENO;
	out->close_from = true;
	if (!interactive)
		return 0;
	make_raw(t);
	copy = fcntl(t->master, F_DUPFD_CLOEXEC, 3);
	if (copy < 0)
		return nvb_fail_errno(err, errno, "the container's terminal");
	in->from = STDIN_FILENO;
	in->to = copy;
	in->close_to = true;
	return 0;
}
