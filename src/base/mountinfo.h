/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BASE_MOUNTINFO_H
#define NVB_BASE_MOUNTINFO_H

#include <stdbool.h>

/* Lines of /proc/<pid>/mountinfo (proc(5)). */
struct nvb_mountinfo {
	char *id;      /* number of the mount */
	char *device;  /* "0:25": major:minor of the file system */
	char *root;    /* what of the file system is mounted: a path in it */
	char *point;   /* where */
	char *type;    /* "cgroup2" */
	char *options; /* of the file system: "rw,devices" */
	bool shared;   /* what is mounted on it appears in other mount namespaces, too */
};

enum { NVB_MOUNTINFO_MAX = 32 << 20 }; /* bytes that are read of such a file */

/*
 * Takes the next line off the text, which is changed in place; paths are unescaped, strings are part of it.
 * Lines that are none are skipped. False at the end.
 */
bool nvb_mountinfo_next(char **text, struct nvb_mountinfo *mount);

/* Whether a list "rw,devices" has that word. */
bool nvb_mountinfo_has_option(const char *options, const char *word);

#endif
