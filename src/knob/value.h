/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_KNOB_VALUE_H
#define NVB_KNOB_VALUE_H

#include <stdint.h>

#include "base/error.h"

/*
 * Knobs: settings that are a whole GPU's or the whole host's, so that whoever turns one owes the old value to
 * all others. What one may be set to, as people write it:
 *
 *	power-limit	"maximum", "minimum", "default", "300W", "80%" of the default
 *	gpu-clocks	"maximum", "default", "1500MHz", "1200-1800MHz"
 *	memory-clocks	as gpu-clocks
 *	persistence	"on", "off"
 *	compute-mode	"default", "exclusive-process"
 *	cpu-governor	a word, such as "performance": of all CPUs
 *
 * "keep" leaves any of them as it is.
 */
enum nvb_knob {
	NVB_KNOB_POWER_LIMIT,
	NVB_KNOB_GPU_CLOCKS,
	NVB_KNOB_MEMORY_CLOCKS,
	NVB_KNOB_PERSISTENCE,
	NVB_KNOB_COMPUTE_MODE,
	NVB_KNOB_CPU_GOVERNOR,
	NVB_KNOB_COUNT,
};

enum nvb_knob_unit {
	NVB_KNOB_KEEP,
	NVB_KNOB_DEFAULT, /* what the card or driver has by itself */
	NVB_KNOB_MAXIMUM,
	NVB_KNOB_MINIMUM,
	NVB_KNOB_NUMBER,  /* mW; 0 or 1; a compute mode of NVML */
	NVB_KNOB_PERCENT, /* of the default */
	NVB_KNOB_RANGE,	  /* low to high, MHz */
	NVB_KNOB_WORD,
};

struct nvb_knob_value {
	enum nvb_knob_unit unit;
	uint32_t low, high; /* a number is in both */
};

/* "power-limit" */
extern const char *const nvb_knob_names[NVB_KNOB_COUNT];

/* The knob of that name, or NVB_KNOB_COUNT. */
enum nvb_knob nvb_knob_find(const char *name);

/* Reads a value; NVB_ERR_INVALID says what the knob takes. */
int nvb_knob_parse(enum nvb_knob knob, const char *text, struct nvb_knob_value *value, nvb_error **err);

#endif
