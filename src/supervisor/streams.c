/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <time.h>

#include "base/mem.h"
#include "base/str.h"
#include "supervisor/attached.h"

enum {
	MOST_ATTACHED = 64,
	EVENTS = 16,
	LINGER_MS = 250,
};

/* What an event of the epoll is about; the attached come behind. */
enum { OUTPUT, ERRORS, INPUT, ATTACHED };

struct nvb_streams {
	int epoll;
	int output, error, input; /* -1: closed */
	bool terminal;
	int relay[2];
	struct nvb_log_writer *log;
	struct nvb_attached *attached[MOST_ATTACHED]; /* NULL: free */
	/* Typed by somebody and not taken by the program yet. Meanwhile nobody is listened to. */
	size_t typed_begin, typed_end;
	bool end_input; /* once that is taken */
	bool tell_end;	/* with this status */
	int status;
	char typed[NVB_ATTACH_PACKET_MOST];
	char piece[NVB_LOG_PIECE]; /* what a pipe holds */
};

static int watch(const struct nvb_streams *s, int operation, int fd, uint32_t events, unsigned which)
{
	struct epoll_event event = {.events = events, .data.u32 = which};

	return epoll_ctl(s->epoll, operation, fd, &event);
}

static void close_stream(struct nvb_streams *s, int *fd)
{
	if (*fd < 0)
		return;
	epoll_ctl(s->epoll, EPOLL_CTL_DEL, *fd, NULL);
	close(*fd);
	*fd = -1;
}

static int begin_watching(struct nvb_streams *s, nvb_error **err)
{
	const struct {
		int fd;
		uint32_t events;
		unsigned which;
	} own[] = {{s->output, EPOLLIN, OUTPUT}, {s->error, EPOLLIN, ERRORS}, {s->input, 0, INPUT}};

	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll < 0)
		return nvb_fail_errno(err, errno, "the capsule's streams");
	for (size_t i = 0; i < NVB_ELEMENTS(own); i++) {
		int flags = own[i].fd < 0 ? 0 : fcntl(own[i].fd, F_GETFL);

		if (own[i].fd >= 0 &&
			(flags < 0 || fcntl(own[i].fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
				watch(s, EPOLL_CTL_ADD, own[i].fd, own[i].events, own[i].which) < 0))
			return nvb_fail_errno(err, errno, "the capsule's streams");
	}
	return 0;
}

int nvb_streams_fd(const struct nvb_streams *s)
{
	return s->epoll;
}

void nvb_streams_held(const struct nvb_streams *s, struct nvb_held *held)
{
	*held = (struct nvb_held){
		.terminal = s->terminal,
		.fds = {s->output, s->terminal ? s->relay[0] : s->error,
			s->terminal ? s->relay[1] : s->input},
	};
}

bool nvb_streams_has_input(const struct nvb_streams *s)
{
	return s->input >= 0;
}

unsigned nvb_streams_attached(const struct nvb_streams *s)
{
	unsigned count = 0;

	for (size_t i = 0; i < MOST_ATTACHED; i++)
		count += s->attached[i] != NULL;
	return count;
}

/* Who types is listened to while the program takes what was typed. */
static void watch_attached(struct nvb_streams *s, unsigned i)
{
	struct nvb_attached *a = s->attached[i];
	bool listen = s->typed_begin == s->typed_end;
	uint32_t events = (listen ? EPOLLIN : 0u) | (nvb_attached_waits(a) ? EPOLLOUT : 0u);

	if (a->fd >= 0 && (a->watched || listen))
		a->watched = watch(s, a->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, a->fd, events,
				     ATTACHED + i) == 0;
}

static void watch_all(struct nvb_streams *s)
{
	for (unsigned i = 0; i < MOST_ATTACHED; i++)
		if (s->attached[i])
			watch_attached(s, i);
	if (s->input >= 0)
		watch(s, EPOLL_CTL_MOD, s->input, s->typed_begin < s->typed_end ? EPOLLOUT : 0u, INPUT);
}

static void forget_gone(struct nvb_streams *s)
{
	for (size_t i = 0; i < MOST_ATTACHED; i++) {
		struct nvb_attached *a = s->attached[i];

		/* Who was told the end has nothing to wait for. */
		if (a && a->ended && !nvb_attached_waits(a))
			nvb_attached_release(a);
		if (!a || a->fd >= 0)
			continue;
		free(a);
		s->attached[i] = NULL;
	}
}

void nvb_streams_attach(struct nvb_streams *s, int connection, const char *request)
{
	struct nvb_attached *a;
	unsigned i = 0;

	while (i < MOST_ATTACHED && s->attached[i])
		i++;
	a = i < MOST_ATTACHED ? calloc(1, sizeof(*a)) : NULL;
	if (!a) {
		close(connection);
		return;
	}
	a->fd = connection;
	a->input = nvb_streq(request, "attach input");
	s->attached[i] = a;
	watch_attached(s, i);
}

static void publish(struct nvb_streams *s, bool error, const char *data, size_t size)
{
	for (unsigned i = 0; i < MOST_ATTACHED; i++)
		if (s->attached[i])
			nvb_attached_send(
				s->attached[i], error ? NVB_ATTACH_STDERR : NVB_ATTACH_STDOUT, data, size);
}

/* From the terminal into the relay and from there: -EINVAL where the kernel cannot. */
static ssize_t take_by_relay(struct nvb_streams *s, int fd)
{
	ssize_t n = splice(fd, NULL, s->relay[1], NULL, NVB_LOG_PIECE, SPLICE_F_NONBLOCK);

	if (n <= 0)
		return n < 0 ? -errno : 0;
	return nvb_log_take(s->log, NVB_LOG_STDOUT, s->relay[0], s->piece);
}

/* What a killed supervisor had in it. */
static void empty_relay(struct nvb_streams *s)
{
	ssize_t n;

	while (s->terminal && s->log && s->relay[0] >= 0 &&
		(n = nvb_log_take(s->log, NVB_LOG_STDOUT, s->relay[0], s->piece)) > 0)
		publish(s, false, s->piece, (size_t)n);
}

int nvb_streams_open(const struct nvb_streams_options *options, struct nvb_streams **out, nvb_error **err)
{
	struct nvb_streams *s = calloc(1, sizeof(*s));
	int rc;

	if (!s) {
		nvb_closep(&(int){options->output});
		nvb_closep(&(int){options->error});
		nvb_closep(&(int){options->input});
		return nvb_fail_oom(err);
	}
	s->epoll = -1;
	s->output = options->output;
	s->error = options->error;
	s->input = options->input;
	s->terminal = options->terminal;
	s->log = options->log;
	memcpy(s->relay, options->relay, sizeof(s->relay));
	/* A terminal is one file; what is typed is waited for apart from what is shown. */
	if (s->terminal && s->input < 0)
		s->input = fcntl(s->output, F_DUPFD_CLOEXEC, 3);
	rc = begin_watching(s, err);
	if (rc < 0) {
		nvb_streams_close(s);
		return rc;
	}
	empty_relay(s);
	*out = s;
	return 0;
}

/* What the program wrote goes to the log first: that is the one who must have it. Returns as nvb_log_take. */
static ssize_t keep_output(struct nvb_streams *s, int fd, bool error)
{
	ssize_t n = -EINVAL;

	if (s->log && s->terminal && s->relay[1] >= 0)
		n = take_by_relay(s, fd);
	if (n != -EINVAL)
		return n;
	if (s->log)
		return nvb_log_take(s->log, error ? NVB_LOG_STDERR : NVB_LOG_STDOUT, fd, s->piece);
	n = read(fd, s->piece, sizeof(s->piece));
	return n < 0 ? -errno : n;
}

/* True when there may be more. */
static bool take_output(struct nvb_streams *s, int *fd, bool error)
{
	ssize_t n = *fd < 0 ? 0 : keep_output(s, *fd, error);

	if (n > 0) {
		publish(s, error, s->piece, (size_t)n);
		return true;
	}
	/* A terminal that nobody has open any more answers EIO. */
	if (n != -EAGAIN && n != -EINTR)
		close_stream(s, fd);
	return false;
}

static void resize(struct nvb_streams *s, const char *text, size_t size)
{
	uint64_t numbers[2];
	struct winsize window;

	if (!s->terminal || s->output < 0 || nvb_attach_numbers(text, size, UINT16_MAX, numbers) != 2)
		return;
	window = (struct winsize){.ws_row = (unsigned short)numbers[0], .ws_col = (unsigned short)numbers[1]};
	ioctl(s->output, TIOCSWINSZ, &window);
}

static void give_input(struct nvb_streams *s)
{
	while (s->input >= 0 && s->typed_begin < s->typed_end) {
		ssize_t n = write(s->input, s->typed + s->typed_begin, s->typed_end - s->typed_begin);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			close_stream(s, &s->input);
		else
			s->typed_begin += (size_t)n;
	}
	s->typed_begin = s->typed_end = 0;
	/* A terminal has no end that others would not have, too. */
	if (s->end_input && !s->terminal)
		close_stream(s, &s->input);
	s->end_input = false;
}

static void take_packet(struct nvb_streams *s, struct nvb_attached *a)
{
	size_t size = nvb_attached_receive(a, s->piece);
	const char *data = s->piece + 1;

	if (size == 0 || a->fd < 0)
		return;
	switch (s->piece[0]) {
	case NVB_ATTACH_INPUT:
		if (!a->input || s->input < 0)
			return;
		memcpy(s->typed, data, size - 1);
		s->typed_begin = 0;
		s->typed_end = size - 1;
		give_input(s);
		return;
	case NVB_ATTACH_END:
		s->end_input = a->input;
		give_input(s);
		return;
	case NVB_ATTACH_SIZE:
		resize(s, data, size - 1);
		return;
	default:
		/* Whoever speaks another language is not spoken to. */
		nvb_attached_release(a);
	}
}

static void serve(struct nvb_streams *s, unsigned i, uint32_t events)
{
	struct nvb_attached *a = i < MOST_ATTACHED ? s->attached[i] : NULL;

	if (!a)
		return;
	if (events & EPOLLOUT)
		nvb_attached_flush(a);
	if (s->typed_begin == s->typed_end) {
		if (a->fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
			take_packet(s, a);
	} else if (events & (EPOLLHUP | EPOLLERR)) {
		/* It has left, but what it typed waits for its turn: no more events until then. */
		a->deaf = true;
		epoll_ctl(s->epoll, EPOLL_CTL_DEL, a->fd, NULL);
		a->watched = false;
	}
}

void nvb_streams_turn(struct nvb_streams *s)
{
	struct epoll_event events[EVENTS];
	int count = epoll_wait(s->epoll, events, EVENTS, 0);

	for (int i = 0; i < count; i++) {
		unsigned which = events[i].data.u32;

		if (which == OUTPUT)
			take_output(s, &s->output, false);
		else if (which == ERRORS)
			take_output(s, &s->error, true);
		else if (which == INPUT && (events[i].events & (EPOLLERR | EPOLLHUP)))
			close_stream(s, &s->input);
		else if (which == INPUT)
			give_input(s);
		else
			serve(s, which - ATTACHED, events[i].events);
	}
	forget_gone(s);
	watch_all(s);
}

void nvb_streams_ended(struct nvb_streams *s, int status, bool last)
{
	while (take_output(s, &s->output, false))
		;
	while (take_output(s, &s->error, true))
		;
	s->tell_end = last;
	s->status = status;
	forget_gone(s);
	watch_all(s);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void nvb_streams_close(struct nvb_streams *s)
{
	int64_t deadline = now_ms() + LINGER_MS, left;
	char text[16];
	int n;

	if (!s)
		return;
	n = snprintf(text, sizeof(text), "%d", s->status);
	close_stream(s, &s->output);
	close_stream(s, &s->error);
	close_stream(s, &s->input);
	for (size_t i = 0; i < MOST_ATTACHED; i++) {
		struct nvb_attached *a = s->attached[i];

		if (a && s->tell_end)
			nvb_attached_send(a, NVB_ATTACH_EXIT, text, (size_t)n);
		while (a && nvb_attached_waits(a) && (left = deadline - now_ms()) > 0) {
			poll(&(struct pollfd){.fd = a->fd, .events = POLLOUT}, 1, (int)left);
			nvb_attached_flush(a);
		}
		if (a)
			nvb_attached_release(a);
		free(a);
	}
	nvb_closep(&s->epoll);
	free(s);
}
