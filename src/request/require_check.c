/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "request/require.h"

/* A container's requirements against this host, GPU by GPU. */

struct check {
	const struct nvb_asked *asked;
	const struct nvb_inventory *inventory;
	const struct nvb_log *log;
	nvb_error **err;
};

static struct nvb_facts facts_of(const struct nvb_inventory *inventory, const struct nvb_gpu *gpu)
{
	struct nvb_facts facts = {.driver = inventory->driver.version};

	/* The kernel module's is the one NVIDIA compares; the libraries' is as good where it is not known. */
	if (inventory->driver.module_version)
		facts.driver = inventory->driver.module_version;
	if (facts.driver)
		facts.has_cuda = nvb_cuda_of_driver(facts.driver, &facts.cuda, &facts.cuda_at_least);
	if (!gpu)
		return facts;
	if (gpu->compute_major >= 0) {
		facts.arch =
			(struct nvb_two_numbers){(uint32_t)gpu->compute_major, (uint32_t)gpu->compute_minor};
		facts.has_arch = true;
	} else {
		facts.has_arch = nvb_compute_of_device(gpu->device_id, &facts.arch);
	}
	facts.brands = gpu->name ? nvb_brands_of_name(gpu->name) : NULL;
	return facts;
}

/* strconv.ParseBool's words: whoever wrote one for NVIDIA's toolkit wrote one of these. */
static int is_disabled(const struct check *check, bool *disabled)
{
	static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True", NULL};
	static const char *const no[] = {"", "0", "f", "F", "false", "FALSE", "False", NULL};
	const char *value = nvb_asked_variable(check->asked, "NVIDIA_DISABLE_REQUIRE");

	*disabled = value && nvb_strv_contains((char *const *)yes, value);
	if (!value || *disabled || nvb_strv_contains((char *const *)no, value))
		return 0;
	return nvb_hint(check->err,
		nvb_fail(check->err, NVB_ERR_INVALID,
			"NVIDIA_DISABLE_REQUIRE: '%s' is neither true nor false", value),
		"use 1 or 0");
}

/* ", GPU 0 is of brand tesla or nvidia", as far as there is room */
static void list_brands(const struct nvb_gpu *gpu, const char *const *brands, char *text, size_t size)
{
	size_t n = (size_t)snprintf(text, size, ", GPU %u is of brand", gpu->index);

	for (const char *const *brand = brands; *brand && n < size; brand++)
		n += (size_t)snprintf(text + n, size - n, "%s %s", brand == brands ? "" : " or", *brand);
}

static int unmet(const struct check *check, const char *name, const char *expression,
	const struct nvb_facts *facts, const struct nvb_gpu *gpu)
{
	size_t n = strcspn(expression, " ");
	char cuda[32] = "no known version", arch[64] = "", brands[96] = "";
	int shown = n > 80 ? 80 : (int)n, rc;

	if (facts->has_cuda)
		snprintf(cuda, sizeof(cuda), "%u.%u", facts->cuda.major, facts->cuda.minor);
	if (gpu && facts->has_arch)
		snprintf(arch, sizeof(arch), ", GPU %u is of arch %u.%u", gpu->index, facts->arch.major,
			facts->arch.minor);
	if (gpu && facts->brands)
		list_brands(gpu, facts->brands, brands, sizeof(brands));
	rc = nvb_fail(check->err, NVB_ERR_UNSUPPORTED,
		"%s is not met: it wants %.*s%s, this host has CUDA %s by driver %s%s%s", name, shown,
		expression, expression[n] || n > 80 ? " ..." : "", cuda,
		facts->driver ? facts->driver : "of no known version", arch, brands);
	return nvb_hint(check->err, rc,
		"install a newer driver, take an image made for this one, or set NVIDIA_DISABLE_REQUIRE=1");
}

static int check_one(
	const struct check *check, const char *name, const char *expression, const struct nvb_gpu *gpu)
{
	const struct nvb_facts facts = facts_of(check->inventory, gpu);
	enum nvb_verdict verdict;
	int rc = nvb_require_judge(expression, &facts, &verdict, check->err);

	if (rc < 0)
		return nvb_wrap(check->err, rc, "%s", name);
	if (verdict == NVB_REFUSED)
		return unmet(check, name, expression, &facts, gpu);
	if (verdict == NVB_UNKNOWN && gpu)
		nvb_warning(
			check->log, "%s cannot be judged for GPU %u and is taken for met", name, gpu->index);
	return 0;
}

static int check_gpus(const struct check *check, const char *name, const char *expression,
	const struct nvb_device *devices, size_t count)
{
	int rc = count ? 0 : check_one(check, name, expression, NULL);

	for (size_t i = 0; rc == 0 && i < count; i++)
		if (i == 0 ||
			devices[i].gpu != devices[i - 1].gpu) /* MIG devices of one GPU follow each other */
			rc = check_one(check, name, expression, devices[i].gpu);
	return rc;
}

/* "8.0.61" of an image that says nothing else is cuda>=8.0. */
static int check_legacy(const struct check *check, const struct nvb_device *devices, size_t count)
{
	const char *version = nvb_asked_variable(check->asked, "CUDA_VERSION");
	const char *dot = strchr(version, '.');
	size_t n = dot ? (size_t)(dot - version) + 1 : strlen(version);
	char expression[64];

	n += dot ? strspn(dot + 1, "0123456789") : 0;
	snprintf(expression, sizeof(expression), "cuda>=%.*s", (int)(n > 40 ? 40 : n), version);
	return check_gpus(check, "CUDA_VERSION", expression, devices, count);
}

int nvb_require_check(const struct nvb_asked *asked, const struct nvb_asked_rules *rules,
	const struct nvb_request *request, const struct nvb_inventory *inventory, const struct nvb_log *log,
	nvb_error **err)
{
	const struct check check = {.asked = asked, .inventory = inventory, .log = log, .err = err};
	_cleanup_free_ struct nvb_device *devices = NULL;
	bool disabled = false;
	size_t count = 0;
	int rc = is_disabled(&check, &disabled);

	if (rc < 0 || disabled || !rules->requirements)
		return rc;
	rc = nvb_request_resolve(request, inventory, &devices, &count, err);
	for (size_t i = 0; rc == 0 && i < asked->environment_count; i++) {
		const struct nvb_pair *variable = &asked->environment[i];

		/* JetPack's are for Tegra's files and no conditions. */
		if (nvb_after(variable->name, "NVIDIA_REQUIRE_") &&
			!nvb_after(variable->name, "NVIDIA_REQUIRE_JETPACK") &&
			variable->value == nvb_asked_variable(asked, variable->name))
			rc = check_gpus(&check, variable->name, variable->value, devices, count);
	}
	if (rc == 0 && nvb_asked_is_legacy(asked))
		rc = check_legacy(&check, devices, count);
	return rc;
}
