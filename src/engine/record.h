/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_ENGINE_RECORD_H
#define NVB_ENGINE_RECORD_H

#include "base/str.h"

#include "base/error.h"

/*
 * What was done to one configuration file, so that it can be undone: the text as it was and as it was left,
 * and every value with what stood in its place. One directory per file, "<name>-<hash of its path>", with
 * record.toml, original (the backup; absent when there was no file) and written.
 */
struct engine_change {
	char **path;
	char *value; /* what we set */
	char *old;   /* what stood there; NULL: nothing */
};

struct engine_record {
	char *file;   /* absolute, links resolved */
	char *engine; /* its name */
	bool existed; /* there was a file */
	char *original, *written;
	size_t original_size, written_size;
	char **directories; /* that were made for the file, outermost first */
	struct engine_change *changes;
	size_t change_count, change_capacity;
	char ***tables; /* paths of the tables that were made, outer ones first */
	size_t table_count, table_capacity;
};

/* The directory of a file's record; malloc'd. */
int engine_record_directory(const char *state_directory, const char *file, char **directory, nvb_error **err);

/* 1 when there is a record, 0 when there is none. */
int engine_record_read(struct engine_record *record, const char *directory, nvb_error **err);
int engine_record_write(const struct engine_record *record, const char *directory, nvb_error **err);
int engine_record_remove(const char *directory, nvb_error **err);
void engine_record_release(struct engine_record *record);
#define _cleanup_engine_record_ _cleanup_(engine_record_release)

/* Adds a change (or renews the value of one that is there) and a table (once). False without memory. */
bool engine_record_change(
	struct engine_record *record, const char *const *path, const char *value, const char *old);
bool engine_record_table(struct engine_record *record, const char *const *path, size_t depth);
/* Forgets what was changed, not what the file was. */
void engine_record_clear(struct engine_record *record);

/* Files that have a record of that engine; NULL-terminated, malloc'd, NULL when there are none. */
int engine_record_files(const char *state_directory, const char *engine, char ***files, nvb_error **err);

/* Where records are kept: /var/lib/nvbind/engine, or below XDG_STATE_HOME for other users than root.
 * malloc'd. */
int engine_state_directory(char **directory, nvb_error **err);

#endif
