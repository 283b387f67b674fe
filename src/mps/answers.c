/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/mem.h"
#include "base/proc.h"
#include "mps/mps.h"

/* Who listens in a pipe directory that its container can write to. */

/* A socket of that type connected to the one that is there, whatever its name leads to by now; or -errno. */
static int connect_to(int socket_file, int type)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", socket_file);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return NVB_TAKE_FD(fd);
}

/* Who called listen(2): the kernel keeps that, and nobody chooses it. 0: nobody listens. The directory is the
 * daemon's, whose mounts other namespaces need not have. */
static pid_t find_listener(const char *directory, const struct nvb_mps_process *daemon)
{
	_cleanup_close_ int pipes = -1, control = -1, fd = -1;
	_cleanup_free_ char *path = NULL;
	struct ucred peer;
	socklen_t size = sizeof(peer);
	struct stat st;

	if (asprintf(&path, "/proc/%d/root%s/pipe", daemon->pid, directory) < 0) {
		path = NULL;
		return 0;
	}
	pipes = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	control = pipes < 0 ? -1 : openat(pipes, "control", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	/* The number was its own, then. */
	if (!nvb_proc_is_alive(daemon->pid, daemon->started))
		return 0;
	if (control < 0 || fstat(control, &st) < 0 || !S_ISSOCK(st.st_mode))
		return 0;
	fd = connect_to(control, SOCK_SEQPACKET);
	if (fd == -EPROTOTYPE)
		fd = connect_to(control, SOCK_STREAM);
	return fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : 0;
}

int nvb_mps_answers(const char *directory, const struct nvb_mps_process *daemon, nvb_error **err)
{
	if (!nvb_proc_is_alive(daemon->pid, daemon->started))
		return nvb_fail(err, NVB_ERR_NOT_FOUND,
			"the MPS daemon that keeps its limits has died: programs that it starts now run "
			"without them");
	if (find_listener(directory, daemon) != daemon->pid)
		return nvb_fail(err, NVB_ERR_NOT_FOUND,
			"the MPS daemon that keeps its limits is not who listens where its programs look for "
			"it: those that it starts now may run without them");
	return 0;
}
