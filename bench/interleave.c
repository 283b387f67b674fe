/* SPDX-License-Identifier: Apache-2.0 */
/*
 * interleave [--shuffle] [--before PROGRAM] ROUNDS LABEL COMMAND [ARG...] [-- LABEL COMMAND [ARG...]]...
 *
 * Runs every command once a round, in turn, so that a noisy moment hits all of them alike, and prints for
 * each the wall-clock time of the whole process, from before it is spawned until it is reaped: label, median,
 * 10th and 90th percentile in milliseconds, separated by tabs. Two rounds before the first are not counted.
 * Output of the commands is thrown away; one that fails ends the run. PROGRAM is run before each of them,
 * with its label as argument, and not counted: to undo what the last one did. With --shuffle each round has
 * an order of its own: what a command leaves for the kernel to take down then falls on all the others.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

enum { COMMANDS = 16, WARM_UP = 2 };

struct command {
	const char *label;
	char **argv;
	double *times; /* milliseconds */
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double run(const struct command *command)
{
	posix_spawn_file_actions_t actions;
	double begin, end;
	int status, rc;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	begin = now();
	rc = posix_spawnp(&pid, command->argv[0], &actions, NULL, command->argv, environ);
	if (rc != 0 || waitpid(pid, &status, 0) != pid) {
		fprintf(stderr, "%s: %s\n", command->argv[0], strerror(rc));
		exit(1);
	}
	end = now();
	posix_spawn_file_actions_destroy(&actions);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fprintf(stderr, "%s: failed\n", command->label);
		exit(1);
	}
	return end - begin;
}

static int by_time(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Fisher and Yates; the same orders in every run, of a minimal standard generator's numbers. */
static void shuffle(size_t *order, size_t count, uint64_t *state)
{
	for (size_t i = count; i > 1; i--) {
		size_t other, kept = order[i - 1];

		*state = *state * 48271 % 2147483647;
		other = (size_t)(*state % i);
		order[i - 1] = order[other];
		order[other] = kept;
	}
}

static size_t parse(char **argv, struct command *commands)
{
	size_t count = 0;

	while (*argv) {
		if (count == COMMANDS || !argv[1]) {
			fputs("usage: interleave [OPTION...] ROUNDS LABEL COMMAND [ARG...] [-- LABEL COMMAND "
			      "[ARG...]]...\n",
				stderr);
			exit(2);
		}
		commands[count].label = argv[0];
		commands[count++].argv = argv + 1;
		while (*argv && strcmp(*argv, "--") != 0)
			argv++;
		if (*argv)
			*argv++ = NULL;
	}
	return count;
}

int main(int argc, char **argv)
{
	struct command commands[COMMANDS];
	const char *before = NULL;
	size_t rounds, count, order[COMMANDS];
	uint64_t state = 1;
	bool shuffled = false;

	if (argc > 1 && strcmp(argv[1], "--shuffle") == 0) {
		shuffled = true;
		argv++;
		argc--;
	}
	if (argc > 2 && strcmp(argv[1], "--before") == 0) {
		before = argv[2];
		argv += 2;
		argc -= 2;
	}
	rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	if (argc < 4 || !rounds || rounds > 1000000) {
		fputs("usage: interleave [--shuffle] [--before PROGRAM] ROUNDS LABEL COMMAND [ARG...] [-- "
		      "LABEL COMMAND "
		      "[ARG...]]...\n",
			stderr);
		return 2;
	}
	count = parse(argv + 2, commands);
	for (size_t c = 0; c < count; c++) {
		order[c] = c;
		if (!(commands[c].times = calloc(rounds, sizeof(double))))
			return 1;
	}
	for (size_t i = 0; i < rounds + WARM_UP; i++) {
		if (shuffled)
			shuffle(order, count, &state);
		for (size_t n = 0; n < count; n++) {
			size_t c = order[n];
			double t;

			if (before)
				run(&(struct command){.label = before,
					.argv = (char *[]){(char *)before, (char *)commands[c].label, NULL}});
			t = run(&commands[c]);
			if (i >= WARM_UP)
				commands[c].times[i - WARM_UP] = t;
		}
	}
	for (size_t c = 0; c < count; c++) {
		qsort(commands[c].times, rounds, sizeof(double), by_time);
		printf("%s\t%.2f\t%.2f\t%.2f\n", commands[c].label, commands[c].times[rounds / 2],
			commands[c].times[rounds / 10], commands[c].times[rounds - 1 - rounds / 10]);
		free(commands[c].times);
	}
	return 0;
}
