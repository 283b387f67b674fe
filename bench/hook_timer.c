/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands in a config.json for an OCI hook and runs the real one, in the place and with the state that the
 * runtime gives: only there a prestart hook finds its work. Called as "hook-timer LOG PROGRAM ARGUMENT...";
 * appends the microseconds that the program took, exec and exit included, to LOG as a line.
 */
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

/* Runs it with the state on its standard input; its status as exit(2) takes it. */
static int run(char **argv, const char *state, size_t size)
{
	int ends[2], status;
	pid_t pid;

	/* A state is some hundred bytes, a pipe takes 4096 of anything. */
	if (size > 4096 || pipe(ends) < 0 || write(ends[1], state, size) != (ssize_t)size)
		return 1;
	close(ends[1]);
	pid = vfork();
	if (pid == 0) {
		dup2(ends[0], STDIN_FILENO);
		close(ends[0]);
		execv(argv[0], argv);
		_exit(127);
	}
	close(ends[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
	char state[65536];
	size_t size = 0;
	long long begin, end;
	ssize_t n;
	FILE *log;
	int rc;

	if (argc < 3)
		return 2;
	while (size < sizeof(state) && (n = read(STDIN_FILENO, state + size, sizeof(state) - size)) > 0)
		size += (size_t)n;
	begin = now();
	rc = run(argv + 2, state, size);
	end = now();
	log = fopen(argv[1], "ae");
	if (!log || fprintf(log, "%lld\n", end - begin) < 0 || fclose(log) != 0)
		return 1;
	return rc;
}
