/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_MIG_FILE_H
#define NVB_MIG_FILE_H

#include "base/mem.h"
#include "mig/change.h"

/*
 * Files that say how GPUs shall be divided: mig-parted's (NVIDIA/mig-parted, api/spec/v1), in YAML or JSON as
 * they are, or the same keys in TOML:
 *
 *	version: v1			version = "v1"
 *	mig-configs:
 *	  balanced:			[[mig-configs.balanced]]
 *	  - devices: all		devices = "all"			# or [0, 2]
 *	    device-filter: 0x233010DE	device-filter = "0x233010DE"	# PCI device and vendor; or a list
 *	    mig-enabled: true		mig-enabled = true
 *	    mig-devices:
 *	      1g.10gb: 2		mig-devices = {"1g.10gb" = 2}
 *
 * For each GPU the last rule of a configuration that is about it counts; a GPU that no rule is about stays as
 * it is, and "all" means those that can be divided.
 */
struct nvb_mig_wanted {
	const char *name; /* "1c.3g.40gb" */
	uint32_t count;
};

struct nvb_mig_rule {
	unsigned line;
	bool all;
	uint32_t *devices; /* else these */
	size_t device_count;
	uint32_t *filters; /* none: any card */
	size_t filter_count;
	bool enabled;
	struct nvb_mig_wanted *wanted;
	size_t wanted_count;
};

struct nvb_mig_config {
	const char *name;
	unsigned line;
	struct nvb_mig_rule *rules;
	size_t rule_count;
};

struct nvb_mig_file {
	struct nvb_arena arena;
	const char *name;
	struct nvb_mig_config *configs;
	size_t config_count;
};
void nvb_mig_file_release(struct nvb_mig_file *file);
#define _cleanup_mig_file_ _cleanup_(nvb_mig_file_release)

/* TOML when `name` ends in ".toml", else YAML. One line "<name>:<line>: <what>" for a mistake. */
int nvb_mig_file_parse(
	struct nvb_mig_file *file, const char *data, size_t size, const char *name, nvb_error **err);

/* Of that name; NULL: the only one. NVB_ERR_NOT_FOUND lists what there is. */
int nvb_mig_file_choose(const struct nvb_mig_file *file, const char *name,
	const struct nvb_mig_config **config, nvb_error **err);

/*
 * Appends the steps that make it so. `mode_only`: modes alone. A device that is named and cannot be divided,
 * a profile that a card has not and profiles that do not fit together are refused, with what would fit; a
 * device that is not there is warned about.
 */
int nvb_mig_file_plan(const struct nvb_mig *mig, const struct nvb_mig_file *file,
	const struct nvb_mig_config *config, bool mode_only, struct nvb_mig_change *change, nvb_error **err);

#endif
