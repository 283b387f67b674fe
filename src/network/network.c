/* SPDX-License-Identifier: Apache-2.0 */
#include "network/network.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "network/address.h"
#include "network/bridge.h"
#include "network/nat.h"

enum { LARGEST_DEFINITION = 1 << 16 };

/* Where subnets of networks without one of their own come from: /24s of 10.90.0.0/16, which neither docker
 * (172.17 to 172.31) nor podman (10.88, 10.89) takes. */
#define POOL_BASE   (UINT32_C(10) << 24 | UINT32_C(90) << 16)
#define POOL_PREFIX 24
enum { POOL_SIZE = 256, INTERFACES = 1024 };

void nvb_network_info_release(struct nvb_network_info *network)
{
	free(network->name);
	nvb_strv_free(network->labels);
	*network = (struct nvb_network_info){0};
}

static int lock_file(const char *directory, const char *name, nvb_error **err)
{
	_cleanup_free_ char *path = NULL;
	int fd;

	if (asprintf(&path, "%s/%s", directory, name) < 0)
		return nvb_fail_oom(err);
	/* Not close-on-exec: a program that makes or removes a network for us holds the lock as well, so that
	 * whoever sweeps up behind a killed bolt waits until that program is done. */
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
	if (fd < 0 || flock(fd, LOCK_EX) < 0) {
		int failed = errno;

		nvb_closep(&fd);
		return nvb_fail_errno(err, failed, "%s", path);
	}
	return fd;
}

int nvb_networks_lock(const struct nvb_network_place *place, nvb_error **err)
{
	return lock_file(place->run, "networks.lock", err);
}

int nvb_network_lock_capsule(const char *directory, nvb_error **err)
{
	return lock_file(directory, "network.lock", err);
}

static int read_one(int directory, const char *file, struct nvb_network_info *network, nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	json_object *object;
	int rc = nvb_file_read(directory, file, LARGEST_DEFINITION, &text, NULL, err);

	if (rc < 0)
		return rc;
	object = json_tokener_parse(text);
	rc = nvb_network_read(object, file, network, err);
	json_object_put(object);
	return rc;
}

void nvb_networks_free(struct nvb_network_info *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		nvb_network_info_release(&list[i]);
	free(list);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct nvb_network_info *)a)->name, ((const struct nvb_network_info *)b)->name);
}

int nvb_networks_list(
	const struct nvb_network_place *place, struct nvb_network_info **out, size_t *count, nvb_error **err)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_closedir_ DIR *dir = NULL;
	struct nvb_network_info *list = NULL;
	size_t used = 0, capacity = 0;
	const struct dirent *entry;
	int rc = 0;

	if (asprintf(&path, "%s/networks", place->data) < 0)
		return nvb_fail_oom(err);
	dir = opendir(path);
	while (rc == 0 && dir && (entry = readdir(dir))) {
		if (*entry->d_name == '.' || !nvb_ends_with(entry->d_name, ".json"))
			continue;
		if (!NVB_GROW(list, used, capacity))
			rc = nvb_fail_oom(err);
		else
			rc = read_one(dirfd(dir), entry->d_name, &list[used], err);
		used += rc == 0;
	}
	if (rc < 0) {
		nvb_networks_free(list, used);
		return rc;
	}
	if (used)
		qsort(list, used, sizeof(*list), by_name);
	*out = list;
	*count = used;
	return 0;
}

static int choose_subnet(const struct nvb_network_info *list, size_t count, struct nvb_network_info *network,
	const char *asked, nvb_error **err)
{
	char text[NVB_SUBNET_TEXT];
	int rc;

	if (asked) {
		rc = nvb_subnet_parse(asked, &network->subnet, err);
		if (rc < 0)
			return rc;
		for (size_t i = 0; i < count; i++)
			if (nvb_subnets_overlap(network->subnet, list[i].subnet))
				return nvb_fail(err, NVB_ERR_CONFLICT, "subnet %s: network '%s' has %s",
					asked, list[i].name, nvb_subnet_format(list[i].subnet, text));
		if (nvb_subnet_is_routed(network->subnet, NULL))
			return nvb_fail(
				err, NVB_ERR_CONFLICT, "subnet %s: the host has a route there", asked);
		return 0;
	}
	for (uint32_t i = 0; i < POOL_SIZE; i++) {
		bool taken;

		network->subnet = (struct nvb_subnet){POOL_BASE + (i << 8), POOL_PREFIX};
		taken = nvb_subnet_is_routed(network->subnet, NULL);
		for (size_t n = 0; !taken && n < count; n++)
			taken = nvb_subnets_overlap(network->subnet, list[n].subnet);
		if (!taken)
			return 0;
	}
	return nvb_hint(err, nvb_fail(err, NVB_ERR_BUSY, "no subnet of 10.90.0.0/16 is free"),
		"name one with --subnet");
}

static int choose_gateway(struct nvb_network_info *network, const char *asked, nvb_error **err)
{
	char text[NVB_SUBNET_TEXT];

	network->gateway = network->subnet.base + 1;
	if (!asked)
		return 0;
	if (nvb_address_parse(asked, &network->gateway) &&
		nvb_subnet_has_host(network->subnet, network->gateway))
		return 0;
	return nvb_fail(err, NVB_ERR_INVALID, "gateway '%s': not an address of %s", asked,
		nvb_subnet_format(network->subnet, text));
}

/* "bolt0", "bolt1" ...: one that neither a network nor the host has. */
static int choose_interface(
	const struct nvb_network_info *list, size_t count, struct nvb_network_info *network, nvb_error **err)
{
	for (int i = 0; i < INTERFACES; i++) {
		bool taken;

		snprintf(network->interface, sizeof(network->interface), "bolt%d", i);
		taken = if_nametoindex(network->interface) != 0;
		for (size_t n = 0; !taken && n < count; n++)
			taken = nvb_streq(list[n].interface, network->interface);
		if (!taken)
			return 0;
	}
	return nvb_fail(err, NVB_ERR_BUSY, "there are %d interfaces bolt0, bolt1 ... already", INTERFACES);
}

static int make_id(struct nvb_network_info *network, nvb_error **err)
{
	unsigned char bytes[32];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return nvb_fail_errno(err, errno, "random numbers");
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(network->id + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

static int save(
	const struct nvb_network_place *place, const struct nvb_network_info *network, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};
	_cleanup_free_ char *directory = NULL, *path = NULL;
	int rc;

	nvb_network_write(network, &text);
	nvb_sb_addc(&text, '\n');
	if (text.failed || asprintf(&directory, "%s/networks", place->data) < 0 ||
		asprintf(&path, "%s/%s.json", directory, network->name) < 0)
		return nvb_fail_oom(err);
	rc = nvb_file_mkdirs(AT_FDCWD, directory, 0700, err);
	return rc < 0 ? rc : nvb_file_write(AT_FDCWD, path, text.s, text.len, 0600, err);
}

int nvb_network_make(const struct nvb_network_place *place, const char *name,
	const struct nvb_network_options *options, struct nvb_network_info *out, nvb_error **err)
{
	_cleanup_network_ struct nvb_network_info network = {
		.internal = options->internal, .mtu = options->mtu, .created = (long long)time(NULL)};
	struct nvb_network_info *list = NULL;
	size_t count = 0;
	int rc = nvb_networks_list(place, &list, &count, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < count; i++)
		if (nvb_streq(list[i].name, name))
			rc = nvb_fail(err, NVB_ERR_CONFLICT, "there is a network '%s' already", name);
	if (rc == 0)
		rc = choose_subnet(list, count, &network, options->subnet, err);
	if (rc == 0)
		rc = choose_gateway(&network, options->gateway, err);
	if (rc == 0)
		rc = choose_interface(list, count, &network, err);
	nvb_networks_free(list, count);
	if (rc == 0)
		rc = make_id(&network, err);
	network.name = strdup(name);
	nvb_strv_foreach (label, options->labels)
		if (rc == 0 && !nvb_strv_add(&network.labels, *label))
			rc = nvb_fail_oom(err);
	if (rc == 0)
		rc = network.name ? save(place, &network, err) : nvb_fail_oom(err);
	if (rc < 0)
		return rc;
	*out = network;
	network = (struct nvb_network_info){0};
	return 0;
}

/* The nearest of the names that there are. */
static int no_such(const struct nvb_network_place *place, const char *name, nvb_error **err)
{
	struct nvb_network_info *list = NULL;
	_cleanup_free_ const char **names = NULL;
	const char *nearest = NULL;
	size_t count = 0;
	int rc = nvb_fail(err, NVB_ERR_NOT_FOUND, "no network '%s'", name);

	if (nvb_networks_list(place, &list, &count, NULL) == 0) {
		names = calloc(count + 1, sizeof(*names));
		for (size_t i = 0; names && i < count; i++)
			names[i] = list[i].name;
		nearest = names ? nvb_nearest(name, names, count) : NULL;
	}
	rc = nearest ? nvb_hint(err, rc, "did you mean '%s'?", nearest)
		     : nvb_hint(err, rc, "'bolt network create %s' makes it", name);
	nvb_networks_free(list, count);
	return rc;
}

int nvb_network_open(const struct nvb_network_place *place, const char *name,
	struct nvb_network_info *network, nvb_error **err)
{
	const struct nvb_network_options defaults = {0};
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/networks/%s.json", place->data, name) < 0)
		return nvb_fail_oom(err);
	if (access(path, F_OK) == 0)
		return read_one(AT_FDCWD, path, network, err);
	if (nvb_streq(name, "bridge"))
		return nvb_network_make(place, name, &defaults, network, err);
	return no_such(place, name, err);
}

int nvb_network_remove(const struct nvb_network_place *place, const char *name, nvb_error **err)
{
	_cleanup_network_ struct nvb_network_info network = {0};
	_cleanup_free_ char *path = NULL, *directory = NULL;
	struct nvb_member *members = NULL;
	size_t count = 0;
	int rc;

	if (asprintf(&path, "%s/networks/%s.json", place->data, name) < 0 ||
		asprintf(&directory, "%s/networks/%s", place->run, name) < 0)
		return nvb_fail_oom(err);
	if (access(path, F_OK) < 0)
		return no_such(place, name, err);
	rc = read_one(AT_FDCWD, path, &network, err);
	if (rc == 0)
		rc = nvb_members_list(place, name, &members, &count, err);
	if (rc == 0 && count)
		rc = nvb_fail(err, NVB_ERR_BUSY, "network '%s': %zu capsule%s on it, %.12s among them", name,
			count, count == 1 ? " is" : "s are", members[0].id);
	nvb_members_free(members, count);
	if (rc < 0)
		return rc;
	nvb_nat_forget(&network);
	rc = nvb_bridge_remove(network.interface, err);
	if (rc < 0)
		return rc;
	nvb_file_remove_tree(AT_FDCWD, directory, NULL);
	return unlink(path) < 0 ? nvb_fail_errno(err, errno, "%s", path) : 0;
}
