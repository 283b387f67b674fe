/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/users.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

enum {
	LARGEST_FILE = 4 << 20,
	LARGEST_ID = INT32_MAX, /* as docker: larger ones meet signed comparisons in old programs */
	MOST_GROUPS = 65536,	/* NGROUPS_MAX */
};

void nvb_user_release(struct nvb_user *user)
{
	free(user->groups);
	free(user->home);
	*user = (struct nvb_user){0};
}

static bool parse_id(const char *s, uint32_t *id)
{
	uint32_t value;

	if (!nvb_parse_u32(s, &value) || value > LARGEST_ID)
		return false;
	*id = value;
	return true;
}

/* A number that no user has is still no name, whatever the image says. */
static int check_number(const char *s, const char *what, nvb_error **err)
{
	uint32_t ignored;

	if (!*s || s[strspn(s, "0123456789")] || parse_id(s, &ignored))
		return 0;
	return nvb_fail(err, NVB_ERR_INVALID, "%s '%s': numbers go to %d", what, s, LARGEST_ID);
}

/* Cuts the next line off *rest at its colons; the number of fields, -1 at the end. */
static int next_line(char **rest, char *fields[], int max)
{
	char *line = *rest, *end;
	int n = 0;

	if (!line || !*line)
		return -1;
	end = strchr(line, '\n');
	*rest = end ? end + 1 : NULL;
	if (end)
		*end = '\0';
	while (n < max) {
		fields[n++] = line;
		line = n < max ? strchr(line, ':') : NULL;
		if (!line)
			break;
		*line++ = '\0';
	}
	return n;
}

/* An absent file is an empty one: images made of one program have neither. */
static int read_table(const struct nvb_root *root, const char *path, char **text, nvb_error **err)
{
	struct stat st;
	_cleanup_close_ int fd = nvb_root_open_file(root, path, &st);
	int rc;

	if (fd == -ENOENT || fd == -ENOTDIR) {
		*text = strdup("");
		return *text ? 0 : nvb_fail_oom(err);
	}
	if (fd == -EINVAL)
		rc = nvb_fail(err, NVB_ERR_CORRUPT, "%s: not a regular file", path);
	else if (fd < 0)
		rc = nvb_fail_errno(err, -fd, "%s", path);
	else
		rc = nvb_file_read_fd(fd, path, LARGEST_FILE, text, NULL, err);
	return rc < 0 ? nvb_wrap(err, rc, "the container's users") : 0;
}

/* Fills uid, gid and home from passwd(5); *name gets the user's name when there is one. A number is never
 * taken for a name: an image's "1000:x:0:0" would make root of it (CVE-2016-3697). */
static int find_user(
	const struct nvb_root *root, const char *wanted, struct nvb_user *user, char **name, nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	char *fields[7] = {NULL}, *rest;
	uint32_t number = 0, uid, gid;
	bool numeric = parse_id(wanted, &number);
	int n, rc = read_table(root, "/etc/passwd", &text, err);

	if (rc < 0)
		return rc;
	rest = text;
	while ((n = next_line(&rest, fields, 7)) >= 0) {
		if (n < 4 || !parse_id(fields[2], &uid) || !parse_id(fields[3], &gid))
			continue;
		if (numeric ? uid != number : !nvb_streq(fields[0], wanted))
			continue;
		user->uid = uid;
		user->gid = gid;
		user->home = strdup(n > 5 && *fields[5] == '/' ? fields[5] : "/");
		*name = strdup(fields[0]);
		return user->home && *name ? 0 : nvb_fail_oom(err);
	}
	if (!numeric)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_NOT_FOUND, "user '%s' is not in the image's /etc/passwd",
				wanted),
			"a number needs no entry there");
	user->uid = number;
	user->gid = 0;
	user->home = strdup(number == 0 ? "/root" : "/");
	return user->home ? 0 : nvb_fail_oom(err);
}

static bool is_member(char *members, const char *name)
{
	char *save = NULL;

	for (char *m = strtok_r(members, ",", &save); m; m = strtok_r(NULL, ",", &save))
		if (nvb_streq(m, name))
			return true;
	return false;
}

/* The groups that list the user, and the number of the one that was asked for by name. */
static int find_groups(const struct nvb_root *root, const char *group, const char *name,
	struct nvb_user *user, nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	char *fields[4] = {NULL}, *rest;
	size_t capacity = 0;
	uint32_t number = 0, gid;
	bool numeric = group && parse_id(group, &number), found = false;
	int n, rc = read_table(root, "/etc/group", &text, err);

	if (rc < 0)
		return rc;
	rest = text;
	while (!found && (n = next_line(&rest, fields, 4)) >= 0) {
		if (n < 3 || !parse_id(fields[2], &gid))
			continue;
		if (group) {
			found = numeric ? gid == number : nvb_streq(fields[0], group);
			if (found)
				user->gid = gid;
		} else if (name && n > 3 && is_member(fields[3], name) && user->group_count < MOST_GROUPS) {
			if (!NVB_GROW(user->groups, user->group_count, capacity))
				return nvb_fail_oom(err);
			user->groups[user->group_count++] = gid;
		}
	}
	if (!group || found)
		return 0;
	if (!numeric)
		return nvb_hint(err,
			nvb_fail(
				err, NVB_ERR_NOT_FOUND, "group '%s' is not in the image's /etc/group", group),
			"a number needs no entry there");
	user->gid = number;
	return 0;
}

int nvb_user_resolve(const struct nvb_root *root, const char *text, struct nvb_user *user, nvb_error **err)
{
	_cleanup_free_ char *wanted = strdup(text), *name = NULL;
	_cleanup_user_ struct nvb_user found = {0};
	char *group;
	int rc;

	if (!wanted)
		return nvb_fail_oom(err);
	group = strchr(wanted, ':');
	if (group)
		*group++ = '\0';
	if (group && !*group)
		return nvb_fail(err, NVB_ERR_INVALID, "user '%s': the group is empty", text);
	rc = check_number(wanted, "user", err);
	if (rc == 0 && group)
		rc = check_number(group, "group", err);
	if (rc == 0)
		rc = find_user(root, *wanted ? wanted : "0", &found, &name, err);
	if (rc == 0)
		rc = find_groups(root, group, name, &found, err);
	if (rc == 0) {
		*user = found;
		found = (struct nvb_user){0};
	}
	return rc;
}
