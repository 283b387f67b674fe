/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_KNOB_DIAL_H
#define NVB_KNOB_DIAL_H

#include "inventory/inventory.h"
#include "inventory/nvml_process.h"
#include "knob/value.h"

/*
 * Reading and turning knobs as they are. States are words: "450000" (mW), "1", "1200-1800" (MHz), "unlocked",
 * "performance", "policy0=powersave,policy4=schedutil". NVML is loaded into a child, once, when it is first
 * needed.
 */
#define NVB_KNOB_CPUS	  "cpus" /* the device of the CPUs' governor */
#define NVB_KNOB_UNLOCKED "unlocked"

struct nvb_knob_dial {
	const struct nvb_inventory *inventory; /* borrowed */
	struct nvb_nvml_process nvml;
};
#define NVB_KNOB_DIAL_INIT(inventory)              \
	{                                          \
		(inventory), NVB_NVML_PROCESS_INIT \
	}
void nvb_knob_dial_release(struct nvb_knob_dial *dial);
#define _cleanup_knob_dial_ _cleanup_(nvb_knob_dial_release)

struct nvb_knob_state {
	char *now; /* malloc'd. Of clocks "unlocked": no library tells whether they are locked */
	uint32_t least, most, normal; /* mW, MHz; 0: not known */
};
void nvb_knob_state_release(struct nvb_knob_state *state);
#define _cleanup_knob_state_ _cleanup_(nvb_knob_state_release)

/* `device` is a PCI address or NVB_KNOB_CPUS. */
int nvb_knob_get(struct nvb_knob_dial *dial, enum nvb_knob knob, const char *device,
	struct nvb_knob_state *state, nvb_error **err);
int nvb_knob_put(struct nvb_knob_dial *dial, enum nvb_knob knob, const char *device, const char *state,
	nvb_error **err);

/* Whether the present state can be read at all. */
bool nvb_knob_is_readable(enum nvb_knob knob);

/* Whether `now` is what turning to `set` gives. */
bool nvb_knob_is_at(const char *now, const char *set);

/* governor.c */
int nvb_governor_get(const struct nvb_root *sys, char **now, nvb_error **err);
int nvb_governor_put(const struct nvb_root *sys, const char *state, nvb_error **err);
/* Whether every CPU can have it; the error says which there are. */
int nvb_governor_check(const struct nvb_root *sys, const char *governor, nvb_error **err);

/*
 * The state that a wish comes to on this card, malloc'd, and how strong it is: of the wishes of several users
 * the strongest wins. Power and clocks: the higher; persistence: on; governors: the faster.
 * NVB_ERR_UNSUPPORTED says what the card allows. (wish.c)
 */
int nvb_knob_resolve(enum nvb_knob knob, const char *wish, const struct nvb_knob_state *state, char **target,
	uint64_t *strength, nvb_error **err);

/* "450 W", "1200-1800 MHz", "on": for people; returns buffer. */
enum { NVB_KNOB_TEXT = 64 };
const char *nvb_knob_describe(enum nvb_knob knob, const char *state, char buffer[static NVB_KNOB_TEXT]);

#endif
