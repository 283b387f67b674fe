/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_REQUEST_REQUIRE_H
#define NVB_REQUEST_REQUIRE_H

#include "inventory/derived.h"
#include "request/environment.h"

/*
 * NVIDIA_REQUIRE_*: what an image wants of its host. A space is OR, a comma AND and binds tighter; a
 *condition is a property (cuda, driver, arch, brand), a comparison (= != < <= > >=; brand takes the first
 *two) and a value. Versions compare number by number, absent ones are 0.
 *
 *	cuda>=12.4 brand=tesla,driver>=535,driver<536
 *
 * Source: nvidia-container-cli's requirement language, src/cli/dsl.c of libnvidia-container.
 */

/* What is known of the host and one of its GPUs. */
struct nvb_facts {
	bool has_cuda, cuda_at_least; /* at least: perhaps a newer one */
	struct nvb_two_numbers cuda;
	const char *driver; /* "550.54.15", or NULL unknown */
	bool has_arch;
	struct nvb_two_numbers arch;
	const char *const *brands; /* one of these, or NULL unknown */
};

enum nvb_verdict {
	NVB_REFUSED,
	NVB_UNKNOWN, /* what it turns on is not known of this host */
	NVB_MET,
};

/* Judges one expression. NVB_ERR_INVALID for what is none; an empty one is met. */
int nvb_require_judge(
	const char *expression, const struct nvb_facts *facts, enum nvb_verdict *verdict, nvb_error **err);

/*
 * Checks every requirement of a container for every GPU that it asks for, unless it or the rules switch that
 * off. What cannot be judged counts as met and is said to the log: refusing would stop containers that work.
 * NVB_ERR_UNSUPPORTED names the first requirement that is not met, and what this host has.
 */
int nvb_require_check(const struct nvb_asked *asked, const struct nvb_asked_rules *rules,
	const struct nvb_request *request, const struct nvb_inventory *inventory, const struct nvb_log *log,
	nvb_error **err);

#endif
