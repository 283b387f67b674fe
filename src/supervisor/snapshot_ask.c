/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "supervisor/private.h"
#include "supervisor/report.h"
#include "supervisor/snapshot.h"

/* A snapshot as somebody else asks for it. */

static int send_wish(int socket, const struct nvb_snapshot_wish *wish, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf request = {0};

	nvb_sb_addf(&request, "snapshot %s %s %s\n%s", wish->leave_running ? "leave_running" : "stop",
		wish->tcp ? "tcp" : "-", wish->key_file ? wish->key_file : "",
		wish->comment ? wish->comment : "");
	if (request.failed)
		return nvb_fail_oom(err);
	if (request.len >= NVB_SNAPSHOT_REQUEST_MOST)
		return nvb_fail(err, NVB_ERR_INVALID, "the comment is too long");
	if (send(socket, request.s, request.len, MSG_NOSIGNAL) < 0)
		return nvb_fail(err, NVB_ERR_CANCELLED, "the capsule's supervisor has gone");
	return 0;
}

/* Waits for the next packet, and asks ten times a second whether it shall go on. */
static ssize_t next(int socket, const struct nvb_snapshot_wish *wish, char *text, size_t size)
{
	enum { TICK_MS = 100 };

	for (;;) {
		struct pollfd fds = {.fd = socket, .events = POLLIN};
		int n = poll(&fds, 1, TICK_MS);

		if (n > 0)
			return recv(socket, text, size - 1, MSG_PEEK);
		if (wish->progress && wish->progress(wish->data, NULL, 0, 0) != 0)
			return -1;
	}
}

static int follow(int socket, const struct nvb_snapshot_wish *wish, char snapshot[static 65], nvb_error **err)
{
	char text[256], step[32];
	uint64_t done, total;

	for (;;) {
		ssize_t n = next(socket, wish, text, sizeof(text));

		if (n < 0)
			return nvb_fail(err, NVB_ERR_CANCELLED, "the snapshot was broken off");
		text[n] = '\0';
		if (sscanf(text, "step %31s %" SCNu64 " %" SCNu64, step, &done, &total) == 3) {
			recv(socket, text, sizeof(text), 0);
			if (wish->progress && wish->progress(wish->data, step, done, total) != 0)
				return nvb_fail(err, NVB_ERR_CANCELLED, "the snapshot was broken off");
		} else if (nvb_after(text, "id ")) {
			recv(socket, text, sizeof(text), 0);
			snprintf(snapshot, 65, "%.64s", nvb_after(text, "id "));
		} else {
			return nvb_report_read(socket, NULL, NULL, NULL, err);
		}
	}
}

int nvb_supervisor_snapshot(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	const struct nvb_snapshot_wish *wish, char snapshot[static 65], nvb_error **err)
{
	_cleanup_close_ int socket = -1;
	int rc = nvb_supervisor_reach(host, state, id, &socket, err);

	*snapshot = '\0';
	if (rc == 0)
		rc = send_wish(socket, wish, err);
	return rc < 0 ? rc : follow(socket, wish, snapshot, err);
}
