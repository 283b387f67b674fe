/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/http.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

enum { PATIENCE_S = 10, MOST_HEADER = 16384 };

static int connect_to(const char *path, int *out, nvb_error **err)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return nvb_fail(err, NVB_ERR_INVALID, "%s: too long for a socket's path", path);
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return nvb_fail_errno(err, errno, "a socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		/* The socket of a daemon that was killed is still there: nobody, too. */
		if (errno == ECONNREFUSED)
			return nvb_fail(err, NVB_ERR_NOT_FOUND, "%s: nobody listens", path);
		return nvb_fail_errno(err, errno, "%s", path);
	}
	*out = NVB_TAKE_FD(fd);
	return 0;
}

int engine_socket_try(const char *socket_path, nvb_error **err)
{
	_cleanup_close_ int fd = -1;

	return connect_to(socket_path, &fd, err);
}

/* Reads to the end; time is up for all of it together. */
static int read_all(int fd, const char *path, size_t max, struct nvb_strbuf *out, nvb_error **err)
{
	struct timespec now, begin;
	char buffer[8192];

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (;;) {
		ssize_t n = recv(fd, buffer, sizeof(buffer), 0);

		clock_gettime(CLOCK_MONOTONIC, &now);
		if (n < 0 && errno == EINTR)
			continue;
		if ((n < 0 && errno == EAGAIN) || now.tv_sec - begin.tv_sec > PATIENCE_S)
			return nvb_fail(err, NVB_ERR_BUSY, "%s: no answer in %d seconds", path, PATIENCE_S);
		if (n < 0)
			return nvb_fail_errno(err, errno, "%s", path);
		if (n == 0)
			return out->failed ? nvb_fail_oom(err) : 0;
		nvb_sb_addn(out, buffer, (size_t)n);
		if (out->len > max + MOST_HEADER)
			return nvb_fail(
				err, NVB_ERR_CORRUPT, "%s: an answer of more than %zu bytes", path, max);
	}
}

int engine_http_get(
	const char *socket_path, const char *document, size_t max, char **body, size_t *size, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf answer = {0}, request = {0};
	_cleanup_close_ int fd = -1;
	const char *end;
	int rc = connect_to(socket_path, &fd, err);

	if (rc < 0)
		return rc;
	/* 1.0: the answer ends with the connection and comes in one piece. */
	nvb_sb_addf(&request, "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n", document);
	if (request.failed)
		return nvb_fail_oom(err);
	if (send(fd, request.s, request.len, MSG_NOSIGNAL) != (ssize_t)request.len)
		return nvb_fail_errno(err, errno, "%s", socket_path);
	rc = read_all(fd, socket_path, max, &answer, err);
	if (rc < 0)
		return rc;
	end = answer.s ? strstr(answer.s, "\r\n\r\n") : NULL;
	if (!end || !(nvb_after(answer.s, "HTTP/1.0 200 ") || nvb_after(answer.s, "HTTP/1.1 200 ")))
		return nvb_fail(err, NVB_ERR_CORRUPT, "%s: no answer to GET %s", socket_path, document);
	end += 4;
	*body = malloc(answer.len - (size_t)(end - answer.s) + 1);
	if (!*body)
		return nvb_fail_oom(err);
	*size = answer.len - (size_t)(end - answer.s);
	memcpy(*body, end, *size + 1);
	return 0;
}
