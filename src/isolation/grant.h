/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_ISOLATION_GRANT_H
#define NVB_ISOLATION_GRANT_H

#include "isolation/isolation.h"
#include "mig/mig.h"
#include "mps/mps.h"

#define NVB_GRANTS "/run/nvbind/grants"

/* What was decided, and what of it exists. */
struct nvb_grant {
	char token[NVB_LEASE_TOKEN];
	struct nvb_request *request; /* what to plan with */
	char *directory;	     /* of the grant, on the host */
	bool mps;
	struct nvb_mps_process daemon; /* once it runs */
	char *program, *library_path;  /* of MPS */
	char **uuids;		       /* of the GPUs that MPS serves */
	bool mig;		       /* a MIG device that find_or_create gave */
	struct nvb_mig_grant device;
	struct nvb_mig *session; /* of a preview */
	struct nvb_lease *lease; /* of the MIG device, taken with it; NULL: not yet, or given on */
	bool recorded;
};

/* A grant on disk: lines of a key and its value. Root's. */
struct nvb_grant_record {
	char *container;	       /* its name in the lease */
	char *mode;		       /* "shared", ... */
	char *program, *library_path;  /* an MPS daemon's; NULL: none */
	struct nvb_mps_process daemon; /* no number: it was not started yet */
	char *mig_pci;		       /* of a MIG device that was made; NULL: none */
	uint32_t mig_gi, mig_ci;
	bool making;  /* killed in between, it may have made a MIG device that no record names */
	char *limits; /* a JSON array on one line */
};
void nvb_grant_record_release(struct nvb_grant_record *record);
#define _cleanup_grant_record_ _cleanup_(nvb_grant_record_release)

char *nvb_grant_record_format(const struct nvb_grant_record *record);
/* NVB_ERR_CORRUPT when it is none; keys that are not known are a later version's. */
int nvb_grant_record_parse(const char *text, struct nvb_grant_record *record, nvb_error **err);
enum { NVB_GRANT_RECORD_MAX = 1 << 16 };

/* <dev root>/run/nvbind/grants, with a name below it or NULL; malloc'd. */
char *nvb_grant_path(const struct nvb_root *dev, const char *name);

/* The limits that the plan's request was granted, as a JSON array on one line; malloc'd. */
char *nvb_grant_limits_json(const struct nvb_request *request);

/* The ways. Each returns 1 when it has granted, 0 when it cannot, with the reason in *why (malloc'd, one
 * clause), or a negated code. */
struct nvb_decision {
	const struct nvb_request *asked;
	struct nvb_inventory **inventory;
	const struct nvb_isolation_options *options;
	struct nvb_device *devices;
	size_t count;
	struct nvb_grant *grant;
	bool divided; /* one of them is, by MIG, whether into devices or not */
	nvb_error **err;
};
int nvb_grant_by_mig(struct nvb_decision *decision, char **why);
int nvb_grant_by_dmem(struct nvb_decision *decision, char **why);
int nvb_grant_by_mps(struct nvb_decision *decision, char **why);

/* Writes the record; the first time it makes the grant's directory. */
int nvb_grant_write(struct nvb_grant *grant, const struct nvb_grant_record *record, nvb_error **err);

/* Locks the grant's directory against sweeps until the descriptor is closed. */
int nvb_grant_lock(const struct nvb_grant *grant);

/* Makes `gpu`'s devices the request's selectors in place of those that were asked for. */
int nvb_grant_select(struct nvb_grant *grant, const char *selector, nvb_error **err);

#endif
