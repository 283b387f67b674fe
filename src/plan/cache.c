/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "base/str.h"
#include "plan/planner.h"

/* Directories of a user's that outlive containers, for what is costly to make again. */

enum { CACHE_VARIABLES = 4 };

static const struct cache {
	const char *name;		    /* of the setting, and of the directory */
	const char *size;		    /* of the setting that bounds it */
	const char *bound;		    /* the variable for that */
	const char *paths[CACHE_VARIABLES]; /* variables that get the directory */
	struct {
		const char *name, *value, *reason;
	} more[2];
	enum { ANYWHERE, NATIVE, WSL2 } where; /* on WSL2 shaders are Mesa's */
} caches[] = {
	{"shaders", "shaders-size", "__GL_SHADER_DISK_CACHE_SIZE",
		{"__GL_SHADER_DISK_CACHE_PATH", "VKD3D_SHADER_CACHE_PATH", "DXVK_STATE_CACHE_PATH"},
		{{"__GL_SHADER_DISK_CACHE", "1", "compiled shaders are kept"},
			{"__GL_SHADER_DISK_CACHE_SKIP_CLEANUP", "1",
				"compiled shaders stay when the cache is large"}},
		NATIVE},
	{"shaders", "shaders-size", "MESA_SHADER_CACHE_MAX_SIZE", {"MESA_SHADER_CACHE_DIR"}, {{0}}, WSL2},
	{"kernels", "kernels-size", "CUDA_CACHE_MAXSIZE", {"CUDA_CACHE_PATH"}, {{0}}, ANYWHERE},
};

/* Where containers see them. */
#define INSIDE "/var/cache/nvbind"

static bool is_on(const struct nvb_request *request, const char *name)
{
	for (size_t i = request->setting_count; i > 0; i--)
		if (request->settings[i - 1].kind == NVB_SETTING_CACHE &&
			nvb_streq(request->settings[i - 1].name, name))
			return request->settings[i - 1].amount;
	return false;
}

static int add_bound(struct planner *planner, const struct cache *cache, const struct nvb_setting *setting)
{
	char bytes[24];

	/* Mesa takes a bare number for gigabytes ("Environment Variables", MESA_SHADER_CACHE_MAX_SIZE). */
	if (cache->where == WSL2)
		snprintf(bytes, sizeof(bytes), "%" PRIu64 "K", setting->amount / 1024);
	else
		snprintf(bytes, sizeof(bytes), "%" PRIu64, setting->amount);
	return nvb_planner_variable(planner, setting, cache->bound, bytes, NULL);
}

static int add_cache(struct planner *planner, const struct nvb_request *request, const struct cache *cache,
	const struct nvb_setting *setting)
{
	const char *base = request->session.cache_directory;
	char host[4096], inside[64];
	struct nvb_edit *edit;
	int rc;

	if (!base)
		return nvb_planner_note(planner, "profile %s: the cache of %s is left out: %s",
			setting->profile, cache->name,
			request->session.known ? "neither XDG_CACHE_HOME nor HOME says where it would be"
					       : "it is one user's, and a spec is everybody's");
	if ((size_t)snprintf(host, sizeof(host), "%s/%s", base, cache->name) >= sizeof(host))
		return nvb_fail(planner->err, NVB_ERR_INVALID, "%s: path too long", base);
	snprintf(inside, sizeof(inside), INSIDE "/%s", cache->name);
	rc = nvb_planner_bind(planner, setting, host, inside, NVB_FILE_DIRECTORY, NULL);
	if (rc < 0)
		return rc;
	edit = &planner->plan->edits[planner->plan->edit_count - 1];
	edit->mount.make = true;
	for (size_t i = 0; rc == 0 && i < CACHE_VARIABLES && cache->paths[i]; i++)
		rc = nvb_planner_variable(planner, setting, cache->paths[i], inside, NULL);
	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(cache->more) && cache->more[i].name; i++)
		rc = nvb_planner_variable(
			planner, setting, cache->more[i].name, cache->more[i].value, cache->more[i].reason);
	return rc;
}

int nvb_planner_cache(
	struct planner *planner, const struct nvb_request *request, const struct nvb_setting *setting)
{
	bool wsl2 = planner->inventory->platform == NVB_PLATFORM_WSL2;

	for (size_t i = 0; i < NVB_ELEMENTS(caches); i++) {
		if (caches[i].where != ANYWHERE && (caches[i].where == WSL2) != wsl2)
			continue;
		if (nvb_streq(caches[i].name, setting->name))
			return setting->amount ? add_cache(planner, request, &caches[i], setting) : 0;
		if (nvb_streq(caches[i].size, setting->name))
			return is_on(request, caches[i].name) ? add_bound(planner, &caches[i], setting) : 0;
	}
	return 0;
}
