/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_KNOB_NVML_CHILD_H
#define NVB_KNOB_NVML_CHILD_H

#include <stdint.h>

/*
 * What is said to the child in which NVML is loaded (inventory/nvml_process.h): a question, an answer, both
 * of fixed size, as often as there is something to ask.
 */
enum nvb_knob_action { NVB_KNOB_GET, NVB_KNOB_SET, NVB_KNOB_RESET };

struct nvb_knob_question {
	uint32_t action, knob; /* enum nvb_knob_action, enum nvb_knob */
	uint32_t low, high;    /* SET */
	char pci[32];	       /* "0000:01:00.0" */
};

enum nvb_knob_step { NVB_KNOB_CALLED, NVB_KNOB_OPENING, NVB_KNOB_INITIALISING };

struct nvb_knob_answer {
	uint32_t step;	/* enum nvb_knob_step: where it failed, or CALLED */
	int32_t result; /* nvmlReturn_t */
	/* GET: what it is now (clocks: nobody can tell), and what it may be; 0: not known */
	uint32_t value, least, most, normal;
};

/* The child's side: answers until its input ends. The static programs have one that executes nvbind-nvml. */
int nvb_knob_child(const char *library, int in, int out);

#endif
