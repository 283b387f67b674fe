/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_TOOL_MIG_H
#define NVBIND_TOOL_MIG_H

#include "cli/options.h"
#include "mig/change.h"

/* `nvbind mig`: a file per verb. */
extern const struct nvb_verb nvbind_mig_verbs[];

extern const struct nvb_option nvbind_mig_list_options[];
int nvbind_mig_list(int argc, char **argv, nvb_error **err);

extern const struct nvb_option nvbind_mig_create_options[];
int nvbind_mig_create(int argc, char **argv, nvb_error **err);

extern const struct nvb_option nvbind_mig_destroy_options[];
int nvbind_mig_destroy(int argc, char **argv, nvb_error **err);

extern const struct nvb_option nvbind_mig_apply_options[];
int nvbind_mig_apply(int argc, char **argv, nvb_error **err);

extern const struct nvb_option nvbind_mig_export_options[];
int nvbind_mig_export(int argc, char **argv, nvb_error **err);

extern const struct nvb_option nvbind_mig_recover_options[];
int nvbind_mig_recover(int argc, char **argv, nvb_error **err);

/* --dry-run, --reset, --no-refresh: of every verb that changes something. */
extern const struct nvb_option nvbind_mig_change_options[];

/* Those of --gpu, or all; indexes in mig->gpus, malloc'd. */
int mig_chosen_gpus(
	const struct nvb_mig *mig, char *const *words, size_t **gpus, size_t *count, nvb_error **err);

/* Loads the inventory and opens MIG. */
struct mig_host {
	struct nvb_inventory *inventory;
	struct nvb_mig *mig;
};
int mig_host_open(struct mig_host *host, bool change, nvb_error **err);
void mig_host_close(struct mig_host *host);
#define _cleanup_mig_host_ _cleanup_(mig_host_close)

/* Shows the change (--dry-run), or makes it, says each step, and lets the cache and the CDI specs follow. The
 * exit status, or a negated code. `pending`: see struct nvb_mig_run_options. */
int mig_make(struct mig_host *host, const struct nvb_mig_change *change, bool pending, nvb_error **err);

/* Whether this is a look only, so that MIG need not be opened for a change. */
bool mig_is_dry_run(void);

#endif
