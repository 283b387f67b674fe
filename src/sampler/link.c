/* SPDX-License-Identifier: Apache-2.0 */
#include "sampler/link.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

int nvb_link_start(struct nvb_sampler_link *link, const char *library, nvb_error **err)
{
	int rc = nvb_nvml_start(&link->process, nvb_sampler_child, library, err);

	if (rc == 0)
		fcntl(link->process.from, F_SETFL, O_RDONLY | O_NONBLOCK);
	return rc;
}

bool nvb_link_ask(struct nvb_sampler_link *link, const struct nvb_sampler_ask *ask)
{
	/* Small enough that a socket takes all of it or nothing. */
	return send(link->process.to, ask, sizeof(*ask), MSG_DONTWAIT | MSG_NOSIGNAL) ==
	       (ssize_t)sizeof(*ask);
}

int nvb_link_take(struct nvb_sampler_link *link, nvb_said_handler *handler, void *data, nvb_error **err)
{
	for (;;) {
		size_t room;
		void *to = nvb_said_room(&link->reader, &room);
		ssize_t n;
		int rc;

		if (!to)
			return nvb_fail_oom(err);
		n = read(link->process.from, to, room);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0)
			return nvb_fail(err, NVB_ERR_SYSTEM, "NVML crashed, or was ended");
		rc = nvb_said_take(&link->reader, (size_t)n, handler, data, err);
		if (rc < 0)
			return rc;
		/* Less than there was room for: it was all. */
		if ((size_t)n < room)
			return 0;
	}
}

pid_t nvb_link_end(struct nvb_sampler_link *link)
{
	enum { TRIES = 20, PAUSE_NS = 1000000 };
	pid_t pid = link->process.pid;

	nvb_closep(&link->process.to);
	nvb_closep(&link->process.from);
	if (pid)
		kill(pid, SIGKILL);
	for (int i = 0; pid && i < TRIES; i++) {
		pid_t rc = waitpid(pid, NULL, WNOHANG);

		if (rc == pid || (rc < 0 && errno != EINTR))
			pid = 0;
		else
			nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
	}
	nvb_said_release(&link->reader);
	free(link->process.library);
	*link = (struct nvb_sampler_link)NVB_SAMPLER_LINK_INIT;
	return pid;
}
