/* SPDX-License-Identifier: Apache-2.0 */
#include "base/choice.h"

#include "base/str.h"

enum { CHOICES_MOST = 64 };

int nvb_choice_parse(
	const struct nvb_choice *choices, const char *word, const char *what, int *out, nvb_error **err)
{
	const char *names[CHOICES_MOST], *nearest;
	_cleanup_free_ char *list = NULL;
	size_t count = 0;
	int rc;

	for (const struct nvb_choice *c = choices; c->name; c++) {
		if (nvb_streq(c->name, word)) {
			*out = c->value;
			return 0;
		}
		if (count < CHOICES_MOST)
			names[count++] = c->name;
	}
	list = nvb_choice_list(choices, ", ");
	if (!list)
		return nvb_fail_oom(err);
	rc = nvb_fail(err, NVB_ERR_INVALID, "%s: no such value '%s'; one of %s", what, word, list);
	nearest = nvb_nearest(word, names, count);
	return nearest ? nvb_hint(err, rc, "did you mean '%s'?", nearest) : rc;
}

const char *nvb_choice_name(const struct nvb_choice *choices, int value)
{
	for (; choices->name; choices++)
		if (choices->value == value)
			return choices->name;
	return NULL;
}

char *nvb_choice_list(const struct nvb_choice *choices, const char *separator)
{
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};

	for (const struct nvb_choice *c = choices; c->name; c++) {
		if (c != choices)
			nvb_sb_add(&sb, separator);
		nvb_sb_add(&sb, c->name);
	}
	return nvb_sb_finish(&sb);
}
