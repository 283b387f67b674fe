/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/criu_rpc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

static void put_varint(struct nvb_strbuf *out, uint64_t value)
{
	while (value >= 0x80) {
		nvb_sb_addc(out, (char)(value | 0x80));
		value >>= 7;
	}
	nvb_sb_addc(out, (char)value);
}

void nvb_criu_put_number(struct nvb_strbuf *out, unsigned field, uint64_t value)
{
	put_varint(out, (uint64_t)field << 3 | VARINT);
	put_varint(out, value);
}

void nvb_criu_put_bytes(struct nvb_strbuf *out, unsigned field, const void *data, size_t size)
{
	put_varint(out, (uint64_t)field << 3 | BYTES);
	put_varint(out, size);
	nvb_sb_addn(out, data, size);
}

void nvb_criu_put_text(struct nvb_strbuf *out, unsigned field, const char *text)
{
	nvb_criu_put_bytes(out, field, text, strlen(text));
}

/* Reading. */

struct reader {
	const unsigned char *at, *end;
};

static bool get_varint(struct reader *r, uint64_t *value)
{
	*value = 0;
	for (unsigned shift = 0; shift < 64 && r->at < r->end; shift += 7) {
		unsigned char byte = *r->at++;

		*value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

struct field {
	uint64_t number, value;
	struct reader bytes; /* empty but of BYTES */
};

/* The next field; false at the end and, with r->at before r->end, at what is none. */
static bool next(struct reader *r, struct field *f)
{
	const unsigned char *start = r->at;
	uint64_t key, fixed;

	*f = (struct field){0};
	if (r->at == r->end)
		return false;
	if (!get_varint(r, &key))
		goto none;
	f->number = key >> 3;
	switch (key & 7) {
	case VARINT:
		if (get_varint(r, &f->value))
			return true;
		break;
	case BYTES:
		if (!get_varint(r, &f->value) || f->value > (uint64_t)(r->end - r->at))
			break;
		f->bytes = (struct reader){.at = r->at, .end = r->at + f->value};
		r->at += f->value;
		return true;
	case FIXED32:
	case FIXED64:
		fixed = (key & 7) == FIXED32 ? 4 : 8;
		if (fixed > (uint64_t)(r->end - r->at))
			break;
		r->at += fixed;
		return true;
	default:
		break;
	}
none:
	r->at = start;
	return false;
}

static void copy_text(const struct field *f, char *text, size_t size)
{
	size_t n = (size_t)(f->bytes.end - f->bytes.at);

	if (n >= size)
		n = size - 1;
	if (n)
		memcpy(text, f->bytes.at, n);
	text[n] = '\0';
}

static void copy_version(struct nvb_criu_answer *answer, const struct field *f)
{
	size_t n = (size_t)(f->bytes.end - f->bytes.at);

	answer->version_size = n <= sizeof(answer->version) ? n : 0;
	if (answer->version_size)
		memcpy(answer->version, f->bytes.at, n);
}

static void read_inner(struct nvb_criu_answer *answer, const struct field *outer)
{
	struct reader inner = outer->bytes;
	struct field f;

	while (next(&inner, &f)) {
		if (outer->number == 5 && f.number == 1)
			copy_text(&f, answer->script, sizeof(answer->script));
		else if (outer->number == 10 && f.number == 1)
			answer->major = (unsigned)f.value;
		else if (outer->number == 10 && f.number == 2)
			answer->minor = (unsigned)f.value;
	}
}

int nvb_criu_parse(struct nvb_criu_answer *out, const void *data, size_t size, nvb_error **err)
{
	struct reader r = {.at = data, .end = (const unsigned char *)data + size};
	struct nvb_criu_answer answer = {0};
	bool typed = false;
	struct field f;

	while (next(&r, &f)) {
		switch (f.number) {
		case 1:
			typed = true;
			answer.type = (unsigned)f.value;
			break;
		case 2:
			answer.success = f.value;
			break;
		case 10:
			copy_version(&answer, &f);
			read_inner(&answer, &f);
			break;
		case 5:
			read_inner(&answer, &f);
			break;
		case 7:
			answer.number = (int)f.value;
			break;
		case 9:
			copy_text(&f, answer.message, sizeof(answer.message));
			break;
		default:
			break;
		}
	}
	if (!typed || r.at != r.end)
		return nvb_fail(err, NVB_ERR_CORRUPT, "CRIU answers with what is no message of its protocol");
	*out = answer;
	return 0;
}

/* The program. */

static _Noreturn void become(const char *path, const char *plugins, int socket)
{
	char number[16];
	sigset_t none;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* A session of its own: the terminal's signals are not for it. */
	setsid();
	signal(SIGPIPE, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 ||
		fcntl(socket, F_SETFD, 0) < 0)
		_exit(125);
	if (plugins && setenv("CRIU_LIBS_DIR", plugins, 1) < 0)
		_exit(125);
	unsetenv("CRIU_CONFIG_FILE");
	snprintf(number, sizeof(number), "%d", socket);
	execl(path, path, "swrk", number, NULL);
	_exit(127);
}

int nvb_criu_start(const char *path, const char *plugins, pid_t *pid, int *out, nvb_error **err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return nvb_fail_errno(err, errno, "starting %s", path);
	*pid = fork();
	if (*pid == 0)
		become(path, plugins, pair[1]);
	close(pair[1]);
	if (*pid < 0) {
		int failed = errno;

		close(pair[0]);
		return nvb_fail_errno(err, failed, "starting %s", path);
	}
	*out = pair[0];
	return 0;
}

static int send_all(int socket, const struct nvb_strbuf *message, nvb_error **err)
{
	if (message->failed)
		return nvb_fail_oom(err);
	if (send(socket, message->s, message->len, MSG_NOSIGNAL) < 0)
		return nvb_fail(err, NVB_ERR_SYSTEM, "CRIU has gone: %s", strerror(errno));
	return 0;
}

int nvb_criu_ask(int socket, enum nvb_criu_type type, const struct nvb_strbuf *options, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf message = {0};

	nvb_criu_put_number(&message, 1, type);
	if (options)
		nvb_criu_put_bytes(&message, 2, options->s, options->len);
	return send_all(socket, &message, err);
}

int nvb_criu_notified(int socket, bool success, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf message = {0};

	nvb_criu_put_number(&message, 1, NVB_CRIU_NOTIFY);
	nvb_criu_put_number(&message, 3, success);
	return send_all(socket, &message, err);
}

int nvb_criu_read(int socket, struct nvb_criu_answer *answer, nvb_error **err)
{
	char message[4096];
	ssize_t n;

	do
		n = recv(socket, message, sizeof(message), 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return nvb_fail(
			err, NVB_ERR_SYSTEM, "CRIU has gone without an answer: it was killed, or crashed");
	return nvb_criu_parse(answer, message, (size_t)n, err);
}
