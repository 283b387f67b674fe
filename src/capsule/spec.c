/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/spec.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/file.h"
#include "base/str.h"
#include "capsule/sandbox.h"

void nvb_capsule_spec_init(struct nvb_capsule_spec *spec)
{
	*spec = (struct nvb_capsule_spec){
		.network = NVB_NETWORK_HOST,
		.no_new_privileges = true,
		.pull = NVB_PULL_MISSING,
	};
}

void nvb_capsule_spec_release(struct nvb_capsule_spec *spec)
{
	nvb_strv_free(spec->env);
	nvb_strv_free(spec->annotations);
	free(spec->volumes);
	free(spec->tmpfs);
	free(spec->devices);
	nvb_strv_free(spec->networks);
	nvb_strv_free(spec->network_aliases);
	nvb_strv_free(spec->extra_hosts);
	free(spec->ports);
	nvb_arena_release(&spec->arena);
	*spec = (struct nvb_capsule_spec){0};
}

bool nvb_is_cdi_name(const char *text)
{
	const char *slash = strchr(text, '/'), *equals = strchr(text, '=');

	return *text != '/' && slash && equals && slash < equals && equals[1] && slash + 1 < equals;
}

/* "/a//b/./c/" to "/a/b/c"; NULL when it is not absolute or climbs with "..", *oom without memory. */
static const char *normalise(struct nvb_arena *arena, const char *path, bool *oom)
{
	char *out, *end;

	if (*path != '/')
		return NULL;
	out = nvb_arena_alloc(arena, strlen(path) + 2);
	if (!out) {
		*oom = true;
		return NULL;
	}
	end = out;
	while (*(path += strspn(path, "/"))) {
		size_t n = strcspn(path, "/");

		if (n == 2 && path[0] == '.' && path[1] == '.')
			return NULL;
		if (n != 1 || *path != '.') {
			*end++ = '/';
			memcpy(end, path, n);
			end += n;
		}
		path += n;
	}
	if (end == out)
		*end++ = '/';
	*end = '\0';
	return out;
}

/* A target inside the container: absolute, without "..", not the root itself. */
static int parse_target(
	struct nvb_arena *arena, const char *text, const char *what, const char **out, nvb_error **err)
{
	bool oom = false;
	const char *path = normalise(arena, text, &oom);

	if (oom)
		return nvb_fail_oom(err);
	if (!path)
		return nvb_fail(err, NVB_ERR_INVALID,
			"%s: the path inside the container must be absolute and without '..'", what);
	if (nvb_streq(path, "/"))
		return nvb_fail(
			err, NVB_ERR_INVALID, "%s: the container's root cannot be mounted over", what);
	*out = path;
	return 0;
}

static const char *const propagations[] = {"private", "rprivate", "slave", "rslave"};

static int volume_option(struct nvb_volume *volume, const char *option, const char *text, nvb_error **err)
{
	if (nvb_streq(option, "ro") || nvb_streq(option, "rw")) {
		volume->read_only = option[1] == 'o';
		return 0;
	}
	/* Labels for SELinux, which bolt does not set, and hints of docker's file sharing: nothing to do, as
	 * docker does on a host without either. */
	for (const char *const *known =
			(const char *const[]){"z", "Z", "nocopy", "cached", "consistent", "delegated", NULL};
		*known; known++)
		if (nvb_streq(option, *known))
			return 0;
	for (size_t i = 0; i < NVB_ELEMENTS(propagations); i++)
		if (nvb_streq(option, propagations[i])) {
			volume->propagation = propagations[i];
			return 0;
		}
	if (nvb_streq(option, "shared") || nvb_streq(option, "rshared"))
		return nvb_fail(err, NVB_ERR_UNSUPPORTED,
			"volume '%s': mounts made inside a capsule never reach the host", text);
	return nvb_hint(err, nvb_fail(err, NVB_ERR_INVALID, "volume '%s': unknown option '%s'", text, option),
		"ro, rw, or one of private, rprivate, slave, rslave");
}

static int volume_source(struct nvb_capsule_spec *spec, const char *source, const char *text,
	const char **out, nvb_error **err)
{
	char cwd[PATH_MAX];
	const char *joined = source;

	if (!*source)
		return nvb_fail(err, NVB_ERR_INVALID, "volume '%s': the host path is empty", text);
	if (*source != '/' && *source != '.')
		return nvb_hint(err,
			nvb_fail(
				err, NVB_ERR_UNSUPPORTED, "volume '%s': bolt keeps no volumes by name", text),
			"give a host path: an absolute one, or ./%s", source);
	if (*source == '.') {
		if (!getcwd(cwd, sizeof(cwd)))
			return nvb_fail_errno(err, errno, "working directory");
		joined = nvb_arena_printf(&spec->arena, "%s/%s", cwd, source);
	}
	*out = joined ? nvb_arena_strdup(&spec->arena, joined) : NULL;
	return *out ? 0 : nvb_fail_oom(err);
}

int nvb_spec_add_volume(struct nvb_capsule_spec *spec, const char *text, nvb_error **err)
{
	struct nvb_volume volume = {.propagation = "rprivate"};
	const char *colon = strchr(text, ':');
	_cleanup_free_ char *source = colon ? strndup(text, (size_t)(colon - text)) : NULL;
	_cleanup_free_ char *target = colon ? strdup(colon + 1) : NULL;
	char *options;
	int rc;

	if (!nvb_utf8_valid(text, strlen(text)))
		return nvb_fail(err, NVB_ERR_INVALID, "volume '%s': config.json can only carry UTF-8", text);
	if (!colon)
		return nvb_hint(err, nvb_fail(err, NVB_ERR_INVALID, "volume '%s': there is no ':'", text),
			"-v HOST-PATH:CONTAINER-PATH[:ro]");
	if (!source || !target)
		return nvb_fail_oom(err);
	options = strchr(target, ':');
	if (options)
		*options++ = '\0';
	rc = volume_source(spec, source, text, &volume.source, err);
	if (rc == 0)
		rc = parse_target(&spec->arena, target, text, &volume.target, err);
	for (char *save = NULL, *option = rc == 0 && options ? strtok_r(options, ",", &save) : NULL; option;
		option = strtok_r(NULL, ",", &save)) {
		rc = volume_option(&volume, option, text, err);
		if (rc < 0)
			return rc;
	}
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < spec->volume_count; i++)
		if (nvb_streq(spec->volumes[i].target, volume.target))
			return nvb_fail(err, NVB_ERR_CONFLICT,
				"volume '%s': something is mounted at %s already", text, volume.target);
	if (!NVB_GROW(spec->volumes, spec->volume_count, spec->volume_capacity))
		return nvb_fail_oom(err);
	spec->volumes[spec->volume_count++] = volume;
	return 0;
}

int nvb_spec_add_tmpfs(struct nvb_capsule_spec *spec, const char *text, nvb_error **err)
{
	size_t n = strcspn(text, ":");
	_cleanup_free_ char *path = strndup(text, n);
	struct nvb_tmpfs tmpfs;
	int rc;

	if (!path)
		return nvb_fail_oom(err);
	rc = parse_target(&spec->arena, path, text, &tmpfs.target, err);
	if (rc < 0)
		return rc;
	tmpfs.options = nvb_arena_strdup(&spec->arena, text[n] ? text + n + 1 : "");
	if (!tmpfs.options || !NVB_GROW(spec->tmpfs, spec->tmpfs_count, spec->tmpfs_capacity))
		return nvb_fail_oom(err);
	spec->tmpfs[spec->tmpfs_count++] = tmpfs;
	return 0;
}

static bool is_access(const char *s)
{
	return *s && strspn(s, "rwm") == strlen(s) && strlen(s) <= 3;
}

int nvb_spec_add_device(struct nvb_capsule_spec *spec, const char *text, nvb_error **err)
{
	_cleanup_strv_ char **parts = nvb_strv_split(text, ":");
	struct nvb_host_device device = {.access = "rwm"};
	size_t n = parts ? nvb_strv_length(parts) : 0;
	bool oom = false;

	if (!parts)
		return nvb_fail_oom(err);
	if (n == 0 || n > 3 || *parts[0] != '/')
		return nvb_hint(err, nvb_fail(err, NVB_ERR_INVALID, "device '%s': not a device", text),
			"a path such as /dev/fuse[:PATH-INSIDE][:rwm], or a CDI name such as "
			"nvidia.com/gpu=0");
	if (n > 1 && is_access(parts[n - 1])) {
		memcpy(device.access, parts[n - 1], strlen(parts[n - 1]) + 1);
		n--;
	} else if (n == 3) {
		return nvb_fail(err, NVB_ERR_INVALID, "device '%s': access '%s' is not made of r, w and m",
			text, parts[2]);
	}
	device.host = normalise(&spec->arena, parts[0], &oom);
	device.container = normalise(&spec->arena, parts[n > 1], &oom);
	if (oom)
		return nvb_fail_oom(err);
	if (!device.host || !device.container)
		return nvb_fail(
			err, NVB_ERR_INVALID, "device '%s': paths must be absolute and without '..'", text);
	if (!NVB_GROW(spec->devices, spec->device_count, spec->device_capacity))
		return nvb_fail_oom(err);
	spec->devices[spec->device_count++] = device;
	return 0;
}

static const struct {
	const char *name, *oci;
	int resource;
} rlimits[] = {
	{"as", "RLIMIT_AS", RLIMIT_AS},
	{"core", "RLIMIT_CORE", RLIMIT_CORE},
	{"cpu", "RLIMIT_CPU", RLIMIT_CPU},
	{"data", "RLIMIT_DATA", RLIMIT_DATA},
	{"fsize", "RLIMIT_FSIZE", RLIMIT_FSIZE},
	{"locks", "RLIMIT_LOCKS", RLIMIT_LOCKS},
	{"memlock", "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
	{"msgqueue", "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
	{"nice", "RLIMIT_NICE", RLIMIT_NICE},
	{"nofile", "RLIMIT_NOFILE", RLIMIT_NOFILE},
	{"nproc", "RLIMIT_NPROC", RLIMIT_NPROC},
	{"rss", "RLIMIT_RSS", RLIMIT_RSS},
	{"rtprio", "RLIMIT_RTPRIO", RLIMIT_RTPRIO},
	{"rttime", "RLIMIT_RTTIME", RLIMIT_RTTIME},
	{"sigpending", "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
	{"stack", "RLIMIT_STACK", RLIMIT_STACK},
};
_Static_assert(NVB_ELEMENTS(rlimits) == NVB_RLIMITS, "a spec has room for every limit once");

static bool parse_limit(const char *s, uint64_t *out)
{
	if (nvb_streq(s, "-1") || nvb_streq(s, "unlimited")) {
		*out = UINT64_MAX;
		return true;
	}
	return nvb_parse_u64(s, out);
}

bool nvb_ulimit_find(const char *name, struct nvb_ulimit *limit)
{
	for (size_t r = 0; r < NVB_ELEMENTS(rlimits); r++) {
		if (!nvb_streq(rlimits[r].name, name))
			continue;
		limit->name = rlimits[r].oci;
		limit->resource = rlimits[r].resource;
		return true;
	}
	return false;
}

const char *nvb_ulimit_name(const struct nvb_ulimit *limit)
{
	size_t r = 0;

	while (r + 1 < NVB_ELEMENTS(rlimits) && rlimits[r].resource != limit->resource)
		r++;
	return rlimits[r].name;
}

int nvb_spec_add_ulimit(struct nvb_capsule_spec *spec, const char *text, nvb_error **err)
{
	_cleanup_free_ char *name = strdup(text);
	struct nvb_ulimit limit;
	char *value, *hard;
	size_t slot = 0;
	bool known;

	if (!name)
		return nvb_fail_oom(err);
	value = strchr(name, '=');
	if (value)
		*value++ = '\0';
	known = nvb_ulimit_find(name, &limit);
	if (!value || !known)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_INVALID,
				value ? "ulimit '%s': there is no such limit"
				      : "ulimit '%s': there is no '='",
				text),
			"--ulimit NAME=SOFT[:HARD]; names are those of getrlimit(2) such as nofile, nproc, "
			"memlock");
	hard = strchr(value, ':');
	if (hard)
		*hard++ = '\0';
	if (!parse_limit(value, &limit.soft) || !parse_limit(hard ? hard : value, &limit.hard))
		return nvb_fail(
			err, NVB_ERR_INVALID, "ulimit '%s': a limit is a number, -1 or unlimited", text);
	if (limit.soft > limit.hard)
		return nvb_fail(
			err, NVB_ERR_INVALID, "ulimit '%s': the soft limit is above the hard one", text);
	while (slot < spec->ulimit_count && spec->ulimits[slot].resource != limit.resource)
		slot++;
	spec->ulimits[slot] = limit;
	spec->ulimit_count += slot == spec->ulimit_count;
	return 0;
}

int nvb_spec_add_env(struct nvb_capsule_spec *spec, const char *text, nvb_error **err)
{
	const char *equals = strchr(text, '='), *value;
	bool ok;

	if (!*text || equals == text)
		return nvb_fail(err, NVB_ERR_INVALID, "environment '%s': the name is empty", text);
	if (!nvb_utf8_valid(text, strlen(text)))
		return nvb_fail(err, NVB_ERR_INVALID, "environment '%.*s': config.json can only carry UTF-8",
			(int)strcspn(text, "="), text);
	if (equals) {
		ok = nvb_strv_add(&spec->env, text);
	} else {
		value = getenv(text);
		ok = value ? nvb_strv_addf(&spec->env, "%s=%s", text, value) : nvb_strv_add(&spec->env, text);
	}
	return ok ? 0 : nvb_fail_oom(err);
}

int nvb_spec_add_env_file(struct nvb_capsule_spec *spec, const char *path, nvb_error **err)
{
	enum { LARGEST = 1 << 20 };
	_cleanup_free_ char *data = NULL;
	size_t size, number = 0;
	int rc = nvb_file_read(AT_FDCWD, path, LARGEST, &data, &size, err);

	if (rc < 0)
		return nvb_wrap(err, rc, "environment file");
	if (strlen(data) != size)
		return nvb_fail(err, NVB_ERR_INVALID, "environment file %s: contains a NUL", path);
	for (char *save, *line = data; line; line = save) {
		save = strchr(line, '\n');
		if (save)
			*save++ = '\0';
		number++;
		line += strspn(line, " \t\r");
		line[strcspn(line, "\r")] = '\0';
		if (!*line || *line == '#')
			continue;
		/* As docker: a name with blanks is a mistake, not a name. */
		if (strcspn(line, " \t") < strcspn(line, "="))
			return nvb_fail(err, NVB_ERR_INVALID,
				"environment file %s, line %zu: the name contains a blank", path, number);
		rc = nvb_spec_add_env(spec, line, err);
		if (rc < 0)
			return nvb_wrap(err, rc, "environment file %s, line %zu", path, number);
	}
	return 0;
}

/* What of docker's security options bolt can do. NULL as value: any; the function says what is wrong. */
int nvb_spec_add_security_opt(struct nvb_capsule_spec *spec, const char *text, nvb_error **err)
{
	size_t n = strcspn(text, "=:");
	const char *value = text[n] ? text + n + 1 : "";
	_cleanup_free_ char *key = strndup(text, n);

	if (!key)
		return nvb_fail_oom(err);
	if (nvb_streq(key, "no-new-privileges") &&
		(!*value || nvb_streq(value, "true") || nvb_streq(value, "false"))) {
		spec->no_new_privileges = !nvb_streq(value, "false");
		return 0;
	}
	if (nvb_streq(key, "seccomp") && *value) {
		spec->seccomp = nvb_streq(value, "unconfined") ? NVB_SECCOMP_UNCONFINED
				: nvb_streq(value, "builtin")  ? NVB_SECCOMP_DEFAULT
							       : NVB_SECCOMP_FILE;
		spec->seccomp_file = nvb_arena_strdup(&spec->arena, value);
		return spec->seccomp_file ? 0 : nvb_fail_oom(err);
	}
	if (nvb_streq(key, "systempaths") && nvb_streq(value, "unconfined")) {
		spec->unmasked = true;
		return 0;
	}
	/* Bolt sets neither profile nor label, so that "none of it" is what a capsule has anyway. */
	if ((nvb_streq(key, "apparmor") && nvb_streq(value, "unconfined")) ||
		(nvb_streq(key, "label") && nvb_streq(value, "disable")))
		return 0;
	if (nvb_streq(key, "apparmor") || nvb_streq(key, "label"))
		return nvb_fail(err, NVB_ERR_UNSUPPORTED, "security option '%s': bolt sets no %s", text,
			*key == 'a' ? "AppArmor profile" : "SELinux label");
	return nvb_hint(err, nvb_fail(err, NVB_ERR_INVALID, "security option '%s': unknown", text),
		"no-new-privileges[=false], seccomp=unconfined, seccomp=FILE, systempaths=unconfined");
}

int nvb_spec_add_capability(uint64_t *set, const char *text, nvb_error **err)
{
	int number;

	if (strcasecmp(text, "all") == 0) {
		*set = NVB_CAPABILITIES_ALL;
		return 0;
	}
	number = nvb_capability_number(text);
	if (number < 0)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_INVALID, "capability '%s': there is no such", text),
			"names are those of capabilities(7), with or without CAP_, or ALL");
	*set |= UINT64_C(1) << number;
	return 0;
}

int nvb_spec_add_annotation(struct nvb_capsule_spec *spec, const char *text, nvb_error **err)
{
	if (*text == '=' || !strchr(text, '='))
		return nvb_fail(err, NVB_ERR_INVALID, "annotation '%s': not NAME=VALUE", text);
	return nvb_strv_add(&spec->annotations, text) ? 0 : nvb_fail_oom(err);
}

int nvb_spec_set_workdir(struct nvb_capsule_spec *spec, const char *text, nvb_error **err)
{
	if (*text != '/')
		return nvb_fail(err, NVB_ERR_INVALID, "working directory '%s': not an absolute path", text);
	spec->working_directory = nvb_arena_strdup(&spec->arena, text);
	return spec->working_directory ? 0 : nvb_fail_oom(err);
}

int nvb_spec_set_stop_signal(struct nvb_capsule_spec *spec, const char *text, nvb_error **err)
{
	int number;

	if (!nvb_parse_signal(text, &number))
		return nvb_fail(err, NVB_ERR_INVALID, "stop signal '%s': there is no such signal", text);
	spec->stop_signal = nvb_arena_strdup(&spec->arena, text);
	return spec->stop_signal ? 0 : nvb_fail_oom(err);
}

int nvb_spec_set_name(struct nvb_capsule_spec *spec, const char *text, nvb_error **err)
{
	size_t n = strlen(text);
	bool good = n >= 2 && n <= 128 && isalnum((unsigned char)*text);

	for (size_t i = 0; good && i < n; i++)
		good = isalnum((unsigned char)text[i]) || strchr("_.-", text[i]);
	if (!good)
		return nvb_fail(err, NVB_ERR_INVALID,
			"name '%s': 2 to 128 letters, digits and _.- that start with a letter or digit",
			text);
	spec->name = nvb_arena_strdup(&spec->arena, text);
	return spec->name ? 0 : nvb_fail_oom(err);
}

int nvb_spec_set_hostname(struct nvb_capsule_spec *spec, const char *text, nvb_error **err)
{
	size_t n = strlen(text);
	bool good = n >= 1 && n <= HOST_NAME_MAX - 1 && *text != '-' && *text != '.';

	for (size_t i = 0; good && i < n; i++)
		good = isalnum((unsigned char)text[i]) || strchr("_.-", text[i]);
	if (!good)
		return nvb_fail(err, NVB_ERR_INVALID,
			"hostname '%s': at most 63 letters, digits and -._ that start with neither - nor .",
			text);
	spec->hostname = nvb_arena_strdup(&spec->arena, text);
	return spec->hostname ? 0 : nvb_fail_oom(err);
}
