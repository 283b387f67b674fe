/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/file.h"
#include "base/mem.h"
#include "sim/daemon_clients.h"
#include "sim/machine.h"
#include "sim/majors.h"

enum { EVENTS = 64, BACKLOG = 1024 };

struct server {
	struct sim_daemon daemon;
	int epoll, listener, signals, watch, pid_file;
	int spare; /* given up to accept, and so to refuse, one more connection when descriptors run out */
	struct sim_peer *closed; /* not freed before their events are through */
};

static void close_peer(struct server *s, struct sim_peer *peer)
{
	struct sim_daemon *d = &s->daemon;

	if (peer->fd < 0)
		return;
	if (peer->previous)
		peer->previous->next = peer->next;
	else
		d->peers = peer->next;
	if (peer->next)
		peer->next->previous = peer->previous;
	close(peer->fd);
	peer->fd = -1;
	sim_daemon_release_all(d, peer);
	peer->next = s->closed;
	s->closed = peer;
}

static void free_closed(struct server *s)
{
	while (s->closed) {
		struct sim_peer *next = s->closed->next;

		free(s->closed);
		s->closed = next;
	}
}

/* A client that does not take its answer is not worth waiting for. */
static bool send_reply(int socket, const struct sim_reply *reply, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec data = {.iov_base = (void *)reply, .iov_len = sizeof(*reply)};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};

	if (fd >= 0) {
		struct cmsghdr *header = &control.align;

		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	}
	return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(*reply);
}

/* One message per event: nobody keeps the others waiting by talking without end. */
static void serve_peer(struct server *s, struct sim_peer *peer)
{
	struct sim_request request;
	struct sim_reply reply;
	int fd;
	/* No room for descriptors: the kernel closes what a client sends along. */
	ssize_t n = recv(peer->fd, &request, sizeof(request), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != sizeof(request)) {
		close_peer(s, peer);
		return;
	}
	sim_daemon_answer(&s->daemon, peer, &request, &reply, &fd);
	if (!send_reply(peer->fd, &reply, fd))
		close_peer(s, peer);
}

static int watch_fd(struct server *s, int fd, void *data)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = data};

	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static void refuse_one(struct server *s)
{
	int fd;

	nvb_closep(&s->spare);
	fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
	nvb_closep(&fd);
	s->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void accept_peer(struct server *s)
{
	struct sim_daemon *d = &s->daemon;
	_cleanup_close_ int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred credentials;
	socklen_t size = sizeof(credentials);
	struct sim_peer *peer;

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE)
			refuse_one(s);
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
		return;
	peer = calloc(1, sizeof(*peer));
	if (!peer || watch_fd(s, fd, peer) < 0) {
		free(peer);
		return;
	}
	peer->fd = NVB_TAKE_FD(fd);
	peer->pid = (uint32_t)credentials.pid;
	peer->uid = credentials.uid;
	peer->next = d->peers;
	if (d->peers)
		d->peers->previous = peer;
	d->peers = peer;
}

/* Whether somebody removed the machine without asking: its pid file has no name any more. */
static bool machine_is_gone(struct server *s)
{
	char events[1024];
	struct stat st;

	while (read(s->watch, events, sizeof(events)) > 0)
		;
	return fstat(s->pid_file, &st) < 0 || st.st_nlink == 0;
}

static void loop(struct server *s)
{
	struct epoll_event events[EVENTS];

	for (;;) {
		int n = epoll_wait(s->epoll, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			void *data = events[i].data.ptr;

			if (data == &s->signals || (data == &s->watch && machine_is_gone(s)))
				return;
			if (data == &s->listener)
				accept_peer(s);
			else if (data != &s->watch && ((struct sim_peer *)data)->fd >= 0)
				serve_peer(s, data);
		}
		free_closed(s);
	}
}

/* The socket lies deeper than an address can say: through a descriptor, as near as the name still tells whose
 * socket it is. */
static int listen_at(struct server *s, nvb_error **err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char directory[] = SIM_SOCKET;
	const char *name = strchr(SIM_SOCKET, '/') + 1;
	_cleanup_close_ int parent = -1;
	int rc;

	*strrchr(directory, '/') = '\0';
	rc = nvb_file_mkdirs(s->daemon.root, directory, 0755, err);
	if (rc < 0)
		return rc;
	*strchr(directory, '/') = '\0';
	parent = openat(s->daemon.root, directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	s->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (parent < 0 || s->listener < 0)
		return nvb_fail_errno(err, errno, "%s", directory);
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", parent, name);
	if (bind(s->listener, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
		fchmodat(parent, name, 0666, 0) < 0 || listen(s->listener, BACKLOG) < 0)
		return nvb_fail_errno(err, errno, SIM_SOCKET);
	return 0;
}

static int write_pid(struct server *s, nvb_error **err)
{
	s->pid_file = openat(
		s->daemon.root, SIM_PID_FILE, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (s->pid_file < 0 || dprintf(s->pid_file, "%d\n", (int)getpid()) < 0)
		return nvb_fail_errno(err, errno, SIM_PID_FILE);
	return 0;
}

static int watch_machine(struct server *s, const char *root, nvb_error **err)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/" SIM_PID_FILE, root) < 0) {
		path = NULL;
		return nvb_fail_oom(err);
	}
	s->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (s->watch < 0 || inotify_add_watch(s->watch, path, IN_ATTRIB | IN_DELETE_SELF) < 0)
		return nvb_fail_errno(err, errno, "watching %s", path);
	return 0;
}

static int open_machine(struct server *s, const char *root, nvb_error **err)
{
	struct sim_daemon *d = &s->daemon;
	char link[64];
	struct sim_machine *machine;
	int rc;

	d->root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->root < 0)
		return nvb_fail_errno(err, errno, "%s", root);
	rc = sim_machine_state(root, &d->map, err);
	if (rc < 0)
		return rc;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", d->map.fd);
	d->state_fd = open(link, O_RDONLY | O_CLOEXEC);
	if (d->state_fd < 0)
		return nvb_fail_errno(err, errno, "the state of %s", root);
	/* No caps number where the machine has no driver of its own in the kernel (WSL2): then no MIG either.
	 */
	sim_majors_caps(d->root, &d->caps_major, NULL);
	for (uint32_t i = 0; i < SIM_GPU_MAX; i++) {
		struct sim_gpu gpu;

		sim_read_gpu(d->map.state, i, &gpu);
		d->files[i] = sim_mig_files_wanted(&gpu);
	}
	if ((rc = sim_lock(&d->map)) < 0)
		return nvb_fail_errno(err, -rc, "the state of %s", root);
	machine = sim_draft_machine(&d->map);
	machine->flags |= SIM_MACHINE_DAEMON;
	sim_publish_machine(&d->map);
	sim_unlock(&d->map);
	return 0;
}

static int prepare(struct server *s, const char *root, nvb_error **err)
{
	struct rlimit files;
	sigset_t signals;
	int rc;

	/* Every connection costs a descriptor, and another for each device it keeps memory on. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	s->signals = signalfd(-1, &signals, SFD_CLOEXEC);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (s->signals < 0 || s->epoll < 0 || s->spare < 0)
		return nvb_fail_errno(err, errno, "starting");
	if ((rc = open_machine(s, root, err)) < 0 || (rc = listen_at(s, err)) < 0 ||
		(rc = write_pid(s, err)) < 0 || (rc = watch_machine(s, root, err)) < 0)
		return rc;
	if ((rc = watch_fd(s, s->signals, &s->signals)) < 0 || (rc = watch_fd(s, s->watch, &s->watch)) < 0 ||
		(rc = watch_fd(s, s->listener, &s->listener)) < 0)
		return nvb_fail_errno(err, -rc, "starting");
	return 0;
}

static void finish(struct server *s)
{
	struct sim_daemon *d = &s->daemon;

	while (d->peers)
		close_peer(s, d->peers);
	free_closed(s);
	if (sim_daemon_lock(d) == 0) {
		sim_draft_machine(&d->map)->flags &= ~(uint32_t)SIM_MACHINE_DAEMON;
		sim_publish_machine(&d->map);
		sim_unlock(&d->map);
	}
	unlinkat(d->root, SIM_SOCKET, 0);
	unlinkat(d->root, SIM_PID_FILE, 0);
	sim_state_unmap(&d->map);
}

int sim_daemon_serve(const char *root)
{
	struct server server = {.daemon = {.map = SIM_MAP_INIT, .root = -1, .state_fd = -1},
		.epoll = -1,
		.listener = -1,
		.signals = -1,
		.watch = -1,
		.pid_file = -1,
		.spare = -1};
	const char ready = SIM_DAEMON_READY;
	_cleanup_error_ nvb_error *error = NULL;

	if (prepare(&server, root, &error) < 0) {
		dprintf(SIM_DAEMON_READY_FD, "%s", nvb_error_message(error));
		return 1;
	}
	if (write(SIM_DAEMON_READY_FD, &ready, 1) != 1)
		return 1;
	close(SIM_DAEMON_READY_FD);
	loop(&server);
	finish(&server);
	return 0;
}
