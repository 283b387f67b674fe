/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <string.h>

#include "base/str.h"
#include "capsule/spec.h"

bool nvb_parse_signal(const char *text, int *out)
{
	const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text, *offset;
	uint32_t number;

	if (nvb_parse_u32(text, &number)) {
		if (number < 1 || number > (uint32_t)SIGRTMAX)
			return false;
		*out = (int)number;
		return true;
	}
	if (strncasecmp(name, "RTMIN", 5) == 0 || strncasecmp(name, "RTMAX", 5) == 0) {
		bool from_min = strncasecmp(name, "RTMIN", 5) == 0;
		int base = from_min ? SIGRTMIN : SIGRTMAX, value;

		offset = name + 5;
		number = 0;
		if (*offset && (*offset != (from_min ? '+' : '-') || !nvb_parse_u32(offset + 1, &number)))
			return false;
		if (number > (uint32_t)(SIGRTMAX - SIGRTMIN))
			return false;
		value = from_min ? base + (int)number : base - (int)number;
		*out = value;
		return true;
	}
	for (int i = 1; i < SIGRTMIN; i++) {
		const char *abbreviation = sigabbrev_np(i);

		if (abbreviation && strcasecmp(abbreviation, name) == 0) {
			*out = i;
			return true;
		}
	}
	return false;
}
