/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "base/str.h"

union passed {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

void nvb_report_ok(int socket, pid_t number, int fd)
{
	char text[32];
	union passed passed = {0};
	struct iovec io = {
		.iov_base = text, .iov_len = (size_t)snprintf(text, sizeof(text), "ok %d", number)};
	struct msghdr message = {.msg_iov = &io, .msg_iovlen = 1};

	if (fd >= 0) {
		passed.header = (struct cmsghdr){
			.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
		memcpy(CMSG_DATA(&passed.header), &fd, sizeof(fd));
		message.msg_control = &passed;
		message.msg_controllen = sizeof(passed.space);
	}
	/* Who has gone need not be told. */
	sendmsg(socket, &message, MSG_NOSIGNAL);
}

void nvb_report_failure(int socket, int status, const nvb_error *error)
{
	char text[NVB_REPORT_MOST];
	const char *hint = error ? nvb_error_hint(error) : NULL;
	int n = snprintf(text, sizeof(text), "failed %d %d\n%.4000s\n%.4000s", status,
		error ? (int)nvb_error_code(error) : NVB_ERR_SYSTEM, error ? nvb_error_message(error) : "",
		hint ? hint : "");

	send(socket, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1, MSG_NOSIGNAL);
}

static int read_failure(char *text, int *status, nvb_error **err)
{
	char *message = strchr(text, '\n'), *hint = message ? strchr(message + 1, '\n') : NULL;
	int code, said;

	if (sscanf(text, "failed %d %d", &said, &code) != 2 || !hint || code <= 0)
		return nvb_fail(err, NVB_ERR_CORRUPT, "a report that is none");
	*message++ = '\0';
	*hint++ = '\0';
	if (status)
		*status = said;
	nvb_fail(err, (enum nvb_error_code)code, "%s", message);
	return *hint ? nvb_hint(err, -code, "%s", hint) : -code;
}

int nvb_report_read(int socket, pid_t *number, int *fd, int *status, nvb_error **err)
{
	char text[NVB_REPORT_MOST + 1];
	union passed passed;
	struct iovec io = {.iov_base = text, .iov_len = NVB_REPORT_MOST};
	struct msghdr message = {
		.msg_iov = &io, .msg_iovlen = 1, .msg_control = &passed, .msg_controllen = sizeof(passed)};
	const struct cmsghdr *c;
	_cleanup_close_ int received = -1;
	const char *said;
	ssize_t n;

	do
		n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return nvb_fail(
			err, NVB_ERR_CANCELLED, "the process that was asked has gone without an answer");
	text[n] = '\0';
	c = CMSG_FIRSTHDR(&message);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		c->cmsg_len >= CMSG_LEN(sizeof(int)))
		memcpy(&received, CMSG_DATA(c), sizeof(received));
	said = nvb_after(text, "ok ");
	if (!said)
		return read_failure(text, status, err);
	if (number)
		*number = (pid_t)strtol(said, NULL, 10);
	if (fd)
		*fd = NVB_TAKE_FD(received);
	return 0;
}
