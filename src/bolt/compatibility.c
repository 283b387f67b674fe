/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "bolt/manager.h"

/*
 * What of bolt's GPU side this host can do. Every feature is one row: the function says what is missing for
 * it, in words that a person can act on, or adds nothing.
 */

/* The driver's branch ("570" of "570.133.20"); 0 unknown. */
static unsigned branch(const struct nvb_inventory *inventory)
{
	const char *version =
		inventory->driver.version ? inventory->driver.version : inventory->driver.module_version;
	char digits[12] = "";
	uint32_t number = 0;

	if (version)
		memcpy(digits, version, strnlen(version, sizeof(digits) - 1));
	digits[strspn(digits, "0123456789")] = '\0';
	return nvb_parse_u32(digits, &number) ? number : 0;
}

static bool has_file(const struct nvb_inventory *inventory, const char *rule, unsigned elf_class)
{
	for (size_t i = 0; i < inventory->file_count; i++)
		if (nvb_streq(inventory->files[i].rule, rule) &&
			(!elf_class || inventory->files[i].elf_class == elf_class))
			return true;
	return false;
}

static bool on_wsl(const struct nvb_inventory *inventory)
{
	return inventory->platform == NVB_PLATFORM_WSL2;
}

static void no_gpus(
	const struct nvb_manager *manager, const struct nvb_inventory *inventory, struct nvb_strbuf *why)
{
	const struct nvb_driver *driver = &inventory->driver;

	(void)manager;
	if (driver->kind == NVB_DRIVER_NOUVEAU)
		nvb_sb_add(why, "the GPUs are nouveau's, which has no CUDA and none of NVIDIA's libraries");
	else if (driver->kind == NVB_DRIVER_NONE)
		nvb_sb_add(why, "no NVIDIA driver is loaded");
	else if (driver->mismatch)
		nvb_sb_addf(why, "libraries %s and kernel module %s differ: reboot, or load the module anew",
			driver->version, driver->module_version);
	else if (!inventory->file_count)
		nvb_sb_add(why, "the driver's libraries are not installed");
	else if (!inventory->gpu_count && !on_wsl(inventory))
		nvb_sb_add(why, "the driver serves no GPU");
}

static void no_selection(
	const struct nvb_manager *manager, const struct nvb_inventory *inventory, struct nvb_strbuf *why)
{
	no_gpus(manager, inventory, why);
	if (!why->len && on_wsl(inventory))
		nvb_sb_add(why, "under WSL2 all GPUs come through one device");
}

/* A library of the driver that must be there; under WSL2 it is in the driver store, which comes whole. */
static void need(
	const struct nvb_inventory *inventory, const char *rule, const char *what, struct nvb_strbuf *why)
{
	if (!why->len && !on_wsl(inventory) && !has_file(inventory, rule, 64))
		nvb_sb_addf(why, "%s is not installed", what);
}

static void no_compute(
	const struct nvb_manager *manager, const struct nvb_inventory *inventory, struct nvb_strbuf *why)
{
	no_gpus(manager, inventory, why);
	need(inventory, "lib.cuda", "the driver's libcuda", why);
}

static void no_graphics(
	const struct nvb_manager *manager, const struct nvb_inventory *inventory, struct nvb_strbuf *why)
{
	no_gpus(manager, inventory, why);
	need(inventory, "lib.GLX_nvidia", "the driver's libGLX_nvidia (OpenGL and Vulkan)", why);
}

static void no_ray_tracing(
	const struct nvb_manager *manager, const struct nvb_inventory *inventory, struct nvb_strbuf *why)
{
	no_gpus(manager, inventory, why);
	if (!why->len && on_wsl(inventory))
		nvb_sb_add(
			why, "under WSL2 graphics go through Mesa, which has none of NVIDIA's ray tracing");
	need(inventory, "lib.nvidia-rtcore", "the driver's libnvidia-rtcore", why);
}

static void no_dlss(
	const struct nvb_manager *manager, const struct nvb_inventory *inventory, struct nvb_strbuf *why)
{
	no_gpus(manager, inventory, why);
	if (!why->len && on_wsl(inventory))
		nvb_sb_add(why, "under WSL2 graphics go through Mesa, which has no DLSS");
	need(inventory, "lib.nvidia-ngx", "the driver's libnvidia-ngx", why);
}

static void no_32bit(
	const struct nvb_manager *manager, const struct nvb_inventory *inventory, struct nvb_strbuf *why)
{
	no_gpus(manager, inventory, why);
	if (!why->len && !has_file(inventory, "lib.GLX_nvidia", 32))
		nvb_sb_add(why, "the driver's 32-bit libraries are not installed");
}

static void no_video(
	const struct nvb_manager *manager, const struct nvb_inventory *inventory, struct nvb_strbuf *why)
{
	no_gpus(manager, inventory, why);
	need(inventory, "lib.nvcuvid", "the driver's libnvcuvid", why);
}

static void no_mig(
	const struct nvb_manager *manager, const struct nvb_inventory *inventory, struct nvb_strbuf *why)
{
	no_selection(manager, inventory, why);
	for (size_t i = 0; i < inventory->gpu_count; i++)
		if (inventory->gpus[i].mig_count)
			return;
	if (!why->len)
		nvb_sb_add(why, "no GPU is divided into MIG devices");
}

/* Source: cuda-checkpoint's README (toggle since 550), CUDA Driver API (cuCheckpointProcess* since 570). */
static void no_snapshots(
	const struct nvb_manager *manager, const struct nvb_inventory *inventory, struct nvb_strbuf *why)
{
	enum { FIRST_BRANCH = 570 };

	no_compute(manager, inventory, why);
	if (why->len)
		return;
	if (on_wsl(inventory))
		nvb_sb_add(why, "under WSL2 the driver cannot save the state of GPUs");
	else if (branch(inventory) < FIRST_BRANCH)
		nvb_sb_addf(why, "driver %s: saving the state of GPUs began with 570",
			inventory->driver.version ? inventory->driver.version : "of unknown version");
}

/* Source: CUDA 12.4 release notes; its driver is 550. */
static void no_green(
	const struct nvb_manager *manager, const struct nvb_inventory *inventory, struct nvb_strbuf *why)
{
	enum { FIRST_BRANCH = 550 };

	no_compute(manager, inventory, why);
	if (!why->len && !on_wsl(inventory) && branch(inventory) < FIRST_BRANCH)
		nvb_sb_addf(why, "driver %s: green contexts began with 550",
			inventory->driver.version ? inventory->driver.version : "of unknown version");
}

static void no_capsules(
	const struct nvb_manager *manager, const struct nvb_inventory *inventory, struct nvb_strbuf *why)
{
	(void)inventory;
	if (access(manager->bolt, X_OK) < 0)
		nvb_sb_addf(why, "bolt is not installed: %s is not there", manager->bolt);
}

static const struct {
	enum nvb_bolt_feature feature;
	const char *name;
	void (*missing)(const struct nvb_manager *manager, const struct nvb_inventory *inventory,
		struct nvb_strbuf *why);
} features[] = {
	{NVB_BOLT_GPUS, "gpus", no_gpus},
	{NVB_BOLT_GPU_SELECTION, "gpu-selection", no_selection},
	{NVB_BOLT_COMPUTE, "compute", no_compute},
	{NVB_BOLT_GRAPHICS, "graphics", no_graphics},
	{NVB_BOLT_RAY_TRACING, "ray-tracing", no_ray_tracing},
	{NVB_BOLT_DLSS, "dlss", no_dlss},
	{NVB_BOLT_WINE_32BIT, "wine-32bit", no_32bit},
	{NVB_BOLT_VIDEO, "video", no_video},
	{NVB_BOLT_MIG, "mig", no_mig},
	{NVB_BOLT_GPU_SNAPSHOTS, "gpu-snapshots", no_snapshots},
	{NVB_BOLT_GREEN_CONTEXTS, "green-contexts", no_green},
	{NVB_BOLT_CAPSULES, "capsules", no_capsules},
};

const char *nvb_bolt_feature_name(enum nvb_bolt_feature feature)
{
	for (size_t i = 0; i < NVB_ELEMENTS(features); i++)
		if (features[i].feature == feature)
			return features[i].name;
	return NULL;
}

int nvb_manager_missing_feature(
	nvb_manager *manager, enum nvb_bolt_feature feature, char **reason, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf why = {0};
	struct nvb_inventory *inventory;
	size_t i = 0;
	int rc;

	while (i < NVB_ELEMENTS(features) && features[i].feature != feature)
		i++;
	if (i == NVB_ELEMENTS(features))
		return nvb_fail(err, NVB_ERR_INVALID, "%#x is no feature of bolt", (unsigned)feature);
	rc = nvb_manager_host(manager, &inventory, err);
	if (rc < 0)
		return rc;
	features[i].missing(manager, inventory, &why);
	if (why.failed)
		return nvb_fail_oom(err);
	*reason = why.len ? nvb_sb_finish(&why) : NULL;
	return 0;
}

/* Reasons of compatibility are as constant as the inventory: kept in the manager's arena the first time. */
static int keep_reason(
	nvb_manager *manager, const struct nvb_inventory *inventory, const char **reason, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf why = {0};

	*reason = NULL;
	no_gpus(manager, inventory, &why);
	if (why.failed)
		return nvb_fail_oom(err);
	if (!why.len)
		return 0;
	pthread_mutex_lock(&manager->lock);
	if (!manager->incompatible)
		manager->incompatible = nvb_arena_strdup(&manager->arena, why.s);
	*reason = manager->incompatible;
	pthread_mutex_unlock(&manager->lock);
	return *reason ? 0 : nvb_fail_oom(err);
}

int nvb_manager_bolt_compatibility(nvb_manager *manager, struct nvb_bolt_compatibility *out, nvb_error **err)
{
	struct nvb_bolt_compatibility found = {.size = sizeof(found)};
	struct nvb_inventory *inventory;
	int rc = nvb_check_size("nvb_bolt_compatibility", out->size, sizeof(*out), err);

	if (rc == 0)
		rc = nvb_manager_host(manager, &inventory, err);
	if (rc == 0)
		rc = keep_reason(manager, inventory, &found.reason, err);
	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(features); i++) {
		_cleanup_strbuf_ struct nvb_strbuf why = {0};

		features[i].missing(manager, inventory, &why);
		if (why.failed)
			rc = nvb_fail_oom(err);
		else if (!why.len)
			found.features |= features[i].feature;
	}
	if (rc < 0)
		return rc;
	found.compatible = found.features & NVB_BOLT_GPUS;
	found.gpu_count = inventory->gpu_count;
	found.platform = inventory->platform;
	found.driver = inventory->driver.kind;
	found.driver_version = inventory->driver.version;
	found.module_version = inventory->driver.module_version;
	*out = found;
	return 0;
}
