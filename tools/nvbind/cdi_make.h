/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_TOOL_CDI_MAKE_H
#define NVBIND_TOOL_CDI_MAKE_H

#include "cdi/recipe.h"
#include "inventory/inventory.h"
#include "nvbind/log.h"
#include "plan/plan.h"

/* Making a spec from its recipe: what generate does first and refresh again; status and diff only look. */

/* Inventories of the hosts that recipes name, each loaded once. Zero-initialise. */
struct cdi_host {
	char *roots; /* all of them, as one key */
	struct nvb_inventory *inventory;
};
struct cdi_hosts {
	struct cdi_host *items;
	size_t count, capacity;
	const struct nvb_log *log;
};
void cdi_hosts_release(struct cdi_hosts *hosts);
#define _cleanup_hosts_ _cleanup_(cdi_hosts_release)

/* The inventory of the host that a recipe names; it stays the list's. */
int cdi_host_of(struct cdi_hosts *hosts, const struct nvb_cdi_recipe *recipe,
	struct nvb_inventory **inventory, nvb_error **err);

/* The directories that a recipe takes for "/": driver, dev, proc, sys. */
void cdi_recipe_roots(const struct nvb_cdi_recipe *recipe, const char *roots[static 4]);

/* Puts the roots in force into a recipe, so that it means the same in another environment. */
int cdi_recipe_take_roots(struct nvb_cdi_recipe *recipe, nvb_error **err);

/* A spec that was made, and what it borrows from. */
struct cdi_made {
	struct nvb_cdi_spec spec;
	struct nvb_plan *plan;
	char *hook, *line;
	char *tree; /* host path of the driver tree it names, or NULL */
	enum nvb_cdi_format format;
};
void cdi_made_release(struct cdi_made *made);
#define _cleanup_made_ _cleanup_(cdi_made_release)

/*
 * Makes the spec. `touch` false: nothing on the host is made for it, so that the driver tree it names may not
 * be there. *made must be zeroed. Errors: those of the inventory, the planner and nvb_cdi_write;
 * NVB_ERR_INVALID for a recipe with a value that is none.
 */
int cdi_make(struct cdi_made *made, struct cdi_hosts *hosts, const struct nvb_cdi_recipe *recipe,
	enum nvb_cdi_format format, bool touch, nvb_error **err);

/* The file's text, the recipe included; malloc'd. */
int cdi_made_text(const struct cdi_made *made, char **text, size_t *size, nvb_error **err);

/* "auto", "gds" ...; index, uuid: the values of the options. */
extern const struct nvb_choice cdi_mode_choices[];
int cdi_naming_parse(const char *list, unsigned *naming, nvb_error **err);

#endif
