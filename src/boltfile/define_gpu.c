/* SPDX-License-Identifier: Apache-2.0 */
#include "boltfile/define_gpu.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "request/wsl2.h"

/* What a service says of its GPUs becomes words of the definition (capsule/gpu_words.h), and variables where
 * that is all there is to a key. */

static int add_setting(struct nvb_capsule_definition *d, const char *name, const char *value, nvb_error **err)
{
	const char *word = nvb_arena_printf(&d->spec.arena, "%s=%s", name, value);

	return word ? nvb_definition_add_gpu_setting(d, word, err) : nvb_fail_oom(err);
}

static int add_settings(const struct nvb_boltfile *file, const struct nvb_service_gpu *gpu,
	struct nvb_capsule_definition *d, nvb_error **err)
{
	const char *mode = gpu->performance_mode ? gpu->performance_mode : file->runtime.performance_mode;
	const struct {
		const char *name, *value;
	} words[] = {
		{"driver", nvb_streq0(gpu->driver, "auto") ? NULL : gpu->driver},
		{"gaming.profile", gpu->gaming.profile},
		{"gaming.power_profile", nvb_streq0(gpu->gaming.power_profile, "default")
						 ? "balanced"
						 : gpu->gaming.power_profile},
		{"aiml.profile", gpu->aiml.profile},
		{"performance_mode", mode},
	};
	const struct {
		const char *name;
		enum nvb_said said;
	} flags[] = {
		{"driver-cache",
			file->runtime.cache_driver_info == NVB_SAID_NO ? NVB_SAID_NO : NVB_SAID_NOTHING},
		{"gaming.dlss_enabled", gpu->gaming.dlss},
		{"gaming.rt_cores_enabled", gpu->gaming.rt_cores},
		{"gaming.wine_optimizations", gpu->gaming.wine},
		{"aiml.mig_enabled", gpu->aiml.mig},
		{"aiml.tensor_cores_enabled", gpu->aiml.tensor_cores},
		{"aiml.memory_pool_enabled", gpu->aiml.memory_pool_enabled},
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(words); i++)
		if (words[i].value)
			rc = add_setting(d, words[i].name, words[i].value, err);
	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(flags); i++)
		if (flags[i].said != NVB_SAID_NOTHING)
			rc = add_setting(
				d, flags[i].name, flags[i].said == NVB_SAID_YES ? "true" : "false", err);
	return rc;
}

/* A variable that the service itself did not set. */
static int add_variable(
	struct nvb_capsule_definition *d, const char *name, const char *value, nvb_error **err)
{
	size_t n = strlen(name);

	nvb_strv_foreach (word, d->spec.env)
		if (strncmp(*word, name, n) == 0 && strchr("=", (*word)[n]))
			return 0;
	return nvb_strv_addf(&d->spec.env, "%s=%s", name, value) ? 0 : nvb_fail_oom(err);
}

/* What Wine and Proton read; a flag said to be off needs another variable than one that is on. */
static int add_wine_sync(struct nvb_capsule_definition *d, enum nvb_said said, const char *wine,
	const char *proton_off, nvb_error **err)
{
	int rc = 0;

	if (said == NVB_SAID_NOTHING)
		return 0;
	rc = add_variable(d, wine, said == NVB_SAID_YES ? "1" : "0", err);
	return rc < 0 || said == NVB_SAID_YES ? rc : add_variable(d, proton_off, "1", err);
}

static int add_variables(const struct nvb_service *service, struct nvb_capsule_definition *d, nvb_error **err)
{
	const struct nvb_service_game *game = &service->game;
	const struct nvb_service_gpu *gpu = &service->gpu;
	char size[24];
	int rc = 0;

	if (game->wine_prefix)
		rc = add_variable(d, "WINEPREFIX", game->wine_prefix, err);
	if (rc == 0)
		rc = add_wine_sync(d, game->esync, "WINEESYNC", "PROTON_NO_ESYNC", err);
	if (rc == 0)
		rc = add_wine_sync(d, game->fsync, "WINEFSYNC", "PROTON_NO_FSYNC", err);
	if (rc == 0 && game->vsync != NVB_SAID_NOTHING)
		rc = add_variable(d, "__GL_SYNC_TO_VBLANK", game->vsync == NVB_SAID_YES ? "1" : "0", err);
	if (rc == 0 && gpu->gaming.reflex != NVB_SAID_NOTHING)
		rc = add_variable(
			d, "DXVK_NVAPI_VKREFLEX", gpu->gaming.reflex == NVB_SAID_YES ? "1" : "0", err);
	if (rc == 0 && gpu->aiml.cuda_cache) {
		snprintf(size, sizeof(size), "%llu", strtoull(gpu->aiml.cuda_cache, NULL, 10) << 20);
		rc = add_variable(d, "CUDA_CACHE_MAXSIZE", size, err);
	}
	return rc;
}

static bool wants_wsl2(const struct nvb_boltfile *file, const struct nvb_service_gpu *gpu)
{
	if (gpu->wsl2_optimized != NVB_SAID_NOTHING)
		return gpu->wsl2_optimized == NVB_SAID_YES;
	return file->runtime.wsl2.enabled == NVB_SAID_YES;
}

/* Display and sound come from WSLg; Mesa is what draws there (https://docs.mesa3d.org/drivers/d3d12.html). */
static int add_wsl2(const struct nvb_boltfile *file, const struct nvb_service_gpu *gpu,
	struct nvb_capsule_definition *d, nvb_error **err)
{
	int rc = 0;

	if (wants_wsl2(file, gpu)) {
		rc = add_setting(d, "display", "true", err);
		if (rc == 0)
			rc = add_setting(d, "audio", "true", err);
		if (rc == 0)
			rc = add_variable(d, "GALLIUM_DRIVER", "d3d12", err);
	}
	if (rc == 0 && file->runtime.wsl2.low_latency == NVB_SAID_YES)
		rc = add_variable(d, "vblank_mode", "0", err);
	return rc;
}

static int add_devices(const struct nvb_service_gpu *gpu, struct nvb_capsule_definition *d, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf capabilities = {0};
	int rc = 0;

	nvb_strv_foreach (device, gpu->devices)
		if (rc == 0)
			rc = nvb_definition_add_gpu(d, *device, err);
	nvb_strv_foreach (profile, gpu->profiles)
		if (rc == 0)
			rc = nvb_definition_add_profile(d, *profile, err);
	nvb_strv_foreach (word, gpu->capabilities)
		nvb_sb_addf(&capabilities, "%s%s", word == gpu->capabilities ? "" : ",", *word);
	if (rc == 0 && capabilities.failed)
		rc = nvb_fail_oom(err);
	if (rc == 0 && capabilities.s)
		rc = nvb_definition_set_capabilities(d, capabilities.s, err);
	if (rc == 0)
		rc = nvb_definition_set_isolation(d, gpu->isolation, err);
	if (rc == 0 && gpu->memory_limit)
		rc = nvb_definition_set_gpu_memory_limit(d, gpu->memory_limit, err);
	if (rc == 0 && gpu->compute_limit)
		rc = nvb_definition_set_gpu_compute_limit(d, gpu->compute_limit, err);
	d->snapshot_gpu_state = gpu->snapshot_gpu_state == NVB_SAID_YES;
	return rc;
}

int nvb_service_define_gpu(const struct nvb_boltfile *file, const struct nvb_service *service,
	const struct nvb_define_host *host, struct nvb_capsule_definition *d, nvb_error **err)
{
	int rc = add_variables(service, d, err);

	if (rc < 0 || !service->gpu_asked)
		return rc;
	rc = add_devices(&service->gpu, d, err);
	if (rc == 0)
		rc = add_settings(file, &service->gpu, d, err);
	if (rc == 0 && service->game.audio)
		rc = add_setting(d, "audio", nvb_streq(service->game.audio, "none") ? "false" : "true", err);
	if (rc == 0 && service->game.nice)
		rc = add_setting(d, "nice", service->game.nice, err);
	return rc < 0 || !host->wsl2 ? rc : add_wsl2(file, &service->gpu, d, err);
}

static int __attribute__((format(printf, 4, 5))) add_note(
	char ***notes, const struct nvb_boltfile *file, const struct nvb_toml_value *at, const char *fmt, ...)
{
	_cleanup_free_ char *what = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&what, fmt, ap);
	va_end(ap);
	if (n < 0) {
		what = NULL;
		return -NVB_ERR_NO_MEMORY;
	}
	return nvb_strv_addf(notes, "%s:%u:%u: %s", file->doc.file, at->key_line, at->key_column, what)
		       ? 0
		       : -NVB_ERR_NO_MEMORY;
}

static const struct nvb_toml_value *given(const struct nvb_boltfile_given *list, size_t count, size_t field)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].offset == field)
			return list[i].value;
	return NULL;
}

static const char *text_of(const struct nvb_toml_value *v)
{
	if (v->type == NVB_TOML_BOOLEAN)
		return v->boolean ? "true" : "false";
	return v->type == NVB_TOML_STRING ? v->string.s : NULL;
}

static int add_service_notes(const struct nvb_boltfile *file, const struct nvb_service *service,
	const struct nvb_define_host *host, char ***notes)
{
	static const struct {
		size_t field;
		const char *path, *key;
	} fields[] = {
		{offsetof(struct nvb_service, gpu.wsl2_optimized), "gpu", "wsl2_optimized"},
		{offsetof(struct nvb_service, gpu.gaming.dlss), "gpu.gaming", "dlss_enabled"},
		{offsetof(struct nvb_service, gpu.gaming.rt_cores), "gpu.gaming", "rt_cores_enabled"},
		{offsetof(struct nvb_service, gpu.gaming.power_profile), "gpu.gaming", "power_profile"},
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(fields); i++) {
		const struct nvb_toml_value *v = given(service->given, service->given_count, fields[i].field);
		const char *why = v ? nvb_wsl2_key_note(fields[i].key, text_of(v), host->wsl2) : NULL;

		if (why)
			rc = add_note(notes, file, v, "services.%s.%s.%s %s", service->name, fields[i].path,
				fields[i].key, why);
	}
	return rc;
}

int nvb_boltfile_host_notes(
	const struct nvb_boltfile *file, const struct nvb_define_host *host, char ***notes, nvb_error **err)
{
	static const size_t file_fields[] = {offsetof(struct nvb_boltfile, runtime.wsl2.enabled),
		offsetof(struct nvb_boltfile, runtime.wsl2.gpu_acceleration),
		offsetof(struct nvb_boltfile, runtime.wsl2.low_latency)};
	_cleanup_strv_ char **list = calloc(1, sizeof(*list));
	const struct nvb_toml_value *v;
	int rc = list ? 0 : -NVB_ERR_NO_MEMORY;

	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(file_fields); i++) {
		const char *why;

		v = given(file->given, file->given_count, file_fields[i]);
		why = v ? nvb_wsl2_key_note(v->key, text_of(v), host->wsl2) : NULL;
		if (why)
			rc = add_note(&list, file, v, "runtime.nvbind.wsl2.%s %s", v->key, why);
	}
	for (size_t i = 0; rc == 0 && i < file->service_count; i++)
		rc = add_service_notes(file, &file->services[i], host, &list);
	if (rc < 0)
		return nvb_fail_oom(err);
	*notes = NVB_TAKE_PTR(list);
	return 0;
}
