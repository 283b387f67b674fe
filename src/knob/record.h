/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_KNOB_RECORD_H
#define NVB_KNOB_RECORD_H

#include "base/error.h"
#include "base/mem.h"
#include "knob/value.h"

/*
 * One knob that is turned, on disk: lines of a key and its value. Readable by everybody.
 *
 *	knob power-limit
 *	device 0000:01:00.0		"cpus" for the CPUs' governor
 *	boot 6f3a...			of the kernel under which it was turned
 *	old 450000			what is owed: mW, 0 or 1, a compute mode, "unlocked", governors
 *	set 600000			what it is turned to
 *	before 450000			and was turned to before: who is killed in between leaves it there
 *	user 1234 567890 bolt 4f3c... /run/bolt/runtime/crun/4f3c... maximum
 *
 * A user is the process whose life its use has (number, start time), who it is, the runtime's directory by
 * which a container's first process is found once that process is gone ("-": none), and what it wants.
 */
struct nvb_knob_holder {
	char *engine, *container, *runtime_state, *wish;
	pid_t pid;
	uint64_t started;
};

struct nvb_knob_record {
	enum nvb_knob knob;
	char *device, *boot, *old, *set, *before;
	struct nvb_knob_holder *users;
	size_t user_count, user_capacity;
};

void nvb_knob_record_release(struct nvb_knob_record *record);
#define _cleanup_knob_record_ _cleanup_(nvb_knob_record_release)

/* malloc'd; NULL without memory. */
char *nvb_knob_record_format(const struct nvb_knob_record *record);

enum { NVB_KNOB_RECORD_MAX = 1 << 18, NVB_KNOB_USERS_MAX = 4096 };

/* NVB_ERR_CORRUPT when it is none. Keys that are not known are a later version's and skipped. */
int nvb_knob_record_parse(const char *text, struct nvb_knob_record *record, nvb_error **err);

/* Adds a user; its words are copied. False without memory. */
bool nvb_knob_record_add(struct nvb_knob_record *record, const struct nvb_knob_holder *user);
void nvb_knob_record_drop(struct nvb_knob_record *record, size_t user);

/* Whether the user still runs; one that was found under another process is changed to that. */
bool nvb_knob_holder_lives(struct nvb_knob_holder *user);

#endif
