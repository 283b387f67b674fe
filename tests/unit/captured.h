/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CAPTURED_H
#define TESTS_CAPTURED_H

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmocka_all.h"

/* What a child process printed and how it ended. */
struct captured {
	char out[32768], err[8192];
	int status; /* exit status, or minus the signal */
};

static inline void captured_drain(int fd, char *buffer, size_t size)
{
	size_t used = 0;
	ssize_t n;

	while (used < size - 1 && (n = read(fd, buffer + used, size - 1 - used)) > 0)
		used += (size_t)n;
	buffer[used] = '\0';
	close(fd);
}

/* Runs f(data) in a child whose stdout and stderr are pipes. The output must fit into a pipe (64 KiB). */
static inline void capture(struct captured *c, int (*f)(void *data), void *data)
{
	int out[2], err[2], status;
	pid_t pid;

	assert_int_equal(pipe(out), 0);
	assert_int_equal(pipe(err), 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		dup2(out[1], STDOUT_FILENO);
		dup2(err[1], STDERR_FILENO);
		for (int i = 0; i < 2; i++) {
			close(out[i]);
			close(err[i]);
		}
		status = f(data);
		fflush(stdout);
		_exit(status);
	}
	close(out[1]);
	close(err[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	captured_drain(out[0], c->out, sizeof(c->out));
	captured_drain(err[0], c->err, sizeof(c->err));
	c->status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

#endif
