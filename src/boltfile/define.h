/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BOLTFILE_DEFINE_H
#define NVB_BOLTFILE_DEFINE_H

#include "boltfile/boltfile.h"
#include "capsule/definition.h"

/* From a service to the definition of its capsule, through the functions that check the words of the command
 * line. Nothing of a GPU is looked at yet. */

/* What the capsules of a project are known by. */
#define NVB_LABEL_PROJECT "bolt.project"
#define NVB_LABEL_SERVICE "bolt.service"
#define NVB_LABEL_NUMBER  "bolt.number"
#define NVB_LABEL_HASH	  "bolt.definition" /* of the definition without this label */

/* What of the host a definition depends on. */
struct nvb_define_host {
	const char *data; /* directory below which volumes lie: <data>/volumes/NAME */
	bool wsl2;
};

/* How many capsules the service is to have. */
unsigned nvb_service_replicas(const struct nvb_service *service);

/*
 * Fills in the definition, which nvb_capsule_definition_init made, of number `number` (from 1) of the
 * service's capsules. Errors have the place in the file.
 */
int nvb_service_define(const struct nvb_boltfile *file, const struct nvb_service *service, unsigned number,
	const struct nvb_define_host *host, struct nvb_capsule_definition *definition, nvb_error **err);

/* Puts the place of a field of the service (its offset), and the service, before what another module had to
 * say: `rc`, which is returned. */
int nvb_service_error_at(const struct nvb_boltfile *file, const struct nvb_service *service, size_t field,
	int rc, nvb_error **err);

/*
 * Whether all services that are wanted (NULL: all of the file) can be defined, and the profiles they name are
 * here (`installed`: as of nvb_profiles_apply): what is wrong with one is told before another is touched.
 */
int nvb_boltfile_check_services(const struct nvb_boltfile *file, const struct nvb_define_host *host,
	const char *installed, const bool *wanted, nvb_error **err);

/* "PROJECT-NAME", or what the file calls it otherwise; in the arena, NULL without memory. `name` may be
 * "default", which need not be in the file. */
const char *nvb_boltfile_part_name(const struct nvb_boltfile *file, const struct nvb_boltfile_parts *parts,
	const char *name, struct nvb_arena *arena);
const struct nvb_boltfile_part *nvb_boltfile_part(const struct nvb_boltfile_parts *parts, const char *name);

/* Notes on keys that have no effect on a host such as this one, as lines like those of the file's own notes;
 * a new vector. */
int nvb_boltfile_host_notes(
	const struct nvb_boltfile *file, const struct nvb_define_host *host, char ***notes, nvb_error **err);

#endif
