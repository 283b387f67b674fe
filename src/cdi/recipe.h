/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CDI_RECIPE_H
#define NVB_CDI_RECIPE_H

#include "cdi/model.h"
#include "nvbind/cdi.h"

/*
 * How a spec was made, kept in the spec itself, so that it can be made again: the command line of 'nvbind cdi
 * generate' with what was asked for and the roots that were in force. It travels with the file when that is
 * copied or renamed, and a person can run it.
 *
 * In YAML it is a comment, which no reader sees and no cdiVersion needs. JSON has no comments: there it is an
 * annotation, if the spec's version has these (0.6.0); a lower version is not raised for it, since older
 * engines would not read the spec any more.
 */
struct nvb_cdi_recipe {
	struct nvb_arena arena;
	/* Values of the options, as they were written; NULL: the option's default. */
	const char *mode, *channels, *vendor, *class, *naming, *version, *layout, *tree_directory, *hook,
		*capabilities, *profile;
	const char *root;					   /* NULL: "/" */
	const char *driver_root, *dev_root, *proc_root, *sys_root; /* NULL: `root` */
	const char *library_path;				   /* joined by ':' */
};

void nvb_cdi_recipe_release(struct nvb_cdi_recipe *recipe);
#define _cleanup_recipe_ _cleanup_(nvb_cdi_recipe_release)

/* "nvbind cdi generate --mode gds ..." on one line; malloc'd. NVB_ERR_INVALID for a value that no line of a
 * comment can hold (control characters, bytes that are not UTF-8). */
int nvb_cdi_recipe_format(const struct nvb_cdi_recipe *recipe, char **line, nvb_error **err);

/* The other way. *recipe must be zeroed and is empty after a failure: NVB_ERR_INVALID for anything that
 * nvb_cdi_recipe_format of this version does not write. */
int nvb_cdi_recipe_parse(struct nvb_cdi_recipe *recipe, const char *line, nvb_error **err);

/* Puts a recipe's line into a spec that is about to be written: its annotation for JSON, where the version
 * has these; for YAML nothing. The spec borrows `line`. False without memory. */
bool nvb_cdi_recipe_annotate(struct nvb_cdi_spec *spec, enum nvb_cdi_format format, const char *line);

/* The comment for the head of a YAML file; malloc'd, NULL without memory. */
char *nvb_cdi_recipe_comment(const char *line);

/* The line that a spec carries, malloc'd into *line; NULL: none. `data` is the file's text, `spec` the same
 * parsed, or NULL. -NVB_ERR_NO_MEMORY alone. */
int nvb_cdi_recipe_find(const struct nvb_cdi_spec *spec, const char *data, char **line, nvb_error **err);

#endif
