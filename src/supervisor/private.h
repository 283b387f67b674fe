/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SUPERVISOR_PRIVATE_H
#define NVB_SUPERVISOR_PRIVATE_H

#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "capsule/definition.h"
#include "capsule/exec.h"
#include "capsule/image.h"
#include "supervisor/health.h"
#include "supervisor/holder.h"
#include "supervisor/log.h"
#include "supervisor/pipes.h"
#include "supervisor/snapshot.h"
#include "supervisor/starter.h"
#include "supervisor/streams.h"
#include "supervisor/supervisor.h"

/* The inside of a supervisor, for the files that make it up. */

enum nvb_phase {
	NVB_PHASE_STARTING,
	NVB_PHASE_RUNNING,
	NVB_PHASE_WAITING, /* to be started again */
	NVB_PHASE_ENDED,
};

enum { NVB_CLIENTS = 64 };

/* Somebody connected to the control socket. */
struct nvb_client {
	int socket;
	bool waits; /* for the end */
};

struct nvb_supervisor {
	const struct nvb_run_host *host;
	struct nvb_state state;
	struct nvb_capsule_definition definition;
	struct nvb_entry entry;
	struct nvb_image image;
	bool image_open;
	enum nvb_phase phase;

	int report;   /* to who wants the capsule started; -1: told */
	int attached; /* who is attached from the start, until there are streams; -1: nobody */
	int listener;
	struct nvb_client clients[NVB_CLIENTS];
	size_t client_count;

	struct nvb_pipes pipes;
	int relay[2];  /* of a terminal (starter.h); -1: none */
	int holder;    /* pidfd of who holds the streams for the next supervisor; -1: nobody */
	uint64_t held; /* since when; nanoseconds */
	bool input_held;
	struct nvb_log_writer *log;
	struct nvb_streams *streams;
	struct nvb_health_check check;
	struct nvb_exec_target target;
	struct nvb_health *health; /* NULL: no check */

	pid_t starter;
	int starter_report;
	pid_t init;
	int init_gone;	 /* pidfd */
	int keeper_gone; /* of the MPS daemon that keeps its limits; -1: none */
	bool child;	 /* the container is ours to wait for */
	bool paused;
	int stop_signal; /* of the program */
	struct {
		int signal; /* 0: the program's */
		uint64_t seconds;
	} early;    /* how it was to end while it was being started */
	int status; /* of the last run; -1 unknown */

	/* The child that takes a snapshot, or undoes one that was broken off. */
	struct {
		pid_t worker;	   /* 0: none */
		int report, asker; /* its; who waits for it; -1: none */
		int broken;	   /* who broke it off, and waits until it is undone; -1: none */
		bool leave_running, repairs;
		bool quiet;	 /* who waits wanted it stopped and hears of that alone */
		int tries;	 /* of undoing that failed */
		int stop_signal; /* it is to end once that is done; 0: no */
		uint64_t stop_seconds;
	} snapshot;
	bool keeps;			       /* whoever stops it keeps a snapshot */
	const char *keeps_key;		       /* encrypted with the key in this file; NULL: not */
	const struct nvb_restoring *restoring; /* for the first start; NULL: its program begins */

	/* Nanoseconds of the monotonic clock; 0: never. */
	uint64_t began, kill_at, start_at;
	uint64_t delay;
};

uint64_t nvb_supervisor_now(void);

/* supervised.c: what happens to the container. */

/* Begins to start it. */
int nvb_supervised_start(struct nvb_supervisor *s, nvb_error **err);
/* The starter's report is there. */
void nvb_supervised_started(struct nvb_supervisor *s);
/* The container's first process has ended. */
void nvb_supervised_ended(struct nvb_supervisor *s);
/* Takes over a container that another supervisor started; it may have ended since. */
void nvb_supervised_adopt(struct nvb_supervisor *s);
/* Who kept its limits has died. */
void nvb_supervised_unkept(struct nvb_supervisor *s);
/* What the clock asks for. */
void nvb_supervised_turn(struct nvb_supervisor *s);
/* 0 when its program runs, or will again; NVB_ERR_BUSY while that is being decided, NVB_ERR_CONFLICT when it
 * has ended. */
int nvb_supervised_alive(const struct nvb_supervisor *s, nvb_error **err);
void nvb_supervised_signal(struct nvb_supervisor *s, int signal);
/* It shall end. */
void nvb_supervised_stop(struct nvb_supervisor *s, int signal, uint64_t seconds);
int nvb_supervised_freeze(struct nvb_supervisor *s, bool freeze, nvb_error **err);
/* The definition is read anew and its limits applied. */
int nvb_supervised_update(struct nvb_supervisor *s, nvb_error **err);
/* output.c: its streams, and who holds them. */

/* `master`: the terminal's, -1: it has pipes. They stay over restarts; a terminal is another one each time.
 */
int nvb_output_open(struct nvb_supervisor *s, int master, nvb_error **err);
/* Somebody holds the pipes from now on, if nobody does yet. */
void nvb_output_hold(struct nvb_supervisor *s);
/* The streams' turn. */
void nvb_output_turn(struct nvb_supervisor *s);
/* Who held them has died. */
void nvb_output_unheld(struct nvb_supervisor *s);
/* Nobody needs to hold them any more: what was in them has been taken. */
void nvb_output_release(struct nvb_supervisor *s);
/* The streams of a container that another supervisor started; `init`: its first process, 0: it has ended. */
void nvb_output_take_up(struct nvb_supervisor *s, pid_t init);

/* snapshot.c */

/* Begins to take one; `asker` is taken over on success, -1: nobody waits. `quiet`: it hears no steps. */
int nvb_supervised_snapshot(struct nvb_supervisor *s, const struct nvb_snapshot_wish *wish, int asker,
	bool quiet, nvb_error **err);
/* Takes a request apart, in place. */
int nvb_supervised_asks_for_snapshot(char *request, struct nvb_snapshot_wish *wish, nvb_error **err);
/* The child's report is there. */
void nvb_supervised_worked(struct nvb_supervisor *s);
/* Something came from who waits: it has gone. */
void nvb_supervised_asker_gone(struct nvb_supervisor *s);
/* Whether somebody was killed over a snapshot of it; undoing that, in the background. */
bool nvb_supervised_was_broken_off(const struct nvb_supervisor *s);
void nvb_supervised_repair(struct nvb_supervisor *s);

/* Gives all back and tells those who wait. Nothing but leaving can follow. */
void nvb_supervised_finish(struct nvb_supervisor *s);

/* supervisor.c */

/* Starts a supervisor for one that has none any more. Takes the entry over, and with it the lock. */
int nvb_supervisor_adopt(const struct nvb_run_host *host, const struct nvb_state *state,
	struct nvb_entry *entry, nvb_error **err);

/* ask.c */

/* Connects to the capsule's supervisor, to another one where it was killed. NVB_ERR_NOT_FOUND: it does not
 * run. */
int nvb_supervisor_reach(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	int *socket, nvb_error **err);

/* restart.c */

/* Whether a run that ended with this status (-1 unknown) is followed by another, and after how long. */
bool nvb_restart_wanted(const struct nvb_capsule_definition *definition, int status, uint64_t restarts);
/* As docker: 100 ms, doubled each time up to a minute; from the beginning after ten seconds of running. */
uint64_t nvb_restart_delay(uint64_t last, uint64_t ran);

/* control.c */

int nvb_control_open(struct nvb_supervisor *s, nvb_error **err);
void nvb_control_accept(struct nvb_supervisor *s);
/* What client `i` sent; true when it is gone from the list. */
bool nvb_control_read(struct nvb_supervisor *s, size_t i);
void nvb_control_ended(struct nvb_supervisor *s);
/* Takes over a connection whose answer comes at the end of the capsule. */
void nvb_control_wait(struct nvb_supervisor *s, int socket);

#endif
