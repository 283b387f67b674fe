/* SPDX-License-Identifier: Apache-2.0 */
#include "network/slirp.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "network/call.h"

/* slirp4netns's addresses for the capsule and its name server: slirp4netns(1). */
#define SLIRP_ADDRESS  (UINT32_C(10) << 24 | UINT32_C(2) << 8 | 100)
#define SLIRP_RESOLVER "10.0.2.3"

enum { PATIENCE_MS = 10 * 1000 };

static void become(const char *program, const char *netns, int ready)
{
	char number[16];
	sigset_t none;
	int null = open("/dev/null", O_RDWR);

	/* The terminal's signals are for the capsule. */
	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	for (int i = 0; i < 3; i++)
		if (null < 0 || dup2(null, i) < 0)
			_exit(125);
	/* What bolt has open (locks above all) must not stay open as long as this runs. */
	if (dup2(ready, 3) < 0 || fcntl(3, F_SETFD, 0) < 0)
		_exit(125);
	close_range(4, ~0U, 0);
	snprintf(number, sizeof(number), "%d", 3);
	execl(program, program, "--configure", "--mtu=65520", "--disable-host-loopback", "--netns-type=path",
		"--ready-fd", number, netns, "tap0", NULL);
	_exit(127);
}

/* It writes a byte when the interface is there. */
static int wait_ready(int fd, const char *program, nvb_error **err)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};
	char byte;
	int n;

	do {
		n = poll(&poller, 1, PATIENCE_MS);
	} while (n < 0 && errno == EINTR);
	if (n == 1 && read(fd, &byte, 1) == 1)
		return 0;
	return nvb_hint(err, nvb_fail(err, NVB_ERR_UNSUPPORTED, "%s gives no network", program),
		"it needs /dev/net/tun; --network none and host do without");
}

int nvb_slirp_start(const char *netns, struct nvb_slirp *slirp, nvb_error **err)
{
	_cleanup_free_ char *program = nvb_call_find(nvb_call_system_directories, "slirp4netns");
	int ends[2], rc;
	pid_t pid;

	if (!program)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_UNSUPPORTED,
				"without root a network of the capsule's own needs slirp4netns"),
			"install it, or use --network host or none");
	if (pipe2(ends, O_CLOEXEC) < 0)
		return nvb_fail_errno(err, errno, "pipe");
	pid = fork();
	if (pid == 0)
		become(program, netns, ends[1]);
	close(ends[1]);
	rc = pid < 0 ? nvb_fail_errno(err, errno, "starting %s", program) : wait_ready(ends[0], program, err);
	close(ends[0]);
	if (rc < 0 && pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	if (rc < 0)
		return rc;
	*slirp = (struct nvb_slirp){.pid = pid, .address = SLIRP_ADDRESS, .resolver = SLIRP_RESOLVER};
	return 0;
}
