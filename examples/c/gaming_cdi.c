/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CDI spec for competitive games: written where engines look for specs, then used as podman or bolt use it
 * (bolt surge run --cdi-device nvidia.com/gpu-bolt=all ...).
 *
 *	cc gaming_cdi.c $(pkg-config --cflags --libs nvbind) -o gaming_cdi
 *	./gaming_cdi DIRECTORY [ROOT [PROFILES]]	DIRECTORY: /etc/cdi, or another
 */
#include <stdio.h>
#include <stdlib.h>

#include <nvbind/bolt.h>

/* What a setting cannot do is told to the log: a game decides by itself whether it uses VRS. */
static void tell(void *data, enum nvb_log_level level, const char *message)
{
	(void)data;
	fprintf(stderr, "%s%s\n", level <= NVB_LOG_WARNING ? "warning: " : "", message);
}

int main(int argc, char **argv)
{
	static const struct nvb_log log = {.level = NVB_LOG_WARNING, .emit = tell};
	struct nvb_inventory_options host = {.size = sizeof(host), .root = argc > 2 ? argv[2] : NULL};
	struct nvb_bolt_config config = {.size = sizeof(config),
		.inventory = &host,
		.profiles = argc > 3 ? argv[3] : NULL,
		.log = &log};
	struct nvb_bolt_gaming_config game = {
		.size = sizeof(game),
		.profile = NVB_GAMING_COMPETITIVE,
		.dlss_enabled = NVB_OFF,
		.rt_cores_enabled = NVB_OFF,
		.wine_optimizations = NVB_ON,
		.vrs_enabled = NVB_OFF,
	};
	struct nvb_bolt_gaming_gpu_config gpu = {.size = sizeof(gpu)};
	nvb_bolt_cdi_spec *spec = NULL;
	nvb_manager *manager = NULL;
	nvb_error *error = NULL;
	char *path = NULL;
	int rc;

	if (argc < 2) {
		fprintf(stderr, "usage: gaming_cdi DIRECTORY [ROOT [PROFILES]]\n");
		return 2;
	}
	rc = nvb_manager_new(&config, &manager, &error);
	if (rc == 0)
		rc = nvb_bolt_gaming_gpu_config(&game, &gpu, &error);
	if (rc == 0)
		rc = nvb_manager_gaming_cdi_spec(manager, &gpu, &spec, &error);
	if (rc == 0)
		rc = nvb_cdi_spec_write(spec, argv[1], &path, &error);
	if (rc == 0)
		printf("%s: %s\n", path, nvb_cdi_spec_kind(spec));
	else
		fprintf(stderr, "gaming_cdi: %s\n", nvb_error_message(error));
	nvb_error_free(error);
	free(path);
	nvb_cdi_spec_free(spec);
	nvb_manager_free(manager);
	return rc < 0;
}
