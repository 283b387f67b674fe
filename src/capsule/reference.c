/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>

#include "base/str.h"
#include "capsule/store.h"

/*
 * Names of images, as docker and podman read them:
 *
 *	[registry[:port]/]path[:tag][@digest]
 *
 * Source of the grammar: the OCI distribution specification and the reference grammar of the "distribution"
 *project.
 */

enum { NAME_LONGEST = 255, TAG_LONGEST = 128 };

struct parts {
	const char *registry, *path, *tag, *digest; /* spans of the name; NULL or size 0 where absent */
	size_t registry_size, path_size, tag_size, digest_size;
};

static bool is_lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* [a-z0-9]+ with single separators ".", "_", "__" or dashes between. */
static bool valid_component(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n) {
		size_t run = i;

		while (i < n && is_lower_alnum(s[i]))
			i++;
		if (i == run)
			return false;
		if (i == n)
			return true;
		if (s[i] == '.' || s[i] == '_')
			i += s[i] == '_' && i + 1 < n && s[i + 1] == '_' ? 2 : 1;
		else
			while (i < n && s[i] == '-')
				i++;
	}
	return false;
}

static bool valid_path(const char *s, size_t n)
{
	while (n) {
		const char *slash = memchr(s, '/', n);
		size_t part = slash ? (size_t)(slash - s) : n;

		if (!valid_component(s, part))
			return false;
		if (!slash)
			return true;
		s += part + 1;
		n -= part + 1;
	}
	return false;
}

static bool valid_tag(const char *s, size_t n)
{
	if (!n || n > TAG_LONGEST || *s == '.' || *s == '-')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("_.-", s[i]))
			return false;
	return true;
}

static bool valid_digest(const char *s, size_t n)
{
	const char *hex = nvb_after(s, "sha256:");

	return hex && n == strlen("sha256:") + 64 && strspn(hex, "0123456789abcdef") == 64;
}

static bool valid_registry(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr(".-:[]", s[i]))
			return false;
	return n > 0;
}

/* The first part of a path is a registry when it could be no repository's: it has a dot or a port, or is
 * localhost. */
static bool names_registry(const char *s, size_t n)
{
	return memchr(s, '.', n) || memchr(s, ':', n) ||
	       (n == strlen("localhost") && memcmp(s, "localhost", n) == 0);
}

static bool split(const char *name, struct parts *parts)
{
	const char *at = strchr(name, '@'), *slash, *colon;
	size_t n = at ? (size_t)(at - name) : strlen(name);

	*parts = (struct parts){.path = name};
	if (at) {
		parts->digest = at + 1;
		parts->digest_size = strlen(at + 1);
	}
	slash = memchr(name, '/', n);
	if (slash && names_registry(name, (size_t)(slash - name))) {
		parts->registry = name;
		parts->registry_size = (size_t)(slash - name);
		parts->path = slash + 1;
		n -= parts->registry_size + 1;
	}
	colon = memchr(parts->path, ':', n);
	parts->path_size = colon ? (size_t)(colon - parts->path) : n;
	if (colon) {
		parts->tag = colon + 1;
		parts->tag_size = n - parts->path_size - 1;
	}
	return parts->path_size <= NAME_LONGEST && valid_path(parts->path, parts->path_size) &&
	       (!parts->registry || valid_registry(parts->registry, parts->registry_size)) &&
	       (!parts->tag || valid_tag(parts->tag, parts->tag_size)) &&
	       (!parts->digest || valid_digest(parts->digest, parts->digest_size));
}

static char *join(const struct parts *parts, const char *registry, const char *library)
{
	struct nvb_strbuf sb = {0};

	if (parts->registry)
		nvb_sb_addn(&sb, parts->registry, parts->registry_size);
	else
		nvb_sb_add(&sb, registry);
	nvb_sb_addc(&sb, '/');
	if (!parts->registry && !memchr(parts->path, '/', parts->path_size))
		nvb_sb_add(&sb, library);
	nvb_sb_addn(&sb, parts->path, parts->path_size);
	if (parts->tag) {
		nvb_sb_addc(&sb, ':');
		nvb_sb_addn(&sb, parts->tag, parts->tag_size);
	} else if (!parts->digest) {
		nvb_sb_add(&sb, ":latest");
	}
	if (parts->digest) {
		nvb_sb_addc(&sb, '@');
		nvb_sb_addn(&sb, parts->digest, parts->digest_size);
	}
	return nvb_sb_finish(&sb);
}

static int normalise(
	const char *name, const char *registry, const char *library, char **reference, nvb_error **err)
{
	struct parts parts;
	char *joined;

	if (!split(name, &parts))
		return nvb_hint(err, nvb_fail(err, NVB_ERR_INVALID, "'%s' is not an image name", name),
			"names look like debian, debian:12, registry.example.com/team/app:1.0 or "
			"name@sha256:<digest>, "
			"in lower case");
	joined = join(&parts, registry, library);
	if (!joined)
		return nvb_fail_oom(err);
	*reference = joined;
	return 0;
}

int nvb_image_normalise(const char *name, char **reference, nvb_error **err)
{
	return normalise(name, "docker.io", "library/", reference, err);
}

int nvb_image_localise(const char *name, char **reference, nvb_error **err)
{
	return normalise(name, "localhost", "", reference, err);
}
