/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/str.h"
#include "request/request.h"

/* The names of NVIDIA_DRIVER_CAPABILITIES, in the order in which NVIDIA documents them. */
static const struct {
	const char *name;
	unsigned bits;
} names[] = {
	{"compute", NVB_CAP_COMPUTE},
	{"compat32", NVB_CAP_COMPAT32},
	{"graphics", NVB_CAP_GRAPHICS},
	{"utility", NVB_CAP_UTILITY},
	{"video", NVB_CAP_VIDEO},
	{"display", NVB_CAP_DISPLAY},
	{"ngx", NVB_CAP_NGX},
	{"all", NVB_CAP_ALL},
};

static int unknown_capability(const char *word, nvb_error **err)
{
	const char *known[NVB_ELEMENTS(names)];
	const char *nearest;
	int rc;

	for (size_t i = 0; i < NVB_ELEMENTS(names); i++)
		known[i] = names[i].name;
	nearest = nvb_nearest(word, known, NVB_ELEMENTS(known));
	rc = nvb_fail(err, NVB_ERR_INVALID, "unknown driver capability '%s'", word);
	if (nearest)
		return nvb_hint(err, rc, "did you mean '%s'?", nearest);
	return nvb_hint(err, rc, "use compute, utility, graphics, video, display, ngx, compat32 or all");
}

int nvb_capabilities_parse(const char *list, unsigned *capabilities, nvb_error **err)
{
	_cleanup_strv_ char **words = nvb_strv_split(list, ", ");
	unsigned bits = 0;

	if (!words)
		return nvb_fail_oom(err);
	nvb_strv_foreach (word, words) {
		size_t i = 0;

		while (i < NVB_ELEMENTS(names) && !nvb_streq(names[i].name, *word))
			i++;
		if (i == NVB_ELEMENTS(names))
			return unknown_capability(*word, err);
		bits |= names[i].bits;
	}
	if (!bits)
		return nvb_hint(err, nvb_fail(err, NVB_ERR_INVALID, "empty list of driver capabilities"),
			"name at least one, such as compute,utility");
	*capabilities = bits;
	return 0;
}

char *nvb_capabilities_format(unsigned capabilities, char buffer[static NVB_CAPABILITIES_TEXT])
{
	size_t used = 0;

	buffer[0] = '\0';
	for (size_t i = 0; i < NVB_ELEMENTS(names) - 1; i++) /* the last is "all" */
		if (capabilities & names[i].bits)
			used += (size_t)snprintf(buffer + used, NVB_CAPABILITIES_TEXT - used, "%s%s",
				used ? "," : "", names[i].name);
	return buffer;
}
