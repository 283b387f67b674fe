/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_KNOB_PLACE_H
#define NVB_KNOB_PLACE_H

#include "base/root.h"
#include "knob/record.h"

/*
 * Where records are: /var/lib/nvbind/knobs below the host's root, root's alone to write. On disk and not in
 * /run, since what they tell must outlive a crash of the machine: a card whose driver keeps settings over a
 * reboot, or a host that wakes from its disk, has them still.
 */
struct nvb_knob_place {
	int directory, lock; /* -1: there is none yet */
	char *path;
};
#define NVB_KNOB_PLACE_INIT                 \
	{                                   \
		.directory = -1, .lock = -1 \
	}

/* `make`: to change something; makes the directory and takes the lock that all who do so take (waiting for
 * it). NVB_ERR_PERMISSION for who may not. */
int nvb_knob_place_open(
	const struct nvb_root *root, bool make, struct nvb_knob_place *place, nvb_error **err);
void nvb_knob_place_close(struct nvb_knob_place *place);
#define _cleanup_knob_place_ _cleanup_(nvb_knob_place_close)

/* The names of all records; NULL-terminated, NULL for none. */
int nvb_knob_place_names(const struct nvb_knob_place *place, char ***names, nvb_error **err);

/* A record by its name, or by what it is of. NVB_ERR_NOT_FOUND when there is none. */
int nvb_knob_place_read(const struct nvb_knob_place *place, const char *name, struct nvb_knob_record *record,
	nvb_error **err);
int nvb_knob_place_find(const struct nvb_knob_place *place, enum nvb_knob knob, const char *device,
	struct nvb_knob_record *record, nvb_error **err);

/* Writes it, whole or not at all, and to the disk. */
int nvb_knob_place_write(
	const struct nvb_knob_place *place, const struct nvb_knob_record *record, nvb_error **err);
int nvb_knob_place_remove(
	const struct nvb_knob_place *place, const struct nvb_knob_record *record, nvb_error **err);

#endif
