/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BASE_CHOICE_H
#define NVB_BASE_CHOICE_H

#include "base/error.h"

/*
 * One table per enumeration that users write: options, configuration keys and Boltfiles read the same names,
 * and help texts and error messages list them. Ends with an entry whose name is NULL. Several names may have
 * one value; the first of them is the one that is printed.
 *
 *	static const struct nvb_choice isolation_choices[] = {
 *		{"shared", ISOLATION_SHARED}, {"exclusive", ISOLATION_EXCLUSIVE}, {NULL}};
 */
struct nvb_choice {
	const char *name;
	int value;
};

/*
 * Finds `word` in the table. Otherwise NVB_ERR_INVALID: "<what>: no such value 'exclusiv'; one of shared,
 * exclusive", with the nearest name as the hint.
 */
int nvb_choice_parse(
	const struct nvb_choice *choices, const char *word, const char *what, int *out, nvb_error **err);

/* The name of a value, or NULL when the table has none. */
const char *nvb_choice_name(const struct nvb_choice *choices, int value);

/* The names as one list ("shared, exclusive"); malloc'd, NULL without memory. */
char *nvb_choice_list(const struct nvb_choice *choices, const char *separator);

#endif
