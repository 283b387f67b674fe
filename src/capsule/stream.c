/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/stream.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

nfds_t nvb_stream_poll(struct nvb_stream *s, struct pollfd *fds)
{
	if (s->from < 0 || s->held)
		return 0;
	if (s->begin < s->end)
		*fds = (struct pollfd){.fd = s->to, .events = POLLOUT};
	else
		*fds = (struct pollfd){.fd = s->from, .events = POLLIN};
	return 1;
}

void nvb_stream_close(struct nvb_stream *s)
{
	if (s->close_from && s->from >= 0)
		close(s->from);
	if (s->close_to && s->to >= 0)
		close(s->to);
	s->from = s->to = -1;
	s->begin = s->end = 0;
}

static bool is_ready(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	return poll(&p, 1, 0) > 0;
}

/* False when the stream has ended or has nothing. */
static bool fill(struct nvb_stream *s)
{
	ssize_t n;

	if (!is_ready(s->from, POLLIN))
		return false;
	n = read(s->from, s->buffer, sizeof(s->buffer));
	if (n > 0) {
		s->begin = 0;
		s->end = (size_t)n;
		return true;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	/* The end; a terminal's is EIO. */
	nvb_stream_close(s);
	return false;
}

/* A pipe that poll calls writable takes PIPE_BUF bytes without waiting. False when it takes none now. */
static bool empty(struct nvb_stream *s)
{
	size_t size = s->end - s->begin;
	ssize_t n = write(s->to, s->buffer + s->begin, size < PIPE_BUF ? size : PIPE_BUF);

	if (n >= 0) {
		s->begin += (size_t)n;
		return true;
	}
	if (errno == EAGAIN || errno == EINTR)
		return false;
	/* A full disk, or nobody reads any more: the writer shall learn of it as it would without us. */
	s->failed = errno == EPIPE || errno == EIO ? 0 : errno;
	nvb_stream_close(s);
	return false;
}

void nvb_stream_pump(struct nvb_stream *s)
{
	/* Not for ever: signals want their turn. */
	for (int i = 0; i < 64 && s->from >= 0 && !s->held; i++) {
		if (s->begin == s->end && !fill(s))
			return;
		if (!is_ready(s->to, POLLOUT) || !empty(s))
			return;
	}
}

bool nvb_stream_drain(struct nvb_stream *s, int interrupt)
{
	s->held = false;
	while (s->from >= 0) {
		struct pollfd fds[] = {{.fd = s->to, .events = POLLOUT}, {.fd = interrupt, .events = POLLIN}};

		if (s->begin == s->end && !fill(s))
			return true;
		if (poll(fds, 2, -1) <= 0)
			continue;
		if (fds[0].revents)
			empty(s);
		else if (fds[1].revents)
			return false;
	}
	return true;
}
