/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "supervisor/private.h"

/* A capsule's streams under its supervisor, from one start to the next and from one supervisor to the next.
 */

int nvb_output_open(struct nvb_supervisor *s, int master, nvb_error **err)
{
	struct nvb_streams_options options = {
		.output = s->pipes.output,
		.error = s->pipes.error,
		.input = s->pipes.input,
		.relay = {-1, -1},
		.log = s->log,
	};
	int rc;

	if (master >= 0) {
		nvb_streams_close(NVB_TAKE_PTR(s->streams));
		options = (struct nvb_streams_options){.output = master,
			.error = -1,
			.input = -1,
			.terminal = true,
			.relay = {s->relay[0], s->relay[1]},
			.log = s->log};
		nvb_pipes_close(&s->pipes);
	} else if (s->streams) {
		return 0;
	}
	s->pipes.output = s->pipes.error = s->pipes.input = -1;
	rc = nvb_streams_open(&options, &s->streams, err);
	if (rc == 0 && s->attached >= 0)
		nvb_streams_attach(s->streams, NVB_TAKE_FD(s->attached), "attach input");
	return rc;
}

static void begin_holding(struct nvb_supervisor *s)
{
	struct nvb_held held = {.fds = {s->pipes.output, s->pipes.error, s->pipes.input}};
	_cleanup_error_ nvb_error *err = NULL;

	if (s->streams)
		nvb_streams_held(s->streams, &held);
	s->held = nvb_supervisor_now();
	s->input_held = !held.terminal && held.fds[2] >= 0;
	if (nvb_holder_begin(&s->entry, &held, &s->holder, &err) < 0 && s->log)
		nvb_log_note(s->log, "nobody holds its output in case its supervisor is killed: %s",
			nvb_error_message(err));
}

void nvb_output_hold(struct nvb_supervisor *s)
{
	/* Of a terminal the process that starts it is the one. */
	if (s->holder < 0 && !s->definition.spec.terminal)
		begin_holding(s);
}

void nvb_output_unheld(struct nvb_supervisor *s)
{
	enum { A_SECOND = 1000000000 };
	bool again = nvb_supervisor_now() - s->held > A_SECOND;

	nvb_holder_end(NVB_TAKE_FD(s->holder));
	/* What dies at once each time is not worth a process each time. */
	if (again)
		begin_holding(s);
}

void nvb_output_turn(struct nvb_supervisor *s)
{
	int former;

	nvb_streams_turn(s->streams);
	if (!s->input_held || nvb_streams_has_input(s->streams))
		return;
	/* The end of the input is the program's to see when nobody has it open any more. */
	former = NVB_TAKE_FD(s->holder);
	begin_holding(s);
	nvb_holder_end(former);
}

void nvb_output_release(struct nvb_supervisor *s)
{
	nvb_holder_forget(&s->entry);
	nvb_holder_end(NVB_TAKE_FD(s->holder));
}

void nvb_output_take_up(struct nvb_supervisor *s, pid_t init)
{
	struct nvb_held held = NVB_HELD_INIT;
	_cleanup_error_ nvb_error *err = NULL;
	bool named = nvb_holder_is_named(&s->entry);
	int former = nvb_holder_find(&s->entry, &held), master = -1;

	if (held.terminal) {
		master = held.fds[0];
		memcpy(s->relay, &held.fds[1], sizeof(s->relay));
	} else if (former >= 0) {
		s->pipes.output = held.fds[0];
		s->pipes.error = held.fds[1];
		s->pipes.input = held.fds[2];
	} else if (init) {
		nvb_pipes_find(&s->pipes, &s->entry, init);
	} else if (named && s->log) {
		nvb_log_note(s->log,
			"its last output is missing here if it was still on its way: its supervisor and who "
			"held its output were killed, too");
	}
	if (nvb_output_open(s, master, &err) < 0 && s->log)
		nvb_log_note(s->log, "its output is lost: %s", nvb_error_message(err));
	/* One of our own, which tells us when it dies; until it is named the former one is. */
	if (init && s->streams)
		begin_holding(s);
	if (s->holder >= 0)
		nvb_holder_end(former);
	else
		s->holder = former;
}
