/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BOLTFILE_VALUES_H
#define NVB_BOLTFILE_VALUES_H

#include "boltfile/keys.h"

/* Reading one value by its row's type, for the files of this directory. */

struct boltfile_reader {
	struct nvb_boltfile *file;
	const struct nvb_boltfile_variables *variables;
	nvb_error **err;
};

/* Reads `v` into the field that the row names in `base`, the struct of its scope. */
int nvb_boltfile_read_value(struct boltfile_reader *r, const struct boltfile_key *key,
	const struct nvb_toml_value *v, void *base);

/* A string with its variables. */
int nvb_boltfile_text(struct boltfile_reader *r, const struct nvb_toml_value *v, const char **out);
/* The same of a string, an integer, a float or a boolean. */
int nvb_boltfile_scalar(struct boltfile_reader *r, const struct nvb_toml_value *v, const char **out);
/* Appends to a list that grows in the arena. */
struct boltfile_list {
	char **items;
	size_t count, capacity;
};
int nvb_boltfile_append(struct boltfile_reader *r, struct boltfile_list *list, const char *text);
/* A list of any length, NULL-terminated. */
int nvb_boltfile_finish(struct boltfile_reader *r, struct boltfile_list *list, char ***out);

/* Remembers something that the user should know, at a place in the file. */
int nvb_boltfile_note(struct boltfile_reader *r, unsigned line, unsigned column, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* What projects and capsules may be called. */
bool nvb_boltfile_is_name(const char *s);

/* Puts the value's place before an error that has none yet. */
int nvb_boltfile_place(struct boltfile_reader *r, const struct nvb_toml_value *v, int rc);

/* lists.c: the kinds of lists that have a form of their own. */
int nvb_boltfile_read_pairs(
	struct boltfile_reader *r, const struct nvb_toml_value *v, bool name_alone, char ***out);
int nvb_boltfile_read_depends(struct boltfile_reader *r, const struct nvb_toml_value *v, char ***out);
int nvb_boltfile_read_limits(struct boltfile_reader *r, const struct nvb_toml_value *v, char ***out);
int nvb_boltfile_read_volumes(struct boltfile_reader *r, const struct nvb_toml_value *v, char ***out);
int nvb_boltfile_read_ports(struct boltfile_reader *r, const struct nvb_toml_value *v, char ***out);
int nvb_boltfile_read_devices(struct boltfile_reader *r, const struct nvb_toml_value *v, char ***out);

/* words.c: cuts a line into words as a shell does ('...', "...", backslash), without anything else of a
 * shell. Appends to the list. */
int nvb_boltfile_split(struct boltfile_reader *r, const char *line, struct boltfile_list *list);

#endif
