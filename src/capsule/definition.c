/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/definition.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "capsule/definition_table.h"
#include "capsule/gpu_words.h"
#include "profile/profile.h"

const struct nvb_choice nvb_restart_policies[] = {
	{"no", NVB_RESTART_NO},
	{"on-failure", NVB_RESTART_ON_FAILURE},
	{"always", NVB_RESTART_ALWAYS},
	{"unless-stopped", NVB_RESTART_UNLESS_STOPPED},
	{NULL},
};

void nvb_capsule_definition_init(struct nvb_capsule_definition *d)
{
	*d = (struct nvb_capsule_definition){.stop_timeout = NVB_STOP_TIMEOUT};
	nvb_capsule_spec_init(&d->spec);
	nvb_log_options_init(&d->log);
}

void nvb_capsule_definition_release(struct nvb_capsule_definition *d)
{
	nvb_strv_free(d->gpus);
	nvb_strv_free(d->docker_gpus);
	nvb_strv_free(d->cdi_devices);
	nvb_strv_free(d->profiles);
	nvb_strv_free(d->gpu_settings);
	nvb_strv_free(d->labels);
	nvb_capsule_spec_release(&d->spec);
	*d = (struct nvb_capsule_definition){0};
}

static int keep(struct nvb_capsule_definition *d, const char *text, const char **out, nvb_error **err)
{
	const char *copy = nvb_arena_strdup(&d->spec.arena, text);

	if (!copy)
		return nvb_fail_oom(err);
	*out = copy;
	return 0;
}

static int add(char ***list, const char *text, nvb_error **err)
{
	return nvb_strv_add(list, text) ? 0 : nvb_fail_oom(err);
}

int nvb_definition_set_image(struct nvb_capsule_definition *d, const char *text, nvb_error **err)
{
	if (!*text)
		return nvb_fail(err, NVB_ERR_INVALID, "the image's name is empty");
	return keep(d, text, &d->spec.image, err);
}

int nvb_definition_set_command(struct nvb_capsule_definition *d, const char *const *words, nvb_error **err)
{
	size_t count = 0;
	char **copy;

	while (words && words[count])
		count++;
	copy = nvb_arena_alloc(&d->spec.arena, (count + 1) * sizeof(*copy));
	if (!copy)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < count; i++) {
		if (!nvb_utf8_valid(words[i], strlen(words[i])))
			return nvb_fail(err, NVB_ERR_INVALID, "command: config.json can only carry UTF-8");
		copy[i] = nvb_arena_strdup(&d->spec.arena, words[i]);
		if (!copy[i])
			return nvb_fail_oom(err);
	}
	d->spec.command = copy;
	return 0;
}

/* What the request's own parsers say of a word, said now, where its place is known. */
static int try_word(int (*add_word)(nvb_request *request, const char *text, nvb_error **err),
	const char *text, nvb_error **err)
{
	struct nvb_request *request = NULL;
	int rc = nvb_request_new(&request, err);

	if (rc == 0)
		rc = add_word(request, text, err);
	nvb_request_free(request);
	return rc;
}

int nvb_definition_add_gpu(struct nvb_capsule_definition *d, const char *text, nvb_error **err)
{
	int rc = try_word(nvb_request_add_gpus, text, err);

	return rc < 0 ? rc : add(&d->gpus, text, err);
}

int nvb_definition_add_docker_gpus(struct nvb_capsule_definition *d, const char *text, nvb_error **err)
{
	int rc = try_word(nvb_request_add_docker_gpus, text, err);

	return rc < 0 ? rc : add(&d->docker_gpus, text, err);
}

int nvb_definition_add_cdi_device(struct nvb_capsule_definition *d, const char *text, nvb_error **err)
{
	int rc = try_word(nvb_request_add_cdi_device, text, err);

	return rc < 0 ? rc : add(&d->cdi_devices, text, err);
}

int nvb_definition_add_device(struct nvb_capsule_definition *d, const char *text, nvb_error **err)
{
	return nvb_is_cdi_name(text) ? nvb_definition_add_cdi_device(d, text, err)
				     : nvb_spec_add_device(&d->spec, text, err);
}

int nvb_definition_set_capabilities(struct nvb_capsule_definition *d, const char *text, nvb_error **err)
{
	int rc = try_word(nvb_request_set_capabilities, text, err);

	return rc < 0 ? rc : keep(d, text, &d->capabilities, err);
}

int nvb_definition_add_profile(struct nvb_capsule_definition *d, const char *text, nvb_error **err)
{
	if (!*text || strchr(text, '/'))
		return nvb_fail(err, NVB_ERR_INVALID, "profile '%s': not a name", text);
	return add(&d->profiles, text, err);
}

int nvb_definition_set_isolation(struct nvb_capsule_definition *d, const char *text, nvb_error **err)
{
	int rc = try_word(nvb_request_set_isolation, text, err);

	return rc < 0 ? rc : keep(d, text, &d->isolation, err);
}

int nvb_definition_set_gpu_memory_limit(struct nvb_capsule_definition *d, const char *text, nvb_error **err)
{
	int rc = try_word(nvb_request_set_memory_limit, text, err);

	return rc < 0 ? rc : keep(d, text, &d->gpu_memory_limit, err);
}

int nvb_definition_set_gpu_compute_limit(struct nvb_capsule_definition *d, const char *text, nvb_error **err)
{
	int rc = try_word(nvb_request_set_compute_limit, text, err);

	return rc < 0 ? rc : keep(d, text, &d->gpu_compute_limit, err);
}

int nvb_definition_set_mig_match(struct nvb_capsule_definition *d, const char *text, nvb_error **err)
{
	int rc = try_word(nvb_request_set_mig_match, text, err);

	return rc < 0 ? rc : keep(d, text, &d->mig_match, err);
}

int nvb_definition_add_gpu_setting(struct nvb_capsule_definition *d, const char *text, nvb_error **err)
{
	char *const words[] = {(char *)(uintptr_t)text, NULL};
	struct nvb_gpu_words parsed;
	int rc = nvb_gpu_words_read(words, &parsed, err);

	return rc < 0 ? rc : add(&d->gpu_settings, text, err);
}

int nvb_definition_add_label(struct nvb_capsule_definition *d, const char *text, nvb_error **err)
{
	if (!*text || *text == '=')
		return nvb_fail(err, NVB_ERR_INVALID, "label '%s': the name is empty", text);
	return add(&d->labels, text, err);
}

int nvb_definition_set_restart(struct nvb_capsule_definition *d, const char *text, nvb_error **err)
{
	size_t n = strcspn(text, ":");
	_cleanup_free_ char *name = strndup(text, n);
	uint64_t retries = 0;
	int policy, rc;

	if (!name)
		return nvb_fail_oom(err);
	rc = nvb_choice_parse(nvb_restart_policies, name, "restart policy", &policy, err);
	if (rc < 0)
		return rc;
	if (text[n] && policy != NVB_RESTART_ON_FAILURE)
		return nvb_fail(err, NVB_ERR_INVALID,
			"restart policy '%s': on-failure alone takes a number of retries", text);
	if (text[n] && (!nvb_parse_u64(text + n + 1, &retries) || retries > INT32_MAX))
		return nvb_fail(err, NVB_ERR_INVALID,
			"restart policy '%s': not a number of retries behind the ':'", text);
	d->restart = (enum nvb_restart)policy;
	d->restart_retries = retries;
	return 0;
}

const char *nvb_definition_restart_text(const struct nvb_capsule_definition *d, char *buffer, size_t size)
{
	const char *name = nvb_choice_name(nvb_restart_policies, (int)d->restart);

	if (d->restart == NVB_RESTART_ON_FAILURE && d->restart_retries)
		snprintf(buffer, size, "%s:%llu", name, (unsigned long long)d->restart_retries);
	else
		snprintf(buffer, size, "%s", name);
	return buffer;
}

bool nvb_definition_wants_gpus(const struct nvb_capsule_definition *d)
{
	return d->gpus || d->docker_gpus || d->cdi_devices;
}

/* What is said of GPUs has no effect without one. */
static int check_gpu_words(const struct nvb_capsule_definition *d, nvb_error **err)
{
	const struct {
		const char *option, *value;
	} said[] = {
		{"--profile", d->profiles ? d->profiles[0] : NULL},
		{"--isolation", d->isolation},
		{"--capabilities", d->capabilities},
		{"--gpu-memory-limit", d->gpu_memory_limit},
		{"--gpu-compute-limit", d->gpu_compute_limit},
		{"--mig-match", d->mig_match},
	};

	for (size_t i = 0; i < NVB_ELEMENTS(said) && !nvb_definition_wants_gpus(d); i++)
		if (said[i].value)
			return nvb_hint(err,
				nvb_fail(err, NVB_ERR_INVALID, "%s %s: no GPU was asked for", said[i].option,
					said[i].value),
				"add --gpu all, or another");
	return 0;
}

int nvb_definition_check(struct nvb_capsule_definition *d, nvb_error **err)
{
	int rc;

	if (!d->spec.image)
		return nvb_hint(err, nvb_fail(err, NVB_ERR_INVALID, "no image was named"), "--image NAME");
	rc = check_gpu_words(d, err);
	if (rc < 0)
		return rc;
	if (d->spec.remove && d->restart != NVB_RESTART_NO)
		return nvb_fail(err, NVB_ERR_INVALID,
			"a capsule that is removed when it ends (--rm) cannot be restarted");
	rc = nvb_spec_settle_network(&d->spec, err);
	return rc < 0 ? rc : nvb_resources_check(&d->spec.resources, err);
}

int nvb_definition_request(const struct nvb_capsule_definition *d, const char *profiles,
	struct nvb_request **out, nvb_error **err)
{
	struct nvb_request *request = NULL;
	int rc = nvb_request_new(&request, err);

	if (rc == 0 && d->profiles)
		rc = nvb_profiles_apply(d->profiles, profiles, request, err);
	if (rc == 0 && d->isolation)
		rc = nvb_request_set_isolation(request, d->isolation, err);
	if (rc == 0 && d->gpu_memory_limit)
		rc = nvb_request_set_memory_limit(request, d->gpu_memory_limit, err);
	if (rc == 0 && d->gpu_compute_limit)
		rc = nvb_request_set_compute_limit(request, d->gpu_compute_limit, err);
	if (rc == 0 && d->mig_match)
		rc = nvb_request_set_mig_match(request, d->mig_match, err);
	if (rc == 0 && d->capabilities)
		rc = nvb_request_set_capabilities(request, d->capabilities, err);
	nvb_strv_foreach (gpu, d->gpus)
		if (rc == 0)
			rc = nvb_request_add_gpus(request, *gpu, err);
	nvb_strv_foreach (value, d->docker_gpus)
		if (rc == 0)
			rc = nvb_request_add_docker_gpus(request, *value, err);
	nvb_strv_foreach (name, d->cdi_devices)
		if (rc == 0)
			rc = nvb_request_add_cdi_device(request, *name, err);
	if (rc < 0) {
		nvb_request_free(request);
		return rc;
	}
	*out = request;
	return 0;
}

static char *file_of(const char *directory)
{
	char *path;

	return asprintf(&path, "%s/definition.json", directory) < 0 ? NULL : path;
}

int nvb_definition_save(
	const struct nvb_capsule_definition *d, const char *directory, bool flush, nvb_error **err)
{
	_cleanup_free_ char *path = file_of(directory);
	_cleanup_strbuf_ struct nvb_strbuf text = {0};
	int rc = nvb_definition_check_text(d, err);

	if (rc < 0)
		return rc;
	nvb_definition_write(d, NVB_DEFINITION_SAID, 0, &text);
	nvb_sb_addc(&text, '\n');
	if (!path || text.failed)
		return nvb_fail_oom(err);
	return flush ? nvb_file_write(AT_FDCWD, path, text.s, text.len, 0600, err)
		     : nvb_file_write_unflushed(AT_FDCWD, path, text.s, text.len, 0600, err);
}

int nvb_definition_load(struct nvb_capsule_definition *d, const char *directory, nvb_error **err)
{
	enum { LARGEST = 8 << 20 };
	_cleanup_free_ char *path = file_of(directory), *text = NULL;
	size_t size;
	int rc = path ? nvb_file_read(AT_FDCWD, path, LARGEST, &text, &size, err) : nvb_fail_oom(err);

	if (rc == 0)
		rc = nvb_definition_read(d, text, size, err);
	return rc < 0 ? nvb_wrap(err, rc, "the capsule's definition") : 0;
}

int nvb_definition_set_stop_timeout(
	struct nvb_capsule_definition *definition, uint64_t seconds, nvb_error **err)
{
	if (seconds > NVB_STOP_TIMEOUT_MOST)
		return nvb_fail(err, NVB_ERR_INVALID,
			"the time to stop: %llu seconds are too long, a year (%d) is the most",
			(unsigned long long)seconds, NVB_STOP_TIMEOUT_MOST);
	definition->stop_timeout = seconds;
	return 0;
}
