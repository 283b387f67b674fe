/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BOLTFILE_KEYS_H
#define NVB_BOLTFILE_KEYS_H

#include <stdint.h>

#include "base/choice.h"
#include "boltfile/boltfile.h"

/* The table of keys, for the files of this directory. */

enum key_type {
	/* text (const char *) */
	KEY_TEXT,     /* not empty */
	KEY_NAME,     /* letters, digits, '-', '_', '.' */
	KEY_IMAGE,    /* "NAME[:TAG]", "bolt://NAME", a directory ("/..." or "./...") */
	KEY_CHOICE,   /* one of `choices` */
	KEY_INTEGER,  /* between min and max, or the same as a string */
	KEY_NUMBER,   /* a decimal number or the same as a string */
	KEY_SIZE,     /* bytes, "64m", "1GiB", or an integer */
	KEY_LIMIT,    /* of a GPU's memory: a string with a unit */
	KEY_PERCENT,  /* "80%" */
	KEY_DURATION, /* "30s" */
	KEY_DIRECTORY,
	/* lists (char **) */
	KEY_LIST,    /* of strings */
	KEY_WORDS,   /* a list, or one string that is split as a shell does */
	KEY_TEST,    /* the same, where one string is a line for the shell */
	KEY_PAIRS,   /* a table, or a list of "NAME=VALUE" */
	KEY_FILES,   /* strings, or one */
	KEY_PATHS,   /* files beside the Boltfile, or one */
	KEY_VOLUMES, /* "SOURCE:TARGET[:OPTIONS]" */
	KEY_PORTS,   /* "[IP:]HOST:CAPSULE[/PROTOCOL]", integers too */
	KEY_DEPENDS, /* names, or a table of { condition = "..." } */
	KEY_DEVICES, /* GPUs */
	KEY_NAMES,   /* a list of names, or a table whose keys they are */
	KEY_LIMITS,  /* "NAME=SOFT[:HARD]", or a table */
	/* enum nvb_said */
	KEY_FLAG,
	/* no field */
	KEY_NONE, /* no effect, whatever stands below it */
	KEY_SAME, /* a table that is written elsewhere: `other` is its path */
	KEY_EACH, /* a table whose members the user names */
};

struct boltfile_key {
	const char *path; /* '*' stands for a name of the user's */
	enum key_type type;
	size_t offset; /* in the struct of its scope: file, service, network or volume */
	const char *help;
	const char *without; /* why it has no effect here; NULL: it has one */
	const struct nvb_choice *choices;
	int64_t min, max;
	const char *other;
};

extern const struct boltfile_key nvb_boltfile_table[];
extern const size_t nvb_boltfile_table_size;

/* What users see: "a list of strings". */
const char *nvb_boltfile_type_name(const struct boltfile_key *key);

/* The row of a path; NULL when it has none. */
const struct boltfile_key *nvb_boltfile_key(const char *path);
/* Whether rows stand below it. */
bool nvb_boltfile_has_below(const char *path);
/* "gpu.isolation" for "isolaton" below "services.*": the first key of a table there that is like the word;
 * NULL: none. */
const char *nvb_boltfile_nearest_below(const char *path, const char *word);

/* The names directly below a path ("" is the file itself), each once, in the arena; returns how many. */
enum { NVB_BOLTFILE_MOST_BELOW = 96 };
size_t nvb_boltfile_below(
	const char *path, struct nvb_arena *arena, const char *names[static NVB_BOLTFILE_MOST_BELOW]);

extern const struct nvb_choice nvb_boltfile_performance_modes[], nvb_boltfile_conditions[];

#endif
