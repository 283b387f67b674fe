/* SPDX-License-Identifier: Apache-2.0 */
#include "network/names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "network/address.h"

enum { LARGEST_FILE = 1 << 20 };

/* What was longer than what comes is first overwritten by line ends: a reader between two calls sees whole
 * lines. */
static int rewrite(const char *path, const struct nvb_strbuf *text, nvb_error **err)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	_cleanup_strbuf_ struct nvb_strbuf padded = {0};
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0)
		return nvb_fail_errno(err, errno, "%s", path);
	/* Not ours, if it is that large: nobody gets to say how much we write. */
	if (st.st_size > LARGEST_FILE && ftruncate(fd, st.st_size = 0) < 0)
		return nvb_fail_errno(err, errno, "%s", path);
	nvb_sb_addn(&padded, text->s, text->len);
	while (!padded.failed && (off_t)padded.len < st.st_size)
		nvb_sb_addc(&padded, '\n');
	if (padded.failed)
		return nvb_fail_oom(err);
	rc = nvb_write_all(fd, padded.s, padded.len);
	if (rc == 0 && ftruncate(fd, (off_t)text->len) < 0)
		rc = -errno;
	return rc < 0 ? nvb_fail_errno(err, -rc, "%s", path) : 0;
}

int nvb_names_begin(const char *directory, const char *text, char *const *lines, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf whole = {0};
	_cleanup_free_ char *own = NULL, *path = NULL;
	int rc;

	nvb_sb_add(&whole, text);
	nvb_strv_foreach (line, lines)
		nvb_sb_addf(&whole, "%s\n", *line);
	if (whole.failed || asprintf(&own, "%s/hosts.own", directory) < 0 ||
		asprintf(&path, "%s/hosts", directory) < 0)
		return nvb_fail_oom(err);
	rc = rewrite(own, &whole, err);
	return rc < 0 ? rc : rewrite(path, &whole, err);
}

static void add_member(const struct nvb_member *member, struct nvb_strbuf *out)
{
	char address[INET_ADDRSTRLEN];

	nvb_sb_addf(out, "%s\t", nvb_address_format(member->address, address));
	nvb_strv_foreach (name, member->names)
		nvb_sb_addf(out, "%s ", *name);
	nvb_sb_addf(out, "%.12s\n", member->id);
}

struct group {
	struct nvb_member *members;
	size_t count;
};

static void add_group(const struct group *group, const char *id, struct nvb_strbuf *out)
{
	bool on_it = false;

	for (size_t i = 0; i < group->count; i++)
		on_it |= nvb_streq(group->members[i].id, id);
	for (size_t i = 0; on_it && i < group->count; i++)
		if (!nvb_streq(group->members[i].id, id))
			add_member(&group->members[i], out);
}

static int refresh_one(const struct nvb_network_place *place, const char *id, const struct group *groups,
	size_t count, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};
	_cleanup_free_ char *own = NULL, *path = NULL, *begin = NULL;

	if (asprintf(&own, "%s/capsules/%s/hosts.own", place->run, id) < 0 ||
		asprintf(&path, "%s/capsules/%s/hosts", place->run, id) < 0)
		return nvb_fail_oom(err);
	/* One that is just being made or removed. */
	if (nvb_file_read(AT_FDCWD, own, LARGEST_FILE, &begin, NULL, NULL) < 0)
		return 0;
	nvb_sb_add(&text, begin);
	for (size_t i = 0; i < count; i++)
		add_group(&groups[i], id, &text);
	return text.failed ? nvb_fail_oom(err) : rewrite(path, &text, err);
}

static void refresh_group(const struct nvb_network_place *place, const struct group *group,
	const struct group *all, size_t count)
{
	for (size_t i = 0; i < group->count; i++) {
		_cleanup_error_ nvb_error *why = NULL;

		if (refresh_one(place, group->members[i].id, all, count, &why) < 0)
			nvb_warning(place->log, "capsule %.12s may not know the others' names: %s",
				group->members[i].id, nvb_error_message(why));
	}
}

/* Of a capsule on several networks the file names the members of all of them. */
int nvb_names_refresh(const struct nvb_network_place *place, const char *network, nvb_error **err)
{
	_cleanup_free_ struct group *groups = NULL;
	struct nvb_network_info *list = NULL;
	size_t count = 0;
	int rc = nvb_networks_list(place, &list, &count, err);

	if (rc < 0)
		return rc;
	groups = calloc(count + 1, sizeof(*groups));
	if (!groups)
		rc = nvb_fail_oom(err);
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = nvb_members_list(place, list[i].name, &groups[i].members, &groups[i].count, err);
	for (size_t i = 0; rc == 0 && i < count; i++)
		if (nvb_streq(list[i].name, network))
			refresh_group(place, &groups[i], groups, count);
	for (size_t i = 0; groups && i < count; i++)
		nvb_members_free(groups[i].members, groups[i].count);
	nvb_networks_free(list, count);
	return rc;
}

/* Its own line: "ADDRESS\tHOSTNAME NAME ALIAS...". */
static int rename_own(const struct nvb_network_place *place, const char *id, const char *old,
	const char *name, nvb_error **err)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	_cleanup_strbuf_ struct nvb_strbuf out = {0};
	size_t n;

	if (asprintf(&path, "%s/capsules/%s/hosts.own", place->run, id) < 0)
		return nvb_fail_oom(err);
	if (nvb_file_read(AT_FDCWD, path, LARGEST_FILE, &text, NULL, NULL) < 0)
		return 0;
	for (const char *at = text; *at; at += n) {
		n = strcspn(at, " \t\n");
		if (n == strlen(old) && strncmp(at, old, n) == 0)
			nvb_sb_add(&out, name);
		else
			nvb_sb_addn(&out, at, n);
		if (at[n])
			nvb_sb_addc(&out, at[n++]);
	}
	nvb_sb_add(&out, "");
	return out.failed ? nvb_fail_oom(err) : rewrite(path, &out, err);
}

static int rename_member(const struct nvb_network_place *place, const char *network, const char *id,
	const char *old, const char *name, nvb_error **err)
{
	struct nvb_member *members = NULL;
	size_t count = 0;
	bool found = false;
	int rc = nvb_members_list(place, network, &members, &count, err);

	for (size_t i = 0; rc == 0 && i < count; i++) {
		if (!nvb_streq(members[i].id, id))
			continue;
		found = true;
		rc = nvb_member_rename(place, network, &members[i], old, name, err);
	}
	nvb_members_free(members, count);
	if (rc == 0 && found)
		rc = rename_own(place, id, old, name, err);
	return rc == 0 && found ? nvb_names_refresh(place, network, err) : rc;
}

int nvb_names_rename(const struct nvb_network_place *place, const char *id, const char *old, const char *name,
	nvb_error **err)
{
	struct nvb_network_info *list = NULL;
	size_t count = 0;
	_cleanup_close_ int lock = nvb_networks_lock(place, err);
	int rc = lock < 0 ? lock : nvb_networks_list(place, &list, &count, err);

	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = rename_member(place, list[i].name, id, old, name, err);
	nvb_networks_free(list, count);
	return rc;
}
