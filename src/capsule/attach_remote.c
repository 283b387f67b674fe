/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/attach_remote.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>

#include "base/mem.h"
#include "capsule/attach.h"
#include "supervisor/attach.h"

struct remote {
	const struct nvb_remote_options *options;
	int connection, signals;
	sigset_t old_mask;
	struct termios saved;
	bool raw;
	struct nvb_detach_keys keys;
	bool reads; /* standard input has not ended */
	/* What was typed, on its way to the supervisor. */
	char typed[NVB_ATTACH_PACKET_MOST];
	size_t typed_size;
	bool tell_end, tell_size; /* still to be sent */
	/* What the program wrote, on its way to us. */
	char shown[NVB_ATTACH_PACKET_MOST];
	size_t shown_begin, shown_end;
	int shown_at; /* descriptor */
	bool done;
	enum nvb_remote_end end;
	int status;
};

static int hold_signals(struct remote *r, nvb_error **err)
{
	sigset_t set;

	nvb_attach_forwarded(&set);
	if (sigprocmask(SIG_BLOCK, &set, &r->old_mask) < 0)
		return nvb_fail_errno(err, errno, "signals");
	r->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (r->signals >= 0)
		return 0;
	sigprocmask(SIG_SETMASK, &r->old_mask, NULL);
	return nvb_fail_errno(err, errno, "signals");
}

static void make_raw(struct remote *r)
{
	struct termios raw;

	if (!r->options->terminal || !r->options->input || tcgetattr(STDIN_FILENO, &r->saved) < 0)
		return;
	raw = r->saved;
	cfmakeraw(&raw);
	r->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

static void finish(struct remote *r, enum nvb_remote_end end, int status)
{
	r->done = true;
	r->end = end;
	r->status = status;
}

/* False when it was not taken yet. */
static bool send_packet(struct remote *r, const char *packet, size_t size)
{
	if (send(r->connection, packet, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return true;
	/* What it said before it went is still to be read. */
	return errno != EAGAIN && errno != EINTR && errno != ENOBUFS;
}

static bool send_size(struct remote *r)
{
	struct winsize size;
	char packet[32];
	int fd = isatty(STDOUT_FILENO) ? STDOUT_FILENO : STDIN_FILENO, n;

	if (ioctl(fd, TIOCGWINSZ, &size) < 0 || !size.ws_row || !size.ws_col)
		return true;
	n = snprintf(packet, sizeof(packet), "%c%u %u", NVB_ATTACH_SIZE, size.ws_row, size.ws_col);
	return send_packet(r, packet, (size_t)n);
}

static void send_all(struct remote *r)
{
	const char end = NVB_ATTACH_END;

	if (r->tell_size)
		r->tell_size = !send_size(r);
	if (r->typed_size > 0 && send_packet(r, r->typed, r->typed_size))
		r->typed_size = 0;
	if (r->tell_end && r->typed_size == 0)
		r->tell_end = !send_packet(r, &end, 1);
}

static void read_typed(struct remote *r)
{
	enum { ROOM = NVB_ATTACH_PACKET_MOST - 1 - NVB_DETACH_KEYS_MOST };
	unsigned char text[4096];
	size_t size;
	ssize_t n = read(STDIN_FILENO, text, sizeof(text));

	_Static_assert(sizeof(text) <= ROOM, "what was typed must fit into one packet");
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		r->reads = false;
		r->tell_end = r->options->end_input;
		return;
	}
	r->typed[0] = NVB_ATTACH_INPUT;
	if (nvb_detach_keys_filter(&r->keys, text, (size_t)n, (unsigned char *)r->typed + 1, &size))
		finish(r, NVB_REMOTE_DETACHED, 0);
	r->typed_size = size ? size + 1 : 0;
}

static void take_number(struct remote *r, const char *packet, size_t size)
{
	uint64_t numbers[2];

	if (nvb_attach_numbers(packet + 1, size - 1, UINT64_MAX / 16, numbers) != 1)
		return;
	if (*packet == NVB_ATTACH_EXIT)
		finish(r, NVB_REMOTE_EXITED, (int)(numbers[0] & 255));
	else if (r->options->missed)
		r->options->missed(r->options->data, numbers[0]);
}

static void receive(struct remote *r)
{
	ssize_t n = recv(r->connection, r->shown, sizeof(r->shown), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		finish(r, NVB_REMOTE_LOST, 125);
		return;
	}
	switch (r->shown[0]) {
	case NVB_ATTACH_STDOUT:
	case NVB_ATTACH_STDERR:
		r->shown_at = r->shown[0] == NVB_ATTACH_STDOUT ? STDOUT_FILENO : STDERR_FILENO;
		r->shown_begin = 1;
		r->shown_end = (size_t)n;
		return;
	case NVB_ATTACH_MISSED:
	case NVB_ATTACH_EXIT:
		take_number(r, r->shown, (size_t)n);
		return;
	default:
		return;
	}
}

/* What poll calls writable takes PIPE_BUF bytes without waiting; the descriptors are not ours alone, and stay
 * as they are. */
static int show(struct remote *r, nvb_error **err)
{
	size_t size = r->shown_end - r->shown_begin;
	ssize_t n = write(r->shown_at, r->shown + r->shown_begin, size < PIPE_BUF ? size : PIPE_BUF);

	if (n >= 0) {
		r->shown_begin += (size_t)n;
		return 0;
	}
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	return nvb_fail_errno(
		err, errno, "writing the program's %s", r->shown_at == STDOUT_FILENO ? "output" : "errors");
}

static void take_signals(struct remote *r)
{
	struct signalfd_siginfo info;

	while (read(r->signals, &info, sizeof(info)) == sizeof(info)) {
		int signal = (int)info.ssi_signo;

		if (signal == SIGWINCH)
			r->tell_size = r->options->terminal;
		else if (r->options->signal)
			r->options->signal(r->options->data, signal);
		else if (signal == SIGINT || signal == SIGTERM || signal == SIGHUP || signal == SIGQUIT)
			finish(r, NVB_REMOTE_SIGNALLED, 128 + signal);
	}
}

static int turn(struct remote *r, nvb_error **err)
{
	bool showing = r->shown_begin < r->shown_end;
	bool sending = r->typed_size > 0 || r->tell_end || r->tell_size;
	struct pollfd fds[] = {
		{.fd = r->signals, .events = POLLIN},
		{.fd = r->connection, .events = (short)((showing ? 0 : POLLIN) | (sending ? POLLOUT : 0))},
		{.fd = r->reads && !sending ? STDIN_FILENO : -1, .events = POLLIN},
		{.fd = showing ? r->shown_at : -1, .events = POLLOUT},
	};
	int rc = 0;

	/* One that has gone is always ready: what is on its way to us comes first. */
	if (showing && !sending)
		fds[1].fd = -1;
	if (poll(fds, NVB_ELEMENTS(fds), -1) < 0)
		return errno == EINTR ? 0 : nvb_fail_errno(err, errno, "waiting for the capsule");
	if (fds[0].revents)
		take_signals(r);
	if (fds[3].revents)
		rc = show(r, err);
	if (rc == 0 && !showing && (fds[1].revents & (POLLIN | POLLHUP | POLLERR)))
		receive(r);
	if (!r->done && (fds[1].revents & POLLOUT))
		send_all(r);
	if (!r->done && fds[2].revents)
		read_typed(r);
	return rc;
}

int nvb_remote_attach(int connection, const struct nvb_remote_options *options, enum nvb_remote_end *end,
	int *status, nvb_error **err)
{
	_cleanup_free_ struct remote *r = calloc(1, sizeof(*r));
	_cleanup_close_ int taken = connection;
	int rc;

	if (!r)
		return nvb_fail_oom(err);
	r->options = options;
	r->connection = taken;
	r->keys = options->keys;
	r->reads = options->input;
	r->tell_size = options->terminal;
	rc = hold_signals(r, err);
	if (rc < 0)
		return rc;
	signal(SIGPIPE, SIG_IGN);
	make_raw(r);
	while (rc == 0 && !(r->done && r->shown_begin == r->shown_end))
		rc = turn(r, err);
	/* What was typed before the keys that leave belongs to the program. */
	if (r->typed_size > 0)
		send(r->connection, r->typed, r->typed_size, MSG_NOSIGNAL);
	if (r->raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &r->saved);
	close(r->signals);
	sigprocmask(SIG_SETMASK, &r->old_mask, NULL);
	*end = r->end;
	*status = r->status;
	return rc;
}
