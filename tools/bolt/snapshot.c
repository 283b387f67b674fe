/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "capsule/state.h"
#include "snapshot_verbs.h"

/* What bolt snapshot's verbs share. */

const char *snapshot_key_file, *snapshot_store;
bool snapshot_trust;

static volatile sig_atomic_t caught;

int snapshot_place(struct nvb_snapshots *store, bool make, nvb_error **err)
{
	_cleanup_state_ struct nvb_state state = {0};
	_cleanup_free_ char *path = NULL;
	int rc;

	/* A mistyped one is not made. */
	if (snapshot_store && !make && access(snapshot_store, F_OK) < 0)
		return nvb_fail_errno(err, errno, "--store %s", snapshot_store);
	if (snapshot_store)
		return nvb_snapshots_open(store, snapshot_store, err);
	rc = nvb_state_open(&state, err);
	if (rc < 0)
		return rc;
	path = nvb_snapshots_default_path(state.data);
	return path ? nvb_snapshots_open(store, path, err) : nvb_fail_oom(err);
}

int snapshot_show_progress(void *progress, uint64_t done, uint64_t total)
{
	nvb_progress_set_total(progress, total);
	nvb_progress_set(progress, done);
	return caught;
}

static void catch (int number)
{
	caught = number;
}

void snapshot_catch_signals(void)
{
	/* Interrupts reads of a pipe, too. */
	struct sigaction action = {.sa_handler = catch};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

#define ONE  .min_args = 1, .max_args = 1
#define MANY .min_args = 1, .max_args = NVB_ARGS_ANY

const struct nvb_verb snapshot_verbs[] = {
	{
		.name = "ls",
		.synopsis = "[CAPSULE]",
		.summary = "list snapshots",
		.description =
			"STORED is what all chunks of a snapshot take, NEW those of them that no earlier "
			"snapshot of the capsule had, ALONE what the disk gets back when it is removed.",
		.groups = snapshot_ls_groups,
		.run = snapshot_ls,
		.max_args = 1,
	},
	{
		.name = "inspect",
		.synopsis = "SNAPSHOT...",
		.summary = "print all that snapshots say of themselves, as JSON",
		.description =
			"SNAPSHOT is an id, the beginning of one, CAPSULE@3, CAPSULE@latest, or CAPSULE "
			"alone for its last. Of an encrypted one without its key the open part is shown.",
		.groups = snapshot_inspect_groups,
		.run = snapshot_inspect,
		MANY,
	},
	{
		.name = "verify",
		.synopsis = "SNAPSHOT...",
		.summary = "read every byte of snapshots and check it",
		.description =
			"Each thing that is wrong is one line, with the file, the chunk and what it is of.",
		.groups = snapshot_verify_groups,
		.run = snapshot_verify,
		MANY,
	},
	{
		.name = "rm",
		.synopsis = "SNAPSHOT...",
		.summary = "remove snapshots",
		.description = "What others share with them stays theirs.",
		.groups = snapshot_rm_groups,
		.run = snapshot_rm,
		MANY,
	},
	{
		.name = "prune",
		.synopsis = "[CAPSULE...]",
		.summary = "keep the last snapshots of capsules and remove those before",
		.description =
			"Of all capsules when none is named. A damaged one is never counted as one that is "
			"kept, and not removed: 'bolt snapshot rm' does that.",
		.examples = "  bolt snapshot prune --keep 3\n"
			    "  bolt snapshot prune --keep 1 --dry-run trainer\n",
		.groups = snapshot_prune_groups,
		.run = snapshot_prune,
		.max_args = NVB_ARGS_ANY,
	},
	{
		.name = "diff",
		.synopsis = "SNAPSHOT SNAPSHOT",
		.summary = "list the files that differ between two snapshots, and by how much",
		.groups = snapshot_diff_groups,
		.run = snapshot_diff,
		.min_args = 2,
		.max_args = 2,
	},
	{
		.name = "export",
		.synopsis = "SNAPSHOT FILE|-",
		.summary = "write a snapshot into one file",
		.description = "A tar archive with all that the snapshot needs. - is standard output.",
		.examples = "  bolt snapshot export trainer@latest trainer.tar\n"
			    "  bolt snapshot export trainer@2 - | ssh other bolt snapshot import --trust -\n",
		.groups = snapshot_export_groups,
		.run = snapshot_export,
		.min_args = 2,
		.max_args = 2,
	},
	{
		.name = "import",
		.synopsis = "FILE|-",
		.summary = "take in a snapshot that was exported",
		.description =
			"It is taken when this host has signed it, or with --trust; in any case every byte "
			"of it is verified before it appears. Its id is printed.",
		.groups = snapshot_import_groups,
		.run = snapshot_import,
		ONE,
	},
	{NULL},
};
