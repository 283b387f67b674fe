/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "capsule/names.h"
#include "supervisor/private.h"
#include "supervisor/report.h"

/* The socket through which a supervisor is asked. The directory is its owner's alone, so whoever can connect
 * may ask. */

int nvb_control_open(struct nvb_supervisor *s, nvb_error **err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if ((size_t)snprintf(address.sun_path, sizeof(address.sun_path), "%s/control", s->entry.run) >=
		sizeof(address.sun_path))
		return nvb_fail(err, NVB_ERR_INVALID, "%s: too long for a socket", s->entry.run);
	/* A killed one's. */
	unlink(address.sun_path);
	s->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->listener < 0 || bind(s->listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(s->listener, NVB_CLIENTS) < 0)
		return nvb_fail_errno(err, errno, "%s", address.sun_path);
	return 0;
}

void nvb_control_accept(struct nvb_supervisor *s)
{
	int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (s->client_count == NVB_CLIENTS) {
		close(fd);
		return;
	}
	s->clients[s->client_count++] = (struct nvb_client){.socket = fd};
}

static void forget(struct nvb_supervisor *s, size_t i)
{
	s->clients[i] = s->clients[--s->client_count];
}

static void answer(int socket, int rc, nvb_error *error)
{
	if (rc < 0)
		nvb_report_failure(socket, 1, error);
	else
		nvb_report_ok(socket, 0, -1);
	nvb_error_free(error);
}

static int kill_container(struct nvb_supervisor *s, int signal, nvb_error **err)
{
	if (s->phase != NVB_PHASE_RUNNING)
		return nvb_fail(err, NVB_ERR_CONFLICT, "the capsule's program does not run now");
	/* Who kills it does not want it to come back. */
	if (signal == SIGKILL)
		nvb_supervised_stop(s, SIGKILL, 0);
	else
		nvb_supervised_signal(s, signal);
	return 0;
}

static int rename_capsule(struct nvb_supervisor *s, const char *name, nvb_error **err)
{
	char *copy = strdup(name);
	int rc = copy ? nvb_entry_note(&s->entry, (const char *const[]){"name", name, NULL}, err)
		      : nvb_fail_oom(err);

	if (rc < 0) {
		free(copy);
		return rc;
	}
	free(s->entry.name);
	s->entry.name = copy;
	return 0;
}

void nvb_control_wait(struct nvb_supervisor *s, int socket)
{
	if (s->client_count == NVB_CLIENTS) {
		close(socket);
		return;
	}
	s->clients[s->client_count++] = (struct nvb_client){.socket = socket, .waits = true};
}

/*
 * Somebody wants it to end. One that keeps snapshots is saved first, and who asked for that waits for it; one
 * of which a snapshot is being taken ends behind it. False: ended, or about to.
 */
static bool stop(struct nvb_supervisor *s, int socket, int signal, uint64_t seconds, bool discard)
{
	const struct nvb_snapshot_wish wish = {.key_file = s->keeps_key};
	nvb_error *err = NULL;
	int rc;

	if (s->snapshot.worker) {
		s->snapshot.stop_signal = signal ? signal : s->stop_signal;
		s->snapshot.stop_seconds = seconds;
		return false;
	}
	if (!s->keeps || discard || signal == SIGKILL || s->phase != NVB_PHASE_RUNNING) {
		nvb_supervised_stop(s, signal, seconds);
		return false;
	}
	rc = nvb_supervised_snapshot(s, &wish, socket, true, &err);
	if (rc == 0)
		return true;
	answer(socket, rc, err);
	close(socket);
	return true;
}

/* True when the connection is not the list's any more. */
static bool serve_snapshot(struct nvb_supervisor *s, int socket, char *request)
{
	struct nvb_snapshot_wish wish;
	nvb_error *err = NULL;
	int rc = nvb_supervised_asks_for_snapshot(request, &wish, &err);

	if (rc == 0)
		rc = nvb_supervised_snapshot(s, &wish, socket, false, &err);
	if (rc == 0)
		return true;
	answer(socket, rc, err);
	return false;
}

static void serve(struct nvb_supervisor *s, int socket, const char *request)
{
	nvb_error *err = NULL;
	int signal = 0, rc = 0;

	if (sscanf(request, "kill %d", &signal) == 1 && signal > 0)
		rc = kill_container(s, signal, &err);
	else if (nvb_streq(request, "pause") || nvb_streq(request, "unpause"))
		rc = nvb_supervised_freeze(s, *request == 'p', &err);
	else if (nvb_streq(request, "alive"))
		rc = nvb_supervised_alive(s, &err);
	else if (nvb_streq(request, "update"))
		rc = nvb_supervised_update(s, &err);
	else if (nvb_after(request, "rename "))
		rc = rename_capsule(s, nvb_after(request, "rename "), &err);
	else
		rc = nvb_fail(&err, NVB_ERR_INVALID, "a request that is none");
	answer(socket, rc, err);
}

bool nvb_control_read(struct nvb_supervisor *s, size_t i)
{
	struct nvb_client *client = &s->clients[i];
	char request[NVB_SNAPSHOT_REQUEST_MOST], word[16] = "";
	long long seconds;
	int signal;
	ssize_t n = recv(client->socket, request, sizeof(request) - 1, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		close(client->socket);
		forget(s, i);
		return true;
	}
	request[n] = '\0';
	if (nvb_after(request, "attach") && s->streams) {
		nvb_streams_attach(s->streams, client->socket, request);
		forget(s, i);
		return true;
	}
	if (!client->waits && nvb_after(request, "snapshot ")) {
		if (!serve_snapshot(s, client->socket, request))
			return false;
		forget(s, i);
		return true;
	}
	if (nvb_streq(request, "wait")) {
		client->waits = true;
		return false;
	}
	if (!client->waits && sscanf(request, "stop %d %lld %15s", &signal, &seconds, word) >= 2 &&
		seconds >= 0 && seconds <= NVB_STOP_TIMEOUT_MOST) {
		if (stop(s, client->socket, signal, (uint64_t)seconds, nvb_streq(word, "discard"))) {
			forget(s, i);
			return true;
		}
		client->waits = true;
		return false;
	}
	if (!client->waits)
		serve(s, client->socket, request);
	return false;
}

void nvb_control_ended(struct nvb_supervisor *s)
{
	for (size_t i = 0; i < s->client_count; i++) {
		if (s->clients[i].waits)
			nvb_report_ok(s->clients[i].socket, s->status, -1);
		close(s->clients[i].socket);
	}
	s->client_count = 0;
}
