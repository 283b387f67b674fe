/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>

#include "attach.h"
#include "base/mem.h"
#include "base/str.h"
#include "capsule/attach_remote.h"
#include "capsule/definition.h"
#include "capsule/lifecycle.h"
#include "capsule/locate.h"
#include "cli/output.h"
#include "host.h"
#include "supervisor/supervisor.h"
#include "verbs.h"

/* bolt capsule attach: the streams of a detached capsule. */

static const struct nvb_choice booleans[] = {{"true", 1}, {"false", 0}, {NULL}};

static struct {
	bool no_stdin;
	int sig_proxy;
	const char *keys;
} opt = {.sig_proxy = 1, .keys = NVB_DETACH_KEYS_DEFAULT};

static const struct nvb_option attach_options[] = {
	{"detach-keys", 0, NVB_OPTION_STRING("KEYS", &opt.keys),
		"what leaves the capsule running (ctrl-p,ctrl-q); '' is nothing"},
	{"no-stdin", 0, NVB_OPTION_FLAG(&opt.no_stdin), "only listen"},
	{"sig-proxy", 0, NVB_OPTION_CHOICE("BOOL", booleans, &opt.sig_proxy),
		"true: signals are for the capsule, unless it has a terminal (true)"},
	{NULL},
};
const struct nvb_option_group capsule_attach_groups[] = {{"Options", attach_options}, {NULL}};

struct session {
	const struct nvb_state *state;
	const char *id;
};

/* One that has ended meanwhile needs none. */
static void pass_signal(void *data, int signal)
{
	const struct session *session = data;

	nvb_capsule_kill(run_host(), session->state, session->id, signal, NULL);
}

static void tell_missed(void *data, uint64_t bytes)
{
	const struct session *session = data;

	nvb_report_warning("bolt",
		"%" PRIu64 " bytes of output came faster than they were taken here and were skipped; "
		"'bolt capsule logs %.12s' has them",
		bytes, session->id);
}

int attach_to(const struct nvb_state *state, const struct nvb_located *capsule, int connection,
	const struct attach_choices *choices, int *status, nvb_error **err)
{
	_cleanup_definition_ struct nvb_capsule_definition definition;
	struct session session = {.state = state, .id = capsule->id};
	struct nvb_remote_options options = {.missed = tell_missed, .data = &session};
	_cleanup_close_ int taken = connection;
	enum nvb_remote_end end;
	int rc;

	nvb_capsule_definition_init(&definition);
	rc = nvb_definition_load(&definition, capsule->data, err);
	if (rc == 0)
		rc = nvb_detach_keys_parse(choices->detach_keys, &options.keys, err);
	if (rc < 0)
		return rc;
	options.terminal = definition.spec.terminal;
	options.input = choices->input && definition.spec.interactive;
	options.end_input = choices->end_input;
	if (options.terminal && options.input && !isatty(STDIN_FILENO))
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_INVALID, "the capsule has a terminal, standard input is none"),
			"use --no-stdin");
	if (!options.terminal || !options.input)
		options.keys.count = 0;
	if (choices->signals && !options.terminal)
		options.signal = pass_signal;
	rc = nvb_remote_attach(NVB_TAKE_FD(taken), &options, &end, status, err);
	if (rc < 0)
		return rc;
	if (end == NVB_REMOTE_LOST)
		return nvb_hint(err, nvb_fail(err, NVB_ERR_SYSTEM, "the capsule's supervisor has gone"),
			"'bolt capsule ps' says whether the capsule still runs");
	if (end == NVB_REMOTE_DETACHED)
		*status = 0;
	return 0;
}

int start_attached(const struct nvb_state *state, const char *id, const struct attach_choices *choices,
	int *status, nvb_error **err)
{
	_cleanup_located_ struct nvb_located capsule = {0};
	_cleanup_close_ int ours = -1;
	struct nvb_capsule_start start;
	int pair[2], rc = nvb_locate(state, id, &capsule, err);

	*status = 125;
	if (rc < 0)
		return rc;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return nvb_fail_errno(err, errno, "socketpair");
	ours = pair[0];
	/* A supervisor closes what is not, or it would hold our end open, too, and never see us leave. */
	fcntl(ours, F_SETFD, 0);
	rc = nvb_capsule_start_attached(run_host(), state, id, pair[1], &start, err);
	close(pair[1]);
	if (rc == 0)
		rc = nvb_capsule_start_finish(&start, status, err);
	if (rc < 0)
		return rc;
	*status = 125;
	return attach_to(state, &capsule, NVB_TAKE_FD(ours), choices, status, err);
}

int capsule_attach(int argc, char **argv, nvb_error **err)
{
	_cleanup_state_ struct nvb_state state = {0};
	_cleanup_located_ struct nvb_located capsule = {0};
	const struct attach_choices choices = {
		.input = !opt.no_stdin,
		.signals = opt.sig_proxy,
		.detach_keys = opt.keys,
	};
	int connection = -1, status = 125, rc = nvb_state_open(&state, err);

	(void)argc;
	if (rc == 0)
		rc = nvb_locate(&state, argv[0], &capsule, err);
	if (rc == 0)
		rc = nvb_located_running(&capsule, argv[0], err);
	if (rc == 0)
		rc = nvb_supervisor_attach(run_host(), &state, capsule.id, choices.input, &connection, err);
	if (rc == 0)
		rc = attach_to(&state, &capsule, connection, &choices, &status, err);
	return rc < 0 ? rc : status;
}
