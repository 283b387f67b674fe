/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "capsule/grants.h"
#include "capsule/knobs.h"
#include "capsule/record.h"
#include "capsule/runtime_call.h"
#include "checkpoint/install.h"
#include "supervisor/private.h"
#include "supervisor/report.h"

/* What happens to a supervised container, from one start to the next or to the end. */

uint64_t nvb_supervisor_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void note(const struct nvb_supervisor *s, const char *key, const char *value)
{
	/* A list that is not up to date is no reason to end anything. */
	nvb_entry_note(&s->entry, (const char *const[]){key, value, NULL}, NULL);
}

static void note_state(const struct nvb_supervisor *s, const char *state)
{
	char since[32], restarts[32];

	snprintf(since, sizeof(since), "%lld", (long long)time(NULL));
	snprintf(restarts, sizeof(restarts), "%llu", (unsigned long long)s->entry.restarts);
	nvb_entry_note(&s->entry,
		(const char *const[]){"state", state, "since", since, "restarts",
			s->entry.restarts ? restarts : NULL, "health", s->health ? "starting" : NULL, NULL},
		NULL);
}

int nvb_supervised_start(struct nvb_supervisor *s, nvb_error **err)
{
	struct nvb_starter starter = {
		.host = s->host,
		.state = &s->state,
		.definition = &s->definition,
		.entry = &s->entry,
		.image = &s->image,
		.pipes = &s->pipes,
	};
	int rc = 0;

	/* Of pipes that were found again only our ends are here: what comes gets others. */
	if (s->pipes.given[1] < 0) {
		rc = nvb_pipes_open(&s->pipes, s->definition.spec.interactive, err);
		nvb_streams_close(NVB_TAKE_PTR(s->streams));
		nvb_output_release(s);
	}
	if (rc == 0 && s->definition.spec.terminal && s->relay[0] < 0)
		rc = nvb_relay_open(s->relay, err);
	if (rc < 0)
		return rc;
	memcpy(starter.relay, s->relay, sizeof(starter.relay));
	starter.error = s->pipes.error;
	/* What follows by its restart policy begins anew. */
	starter.restoring = NVB_TAKE_PTR(s->restoring);
	rc = nvb_pipes_record(&s->pipes, &s->entry, err);
	if (rc == 0)
		rc = nvb_starter_begin(&starter, &s->starter, &s->starter_report, err);
	if (starter.restoring && starter.restoring->lock >= 0)
		close(starter.restoring->lock);
	if (starter.restoring) {
		close(starter.restoring->images);
		close(starter.restoring->whole);
	}
	if (rc < 0)
		return rc;
	s->phase = NVB_PHASE_STARTING;
	/* While that is at work: it takes long until there is any output. */
	nvb_output_hold(s);
	return 0;
}

static void health_changed(void *data, const struct nvb_health_report *report)
{
	note(data, "health", nvb_health_state_name(report->state));
}

static void open_health(struct nvb_supervisor *s)
{
	const struct nvb_health_options options = {
		.check = &s->check, .target = &s->target, .changed = health_changed, .data = s};
	_cleanup_error_ nvb_error *err = NULL;

	s->target = (struct nvb_exec_target){
		.id = s->entry.id,
		.runtime = s->entry.runtime,
		.runtime_root = s->entry.runtime_root,
		.run = s->entry.run,
		.init = s->init,
		.init_started = nvb_proc_start_time(s->init),
		.rootless = s->state.rootless,
	};
	if (!nvb_health_resolve(&s->definition.health, &s->image.health, &s->check))
		return;
	if (nvb_health_open(&options, &s->health, &err) < 0 && s->log)
		nvb_log_note(s->log, "its health is not checked: %s", nvb_error_message(err));
}

static void watch(struct nvb_supervisor *s, pid_t init)
{
	s->init = init;
	s->keeper_gone = nvb_capsule_watch_grant(s->host, s->entry.id);
	s->init_gone = (int)syscall(SYS_pidfd_open, init, 0);
	s->phase = NVB_PHASE_RUNNING;
	s->began = nvb_supervisor_now();
	s->paused = false;
}

/* Of a start that failed what lives goes, and its own files come back where the start was a restore that was
 * killed before it could do that. */
static void clear_away(const struct nvb_supervisor *s)
{
	nvb_entry_kill(&s->entry, s->host->log);
	nvb_restore_undo(&s->entry);
}

/* What a start that failed has left; the reason goes to whoever waits, into the record and the log. */
static void failed(struct nvb_supervisor *s, int status, const nvb_error *error)
{
	clear_away(s);
	free(s->entry.error);
	s->entry.error = strdup(error ? nvb_error_message(error) : "it could not be started");
	if (s->log && s->entry.error)
		nvb_log_note(s->log, "%s", s->entry.error);
	s->status = status;
	if (s->report >= 0) {
		s->entry.ran = false;
		/* All is given back before it is told. */
		s->phase = NVB_PHASE_ENDED;
		return;
	}
	nvb_supervised_ended(s);
}

static void tell_failure(struct nvb_supervisor *s, int status, const nvb_error *error)
{
	int report = NVB_TAKE_FD(s->report);

	nvb_supervised_finish(s);
	nvb_report_failure(report, status, error);
	close(report);
}

void nvb_supervised_unkept(struct nvb_supervisor *s)
{
	close(NVB_TAKE_FD(s->keeper_gone));
	if (s->log)
		nvb_log_note(s->log,
			"the MPS daemon that keeps the limits of its GPUs has died: programs that it "
			"starts from now on run without them");
}

void nvb_supervised_started(struct nvb_supervisor *s)
{
	_cleanup_error_ nvb_error *err = NULL;
	int status = 125, master = -1, rc;
	pid_t init = 0;
	bool stays;

	rc = nvb_report_read(s->starter_report, &init, &master, &status, &err);
	close(NVB_TAKE_FD(s->starter_report));
	stays = master >= 0;
	if (stays)
		s->holder = (int)syscall(SYS_pidfd_open, s->starter, 0);
	else if (rc < 0)
		waitpid(s->starter, NULL, 0);
	nvb_entry_refresh(&s->state, &s->entry);
	if (rc == 0)
		watch(s, init);
	if (rc == 0)
		rc = nvb_output_open(s, master, &err);
	if (rc < 0) {
		failed(s, status, err);
		if (s->report >= 0)
			tell_failure(s, status, err);
		return;
	}
	s->child = s->entry.ran = true;
	free(NVB_TAKE_PTR(s->entry.error));
	open_health(s);
	note_state(s, "running");
	if (s->report >= 0) {
		nvb_report_ok(s->report, init, -1);
		close(NVB_TAKE_FD(s->report));
	}
	/* Not before: it may still have something to take away. */
	if (!stays)
		waitpid(s->starter, NULL, 0);
	/* It was to end before it ran. */
	if (s->entry.stopped)
		nvb_supervised_stop(s, s->early.signal, s->early.seconds);
}

/* crun without root starts it through a process that may live a moment longer than it: ours it becomes when
 * that one has ended. */
static int wait_status(struct nvb_supervisor *s)
{
	enum { LONGEST = 2000 };
	const struct timespec moment = {.tv_nsec = 1000000};
	siginfo_t info = {0};

	for (int i = 0; s->child && waitid(P_PID, (id_t)s->init, &info, WEXITED) < 0; i++) {
		if (errno == EINTR)
			continue;
		if (errno != ECHILD || i == LONGEST || (kill(s->init, 0) < 0 && errno == ESRCH))
			return -1;
		nanosleep(&moment, NULL);
	}
	if (!s->child)
		return -1;
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

void nvb_supervised_ended(struct nvb_supervisor *s)
{
	bool again;

	if (s->init)
		s->status = wait_status(s);
	again = !s->entry.stopped && nvb_restart_wanted(&s->definition, s->status, s->entry.restarts);
	nvb_health_close(NVB_TAKE_PTR(s->health));
	if (s->streams)
		nvb_streams_ended(s->streams, s->status, !again);
	if (s->definition.spec.terminal)
		nvb_output_release(s);
	close(NVB_TAKE_FD(s->init_gone));
	s->init = 0;
	if (s->keeper_gone >= 0)
		close(NVB_TAKE_FD(s->keeper_gone));
	nvb_capsule_settle_grants(s->host);
	s->kill_at = 0;
	s->paused = false;
	/* Those who served its ports, and the like. */
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	/* The process whose life its use of knobs had is gone; whoever started it is, too. */
	nvb_capsule_settle_knobs(s->host);
	if (!again) {
		s->phase = NVB_PHASE_ENDED;
		return;
	}
	nvb_entry_clear(&s->state, &s->entry, s->host->log);
	nvb_entry_forget_init(&s->entry);
	s->entry.restarts++;
	s->delay = nvb_restart_delay(s->delay, s->began ? nvb_supervisor_now() - s->began : 0);
	s->start_at = nvb_supervisor_now() + s->delay;
	s->phase = NVB_PHASE_WAITING;
	note_state(s, "restarting");
}

void nvb_supervised_adopt(struct nvb_supervisor *s)
{
	uint64_t started;
	pid_t init;
	bool alive;

	if (!nvb_entry_init(&s->entry, &init, &started)) {
		/* Killed while it started: nobody was told that it runs. */
		clear_away(s);
		nvb_output_take_up(s, 0);
		s->entry.error = strdup("its start was interrupted");
		s->status = -1;
		nvb_supervised_ended(s);
		return;
	}
	s->entry.ran = true;
	watch(s, init);
	alive = s->init_gone >= 0 && nvb_proc_is_alive(init, started);
	nvb_output_take_up(s, alive ? init : 0);
	if (!alive) {
		nvb_supervised_ended(s);
		return;
	}
	if (s->log)
		nvb_log_note(s->log, "the supervisor was killed; another one has taken over");
	open_health(s);
	s->paused = nvb_entry_is(&s->entry, "paused");
	if (s->health && s->paused)
		nvb_health_pause(s->health, true);
	s->keeps = nvb_entry_has(&s->entry, "keeps");
	s->keeps_key = s->keeps ? nvb_entry_value(&s->entry, "keeps_key") : NULL;
	if (nvb_supervised_was_broken_off(s)) {
		s->paused = false;
		nvb_supervised_repair(s);
	}
	if (s->entry.stopped)
		nvb_supervised_stop(s, s->stop_signal, s->definition.stop_timeout);
}

void nvb_supervised_turn(struct nvb_supervisor *s)
{
	uint64_t now = nvb_supervisor_now();
	_cleanup_error_ nvb_error *err = NULL;

	if (s->kill_at && now >= s->kill_at) {
		s->kill_at = 0;
		nvb_supervised_signal(s, SIGKILL);
	}
	if (s->phase == NVB_PHASE_WAITING && now >= s->start_at) {
		s->start_at = 0;
		if (nvb_supervised_start(s, &err) < 0)
			failed(s, 125, err);
	}
}

int nvb_supervised_alive(const struct nvb_supervisor *s, nvb_error **err)
{
	struct pollfd gone = {.fd = s->init_gone, .events = POLLIN};

	if (s->phase == NVB_PHASE_STARTING && s->report >= 0)
		return nvb_fail(err, NVB_ERR_BUSY, "the capsule is being started");
	if (s->phase == NVB_PHASE_ENDED || (s->entry.stopped && s->phase != NVB_PHASE_RUNNING) ||
		(s->phase == NVB_PHASE_RUNNING && poll(&gone, 1, 0) != 0))
		return nvb_fail(err, NVB_ERR_CONFLICT, "the capsule's program has ended");
	return 0;
}

void nvb_supervised_signal(struct nvb_supervisor *s, int signal)
{
	if (s->phase == NVB_PHASE_RUNNING && s->init_gone >= 0)
		syscall(SYS_pidfd_send_signal, s->init_gone, signal, NULL, 0);
}

void nvb_supervised_stop(struct nvb_supervisor *s, int signal, uint64_t seconds)
{
	s->entry.stopped = true;
	note(s, "stopped", "1");
	if (s->phase == NVB_PHASE_WAITING) {
		s->phase = NVB_PHASE_ENDED;
		return;
	}
	/* There is nothing yet that a signal could go to. */
	if (s->phase == NVB_PHASE_STARTING) {
		if (s->early.signal != SIGKILL)
			s->early.signal = signal;
		s->early.seconds = seconds;
		return;
	}
	/* Frozen processes take no signal. */
	if (s->paused)
		nvb_supervised_freeze(s, false, NULL);
	nvb_supervised_signal(s, signal ? signal : s->stop_signal);
	if (signal != SIGKILL)
		s->kill_at = nvb_supervisor_now() + seconds * 1000000000 + 1;
}

int nvb_supervised_freeze(struct nvb_supervisor *s, bool freeze, nvb_error **err)
{
	int rc;

	if (s->phase != NVB_PHASE_RUNNING)
		return nvb_fail(err, NVB_ERR_CONFLICT, "the capsule's program does not run now");
	if (s->snapshot.worker)
		return nvb_fail(err, NVB_ERR_BUSY, "a snapshot of the capsule is being taken");
	if (s->paused == freeze)
		return nvb_fail(err, NVB_ERR_CONFLICT,
			freeze ? "the capsule is paused already" : "the capsule is not paused");
	if (!s->entry.cgroup)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED,
			"only a capsule with a control group can be paused, which one run without root has "
			"not");
	rc = nvb_runtime_call(&s->entry, freeze ? "pause" : "resume", NULL, err);
	if (rc < 0)
		return rc;
	s->paused = freeze;
	note(s, "state", freeze ? "paused" : "running");
	if (s->health)
		nvb_health_pause(s->health, freeze);
	return 0;
}

int nvb_supervised_update(struct nvb_supervisor *s, nvb_error **err)
{
	struct nvb_capsule_definition read;
	int rc;

	if (s->snapshot.worker)
		return nvb_fail(err, NVB_ERR_BUSY, "a snapshot of the capsule is being taken");
	nvb_capsule_definition_init(&read);
	rc = nvb_definition_load(&read, s->entry.data, err);
	if (rc == 0 && s->phase == NVB_PHASE_RUNNING)
		rc = nvb_runtime_update(&s->entry, &read.spec.resources, err);
	if (rc < 0) {
		nvb_capsule_definition_release(&read);
		return rc;
	}
	nvb_capsule_definition_release(&s->definition);
	s->definition = read;
	return 0;
}

void nvb_supervised_finish(struct nvb_supervisor *s)
{
	nvb_log_writer_close(NVB_TAKE_PTR(s->log));
	nvb_pipes_close(&s->pipes);
	nvb_output_release(s);
	if (s->image_open)
		nvb_image_close(&s->image);
	s->image_open = false;
	nvb_entry_end(&s->state, &s->entry, s->status, s->host->log);
	nvb_control_ended(s);
	/* Last: who is told of the end may start it again. */
	nvb_streams_close(NVB_TAKE_PTR(s->streams));
	s->phase = NVB_PHASE_ENDED;
}
