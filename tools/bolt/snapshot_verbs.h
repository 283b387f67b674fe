/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOLT_SNAPSHOT_VERBS_H
#define BOLT_SNAPSHOT_VERBS_H

#include "cli/options.h"
#include "cli/progress.h"
#include "snapshot/snapshot.h"

/* bolt snapshot: a file per verb or two, one table of them. */
extern const struct nvb_verb snapshot_verbs[];

extern const struct nvb_option_group snapshot_ls_groups[], snapshot_inspect_groups[],
	snapshot_verify_groups[], snapshot_rm_groups[], snapshot_prune_groups[], snapshot_diff_groups[],
	snapshot_export_groups[], snapshot_import_groups[];
int snapshot_ls(int argc, char **argv, nvb_error **err);
int snapshot_inspect(int argc, char **argv, nvb_error **err);
int snapshot_verify(int argc, char **argv, nvb_error **err);
int snapshot_rm(int argc, char **argv, nvb_error **err);
int snapshot_prune(int argc, char **argv, nvb_error **err);
int snapshot_diff(int argc, char **argv, nvb_error **err);
int snapshot_export(int argc, char **argv, nvb_error **err);
int snapshot_import(int argc, char **argv, nvb_error **err);

/* The caller's own place of snapshots, or that of --store, which must be there unless `make` is set. */
int snapshot_place(struct nvb_snapshots *store, bool make, nvb_error **err);

/* Options that the verbs share. */
extern const char *snapshot_key_file, *snapshot_store;
extern bool snapshot_trust;
#define SNAPSHOT_STORE_OPTION                                             \
	{                                                                 \
		"store", 0, NVB_OPTION_STRING("DIR", &snapshot_store),    \
			"another place of snapshots than this user's own" \
	}
#define SNAPSHOT_KEY_OPTION                                                              \
	{                                                                                \
		"key-file", 0, NVB_OPTION_STRING("FILE", &snapshot_key_file),            \
			"the key of encrypted snapshots: 32 bytes or more, of mode 0600" \
	}

/* Shows how far a long job is, and breaks it off when a signal came. `progress` is a struct nvb_progress. */
int snapshot_show_progress(void *progress, uint64_t done, uint64_t total);
/* SIGINT and SIGTERM end what is being done, so that nothing is left of it. */
void snapshot_catch_signals(void);

#endif
