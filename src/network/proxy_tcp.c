/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "network/proxy_loop.h"

/*
 * A connection through the proxy: two sockets and between them a pipe for each direction, through which
 * splice(2) moves pages without copying them. Edges alone are reported, so each event moves all that can be
 * moved.
 */
enum { HELD = 64 * 1024, ROUNDS = 32, BURST = 64 };

struct direction {
	int from, to, read_end, write_end;
	size_t held;
	bool ended, shut; /* nothing more comes; the other side has been told */
};

struct flow {
	struct proxy_watcher watcher;
	int client, inside;
	bool connected;
	struct direction in, out;
};

struct listener {
	struct proxy_watcher watcher;
	int fd;
	struct sockaddr_in target;
};

static void close_flow(struct flow *flow, bool abort)
{
	const struct linger reset = {.l_onoff = 1};
	const int fds[] = {flow->client, flow->inside, flow->in.read_end, flow->in.write_end,
		flow->out.read_end, flow->out.write_end};

	/* Who cannot be connected shall see that, not an empty answer. */
	if (abort)
		setsockopt(flow->client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(flow);
}

/* 1 when something moved, 0 when nothing could, -1 when a side is broken. */
static int move(struct direction *d)
{
	ssize_t n;
	int moved = 0;

	if (!d->ended && d->held < HELD) {
		n = splice(
			d->from, NULL, d->write_end, NULL, HELD - d->held, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -1;
		d->ended = n == 0;
		d->held += n > 0 ? (size_t)n : 0;
		moved |= n >= 0;
	}
	if (d->held) {
		n = splice(d->read_end, NULL, d->to, NULL, d->held, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -1;
		d->held -= n > 0 ? (size_t)n : 0;
		moved |= n > 0;
	}
	if (d->ended && !d->held && !d->shut) {
		shutdown(d->to, SHUT_WR);
		d->shut = true;
	}
	return moved;
}

static bool is_connected(struct flow *flow)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (flow->connected)
		return true;
	return getsockopt(flow->inside, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

static void wake_flow(struct proxy_loop *loop, struct proxy_watcher *watcher, uint32_t events)
{
	struct flow *flow = (struct flow *)watcher;
	struct epoll_event again = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = watcher};
	struct sockaddr_storage peer;
	socklen_t size = sizeof(peer);
	int moved = 1;

	(void)events;
	if (!is_connected(flow)) {
		close_flow(flow, true);
		return;
	}
	if (!flow->connected) {
		/* An event of the client's, while the way inside is not there yet. */
		if (getpeername(flow->inside, (struct sockaddr *)&peer, &size) < 0)
			return;
		flow->connected = true;
	}
	for (int i = 0; moved > 0 && i < ROUNDS; i++) {
		int in = move(&flow->in), out = in < 0 ? -1 : move(&flow->out);

		moved = in < 0 || out < 0 ? -1 : in | out;
	}
	if (moved < 0 || (flow->in.shut && flow->out.shut))
		close_flow(flow, moved < 0);
	else if (moved > 0)
		/* It is others' turn; asking again brings the edge back. */
		epoll_ctl(loop->epoll, EPOLL_CTL_MOD, flow->client, &again);
}

static bool open_pipe(struct direction *d, int from, int to)
{
	int ends[2];

	d->from = from;
	d->to = to;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return false;
	d->read_end = ends[0];
	d->write_end = ends[1];
	return true;
}

static void begin_flow(struct proxy_loop *loop, const struct listener *listener, int client)
{
	struct flow *flow = calloc(1, sizeof(*flow));
	int rc;

	if (!flow) {
		close(client);
		return;
	}
	*flow = (struct flow){.watcher.wake = wake_flow,
		.client = client,
		.inside = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
		.in = {.read_end = -1, .write_end = -1},
		.out = {.read_end = -1, .write_end = -1}};
	if (flow->inside < 0 || !open_pipe(&flow->in, client, flow->inside) ||
		!open_pipe(&flow->out, flow->inside, client)) {
		loop->starved = true;
		close_flow(flow, true);
		return;
	}
	rc = connect(flow->inside, (const struct sockaddr *)&listener->target, sizeof(listener->target));
	if ((rc < 0 && errno != EINPROGRESS) ||
		!proxy_watch(loop, client, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, &flow->watcher) ||
		!proxy_watch(loop, flow->inside, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, &flow->watcher))
		close_flow(flow, true);
}

static void wake_listener(struct proxy_loop *loop, struct proxy_watcher *watcher, uint32_t events)
{
	const struct listener *listener = (struct listener *)watcher;

	(void)events;
	for (int i = 0; i < BURST; i++) {
		int client = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (client >= 0) {
			begin_flow(loop, listener, client);
			continue;
		}
		loop->starved |= errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS;
		return;
	}
}

bool proxy_tcp_listen(struct proxy_loop *loop, int fd, const struct sockaddr_in *target)
{
	struct listener *listener = calloc(1, sizeof(*listener));

	if (!listener)
		return false;
	*listener = (struct listener){.watcher.wake = wake_listener, .fd = fd, .target = *target};
	return proxy_watch(loop, fd, EPOLLIN, &listener->watcher);
}
