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

struct following {
	int socket;
	const struct nvb_snapshot_wish *wish;
	int broken; /* what progress said when it broke it off; 0: it has not */
};

/* Whether to wait on. Who breaks it off hears when all is undone; who then wants that once more does not
 * wait. */
static bool go_on(struct following *f, const char *step, uint64_t done, uint64_t total)
{
	int said = f->wish->progress ? f->wish->progress(f->wish->data, step, done, total) : 0;

	if (!said || said == f->broken)
		return true;
	if (f->broken)
		return false;
	f->broken = said;
	return shutdown(f->socket, SHUT_WR) == 0;
}

/* Waits for the next packet, and asks ten times a second whether it shall go on. */
static ssize_t next(struct following *f, char *text, size_t size)
{
	enum { TICK_MS = 100 };

	for (;;) {
		struct pollfd fds = {.fd = f->socket, .events = POLLIN};
		int n = poll(&fds, 1, TICK_MS);

		if (n > 0)
			return recv(f->socket, text, size - 1, MSG_PEEK);
		if (!go_on(f, NULL, 0, 0))
			return -1;
	}
}

static int broken_off(nvb_error **err)
{
	return nvb_hint(err, nvb_fail(err, NVB_ERR_CANCELLED, "the snapshot was broken off"),
		"the capsule runs on once that is undone");
}

static int follow(struct following *f, char snapshot[static 65], nvb_error **err)
{
	char text[256], step[32];
	uint64_t done, total;

	for (;;) {
		ssize_t n = next(f, text, sizeof(text));

		if (n < 0 || (n == 0 && f->broken))
			return *snapshot ? 0 : broken_off(err);
		text[n] = '\0';
		if (sscanf(text, "step %31s %" SCNu64 " %" SCNu64, step, &done, &total) == 3) {
			recv(f->socket, text, sizeof(text), 0);
			if (!go_on(f, step, done, total))
				return broken_off(err);
		} else if (nvb_after(text, "id ")) {
			recv(f->socket, text, sizeof(text), 0);
			snprintf(snapshot, 65, "%.64s", nvb_after(text, "id "));
		} else {
			return nvb_report_read(f->socket, NULL, NULL, NULL, err);
		}
	}
}

int nvb_supervisor_snapshot(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	const struct nvb_snapshot_wish *wish, char snapshot[static 65], nvb_error **err)
{
	_cleanup_close_ int socket = -1;
	struct following following = {.wish = wish};
	int rc = nvb_supervisor_reach(host, state, id, &socket, err);

	*snapshot = '\0';
	if (rc == 0)
		rc = send_wish(socket, wish, err);
	following.socket = socket;
	return rc < 0 ? rc : follow(&following, snapshot, err);
}
