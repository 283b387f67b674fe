/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOLT_ATTACH_H
#define BOLT_ATTACH_H

#include <stdbool.h>

#include "base/error.h"
#include "capsule/locate.h"

/* What `attach` and `start -a` have in common. */
struct attach_choices {
	bool input;	/* hand standard input on, where the capsule takes it */
	bool end_input; /* its end is the end of the program's, too */
	bool signals;	/* hand signals on, unless it has a terminal */
	const char *detach_keys;
};

/* Stays attached until the capsule ends or the keys come. Takes the connection over. *status is what to exit
 * with. */
int attach_to(const struct nvb_state *state, const struct nvb_located *capsule, int connection,
	const struct attach_choices *choices, int *status, nvb_error **err);

/* Starts it and stays attached from the first byte that it prints. */
int start_attached(const struct nvb_state *state, const char *id, const struct attach_choices *choices,
	int *status, nvb_error **err);

#endif
