/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What GPUs are here, and what of bolt works with them.
 *
 *	cc gpus.c $(pkg-config --cflags --libs nvbind) -o gpus
 *	./gpus [ROOT]		ROOT: a simulated machine instead of this one
 */
#include <stdio.h>
#include <stdlib.h>

#include <nvbind/bolt.h>

/* Every failure is a code, a sentence, and perhaps what to do about it. */
static int fail(nvb_error *error)
{
	const char *hint = nvb_error_hint(error);

	fprintf(stderr, "gpus: %s%s%s%s\n", nvb_error_message(error), hint ? " (" : "", hint ? hint : "",
		hint ? ")" : "");
	nvb_error_free(error);
	return 1;
}

int main(int argc, char **argv)
{
	struct nvb_inventory_options host = {.size = sizeof(host), .root = argc > 1 ? argv[1] : NULL};
	struct nvb_bolt_config config = {.size = sizeof(config), .inventory = &host};
	struct nvb_bolt_compatibility compatibility = {.size = sizeof(compatibility)};
	struct nvb_gpu_info *gpus;
	nvb_manager *manager;
	nvb_error *error = NULL;
	size_t count;

	if (nvb_manager_new(argc > 1 ? &config : NULL, &manager, &error) < 0)
		return fail(error);
	if (nvb_manager_gpus(manager, &gpus, &count, &error) < 0 ||
		nvb_manager_bolt_compatibility(manager, &compatibility, &error) < 0)
		return fail(error);
	for (size_t i = 0; i < count; i++)
		printf("GPU %u: %s, %s, %s\n", gpus[i].index, gpus[i].name ? gpus[i].name : "of unknown make",
			gpus[i].uuid ? gpus[i].uuid : "no UUID yet", gpus[i].pci_address);
	if (compatibility.compatible)
		printf("bolt can give %zu GPUs, driver %s\n", compatibility.gpu_count,
			compatibility.driver_version);
	else
		printf("bolt can give none: %s\n", compatibility.reason);

	/* What is missing comes with the reason. */
	for (unsigned bit = NVB_BOLT_GPUS; bit <= NVB_BOLT_CAPSULES; bit <<= 1) {
		enum nvb_bolt_feature feature = (enum nvb_bolt_feature)bit;
		char *reason;

		if (nvb_manager_missing_feature(manager, feature, &reason, &error) < 0)
			return fail(error);
		printf("%-16s %s\n", nvb_bolt_feature_name(feature), reason ? reason : "yes");
		free(reason);
	}
	free(gpus);
	nvb_manager_free(manager);
	return 0;
}
