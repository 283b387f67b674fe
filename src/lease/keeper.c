/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

static int by_number(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* `kept` is sorted. */
static void close_others(const int *kept, size_t count)
{
	unsigned next = 0;

	for (size_t i = 0; i < count; i++) {
		if ((unsigned)kept[i] > next)
			close_range(next, (unsigned)kept[i] - 1, 0);
		next = (unsigned)kept[i] + 1;
	}
	close_range(next, ~0U, 0);
}

static _Noreturn void keep(const int *kept, size_t count, int life)
{
	struct pollfd end = {.fd = life, .events = POLLIN};
	sigset_t none;

	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	close_others(kept, count);
	while (poll(&end, 1, -1) < 0 && errno == EINTR)
		continue;
	_exit(0);
}

int nvb_lease_keeper_start(const struct nvb_lease_flocks *flocks, pid_t life, nvb_error **err)
{
	_cleanup_close_ int process = (int)syscall(SYS_pidfd_open, life, 0);
	_cleanup_free_ int *kept = calloc(flocks->count + 1, sizeof(*kept));
	pid_t pid;

	if (!kept)
		return nvb_fail_oom(err);
	if (process < 0)
		return nvb_fail_errno(err, errno, "the process that is to hold a lease");
	memcpy(kept, flocks->fds, flocks->count * sizeof(*kept));
	kept[flocks->count] = process;
	qsort(kept, flocks->count + 1, sizeof(*kept), by_number);
	pid = fork();
	if (pid < 0)
		return nvb_fail_errno(err, errno, "keeping a lease");
	if (pid == 0)
		keep(kept, flocks->count + 1, process);
	return pid;
}

void nvb_lease_keeper_stop(pid_t keeper)
{
	if (keeper <= 0)
		return;
	kill(keeper, SIGKILL);
	while (waitpid(keeper, NULL, 0) < 0 && errno == EINTR)
		continue;
}
