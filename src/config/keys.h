/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CONFIG_KEYS_H
#define NVB_CONFIG_KEYS_H

#include "config/config.h"

/* The table of keys, for the files of this directory. */
enum config_type {
	CONFIG_ROOT,	    /* a directory for all four roots */
	CONFIG_DIRECTORY,   /* char *, absolute */
	CONFIG_FILE,	    /* char *, absolute */
	CONFIG_DIRECTORIES, /* char **, absolute */
	CONFIG_PROGRAMS,    /* char **, names or absolute paths, at least one */
	CONFIG_WORDS,	    /* char **, none of them empty */
	CONFIG_FLAG,	    /* bool */
	CONFIG_LEVEL,
	CONFIG_FORMAT,
	CONFIG_LAYOUT,
	CONFIG_CAPABILITIES, /* unsigned, enum nvb_capability bits */
};

struct config_key {
	const char *section, *name;
	enum config_type type;
	size_t offset; /* in struct nvb_config */
	const char *help;
};

extern const struct config_key nvb_config_table[];
extern const size_t nvb_config_table_size;

#endif
