/* SPDX-License-Identifier: Apache-2.0 */
#include "network/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/userns.h"
#include "network/proxy_loop.h"

enum { NOBODY = 65534, REST_MS = 100 };

bool proxy_watch(struct proxy_loop *loop, int fd, uint32_t events, struct proxy_watcher *watcher)
{
	struct epoll_event event = {.events = events, .data.ptr = watcher};

	return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* What the caller has open (locks, other capsules' pipes) would be held as long as this process lives. */
static void close_all_but(int *kept, size_t count)
{
	unsigned next = 0;

	qsort(kept, count, sizeof(*kept), by_number);
	for (size_t i = 0; i < count; i++) {
		if ((unsigned)kept[i] > next)
			close_range(next, (unsigned)kept[i] - 1, 0);
		next = (unsigned)kept[i] + 1;
	}
	close_range(next, ~0U, 0);
}

static bool give_up_privileges(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

	/* In a user namespace there may be no other user. */
	if (!nvb_in_user_namespace() && geteuid() == 0 &&
		(syscall(SYS_setgroups, 0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
			setresuid(NOBODY, NOBODY, NOBODY) < 0))
		return false;
	return syscall(SYS_capset, &header, none) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

/* A signal of the terminal's is for the capsule. */
static void settle(void)
{
	struct rlimit files;
	sigset_t none;
	int null;

	setsid();
	prctl(PR_SET_NAME, "bolt-proxy");
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	null = open("/dev/null", O_RDWR);
	for (int i = 0; null >= 0 && i < 3; i++)
		if (null != i)
			dup2(null, i);
	if (null > 2)
		close(null);
	if (chdir("/") < 0)
		_exit(125);
}

static void end(struct proxy_loop *loop, struct proxy_watcher *watcher, uint32_t events)
{
	(void)loop;
	(void)watcher;
	(void)events;
	_exit(0);
}

static void serve(struct proxy_loop *loop)
{
	for (;;) {
		struct epoll_event event;
		struct proxy_watcher *watcher;

		/* One at a time: what an event frees, no other of the same call can name. */
		if (epoll_wait(loop->epoll, &event, 1, -1) != 1) {
			if (errno != EINTR)
				_exit(125);
			continue;
		}
		watcher = event.data.ptr;
		watcher->wake(loop, watcher, event.events);
		if (loop->starved)
			usleep(REST_MS * 1000);
		loop->starved = false;
	}
}

static void run(const struct nvb_proxy *proxy, int *kept, int pidfd, int netns)
{
	struct proxy_loop loop = {0};
	struct proxy_watcher ending = {.wake = end};
	struct sockaddr_in target = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(proxy->address)};

	close_all_but(kept, proxy->count + 2);
	settle();
	if (setns(netns, CLONE_NEWNET) < 0 || !give_up_privileges())
		_exit(125);
	loop.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop.epoll < 0 || !proxy_watch(&loop, pidfd, EPOLLIN, &ending))
		_exit(125);
	for (size_t i = 0; i < proxy->count; i++) {
		bool udp = proxy->ports[i].udp;

		target.sin_port = htons(proxy->ports[i].container);
		if (!(udp ? proxy_udp_listen : proxy_tcp_listen)(&loop, proxy->sockets[i], &target))
			_exit(125);
	}
	close(netns);
	serve(&loop);
}

int nvb_proxy_start(const struct nvb_proxy *proxy, nvb_error **err)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, proxy->init, 0),
			    netns = open(proxy->netns, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ int *kept = calloc(proxy->count + 2, sizeof(*kept));
	pid_t pid;

	if (!kept)
		return nvb_fail_oom(err);
	if (pidfd < 0)
		return nvb_fail_errno(err, errno, "the capsule's process %d", proxy->init);
	if (netns < 0)
		return nvb_fail_errno(err, errno, "%s", proxy->netns);
	memcpy(kept, proxy->sockets, proxy->count * sizeof(*kept));
	kept[proxy->count] = pidfd;
	kept[proxy->count + 1] = netns;
	pid = fork();
	if (pid < 0)
		return nvb_fail_errno(err, errno, "a process for published ports");
	if (pid == 0)
		run(proxy, kept, pidfd, netns);
	return pid;
}
