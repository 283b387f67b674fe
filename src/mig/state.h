/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_MIG_STATE_H
#define NVB_MIG_STATE_H

#include "base/root.h"
#include "mig/place.h"

/*
 * What must outlive a command, below /run/nvbind/mig of the host whose GPUs they are (instances do not
 * outlive a boot either):
 *
 *	lock			held by whoever changes MIG here
 *	before			what was there before the change that is being made
 *	made/<pci>@<start>	one for each GI that virtual isolation made: its profile
 *	made/<pci>@mode		one for each card on which it switched MIG on
 */

/* The directory, or -1 in *fd when it is not there and `make` is not set. */
int nvb_mig_state_open(const struct nvb_root *root, bool make, int *fd, nvb_error **err);

/* Waits for whoever has the lock; NVB_ERR_BUSY when it lasts longer than any change does. */
int nvb_mig_state_lock(int state, int *lock, nvb_error **err);

/* The layouts that were there before a change, and who makes it. */
struct nvb_mig_before {
	pid_t pid;
	uint64_t started; /* see base/proc.h */
	struct nvb_mig_former {
		char pci[NVB_MIG_NAME];
		struct nvb_mig_layout layout;
	} * list;
	size_t count, capacity;
};
void nvb_mig_before_release(struct nvb_mig_before *before);
#define _cleanup_mig_before_ _cleanup_(nvb_mig_before_release)

/* The record as text, and back: NVB_ERR_CORRUPT for what is none. */
char *nvb_mig_before_format(const struct nvb_mig_before *before);
int nvb_mig_before_parse(const char *text, struct nvb_mig_before *before, nvb_error **err);

int nvb_mig_before_write(int state, const struct nvb_mig_before *before, nvb_error **err);
/* NVB_ERR_NOT_FOUND: there is none. */
int nvb_mig_before_read(int state, struct nvb_mig_before *before, nvb_error **err);
int nvb_mig_before_remove(int state, nvb_error **err);
bool nvb_mig_before_exists(int state);

/* Marks of what virtual isolation made. A mark of another profile than the GI has is another GI's. */
int nvb_mig_mark(int state, const char *pci, const struct nvb_mig_instance *instance, nvb_error **err);
bool nvb_mig_is_marked(int state, const char *pci, const struct nvb_mig_instance *instance);
void nvb_mig_unmark(int state, const char *pci, uint32_t start);
int nvb_mig_mark_mode(int state, const char *pci, nvb_error **err);
bool nvb_mig_mode_is_marked(int state, const char *pci);
void nvb_mig_unmark_mode(int state, const char *pci);

#endif
