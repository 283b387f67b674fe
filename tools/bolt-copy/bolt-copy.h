/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_BOLT_COPY_H
#define TOOLS_BOLT_COPY_H

#include <stdbool.h>

#include "base/error.h"

/*
 * One end of `bolt capsule cp`: files to a tar archive on standard output, or the other way round. A program
 * of its own, since it is libarchive that does it. bolt hands the open directories over; where one of them is
 * a capsule's, this process has made the capsule's root its own before it touches a name, so whatever links
 * the capsule has or makes meanwhile lead to its own files.
 */
enum {
	COPY_DIRECTORY = 3, /* the directory to work in */
	COPY_ROOT = 4,	    /* with --rooted: the root to be locked into */
};

/* What stands in the directory under this name, with all that is below it. `follow`: what a link leads to. */
int copy_pack(const char *name, bool follow, nvb_error **err);

/* `as`: instead of the first part of every name; NULL: as they are. `owners`: as the archive names them. */
int copy_place(const char *as, bool owners, bool rooted, nvb_error **err);

/* Leaves of an entry's extended attributes those that go along: user.*, and with `capabilities` a program's. False
 * without memory. */
struct archive_entry;
bool copy_filter_attributes(struct archive_entry *entry, bool capabilities);

#endif
