/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_PROFILE_FIELDS_H
#define NVB_PROFILE_FIELDS_H

#include "base/choice.h"
#include "request/request.h"

/*
 * THE table of what a profile's file may hold besides words about itself, capabilities and variables: it is
 * what the reader accepts, what `nvbind profile show` explains and what docs/profiles.md lists.
 */
enum nvb_field_type {
	NVB_FIELD_SWITCH, /* true, false */
	NVB_FIELD_CHOICE,
	NVB_FIELD_NUMBER, /* min to max */
	NVB_FIELD_SIZE,	  /* "64MiB", more than 0 */
	NVB_FIELD_BYTES,  /* a size or "unlimited" */
	NVB_FIELD_COUNT,  /* a number or "unlimited" */
	NVB_FIELD_KNOB,	  /* as src/knob/value.h has it */
};

struct nvb_profile_field {
	const char *table; /* NULL: of the file itself */
	const char *key;
	enum nvb_setting_kind kind;
	enum nvb_field_type type;
	const struct nvb_choice *choices;
	int64_t min, max;
	const char *effect; /* the setting's reason in a plan */
	const char *reader; /* who acts on it */
	const char *cannot; /* what it cannot do, or NULL */
};

extern const struct nvb_profile_field nvb_profile_fields[];
extern const size_t nvb_profile_field_count;

/* The names of tables, NULL-terminated. */
extern const char *const nvb_profile_tables[];

/* The row of a setting; NULL for variables. */
const struct nvb_profile_field *nvb_profile_field_of(const struct nvb_setting *setting);

/* A setting's value as the file has it: "true", "64 MiB", "fifo"; returns `buffer` or the setting's string.
 */
enum { NVB_SETTING_TEXT = 48 };
const char *nvb_setting_text(const struct nvb_setting *setting, char buffer[static NVB_SETTING_TEXT]);

/* Variables of the environment that a program is known to read. */
struct nvb_variable {
	const char *name;
	const char *reader; /* "Proton", "the driver's OpenGL" */
	const char *effect;
	const char *cannot; /* or NULL */
};

/* The row of that name, or NULL. */
const struct nvb_variable *nvb_variable_find(const char *name);
/* The name of a known variable that is nearly `name`, or NULL. */
const char *nvb_variable_nearest(const char *name);
/* Why a name that people write does nothing, or NULL. */
const char *nvb_variable_invented(const char *name);

/* For the test that docs/profiles.md has them all. */
extern const struct nvb_variable nvb_variables[];
extern const size_t nvb_variable_count;

#endif
