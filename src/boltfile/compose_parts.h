/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BOLTFILE_COMPOSE_PARTS_H
#define NVB_BOLTFILE_COMPOSE_PARTS_H

#include "base/mem.h"
#include "base/str.h"
#include "cdi/node.h"

/* What the files of the Compose reader share. */

typedef struct nvb_cdi_node node;

struct compose {
	struct nvb_arena arena;
	const char *file;
	const char *project; /* NULL: not named */
	char **lost;
	nvb_error **err;

	/* Of the service that is being written. */
	const char *service;
	struct nvb_strbuf keys;	  /* its table */
	struct nvb_strbuf tables; /* those below it */
	bool has_network;
	bool oom;
};

/* The map with what it takes over by "<<", its own members first. NULL for what is no map. */
const node *compose_map(struct compose *c, const node *n);
const node *compose_get(struct compose *c, const node *map, const char *key);

/* Elements of a list; 0 for what is none. */
size_t compose_count(const node *n);

/* A scalar's text; NULL for null and for what is none. */
const char *compose_text(const node *n);

/* Says that something is lost: a comment in `out`, and a line for the caller. */
void compose_lose(
	struct compose *c, struct nvb_strbuf *out, const node *at, const char *path, const char *why);

/* Appends a string as TOML: "$NAME" becomes "${NAME}", which is what it means in a Compose file. */
void compose_quote(struct nvb_strbuf *out, const char *text);
/* [KIND.NAME.REST], the name in quotes where it needs them. */
void compose_header(struct nvb_strbuf *out, const char *kind, const char *name, const char *rest);
/* KEY = "text" */
void compose_put(struct nvb_strbuf *out, const char *key, const char *text);
void compose_put_list(struct nvb_strbuf *out, const char *key, char *const *list);

/* "1m30s" as one amount; NULL when it is no duration. */
const char *compose_duration(struct compose *c, const char *text);

/* compose_gpu.c: deploy.resources.reservations.devices, gpus, runtime: nvidia. */
void compose_gpus(struct compose *c, const node *service);
/* compose_lists.c: the lists of a service that have forms of their own. */
void compose_ports(struct compose *c, const node *ports);
void compose_volumes(struct compose *c, const node *volumes);
void compose_networks(struct compose *c, const node *networks);
void compose_depends(struct compose *c, const node *depends);
void compose_health(struct compose *c, const node *health);
void compose_deploy(struct compose *c, const node *deploy);
void compose_logging(struct compose *c, const node *logging);

#endif
