/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "capsule/record.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/freezer.h"
#include "supervisor/private.h"
#include "supervisor/report.h"

/*
 * The supervisor's part: a child does the work, so that output is read and requests are answered meanwhile,
 * and whatever kills the work does not kill who repairs what it leaves.
 */

/* In the child. */

static volatile sig_atomic_t broken_off;

static void break_off(int signal)
{
	(void)signal;
	broken_off = 1;
}

static int tell(void *data, const char *step, uint64_t done, uint64_t total)
{
	const int *asker = data;
	char text[128];
	int n = snprintf(text, sizeof(text), "step %s %" PRIu64 " %" PRIu64, step, done, total);

	if (asker && *asker >= 0)
		send(*asker, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	return broken_off;
}

static struct nvb_checkpoint describe(const struct nvb_supervisor *s, const int *asker)
{
	return (struct nvb_checkpoint){
		.host = s->host,
		.state = &s->state,
		.definition = &s->definition,
		.entry = &s->entry,
		.image_digest = s->image_open ? s->image.id : NULL,
		.init = s->init,
		.progress = tell,
		.data = (void *)asker,
	};
}

static void become_worker(pid_t parent)
{
	const struct sigaction action = {.sa_handler = break_off};

	/* No SA_RESTART: what waits shall notice. A supervisor that is killed is followed by another one,
	 * which wants the capsule as it was. */
	sigaction(SIGTERM, &action, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_NAME, "bolt-snapshot");
	if (getppid() != parent)
		_exit(1);
}

static _Noreturn void take(const struct nvb_supervisor *s, const struct nvb_snapshot_wish *wish, int report)
{
	struct nvb_checkpoint checkpoint = describe(s, s->snapshot.quiet ? NULL : &s->snapshot.asker);
	_cleanup_error_ nvb_error *err = NULL;
	nvb_snapshot_id id = {0};
	char text[80];

	checkpoint.leave_running = wish->leave_running;
	checkpoint.tcp = wish->tcp;
	checkpoint.key_file = wish->key_file;
	checkpoint.comment = wish->comment;
	if (nvb_checkpoint_take(&checkpoint, &id, &err) < 0) {
		nvb_report_failure(report, 1, err);
		_exit(1);
	}
	snprintf(text, sizeof(text), "id %s", id.text);
	send(report, text, strlen(text), MSG_NOSIGNAL);
	nvb_report_ok(report, 0, -1);
	_exit(0);
}

static _Noreturn void repair(const struct nvb_supervisor *s, int report)
{
	const struct nvb_checkpoint checkpoint = describe(s, NULL);
	_cleanup_error_ nvb_error *err = NULL;

	if (nvb_checkpoint_repair(&checkpoint, &err) < 0)
		nvb_report_failure(report, 1, err);
	else
		nvb_report_ok(report, 0, -1);
	_exit(0);
}

/* In the supervisor. */

static int begin(struct nvb_supervisor *s, const struct nvb_snapshot_wish *wish, nvb_error **err)
{
	pid_t parent = getpid();
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return nvb_fail_errno(err, errno, "taking a snapshot");
	s->snapshot.worker = fork();
	if (s->snapshot.worker == 0) {
		close(pair[0]);
		become_worker(parent);
		if (wish)
			take(s, wish, pair[1]);
		repair(s, pair[1]);
	}
	close(pair[1]);
	if (s->snapshot.worker < 0) {
		int failed = errno;

		close(pair[0]);
		s->snapshot.worker = 0;
		return nvb_fail_errno(err, failed, "taking a snapshot");
	}
	s->snapshot.report = pair[0];
	s->snapshot.leave_running = wish && wish->leave_running;
	s->snapshot.repairs = !wish;
	return 0;
}

int nvb_supervised_snapshot(struct nvb_supervisor *s, const struct nvb_snapshot_wish *wish, int asker,
	bool quiet, nvb_error **err)
{
	int rc;

	if (s->snapshot.worker)
		return nvb_fail(err, NVB_ERR_BUSY, "a snapshot of the capsule is being taken");
	if (s->phase != NVB_PHASE_RUNNING)
		return nvb_fail(err, NVB_ERR_CONFLICT, "the capsule's program does not run now");
	if (s->paused)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_CONFLICT,
				"the capsule is paused, and its processes must be able to run at first"),
			"bolt capsule unpause");
	/* A check is a program beside the capsule's own, which cannot be saved. */
	if (s->health)
		nvb_health_interrupt(s->health);
	s->snapshot.asker = asker;
	s->snapshot.quiet = quiet;
	rc = begin(s, wish, err);
	if (rc < 0) {
		s->snapshot.asker = -1;
		if (s->health)
			nvb_health_pause(s->health, false);
	}
	return rc;
}

void nvb_supervised_repair(struct nvb_supervisor *s)
{
	_cleanup_error_ nvb_error *err = NULL;

	if (begin(s, NULL, &err) < 0 && s->log)
		nvb_log_note(s->log, "%s", nvb_error_message(err));
}

bool nvb_supervised_was_broken_off(const struct nvb_supervisor *s)
{
	_cleanup_free_ char *mark = nvb_state_join(s->entry.run, NVB_CHECKPOINT_MARK);

	return mark && access(mark, F_OK) == 0;
}

static void forget_mark(const struct nvb_supervisor *s)
{
	_cleanup_free_ char *mark = nvb_state_join(s->entry.run, NVB_CHECKPOINT_MARK);

	if (mark)
		unlink(mark);
}

/* It is saved, and stands still: now it ends, without having run any further. */
static void end_saved(struct nvb_supervisor *s, const char *id)
{
	_cleanup_free_ char *freezer = NULL;

	s->entry.stopped = true;
	nvb_entry_note(&s->entry, (const char *const[]){"stopped", "1", "snapshot", id, NULL}, NULL);
	nvb_supervised_signal(s, SIGKILL);
	if (nvb_freezer_find(s->entry.cgroup, &freezer, NULL) == 0)
		nvb_freezer_thaw(freezer, NULL);
	forget_mark(s);
}

/* What the child says: its snapshot and that it is done, or why not. */
static int read_report(struct nvb_supervisor *s, char id[static 65], nvb_error **err)
{
	char text[80];
	ssize_t n = recv(s->snapshot.report, text, sizeof(text) - 1, MSG_PEEK);

	*id = '\0';
	if (n > 3 && strncmp(text, "id ", 3) == 0) {
		recv(s->snapshot.report, text, sizeof(text) - 1, 0);
		text[n] = '\0';
		snprintf(id, 65, "%.64s", text + 3);
	}
	return nvb_report_read(s->snapshot.report, NULL, NULL, NULL, err);
}

static void answer(struct nvb_supervisor *s, int rc, const char *id, const nvb_error *error)
{
	int asker = NVB_TAKE_FD(s->snapshot.asker), broken = NVB_TAKE_FD(s->snapshot.broken);
	char text[80];

	if (asker < 0)
		asker = broken;
	if (asker < 0)
		return;
	if (rc < 0) {
		nvb_report_failure(asker, 1, error);
		close(asker);
		return;
	}
	snprintf(text, sizeof(text), "id %s", id);
	if (!s->snapshot.quiet)
		send(asker, text, strlen(text), MSG_NOSIGNAL);
	if (s->snapshot.leave_running) {
		nvb_report_ok(asker, 0, -1);
		close(asker);
	} else {
		nvb_control_wait(s, asker);
	}
}

/* Who repairs may be killed as well; each part of it can be done again. */
static bool try_again(struct nvb_supervisor *s)
{
	enum { TRIES = 5 };

	if (++s->snapshot.tries >= TRIES)
		return false;
	nvb_supervised_repair(s);
	return s->snapshot.worker > 0;
}

void nvb_supervised_worked(struct nvb_supervisor *s)
{
	_cleanup_error_ nvb_error *err = NULL;
	bool repaired = s->snapshot.repairs;
	char id[65];
	int rc = read_report(s, id, &err);

	close(NVB_TAKE_FD(s->snapshot.report));
	while (waitpid(s->snapshot.worker, NULL, 0) < 0 && errno == EINTR)
		;
	s->snapshot.worker = 0;
	if (repaired) {
		if (rc < 0 && try_again(s))
			return;
		if (rc < 0 && s->log)
			nvb_log_note(s->log, "a snapshot was broken off, and %s", nvb_error_message(err));
		s->snapshot.tries = 0;
		forget_mark(s);
	} else {
		if (rc == 0 && !s->snapshot.leave_running)
			end_saved(s, id);
		answer(s, rc, id, err);
		/* It was killed: what it left is undone by another one. */
		if (rc < 0 && nvb_supervised_was_broken_off(s)) {
			nvb_supervised_repair(s);
			return;
		}
	}
	if (s->health && s->phase == NVB_PHASE_RUNNING)
		nvb_health_pause(s->health, false);
	/* It was to end meanwhile. */
	if (s->snapshot.stop_signal && s->phase == NVB_PHASE_RUNNING)
		nvb_supervised_stop(s, s->snapshot.stop_signal, s->snapshot.stop_seconds);
	s->snapshot.stop_signal = 0;
}

/* Nobody wants it any more: gone, or, with the other half of the connection still there, about to hear when
 * it is undone. */
void nvb_supervised_asker_gone(struct nvb_supervisor *s)
{
	char byte;

	if (recv(s->snapshot.asker, &byte, 1, MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* What was to be stopped is stopped, whoever waits for it. */
	if (s->snapshot.quiet) {
		close(NVB_TAKE_FD(s->snapshot.asker));
		return;
	}
	s->snapshot.broken = NVB_TAKE_FD(s->snapshot.asker);
	if (s->snapshot.worker > 0 && !s->snapshot.repairs)
		kill(s->snapshot.worker, SIGTERM);
}

int nvb_supervised_asks_for_snapshot(char *request, struct nvb_snapshot_wish *wish, nvb_error **err)
{
	char leave[16], tcp[8], *key = NULL, *comment = strchr(request, '\n');
	int used = 0;

	*wish = (struct nvb_snapshot_wish){0};
	if (sscanf(request, "snapshot %15s %7s%n", leave, tcp, &used) != 2 || !comment)
		return nvb_fail(err, NVB_ERR_INVALID, "a request that is none");
	*comment++ = '\0';
	key = request + used;
	key += *key == ' ';
	wish->leave_running = nvb_streq(leave, "leave_running");
	wish->tcp = nvb_streq(tcp, "tcp");
	wish->key_file = *key ? key : NULL;
	wish->comment = *comment ? comment : NULL;
	return 0;
}
