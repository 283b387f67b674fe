/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two processes race for one GPU, again and again:
 *
 *	lease-race ROOT ROUNDS root|user|both
 *
 * root: both record their leases; user: both may only flock; both: one of each. Exactly one must win each
 * round, and the other must be told who did. The winner is killed every second round and gives back else: the
 * next round finds the GPU free at once, or fails.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lease/lease.h"

enum { RACERS = 2, NOBODY = 65534 };

/* What a racer says. */
struct result {
	bool won;
	char message[512];
};

struct racer {
	pid_t pid;
	bool user; /* without the right to record */
	int said;  /* its results */
	int go_on; /* closed: it may end */
};

static struct nvb_lease_device gpu = {
	.key = (char *)"0000:3b:00.0", .name = (char *)"2", .uuid = (char *)"GPU-aaaa"};
static const struct nvb_lease_devices devices = {.list = &gpu, .count = 1};
static atomic_int *ready; /* shared by all: how many stand at the line */

static void die(const char *what)
{
	fprintf(stderr, "lease-race: %s\n", what);
	exit(1);
}

static void race(const struct nvb_root *root, const struct racer *self, int number, int said, int go_on)
{
	char name[16], byte;
	const struct nvb_lease_holder holder = {.engine = "race", .container = name};
	struct nvb_lease *lease = NULL;
	struct result result = {0};
	nvb_error *error = NULL;

	snprintf(name, sizeof(name), "racer%d", number);
	if (self->user && (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0))
		die("setresuid");
	atomic_fetch_add(ready, 1);
	while (atomic_load(ready) < RACERS)
		;
	result.won = nvb_lease_take(root, &devices, NVB_LEASE_EXCLUSIVE, &holder, &lease, &error) == 0;
	if (!result.won)
		snprintf(result.message, sizeof(result.message), "%s", nvb_error_message(error));
	if (write(said, &result, sizeof(result)) != sizeof(result))
		die("write");
	while (read(go_on, &byte, 1) < 0 && errno == EINTR)
		;
	nvb_lease_release(lease);
	_exit(0);
}

static void start(const struct nvb_root *root, struct racer *racer, int number)
{
	int said[2], go_on[2];

	if (pipe(said) < 0 || pipe(go_on) < 0)
		die("pipe");
	racer->pid = fork();
	if (racer->pid == 0) {
		close(said[0]);
		close(go_on[1]);
		/* Else the first would never hear that it may end. */
		if (number > 0)
			close(racer[-1].go_on);
		race(root, racer, number, said[1], go_on[0]);
	}
	close(said[1]);
	close(go_on[0]);
	racer->said = said[0];
	racer->go_on = go_on[1];
}

static void finish(struct racer *racer, bool by_force)
{
	if (by_force)
		kill(racer->pid, SIGKILL);
	close(racer->go_on);
	close(racer->said);
	waitpid(racer->pid, NULL, 0);
}

/* Whether the loser's line names the winner: its container, or its process where it has no record. */
static bool names(const char *message, const struct racer *winner, int number)
{
	char wanted[64];

	if (winner->user)
		snprintf(wanted, sizeof(wanted), "is held by process %d", winner->pid);
	else
		snprintf(wanted, sizeof(wanted), "is held exclusively by race container racer%d (process %d)",
			number, winner->pid);
	return strstr(message, wanted) != NULL;
}

static void run_round(const struct nvb_root *root, struct racer racers[RACERS], unsigned number)
{
	struct result results[RACERS] = {0};
	int winner = -1, winners = 0;

	atomic_store(ready, 0);
	for (int i = 0; i < RACERS; i++)
		start(root, &racers[i], i);
	for (int i = 0; i < RACERS; i++) {
		if (read(racers[i].said, &results[i], sizeof(results[i])) != sizeof(results[i]))
			die("a racer died");
		if (results[i].won) {
			winner = i;
			winners++;
		}
	}
	if (winners != 1) {
		fprintf(stderr, "round %u: %d winners: %s / %s\n", number, winners, results[0].message,
			results[1].message);
		exit(1);
	}
	if (!names(results[!winner].message, &racers[winner], winner)) {
		fprintf(stderr, "round %u: the loser was told '%s'\n", number, results[!winner].message);
		exit(1);
	}
	finish(&racers[!winner], false);
	finish(&racers[winner], number % 2);
}

int main(int argc, char **argv)
{
	struct racer racers[RACERS] = {0};
	struct nvb_lease *lease = NULL;
	struct nvb_root root;
	unsigned rounds;
	const struct nvb_lease_holder holder = {.engine = "race", .container = "first"};

	if (argc != 4 || nvb_root_open(&root, argv[1], NULL) < 0)
		die("usage: lease-race ROOT ROUNDS root|user|both");
	rounds = (unsigned)strtoul(argv[2], NULL, 10);
	racers[0].user = strcmp(argv[3], "root") != 0;
	racers[1].user = strcmp(argv[3], "user") == 0;
	ready = mmap(NULL, sizeof(*ready), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ready == MAP_FAILED)
		die("mmap");
	/* Who may only flock needs the files. */
	if (nvb_lease_take(&root, &devices, NVB_LEASE_EXCLUSIVE, &holder, &lease, NULL) < 0)
		die("the GPU is not free");
	nvb_lease_release(lease);
	for (unsigned i = 0; i < rounds; i++)
		run_round(&root, racers, i);
	printf("%u rounds, one winner each\n", rounds);
	nvb_root_close(&root);
	return 0;
}
