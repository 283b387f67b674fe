/* SPDX-License-Identifier: Apache-2.0 */
#include "request/environment.h"

#include <ctype.h>
#include <string.h>

#include "base/guard.h"
#include "base/log.h"
#include "base/str.h"

/* What the parts of this file share while a request is being made. */
struct front {
	const struct nvb_asked *asked;
	const struct nvb_asked_rules *rules;
	const struct nvb_log *log;
	struct nvb_request *request;
	bool wanted; /* some device is asked for */
	nvb_error **err;
};

static const char *const default_prefixes[] = {"cdi.k8s.io/", NULL};

void nvb_asked_release(struct nvb_asked *asked)
{
	free(asked->environment);
	free(asked->annotations);
	free(asked->mounts);
	nvb_arena_release(&asked->arena);
	*asked = (struct nvb_asked){0};
}

static bool starts_with(const char *name, size_t size, const char *prefix)
{
	size_t n = strlen(prefix);

	return size >= n && memcmp(name, prefix, n) == 0;
}

bool nvb_asked_wants_variable(const struct nvb_asked_rules *rules, const char *name, size_t size)
{
	if (starts_with(name, size, "NVIDIA_") ||
		(size == strlen(NVB_ISOLATION_VARIABLE) && starts_with(name, size, NVB_ISOLATION_VARIABLE)) ||
		(size == strlen("CUDA_VERSION") && starts_with(name, size, "CUDA_VERSION")))
		return true;
	nvb_strv_foreach (resource, rules->swarm_resources)
		if (size == strlen(*resource) && memcmp(name, *resource, size) == 0)
			return true;
	return false;
}

bool nvb_asked_wants_annotation(const struct nvb_asked_rules *rules, const char *name)
{
	char *const *prefixes =
		rules->annotation_prefixes ? rules->annotation_prefixes : (char *const *)default_prefixes;

	nvb_strv_foreach (prefix, prefixes)
		if (nvb_after(name, *prefix))
			return true;
	return false;
}

const char *nvb_asked_variable(const struct nvb_asked *asked, const char *name)
{
	for (size_t i = asked->environment_count; i--;)
		if (nvb_streq(asked->environment[i].name, name))
			return asked->environment[i].value;
	return NULL;
}

const char *nvb_asked_isolation(const struct nvb_asked *asked, const struct nvb_asked_rules *rules)
{
	const char *value = nvb_asked_variable(asked, NVB_ISOLATION_VARIABLE);

	return value && *value && (rules->environment || asked->privileged) ? value : NULL;
}

bool nvb_asked_is_legacy(const struct nvb_asked *asked)
{
	const char *version = nvb_asked_variable(asked, "CUDA_VERSION");
	const char *required = nvb_asked_variable(asked, "NVIDIA_REQUIRE_CUDA");

	/* Other programs may have a CUDA_VERSION of their own ("cu121"). */
	return version && isdigit((unsigned char)*version) && (!required || !*required);
}

/* The longest value that says something: all MIG devices of 64 GPUs by UUID take 18 KiB. */
enum { VALUE_MAX = 32 * 1024 };

/* Commas separate; spaces around a word and empty words are nothing, as NVIDIA has it. */
static int split(const char *list, char ***words, nvb_error **err)
{
	_cleanup_strv_ char **parts = NULL;
	size_t kept = 0;

	if (strlen(list) > VALUE_MAX)
		return nvb_fail(err, NVB_ERR_INVALID,
			"a list of %zu bytes, more than the %d KiB that are read of one", strlen(list),
			VALUE_MAX / 1024);
	parts = nvb_strv_split(list, ",");
	if (!parts)
		return nvb_fail_oom(err);
	nvb_strv_foreach (part, parts) {
		char *word = *part;
		size_t from = strspn(word, " \t\n\v\f\r"), n = strlen(word + from);

		while (n && isspace((unsigned char)word[from + n - 1]))
			n--;
		memmove(word, word + from, n);
		word[n] = '\0';
		if (n)
			parts[kept++] = word;
		else
			free(word);
	}
	parts[kept] = NULL;
	*words = kept ? NVB_TAKE_PTR(parts) : NULL;
	return 0;
}

/* The container's environment may name devices: it is privileged, or nobody has to be. */
static bool environment_counts(const struct front *front)
{
	return front->rules->environment || front->asked->privileged;
}

static void say_ignored(const struct front *front, const char *variable)
{
	nvb_warning(front->log,
		"%s is ignored: this host lets only containers with CAP_SYS_ADMIN ask by environment",
		variable);
}

/* One device, however it is named. */
static int add_device(struct front *front, const char *name)
{
	/* What NVIDIA's runtime makes specs for by itself: a selector like any other. Another CDI name is none:
	 * check_names() has not seen it. */
	const char *automatic = nvb_after(name, "runtime.nvidia.com/gpu=");

	if (automatic && strchr(automatic, '='))
		automatic = NULL;
	if (nvb_streq(name, "void"))
		return 0;
	front->wanted = true;
	/* Unlike "void" it asks for something: the driver's files and the nodes that are no GPU's. */
	if (nvb_streq(name, "none")) {
		front->request->driver = true;
		return 0;
	}
	if (!automatic && strchr(name, '/') && strchr(name, '='))
		return nvb_request_add_cdi_device(front->request, name, front->err);
	return nvb_request_add_gpus(front->request, automatic ? automatic : name, front->err);
}

static bool is_nvidias(const char *name)
{
	const char *slash = strchr(name, '/');
	size_t n = slash ? (size_t)(slash - name) : 0;

	return (n == strlen("nvidia.com") && memcmp(name, "nvidia.com", n) == 0) ||
	       (n > strlen(".nvidia.com") &&
		       memcmp(slash - strlen(".nvidia.com"), ".nvidia.com", strlen(".nvidia.com")) == 0);
}

static int add_devices(struct front *front, char *const *names, const char *source)
{
	bool none = false, others = false;

	nvb_strv_foreach (name, names) {
		int rc = add_device(front, *name);

		if (rc < 0)
			return nvb_wrap(front->err, rc, "%s", source);
		if (nvb_streq(*name, "none"))
			none = true;
		else
			others = true;
	}
	if (none && others)
		return nvb_hint(front->err,
			nvb_fail(front->err, NVB_ERR_INVALID, "%s: both 'none' and a GPU", source),
			"leave one of them out");
	return 0;
}

/* Annotations. */

/* *gpus: one of NVIDIA's was named. Another vendor's device says nothing of the GPUs. */
static int from_annotations(struct front *front, bool *gpus)
{
	for (size_t i = 0; i < front->asked->annotation_count; i++) {
		const struct nvb_pair *annotation = &front->asked->annotations[i];
		_cleanup_strv_ char **names = NULL;
		int rc = split(annotation->value, &names, front->err);

		nvb_strv_foreach (name, names) {
			if (!strchr(*name, '/') || !strchr(*name, '='))
				rc = nvb_hint(front->err,
					nvb_fail(front->err, NVB_ERR_INVALID, "'%s' is not a CDI device name",
						*name),
					"CDI devices are named vendor/class=device, such as "
					"nvidia.com/gpu=0");
			*gpus |= is_nvidias(*name);
		}
		if (rc == 0)
			rc = add_devices(front, names, annotation->name);
		if (rc < 0)
			return nvb_wrap(front->err, rc, "annotation");
	}
	return 0;
}

/* --- mounts
 * ---------------------------------------------------------------------------------------------------------
 */

#define IMEX "imex/"
#define CDI  "cdi/"

/* "cdi/nvidia.com/gpu/0" or "cdi/nvidia.com/gpu=0": a path has no "=" where Kubernetes made it. */
static char *cdi_name(struct nvb_arena *arena, const char *path)
{
	char *name = nvb_arena_strdup(arena, path);
	char *slash = name ? strchr(name, '/') : NULL;

	slash = slash ? strchr(slash + 1, '/') : NULL;
	if (slash && !strchr(name, '='))
		*slash = '=';
	return name;
}

static int add_mount(struct front *front, const char *path)
{
	const char *cdi = nvb_after(path, CDI);
	const char *name = cdi ? cdi_name(&front->request->arena, cdi) : path;
	char *const names[] = {(char *)name, NULL};

	return name ? add_devices(front, names, NVB_DEVICE_MOUNTS) : nvb_fail_oom(front->err);
}

static int from_mounts(struct front *front, bool *gpus)
{
	size_t count = front->asked->mount_count;

	if (count && !front->rules->mounts) {
		nvb_warning(front->log, "mounts below " NVB_DEVICE_MOUNTS
					" are ignored: this host does not let containers ask by them");
		return 0;
	}
	for (size_t i = 0; i < count; i++) {
		int rc;

		if (nvb_after(front->asked->mounts[i], IMEX))
			continue;
		rc = add_mount(front, front->asked->mounts[i]);
		if (rc < 0)
			return rc;
		*gpus = true;
	}
	return 0;
}

/* The environment. */

/* The words of the variables that say which devices. `source`: for messages; NULL when none of them is set.
 */
static int visible_devices(struct front *front, char ***words, const char **source)
{
	_cleanup_strbuf_ struct nvb_strbuf all = {0};
	const char *value;

	*source = NULL;
	nvb_strv_foreach (resource, front->rules->swarm_resources) {
		value = nvb_asked_variable(front->asked, *resource);
		if (!value)
			continue;
		*source = *resource;
		nvb_sb_add(&all, value);
		nvb_sb_addc(&all, ',');
	}
	if (!*source) {
		value = nvb_asked_variable(front->asked, "NVIDIA_VISIBLE_DEVICES");
		if (value)
			*source = "NVIDIA_VISIBLE_DEVICES";
		else if (nvb_asked_is_legacy(front->asked))
			*source = "CUDA_VERSION", value = "all";
		nvb_sb_add(&all, value ? value : "");
	}
	if (all.failed)
		return nvb_fail_oom(front->err);
	return split(all.s ? all.s : "", words, front->err);
}

/* An image may name any device of any vendor there: only NVIDIA's are given for it, and the right to manage
 * all GPUs, MIG included, only as NVIDIA_MIG_CONFIG_DEVICES gives it. */
static int check_names(const struct front *front, char *const *names, const char *source)
{
	nvb_strv_foreach (name, names) {
		bool foreign = strchr(*name, '/') && strchr(*name, '=') && !is_nvidias(*name);
		bool management = nvb_after(*name, "management.nvidia.com/") != NULL;

		if (foreign && nvb_guard("environment-names"))
			return nvb_hint(front->err,
				nvb_fail(front->err, NVB_ERR_PERMISSION,
					"%s: %s is no device of NVIDIA's, and an environment may name no "
					"other",
					source, *name),
				"ask for it by the engine's --device or by an annotation");
		if (management && !front->asked->privileged)
			return nvb_hint(front->err,
				nvb_fail(front->err, NVB_ERR_PERMISSION,
					"%s: %s is only for containers with CAP_SYS_ADMIN", source, *name),
				"start it with --privileged or --cap-add SYS_ADMIN");
	}
	return 0;
}

static int from_environment(struct front *front)
{
	_cleanup_strv_ char **words = NULL;
	const char *source;
	int rc = visible_devices(front, &words, &source);

	if (rc < 0)
		return nvb_wrap(front->err, rc, "%s", source ? source : "environment");
	if (!words || nvb_strv_contains(words, "void"))
		return 0;
	if (!environment_counts(front)) {
		say_ignored(front, source);
		return 0;
	}
	rc = check_names(front, words, source);
	return rc < 0 ? rc : add_devices(front, words, source);
}

static const struct {
	const char *variable;
	unsigned feature;
	const char *on; /* the value that asks for it */
	bool privileged;
} features[] = {
	{"NVIDIA_GDS", NVB_FEATURE_GDS, "enabled", false},
	{"NVIDIA_MOFED", NVB_FEATURE_MOFED, "enabled", false},
	{"NVIDIA_GDRCOPY", NVB_FEATURE_GDRCOPY, "enabled", false},
	{"NVIDIA_NVSWITCH", NVB_FEATURE_NVSWITCH, "enabled", false},
	{"NVIDIA_MIG_CONFIG_DEVICES", NVB_FEATURE_MIG_CONFIG, "all", true},
	{"NVIDIA_MIG_MONITOR_DEVICES", NVB_FEATURE_MIG_MONITOR, "all", true},
};

static bool says_no(const char *value)
{
	return !*value || nvb_streq(value, "disabled") || nvb_streq(value, "none") ||
	       nvb_streq(value, "void");
}

static int add_features(struct front *front)
{
	for (size_t i = 0; i < NVB_ELEMENTS(features); i++) {
		const char *variable = features[i].variable;
		const char *value = nvb_asked_variable(front->asked, variable);
		int rc;

		if (!value || says_no(value))
			continue;
		if (!nvb_streq(value, features[i].on))
			return nvb_hint(front->err,
				nvb_fail(front->err, NVB_ERR_INVALID, "%s: '%s' means nothing", variable,
					value),
				"use %s=%s, or leave it out", variable, features[i].on);
		if (features[i].privileged && !front->asked->privileged)
			return nvb_hint(front->err,
				nvb_fail(front->err, NVB_ERR_PERMISSION,
					"%s: the right to manage MIG is only for containers with "
					"CAP_SYS_ADMIN",
					variable),
				"start it with --privileged or --cap-add SYS_ADMIN, or leave the variable "
				"out");
		if (!environment_counts(front)) {
			say_ignored(front, variable);
			continue;
		}
		rc = nvb_request_add_features(front->request, features[i].feature, false, front->err);
		if (rc < 0)
			return nvb_wrap(front->err, rc, "%s", variable);
	}
	return 0;
}

static int add_channels(struct front *front)
{
	const char *variable = "NVIDIA_IMEX_CHANNELS", *value = nvb_asked_variable(front->asked, variable);
	_cleanup_strv_ char **words = NULL;
	bool mounted = false;
	int rc;

	if (!front->rules->imex)
		return 0;
	for (size_t i = 0; front->rules->mounts && i < front->asked->mount_count; i++) {
		const char *channel = nvb_after(front->asked->mounts[i], IMEX);

		rc = channel ? nvb_request_add_imex_channels(front->request, channel, front->err) : 0;
		if (rc < 0)
			return nvb_wrap(front->err, rc, NVB_DEVICE_MOUNTS IMEX);
		mounted |= channel != NULL;
	}
	rc = split(mounted || !value ? "" : value, &words, front->err);
	if (rc < 0)
		return nvb_wrap(front->err, rc, "%s", variable);
	if (!words || nvb_strv_contains(words, "void") || nvb_strv_contains(words, "none"))
		return rc;
	if (!environment_counts(front)) {
		say_ignored(front, variable);
		return 0;
	}
	nvb_strv_foreach (word, words)
		if (rc == 0)
			rc = nvb_request_add_imex_channels(front->request, *word, front->err);
	return rc < 0 ? nvb_wrap(front->err, rc, "%s", variable) : 0;
}

static int set_capabilities(struct front *front)
{
	const char *variable = "NVIDIA_DRIVER_CAPABILITIES";
	const char *value = nvb_asked_variable(front->asked, variable);
	_cleanup_strv_ char **words = NULL;
	unsigned allowed = front->rules->capabilities, bits;
	char names[NVB_CAPABILITIES_TEXT];
	bool all;
	int rc = split(value ? value : "", &words, front->err);

	if (rc < 0)
		return nvb_wrap(front->err, rc, "%s", variable);
	all = words ? nvb_strv_contains(words, "all") : !value && nvb_asked_is_legacy(front->asked);
	if (all || !words) {
		front->request->capabilities = allowed & (all ? NVB_CAP_ALL : NVB_CAP_DEFAULT);
		return 0;
	}
	rc = nvb_capabilities_parse(value, &bits, front->err);
	if (rc < 0)
		return nvb_wrap(front->err, rc, "%s", variable);
	if (bits & ~allowed)
		return nvb_hint(front->err,
			nvb_fail(front->err, NVB_ERR_PERMISSION, "%s: this host does not allow %s", variable,
				nvb_capabilities_format(bits & ~allowed, names)),
			"ask for less, or see 'capabilities' in /etc/nvbind/config.toml");
	front->request->capabilities = bits;
	return 0;
}

/* All of it. */

static int add_all_devices(struct front *front)
{
	bool gpus = false;
	int rc = from_annotations(front, &gpus);

	if (rc == 0 && !gpus)
		rc = from_mounts(front, &gpus);
	if (rc == 0 && !gpus)
		rc = from_environment(front);
	return rc;
}

static void request_freep(struct nvb_request **request)
{
	nvb_request_free(*request);
}

int nvb_asked_request(const struct nvb_asked *asked, const struct nvb_asked_rules *rules,
	const struct nvb_log *log, struct nvb_request **request, nvb_error **err)
{
	_cleanup_(request_freep) struct nvb_request *made = NULL;
	struct front front = {.asked = asked, .rules = rules, .log = log, .err = err};
	int rc;

	if (!asked->annotation_count && !asked->mount_count && !asked->environment_count)
		return 0;
	rc = nvb_request_new(&made, err);
	front.request = made;
	if (rc == 0)
		rc = add_all_devices(&front);
	if (rc < 0 || !front.wanted)
		return rc;
	rc = set_capabilities(&front);
	if (rc == 0)
		rc = add_features(&front);
	if (rc == 0)
		rc = add_channels(&front);
	if (rc == 0)
		*request = NVB_TAKE_PTR(made);
	return rc;
}
