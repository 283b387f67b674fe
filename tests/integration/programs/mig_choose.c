/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A part of a GPU as virtual isolation gets it:
 *
 *	mig-choose MEMORY_MB PERCENT strict|up|down [create] [GPU|any [hold SECONDS]]
 *	mig-choose back PCI GI CI
 *
 * Prints "GPU PROFILE GI CI old|new UUID" and, with hold, keeps an exclusive lease on it. NVBIND_ROOT is the
 *host.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lease/lease.h"
#include "mig/mig.h"

static int fail(nvb_error *err)
{
	const char *hint = nvb_error_hint(err);

	fprintf(stderr, "%s%s%s%s\n", nvb_error_message(err), hint ? " (" : "", hint ? hint : "",
		hint ? ")" : "");
	return (int)nvb_error_code(err);
}

static int hold(const struct nvb_inventory *inventory, const struct nvb_mig_grant *grant, nvb_error **err)
{
	static const struct nvb_lease_holder holder = {.engine = "mig-choose", .container = "test"};
	char key[128], parent[64];
	struct nvb_lease_device device = {.key = key, .parent = parent};
	struct nvb_lease_devices devices = {.list = &device, .count = 1};
	struct nvb_lease *lease = NULL;

	snprintf(parent, sizeof(parent), "%s", grant->pci);
	snprintf(key, sizeof(key), "%s-gi%u-ci%u", grant->pci, grant->gi, grant->ci);
	return nvb_lease_take(&inventory->roots.dev, &devices, NVB_LEASE_EXCLUSIVE, &holder, &lease, err);
}

static unsigned number(const char *text)
{
	return (unsigned)strtoul(text, NULL, 10);
}

static int choose(struct nvb_inventory *inventory, int argc, char **argv, nvb_error **err)
{
	_cleanup_mig_ struct nvb_mig *mig = NULL;
	bool create = argc > 4 && strcmp(argv[4], "create") == 0;
	uint32_t gpu = argc > 5 && strcmp(argv[5], "any") != 0 ? number(argv[5]) : UINT32_MAX;
	struct nvb_mig_wish wish = {.memory = (uint64_t)number(argv[1]) * 1000000,
		.compute_percent = number(argv[2]),
		.fit = strcmp(argv[3], "strict") == 0 ? NVB_MIG_STRICT
		       : strcmp(argv[3], "up") == 0   ? NVB_MIG_UP
						      : NVB_MIG_DOWN,
		.gpus = gpu == UINT32_MAX ? NULL : &gpu,
		.gpu_count = gpu != UINT32_MAX,
		.may_create = create};
	struct nvb_mig_grant grant;
	int rc = nvb_mig_open(inventory, true, NULL, &mig, err);

	if (rc == 0)
		rc = nvb_mig_find_or_create(mig, &wish, &grant, err);
	if (rc == 0 && argc > 7)
		rc = hold(inventory, &grant, err);
	if (rc < 0)
		return rc;
	printf("%u %s %u %u %s %s\n", grant.gpu, grant.profile, grant.gi, grant.ci,
		grant.created ? "new" : "old", grant.uuid);
	fflush(stdout);
	nvb_mig_close(mig);
	mig = NULL;
	if (argc > 7)
		sleep(number(argv[7]));
	return 0;
}

static int back(struct nvb_inventory *inventory, char **argv, nvb_error **err)
{
	_cleanup_mig_ struct nvb_mig *mig = NULL;
	int rc = nvb_mig_open(inventory, true, NULL, &mig, err);

	return rc < 0 ? rc : nvb_mig_give_back(mig, argv[2], number(argv[3]), number(argv[4]), err);
}

int main(int argc, char **argv)
{
	const struct nvb_inventory_options options = {.size = sizeof(options), .root = getenv("NVBIND_ROOT")};
	_cleanup_error_ nvb_error *err = NULL;
	struct nvb_inventory *inventory = NULL;
	int rc;

	if (argc < 4)
		return 2;
	rc = nvb_inventory_load(&options, &inventory, &err);
	if (rc == 0 && strcmp(argv[1], "back") == 0 && argc == 5)
		rc = back(inventory, argv, &err);
	else if (rc == 0)
		rc = choose(inventory, argc, argv, &err);
	nvb_inventory_free(inventory);
	return rc < 0 ? fail(err) : 0;
}
