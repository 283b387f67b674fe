/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/supervisor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "capsule/bring.h"
#include "capsule/files.h"
#include "capsule/record.h"
#include "capsule/summary.h"
#include "supervisor/private.h"
#include "supervisor/report.h"

/* A supervisor's life: how it comes to be, and its loop. */

/* What our caller had open, knowingly or not, is no business of a process that outlives it. */
static void close_inherited(void)
{
	_cleanup_closedir_ DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	uint32_t fd;

	while (dir && (entry = readdir(dir)))
		if (nvb_parse_u32(entry->d_name, &fd) && fd > 2 && !(fcntl((int)fd, F_GETFD) & FD_CLOEXEC))
			close((int)fd);
}

static void silence(int from, int to)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = from; null >= 0 && fd <= to; fd++)
		dup2(null, fd);
	nvb_closep(&null);
}

/* A session of its own, no terminal, no working directory that could not be unmounted. Warnings of the start
 * still reach the caller. */
static void become_daemon(void)
{
	static const int reset[] = {SIGCHLD, SIGTERM, SIGALRM, SIGUSR1, SIGUSR2};
	static const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU};
	sigset_t none;

	setsid();
	for (size_t i = 0; i < NVB_ELEMENTS(reset); i++)
		signal(reset[i], SIG_DFL);
	for (size_t i = 0; i < NVB_ELEMENTS(ignored); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	umask(022);
	if (chdir("/") < 0)
		_exit(125);
	close_inherited();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_NAME, "bolt-supervisor");
}

static nfds_t add(struct pollfd *fds, nfds_t n, int fd)
{
	fds[n] = (struct pollfd){.fd = fd, .events = POLLIN};
	return n + 1;
}

static int timeout_of(const struct nvb_supervisor *s)
{
	enum { LONGEST = 3600 * 1000 }; /* of a timeout that fits into poll's; then it is looked at again */
	uint64_t at = s->kill_at, now;

	if (s->phase == NVB_PHASE_WAITING && (!at || s->start_at < at))
		at = s->start_at;
	if (!at)
		return -1;
	now = nvb_supervisor_now();
	if (at <= now)
		return 0;
	return (at - now) / 1000000 < LONGEST ? (int)((at - now) / 1000000) + 1 : LONGEST;
}

enum { LISTENER, STARTER, INIT, STREAMS, HEALTH, KEEPER, WORKER, ASKER, HOLDER, FIXED };

static void turn(struct nvb_supervisor *s)
{
	struct pollfd fds[FIXED + NVB_CLIENTS];
	nfds_t n = 0;

	n = add(fds, n, s->listener);
	n = add(fds, n, s->starter_report);
	/* What a snapshot was of may end before its taker has said so. */
	n = add(fds, n, s->snapshot.worker ? -1 : s->init_gone);
	n = add(fds, n, s->streams ? nvb_streams_fd(s->streams) : -1);
	n = add(fds, n, s->health ? nvb_health_fd(s->health) : -1);
	n = add(fds, n, s->keeper_gone);
	n = add(fds, n, s->snapshot.report);
	n = add(fds, n, s->snapshot.asker);
	n = add(fds, n, s->holder);
	for (size_t i = 0; i < s->client_count; i++)
		n = add(fds, n, s->clients[i].socket);
	if (poll(fds, n, timeout_of(s)) < 0)
		return;
	if (fds[STREAMS].revents)
		nvb_output_turn(s);
	if (fds[HEALTH].revents)
		nvb_health_turn(s->health);
	/* From behind: one that is gone is replaced by the last. */
	for (nfds_t i = n; i-- > FIXED;)
		if (fds[i].revents && s->phase != NVB_PHASE_ENDED)
			nvb_control_read(s, i - FIXED);
	if (fds[LISTENER].revents)
		nvb_control_accept(s);
	if (fds[STARTER].revents && s->phase != NVB_PHASE_ENDED)
		nvb_supervised_started(s);
	if (fds[ASKER].revents && s->snapshot.asker >= 0)
		nvb_supervised_asker_gone(s);
	if (fds[WORKER].revents)
		nvb_supervised_worked(s);
	if (fds[INIT].revents && s->phase == NVB_PHASE_RUNNING)
		nvb_supervised_ended(s);
	/* With the container it goes of itself. */
	if (fds[KEEPER].revents && s->phase == NVB_PHASE_RUNNING)
		nvb_supervised_unkept(s);
	if (fds[HOLDER].revents && s->holder >= 0 && s->phase != NVB_PHASE_ENDED)
		nvb_output_unheld(s);
	if (s->phase != NVB_PHASE_ENDED)
		nvb_supervised_turn(s);
}

static _Noreturn void supervise(struct nvb_supervisor *s)
{
	bool silent = s->report < 0;

	if (silent)
		silence(0, 2);
	while (s->phase != NVB_PHASE_ENDED) {
		turn(s);
		if (!silent && s->report < 0) {
			silent = true;
			silence(2, 2);
		}
	}
	if (s->entry.run)
		nvb_supervised_finish(s);
	_exit(0);
}

static int choose_stop_signal(const struct nvb_supervisor *s)
{
	const char *said = s->definition.spec.stop_signal ? s->definition.spec.stop_signal
			   : s->image_open		  ? s->image.stop_signal
							  : NULL;
	int number;

	return said && nvb_parse_signal(said, &number) ? number : SIGTERM;
}

static int open_log(struct nvb_supervisor *s, nvb_error **err)
{
	_cleanup_free_ char *path = nvb_state_join(s->entry.data, "log"),
			    *spool = nvb_state_join(s->entry.run, "spool");

	if (!path || !spool)
		return nvb_fail_oom(err);
	return nvb_log_writer_open(path, spool, &s->definition.log, &s->log, err);
}

static int begin(struct nvb_supervisor *s, const char *id, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf command = {0}, ports = {0};
	const struct nvb_capsule_spec *spec = &s->definition.spec;
	struct nvb_entry_options options = {
		.id = id,
		.name = spec->name,
		.image = spec->image,
		.keep = !spec->remove,
		.cgroup = !s->state.rootless,
		.detached = true,
	};

	nvb_capsule_summary(spec, &s->image, &command, &ports);
	options.command = command.s;
	options.ports = ports.s;
	return nvb_entry_begin(&s->state, &options, &s->entry, err);
}

/* Who copies its files while it does not run has mounted them as a start does. Once it is there as one that
 * runs, who wants to copy finds it so. */
static int begin_alone(struct nvb_supervisor *s, const char *id, const char *data, nvb_error **err)
{
	_cleanup_close_ int files = nvb_files_lock(data, false, err);

	return files < 0 ? files : begin(s, id, err);
}

static void init(struct nvb_supervisor *s, const struct nvb_run_host *host, const struct nvb_state *state)
{
	*s = (struct nvb_supervisor){
		.host = host,
		.state = *state,
		.entry = NVB_ENTRY_INIT,
		.report = -1,
		.attached = -1,
		.listener = -1,
		.pipes = NVB_PIPES_INIT,
		.relay = {-1, -1},
		.holder = -1,
		.starter_report = -1,
		.init_gone = -1,
		.keeper_gone = -1,
		.snapshot = {.report = -1, .asker = -1, .broken = -1},
		.status = -1,
	};
	nvb_capsule_definition_init(&s->definition);
}

/* In the new process: until there is a start under way. */
static int start(struct nvb_supervisor *s, const char *id, nvb_error **err)
{
	_cleanup_free_ char *data = NULL;
	int rc;

	if (asprintf(&data, "%s/capsules/%s", s->state.data, id) < 0)
		return nvb_fail_oom(err);
	rc = nvb_definition_load(&s->definition, data, err);
	if (rc == 0)
		rc = nvb_image_bring(s->host, &s->definition.spec, &s->image, err);
	s->image_open = rc == 0;
	s->stop_signal = choose_stop_signal(s);
	if (rc == 0)
		rc = begin_alone(s, id, data, err);
	if (rc == 0 && s->keeps)
		rc = nvb_entry_note(
			&s->entry, (const char *const[]){"keeps", "1", "keeps_key", s->keeps_key, NULL}, err);
	if (rc == 0)
		rc = open_log(s, err);
	if (rc == 0)
		rc = nvb_control_open(s, err);
	return rc < 0 ? rc : nvb_supervised_start(s, err);
}

static _Noreturn void run_start(const struct nvb_run_host *host, const struct nvb_state *state,
	const char *id, const struct nvb_supervisor_start *how, int report)
{
	_cleanup_error_ nvb_error *err = NULL;
	struct nvb_supervisor s;

	if (how->leave)
		how->leave(how->data);
	init(&s, host, state);
	s.report = report;
	s.attached = how->attached;
	s.restoring = how->restoring;
	s.keeps = how->keeps;
	s.keeps_key = how->keeps_key;
	silence(0, 1);
	if (start(&s, id, &err) < 0) {
		s.status = 125;
		if (s.entry.run)
			nvb_supervised_finish(&s);
		nvb_report_failure(report, 125, err);
		_exit(1);
	}
	supervise(&s);
}

static void own(const struct nvb_entry *entry)
{
	char pid[16], started[32];

	snprintf(pid, sizeof(pid), "%d", getpid());
	snprintf(started, sizeof(started), "%" PRIu64, nvb_proc_start_time(getpid()));
	nvb_entry_note(entry, (const char *const[]){"pid", pid, "started", started, NULL}, NULL);
}

/* In the new process, which has the capsule's lock. */
static _Noreturn void run_adopt(const struct nvb_run_host *host, const struct nvb_state *state,
	const struct nvb_entry *entry, int ready)
{
	_cleanup_error_ nvb_error *err = NULL;
	struct nvb_supervisor s;

	init(&s, host, state);
	s.entry = *entry;
	silence(0, 2);
	own(&s.entry);
	if (nvb_definition_load(&s.definition, s.entry.data, NULL) < 0) {
		/* Without it nobody can say how to start it again. */
		nvb_capsule_definition_release(&s.definition);
		nvb_capsule_definition_init(&s.definition);
	}
	s.definition.spec.pull = NVB_PULL_NEVER;
	s.image_open =
		s.definition.spec.image && nvb_image_bring(host, &s.definition.spec, &s.image, NULL) == 0;
	s.stop_signal = choose_stop_signal(&s);
	open_log(&s, NULL);
	if (nvb_control_open(&s, &err) < 0)
		_exit(125);
	/* Whoever waits finds what it printed in its log. */
	nvb_supervised_adopt(&s);
	nvb_report_ok(ready, 0, -1);
	close(ready);
	supervise(&s);
}

/*
 * Forks twice, so that the supervisor is nobody's child: 0 in it, 1 in the caller, or a negated code. Who is
 * in between does nothing but fork, so it takes no copy of the caller's memory for itself.
 */
static int detach(nvb_error **err)
{
	pid_t between = vfork();
	int status = 0;

	if (between == 0) {
		pid_t pid = fork();

		if (pid != 0)
			_exit(pid < 0 ? errno : 0);
		/* A copy of the caller, whose stack nobody else is on: it may return. */
		become_daemon();
		return 0;
	}
	if (between < 0)
		return nvb_fail_errno(err, errno, "starting a supervisor");
	while (waitpid(between, &status, 0) < 0 && errno == EINTR)
		;
	/* When it was killed the report tells whether there is a supervisor. */
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		return nvb_fail_errno(err, WEXITSTATUS(status), "starting a supervisor");
	return 1;
}

static int make_socket(int pair[2], nvb_error **err)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return nvb_fail_errno(err, errno, "starting a supervisor");
	return 0;
}

int nvb_supervisor_start(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	const struct nvb_supervisor_start *start, int *report, nvb_error **err)
{
	int pair[2], rc = make_socket(pair, err);

	if (rc < 0)
		return rc;
	rc = detach(err);
	if (rc == 0) {
		close(pair[0]);
		run_start(host, state, id, start, pair[1]);
	}
	close(pair[1]);
	if (rc < 0) {
		close(pair[0]);
		return rc;
	}
	*report = pair[0];
	return 0;
}

int nvb_supervisor_adopt(const struct nvb_run_host *host, const struct nvb_state *state,
	struct nvb_entry *entry, nvb_error **err)
{
	int pair[2], rc = make_socket(pair, err);

	if (rc < 0) {
		nvb_entry_release(entry);
		return rc;
	}
	rc = detach(err);
	if (rc == 0) {
		close(pair[0]);
		run_adopt(host, state, entry, pair[1]);
	}
	close(pair[1]);
	nvb_entry_release(entry);
	if (rc > 0)
		rc = nvb_report_read(pair[0], NULL, NULL, NULL, err);
	close(pair[0]);
	return rc;
}
