/* SPDX-License-Identifier: Apache-2.0 */
#include "network/address.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

enum { LARGEST_MEMBER = 1 << 16 };

void nvb_members_free(struct nvb_member *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		nvb_strv_free(list[i].names);
	free(list);
}

static char *directory_of(const struct nvb_network_place *place, const char *network)
{
	char *path;

	return asprintf(&path, "%s/networks/%s", place->run, network) < 0 ? NULL : path;
}

static bool is_there(const struct nvb_network_place *place, const char *id)
{
	_cleanup_free_ char *path = NULL;

	return asprintf(&path, "%s/capsules/%s", place->run, id) >= 0 && access(path, F_OK) == 0;
}

/* 1 with a member, 0 when the file holds none (any more), negated code. */
static int read_member(const struct nvb_network_place *place, int directory, const char *file,
	struct nvb_member *member, nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_strv_ char **words = NULL;

	*member = (struct nvb_member){0};
	if (!nvb_address_parse(file, &member->address) ||
		nvb_file_read(directory, file, LARGEST_MEMBER, &text, NULL, NULL) < 0)
		return 0;
	words = nvb_strv_split(text, " \n");
	if (!words)
		return nvb_fail_oom(err);
	if (!words[0] || strlen(words[0]) >= sizeof(member->id) || !is_there(place, words[0]))
		return 0;
	snprintf(member->id, sizeof(member->id), "%s", words[0]);
	for (char **word = words + 1; *word; word++)
		if (!nvb_strv_add(&member->names, *word))
			return nvb_fail_oom(err);
	return 1;
}

static int by_address(const void *a, const void *b)
{
	const struct nvb_member *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

int nvb_members_list(const struct nvb_network_place *place, const char *network, struct nvb_member **out,
	size_t *count, nvb_error **err)
{
	_cleanup_free_ char *path = directory_of(place, network);
	_cleanup_closedir_ DIR *dir = path ? opendir(path) : NULL;
	struct nvb_member *list = NULL, member;
	size_t used = 0, capacity = 0;
	const struct dirent *entry;
	int rc = path ? 0 : nvb_fail_oom(err);

	while (rc == 0 && dir && (entry = readdir(dir))) {
		rc = read_member(place, dirfd(dir), entry->d_name, &member, err);
		if (rc == 1 && !NVB_GROW(list, used, capacity))
			rc = nvb_fail_oom(err);
		if (rc == 1)
			list[used++] = member;
		else
			nvb_strv_free(member.names);
		rc = rc > 0 ? 0 : rc;
	}
	if (rc < 0) {
		nvb_members_free(list, used);
		return rc;
	}
	if (used)
		qsort(list, used, sizeof(*list), by_address);
	*out = list;
	*count = used;
	return 0;
}

static int write_member(
	const char *directory, uint32_t address, const char *id, char *const *names, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	char dotted[INET_ADDRSTRLEN];
	int rc;

	nvb_sb_add(&text, id);
	nvb_strv_foreach (name, names)
		nvb_sb_addf(&text, " %s", *name);
	nvb_sb_addc(&text, '\n');
	if (text.failed || asprintf(&path, "%s/%s", directory, nvb_address_format(address, dotted)) < 0)
		return nvb_fail_oom(err);
	/* What stands there is of a capsule that is gone. */
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	rc = fd < 0 ? -errno : nvb_write_all(fd, text.s, text.len);
	return rc < 0 ? nvb_fail_errno(err, -rc, "%s", path) : 0;
}

int nvb_member_rename(const struct nvb_network_place *place, const char *network,
	const struct nvb_member *member, const char *old, const char *name, nvb_error **err)
{
	_cleanup_free_ char *directory = directory_of(place, network);
	_cleanup_strv_ char **names = NULL;

	if (!directory)
		return nvb_fail_oom(err);
	nvb_strv_foreach (known, member->names)
		if (!nvb_strv_add(&names, nvb_streq(*known, old) ? name : *known))
			return nvb_fail_oom(err);
	return write_member(directory, member->address, member->id, names, err);
}

/* The first free one: members are sorted, so the first gap is it. */
static bool first_free(const struct nvb_network_info *network, const struct nvb_member *list, size_t count,
	uint32_t *address)
{
	uint32_t candidate = network->subnet.base + 1;

	for (size_t i = 0; nvb_subnet_has_host(network->subnet, candidate); candidate++) {
		while (i < count && list[i].address < candidate)
			i++;
		if (candidate == network->gateway || (i < count && list[i].address == candidate))
			continue;
		*address = candidate;
		return true;
	}
	return false;
}

int nvb_address_take(const struct nvb_network_place *place, const struct nvb_network_info *network,
	const char *id, char *const *names, uint32_t *address, nvb_error **err)
{
	_cleanup_free_ char *directory = directory_of(place, network->name);
	struct nvb_member *list = NULL;
	char text[NVB_SUBNET_TEXT];
	size_t count = 0;
	uint32_t found = 0;
	int rc = directory ? nvb_file_mkdirs(AT_FDCWD, directory, 0700, err) : nvb_fail_oom(err);

	if (rc == 0)
		rc = nvb_members_list(place, network->name, &list, &count, err);
	if (rc == 0 && !first_free(network, list, count, &found))
		rc = nvb_fail(err, NVB_ERR_BUSY, "network '%s': all addresses of %s are in use",
			network->name, nvb_subnet_format(network->subnet, text));
	nvb_members_free(list, count);
	if (rc == 0)
		rc = write_member(directory, found, id, names, err);
	if (rc == 0)
		*address = found;
	return rc;
}

void nvb_address_release(
	const struct nvb_network_place *place, const char *network, const char *id, uint32_t address)
{
	_cleanup_free_ char *directory = directory_of(place, network), *path = NULL, *text = NULL;
	char dotted[INET_ADDRSTRLEN];
	const char *rest;

	if (!directory || asprintf(&path, "%s/%s", directory, nvb_address_format(address, dotted)) < 0 ||
		nvb_file_read(AT_FDCWD, path, LARGEST_MEMBER, &text, NULL, NULL) < 0)
		return;
	rest = nvb_after(text, id);
	if (rest && (*rest == ' ' || *rest == '\n'))
		unlink(path);
}
