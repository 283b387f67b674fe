/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/mps/mps.h"

/* nvidia-cuda-mps-control: the daemon with -d or -f, else commands from standard input for one that runs. */

static int fail(const char *what)
{
	fprintf(stderr, "%s\n", what);
	return 1;
}

/* Everything a daemon needs; NULL or what stands in the way. */
static const char *prepare(struct mps_daemon *daemon)
{
	const char *logs = getenv("CUDA_MPS_LOG_DIRECTORY"),
		   *limits = getenv("CUDA_MPS_PINNED_DEVICE_MEM_LIMIT");
	char path[4096], *slash;
	ssize_t n = readlink("/proc/self/exe", daemon->programs, sizeof(daemon->programs) - 1);
	int lock, pid;

	if (n < 0 || !(slash = memrchr(daemon->programs, '/', (size_t)n)))
		return "nvidia-cuda-mps-control: it cannot find itself";
	*slash = '\0';
	mkdir(daemon->pipes, 0755);
	snprintf(path, sizeof(path), "%s/control_lock", daemon->pipes);
	lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (lock < 0)
		return "Cannot create the pipe directory";
	if (flock(lock, LOCK_EX | LOCK_NB) < 0)
		return "An instance of this daemon is already running";
	if (mps_find_devices(daemon) < 0)
		return "No CUDA-capable device is visible";
	if (limits)
		mps_limits_from_environment(&daemon->defaults, limits);
	snprintf(path, sizeof(path), "%s/control.log", logs && *logs ? logs : MPS_LOGS);
	daemon->log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	snprintf(path, sizeof(path), "%s/log", daemon->pipes);
	mkfifo(path, 0666);
	daemon->control = mps_listen(daemon->pipes, "control", 0666);
	daemon->privileged = mps_listen(daemon->pipes, "control_privileged", 0700);
	if (daemon->control < 0 || daemon->privileged < 0)
		return "Cannot create the control sockets";
	snprintf(path, sizeof(path), "%s/nvidia-cuda-mps-control.pid", daemon->pipes);
	pid = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (pid >= 0) {
		dprintf(pid, "%d\n", getpid());
		close(pid);
	}
	return NULL;
}

static void clean_up(const struct mps_daemon *daemon)
{
	static const char *const names[] = {
		"control", "control_privileged", "log", "nvidia-cuda-mps-control.pid"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", daemon->pipes, names[i]);
		unlink(path);
	}
}

static int serve(struct mps_daemon *daemon, int ready)
{
	const char *wrong = prepare(daemon);

	if (wrong) {
		if (ready < 0)
			return fail(wrong);
		dprintf(ready, "%s", wrong);
		return 1;
	}
	mps_log(daemon, "Starting control daemon using socket %s/control", daemon->pipes);
	signal(SIGPIPE, SIG_IGN);
	if (ready >= 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		for (int i = 0; i < 3; i++)
			dup2(null, i);
		close(null);
		close(ready);
	}
	mps_serve(daemon);
	clean_up(daemon);
	return 0;
}

static int detach(struct mps_daemon *daemon)
{
	char wrong[256] = "";
	int ready[2];
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0 || (pid = fork()) < 0)
		return fail(strerror(errno));
	if (pid == 0) {
		close(ready[0]);
		setsid();
		exit(serve(daemon, ready[1]));
	}
	close(ready[1]);
	/* The daemon closes it once it serves. */
	return read(ready[0], wrong, sizeof(wrong) - 1) > 0 ? fail(wrong) : 0;
}

static int talk(const char *pipes)
{
	char line[1024], reply[MPS_PACKET];
	int fd = mps_connect(pipes, "control_privileged");

	if (fd < 0)
		fd = mps_connect(pipes, "control");
	if (fd < 0)
		return fail("Cannot find MPS control daemon process");
	while (fgets(line, sizeof(line), stdin)) {
		ssize_t n;

		line[strcspn(line, "\n")] = '\0';
		if (!*line)
			continue;
		if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0)
			return fail("Failed to communicate with MPS control daemon");
		n = recv(fd, reply, sizeof(reply), 0);
		if (n > 0 && !(n == 1 && *reply == '\n'))
			fwrite(reply, 1, (size_t)n, stdout);
		fflush(stdout);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct mps_daemon daemon = {
		.pipes = mps_pipes(), .control = -1, .privileged = -1, .log = -1, .server.fd = -1};

	if (argc == 1)
		return talk(daemon.pipes);
	if (argc == 2 && strcmp(argv[1], "-d") == 0)
		return detach(&daemon);
	if (argc == 2 && strcmp(argv[1], "-f") == 0)
		return serve(&daemon, -1);
	return fail("usage: nvidia-cuda-mps-control [-d | -f]");
}
