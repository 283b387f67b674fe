/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/str.h"
#include "cli/common.h"
#include "cli/complete.h"
#include "cli/output.h"
#include "cli/version.h"
#include "../benchmark/verb.h"
#include "../doctor/verb.h"
#include "../monitor/monitor.h"
#include "helper.h"
#include "snapshot_verbs.h"
#include "verbs.h"

/* Ours and a program's own statuses must differ: as docker and env(1), 125 is ours. */
enum { FAILURE = 125 };

#define HANDED_ON .max_args = NVB_ARGS_ANY, .options_end_at_first_argument = true

static const struct nvb_verb surge_verbs[] = {
	{
		.name = "run",
		.synopsis = "IMAGE [COMMAND [ARGUMENT...]]",
		.summary = "run a program in a new capsule",
		.description = "Runs IMAGE's program, or COMMAND, with the GPUs asked for and no others, in "
			       "a sandbox like "
			       "docker's; streams, signals and the exit status pass through. IMAGE is pulled "
			       "when it is not "
			       "here; one that starts with / or ./ is a directory to be used as the root. "
			       "Without --rm the "
			       "capsule's files are kept when it ends.",
		.examples =
			"  bolt surge run --rm --gpu all nvidia/cuda:latest nvidia-smi\n"
			"  bolt surge run --rm -it --gpu 2 -v ./data:/data:ro pytorch/pytorch:latest bash\n",
		.groups = surge_run_groups,
		.run = surge_run,
		.min_args = 1,
		.max_args = NVB_ARGS_ANY,
		.options_end_at_first_argument = true,
		.failure = FAILURE,
	},
	{
		.name = "up",
		.synopsis = "[SERVICE...]",
		.summary = "bring the services of a Boltfile up",
		.description = "Makes a capsule of each service, or of those named and what they depend on, in the "
			       "order of depends_on, side by side where nothing orders them. A capsule whose "
			       "definition has not changed stays; any other is made anew. Without -d it prints what "
			       "they print until all have ended; ^C stops them.",
		.examples = "  bolt surge up -d\n"
			    "  bolt surge up -f games.toml --strict steam\n",
		.groups = surge_up_groups,
		.run = surge_up,
		.max_args = NVB_ARGS_ANY,
	},
	{
		.name = "down",
		.synopsis = "[SERVICE...]",
		.summary = "stop and remove the capsules of a Boltfile, and its networks",
		.groups = surge_down_groups,
		.run = surge_down,
		.max_args = NVB_ARGS_ANY,
	},
	{
		.name = "ps",
		.synopsis = "[SERVICE...]",
		.summary = "list the capsules of a Boltfile",
		.groups = surge_ps_groups,
		.run = surge_ps,
		.max_args = NVB_ARGS_ANY,
	},
	{
		.name = "logs",
		.synopsis = "[SERVICE...]",
		.summary = "print what the services print",
		.groups = surge_logs_groups,
		.run = surge_logs,
		.max_args = NVB_ARGS_ANY,
	},
	{
		.name = "start",
		.synopsis = "[SERVICE...]",
		.summary = "start capsules of a Boltfile that are there",
		.groups = surge_start_groups,
		.run = surge_start,
		.max_args = NVB_ARGS_ANY,
	},
	{
		.name = "stop",
		.synopsis = "[SERVICE...]",
		.summary = "stop capsules of a Boltfile, and leave them there",
		.groups = surge_stop_groups,
		.run = surge_stop,
		.max_args = NVB_ARGS_ANY,
	},
	{
		.name = "restart",
		.synopsis = "[SERVICE...]",
		.summary = "stop and start capsules of a Boltfile",
		.groups = surge_stop_groups,
		.run = surge_restart,
		.max_args = NVB_ARGS_ANY,
	},
	{
		.name = "config",
		.summary = "print a Boltfile as it is understood",
		.groups = surge_config_groups,
		.run = surge_config,
	},
	{NULL},
};

static const struct nvb_verb compose_verbs[] = {
	{
		.name = "import",
		.synopsis = "[FILE]",
		.summary = "make a Boltfile of a Compose file",
		.description = "What a Boltfile has no key for becomes a comment there and a warning here.",
		.groups = compose_import_groups,
		.run = compose_import,
		.max_args = 1,
	},
	{NULL},
};

static const struct nvb_verb capsule_verbs[] = {
	{
		.name = "create",
		.synopsis = "[NAME] [-- COMMAND [ARGUMENT...]]",
		.summary = "make a capsule, to be started",
		.description = "Makes a capsule from an image and keeps all that is said here: it is looked up "
			       "anew at every start. The image is pulled when it is not here.",
		.examples =
			"  bolt capsule create gaming-workstation --image steam:latest --gpu all --profile gaming\n"
			"  bolt capsule create trainer --image pytorch/pytorch:latest --gpu 0 -- python train.py\n",
		.groups = capsule_create_groups,
		.run = capsule_create,
		.max_args = NVB_ARGS_ANY,
		.keeps_dashes = true,
		.failure = FAILURE,
	},
	{
		.name = "start",
		.synopsis = "[CAPSULE...]",
		.summary = "start capsules",
		.description = "Returns when each one's program runs; the exit status is 125 to 127 for one that "
			       "could not be started, as of 'surge run'. Its output goes to its log.",
		.groups = capsule_start_groups,
		.run = capsule_start,
		.max_args = NVB_ARGS_ANY,
		.failure = FAILURE,
	},
	{
		.name = "stop",
		.synopsis = "CAPSULE...",
		.summary = "end capsules, by force when their time is up",
		.groups = capsule_stop_groups,
		.run = capsule_stop,
		.min_args = 1,
		.max_args = NVB_ARGS_ANY,
	},
	{
		.name = "restart",
		.synopsis = "CAPSULE...",
		.summary = "stop capsules that run, and start them",
		.groups = capsule_stop_groups,
		.run = capsule_restart,
		.min_args = 1,
		.max_args = NVB_ARGS_ANY,
	},
	{
		.name = "kill",
		.synopsis = "CAPSULE...",
		.summary = "send capsules' programs a signal",
		.groups = capsule_kill_groups,
		.run = capsule_kill,
		.min_args = 1,
		.max_args = NVB_ARGS_ANY,
	},
	{
		.name = "pause",
		.synopsis = "CAPSULE...",
		.summary = "freeze all processes of capsules",
		.run = capsule_pause,
		.min_args = 1,
		.max_args = NVB_ARGS_ANY,
	},
	{
		.name = "unpause",
		.synopsis = "CAPSULE...",
		.summary = "let paused capsules go on",
		.run = capsule_unpause,
		.min_args = 1,
		.max_args = NVB_ARGS_ANY,
	},
	{
		.name = "rename",
		.synopsis = "CAPSULE NAME",
		.summary = "give a capsule another name",
		.run = capsule_rename,
		.min_args = 2,
		.max_args = 2,
	},
	{
		.name = "update",
		.synopsis = "CAPSULE...",
		.summary = "change capsules' limits and restart policy, also while they run",
		.groups = capsule_update_groups,
		.run = capsule_update,
		.min_args = 1,
		.max_args = NVB_ARGS_ANY,
	},
	{
		.name = "ps",
		.summary = "list capsules that run, or all",
		.groups = capsule_ps_groups,
		.run = capsule_ps,
	},
	{
		.name = "inspect",
		.synopsis = "CAPSULE...",
		.summary = "print all that is known of capsules, as JSON",
		.run = capsule_inspect,
		.min_args = 1,
		.max_args = NVB_ARGS_ANY,
	},
	{
		.name = "attach",
		.synopsis = "CAPSULE",
		.summary = "take part in a detached capsule's streams",
		.description = "Shows what the capsule prints from now on and hands on what is typed, where it was "
			       "made with -i. ctrl-p ctrl-q leaves its terminal; it goes on. Several may be "
			       "attached. The exit status is the capsule's.",
		.groups = capsule_attach_groups,
		.run = capsule_attach,
		.min_args = 1,
		.max_args = 1,
		.failure = FAILURE,
	},
	{
		.name = "cp",
		.synopsis = "CAPSULE:PATH HOST-PATH|-  |  HOST-PATH|- CAPSULE:PATH",
		.summary = "copy files out of a capsule or into one",
		.description = "Copies a file or a directory; PATH/. are a directory's contents, - is a tar "
			       "archive on "
			       "standard output or input. The capsule need not run.",
		.examples = "  bolt capsule cp trainer:/results ./results\n"
			    "  bolt capsule cp trainer:/etc - | tar -t\n",
		.groups = capsule_cp_groups,
		.run = capsule_cp,
		.min_args = 2,
		.max_args = 2,
	},
	{
		.name = "exec",
		.synopsis = "CAPSULE COMMAND [ARGUMENT...]",
		.summary = "run a further program in a capsule that runs",
		.description = "Runs COMMAND beside the capsule's own program: the same GPUs, limits, user, "
			       "environment and sandbox; streams, signals and the exit status pass through.",
		.examples = "  bolt capsule exec -it trainer bash\n"
			    "  bolt capsule exec -u 1000 -e DEBUG=1 trainer nvidia-smi\n",
		.groups = capsule_exec_groups,
		.run = capsule_exec,
		.min_args = 2,
		.max_args = NVB_ARGS_ANY,
		.options_end_at_first_argument = true,
		.failure = FAILURE,
	},
	{
		.name = "logs",
		.synopsis = "CAPSULE",
		.summary = "print what a detached capsule has printed",
		.description =
			"Prints what the capsule wrote on its standard output there, and what it wrote "
			"on its standard error here.",
		.examples = "  bolt capsule logs -f --tail 20 trainer\n"
			    "  bolt capsule logs -t --since 10m --until 2026-11-22T21:30:00 trainer\n",
		.groups = capsule_logs_groups,
		.run = capsule_logs,
		.min_args = 1,
		.max_args = 1,
	},
	{
		.name = "stats",
		.synopsis = "[CAPSULE...]",
		.summary = "show what capsules use, again and again",
		.description =
			"Processors, memory, processes and block devices, as their control groups count "
			"them, and "
			"GPUs where NVML tells which processes use them. Without names of all that run.",
		.groups = capsule_stats_groups,
		.run = capsule_stats,
		.max_args = NVB_ARGS_ANY,
	},
	{
		.name = "top",
		.synopsis = "CAPSULE",
		.summary = "list the processes of a capsule",
		.groups = capsule_top_groups,
		.run = capsule_top,
		.min_args = 1,
		.max_args = 1,
	},
	{
		.name = "wait",
		.synopsis = "CAPSULE...",
		.summary = "wait until capsules have ended, print their exit statuses",
		.run = capsule_wait,
		.min_args = 1,
		.max_args = NVB_ARGS_ANY,
	},
	{
		.name = "snapshot",
		.synopsis = "CAPSULE",
		.summary = "save a capsule that runs: GPU memory, processes, files",
		.description = "Prints the snapshot's id. The capsule is stopped, or, with --leave-running, goes on. When "
			       "something fails it runs on as if nothing had been.",
		.examples = "  bolt capsule snapshot trainer --check\n"
			    "  bolt capsule snapshot trainer --leave-running --comment 'before epoch 12'\n",
		.groups = capsule_snapshot_groups,
		.run = capsule_snapshot,
		.min_args = 1,
		.max_args = 1,
	},
	{
		.name = "restore",
		.synopsis = "SNAPSHOT",
		.summary = "let a capsule go on from a snapshot",
		.description =
			"SNAPSHOT is an id, CAPSULE@N, or CAPSULE for its last. The capsule it was taken of goes on, "
			"with the files that it had then, and must not run; or a new one. Prints the capsule's id.",
		.examples = "  bolt capsule restore trainer\n"
			    "  bolt capsule restore trainer --check\n"
			    "  bolt capsule restore trainer@3 --name trainer-2 --gpu 1\n",
		.groups = capsule_restore_groups,
		.run = capsule_restore,
		.min_args = 1,
		.max_args = 1,
	},
	{
		.name = "rm",
		.synopsis = "CAPSULE...",
		.summary = "remove capsules with all their files",
		.groups = capsule_rm_groups,
		.run = capsule_rm,
		.min_args = 1,
		.max_args = NVB_ARGS_ANY,
	},
	{NULL},
};

static const struct nvb_verb network_verbs[] = {
	{
		.name = "create",
		.synopsis = "NAME",
		.summary = "make a network that capsules can be on",
		.description = "Capsules on it reach each other by name, and through the host what the host "
			       "reaches.",
		.examples = "  bolt network create backend --internal\n"
			    "  bolt network create lab --subnet 10.7.0.0/24\n",
		.groups = network_create_groups,
		.run = network_create,
		.min_args = 1,
		.max_args = 1,
	},
	{
		.name = "ls",
		.summary = "list networks",
		.groups = network_ls_groups,
		.run = network_ls,
	},
	{
		.name = "inspect",
		.synopsis = "NAME...",
		.summary = "print networks as JSON, and who is on them",
		.run = network_inspect,
		.min_args = 1,
		.max_args = NVB_ARGS_ANY,
	},
	{
		.name = "rm",
		.synopsis = "NAME...",
		.summary = "remove networks that no capsule is on",
		.run = network_rm,
		.min_args = 1,
		.max_args = NVB_ARGS_ANY,
	},
	{NULL},
};

/* These are the verbs of bolt-image; nothing of its command line is read here. */
static int image(int argc, char **argv, nvb_error **err)
{
	return become_helper("bolt-image", NULL, argc, argv, err);
}

static int login(int argc, char **argv, nvb_error **err)
{
	return become_helper("bolt-image", "login", argc, argv, err);
}

static int logout(int argc, char **argv, nvb_error **err)
{
	return become_helper("bolt-image", "logout", argc, argv, err);
}

static const struct nvb_verb verbs[] = {
	{.name = "surge", .summary = "run capsules, one or those of a Boltfile", .verbs = surge_verbs},
	{.name = "capsule", .summary = "make, start, stop and look at capsules", .verbs = capsule_verbs},
	{.name = "snapshot",
		.summary = "list, check, move and remove snapshots of capsules",
		.verbs = snapshot_verbs},
	{.name = "network", .summary = "make, list and remove networks of capsules", .verbs = network_verbs},
	BENCHMARK_VERB,
	{.name = "compose", .summary = "take over Compose files", .verbs = compose_verbs},
	VERB_MONITOR(verb_monitor),
	VERB_DOCTOR,
	{.name = "image", .summary = "pull, import, list and remove images", HANDED_ON, .run = image},
	{.name = "login", .summary = "keep credentials for a registry", HANDED_ON, .run = login},
	{.name = "logout", .summary = "forget credentials for a registry", HANDED_ON, .run = logout},
	NVB_VERB_VERSION,
	{NULL},
};

static int hand_on(const struct nvb_verb *verb, int argc, char **argv)
{
	_cleanup_error_ nvb_error *err = NULL;

	verb->run(argc, argv, &err);
	nvb_report_error("bolt", err);
	return 1;
}

/* What the shell may put behind a verb of the other program, only that one knows: its own verbs stand behind
 * "image", login and logout are verbs themselves. */
static void hand_on_completion(int argc, char **argv)
{
	_cleanup_error_ nvb_error *err = NULL;
	int skip;

	if (argc < 4 || (!nvb_streq(argv[1], NVB_COMPLETE_VERB) && !nvb_streq(argv[1], NVB_DESCRIBE_VERB)))
		return;
	skip = nvb_streq(argv[2], "image") ? 3 : 2;
	if (skip == 3 || nvb_streq(argv[2], "login") || nvb_streq(argv[2], "logout"))
		become_helper("bolt-image", argv[1], argc - skip, argv + skip, &err);
}

int main(int argc, char **argv)
{
	static const struct nvb_program program = {
		.name = "bolt",
		.summary = "runs programs in capsules, with GPUs",
		.verbs = verbs,
		.common = nvb_common_groups,
		.prepare = nvb_common_prepare,
	};

	/* The caller's may be anything: what is made here is for containers, whose users are others; and
	 * children that end unasked for (SIGCHLD ignored) could not be waited for. */
	umask(022);
	signal(SIGCHLD, SIG_DFL);
	hand_on_completion(argc, argv);
	/* Options of the other program's verbs, --help included, are for it alone. */
	for (const struct nvb_verb *verb = verbs; argc > 1 && verb->name; verb++)
		if (verb->run && !verb->groups && strcmp(verb->name, argv[1]) == 0)
			return hand_on(verb, argc - 2, argv + 2);
	return nvb_program_main(&program, argc, argv);
}
