/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include <fcntl.h>
#include <json.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/str.h"
#include "network/address.h"
#include "network/listen.h"
#include "network/names.h"
#include "network/network.h"
#include "network/port.h"
#include "network/record.h"
#include "network/subnet.h"

/* What is asked for, addresses and names: everything of src/network that makes nothing on the host. */

static char *parsed(const char *text)
{
	static char out[NVB_PORT_TEXT + 16];
	struct nvb_port_range range;
	char port[NVB_PORT_TEXT];
	nvb_error *err = NULL;

	if (nvb_port_parse(text, &range, &err) < 0)
		snprintf(out, sizeof(out), "refused");
	else
		snprintf(out, sizeof(out), "%s x%u", nvb_port_format(&range.first, port), range.count);
	assert_int_equal(err != NULL, nvb_streq(out, "refused"));
	nvb_error_free(err);
	return out;
}

static void ports(void **state)
{
	static const struct {
		const char *text, *means;
	} cases[] = {
		{"8080:80", "8080->80/tcp x1"},
		{"8080:80/udp", "8080->80/udp x1"},
		{"80", "0->80/tcp x1"},
		{"127.0.0.1:8080:80", "127.0.0.1:8080->80/tcp x1"},
		{"127.0.0.1::80", "127.0.0.1:0->80/tcp x1"},
		{"[::1]:8080:80", "[::1]:8080->80/tcp x1"},
		{"8000-8010:80-90/tcp", "8000->80/tcp x11"},
		{"1-65535:1-65535", "1->1/tcp x65535"},
		{"", "refused"},
		{":", "refused"},
		{"0:80", "refused"},
		{"80:0", "refused"},
		{"65536:80", "refused"},
		{"80:80/sctp", "refused"},
		{"80:80/", "refused"},
		{"1-2:1-3", "refused"},
		{"2-1:2-1", "refused"},
		{"-1:80", "refused"},
		{"x:80", "refused"},
		{"::1:8080:80", "refused"},
		{"[::1]80:80", "refused"},
		{"[::1:80", "refused"},
		{"300.0.0.1:80:80", "refused"},
		{"localhost:80:80", "refused"},
	};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++)
		assert_string_equal(parsed(cases[i].text), cases[i].means);
}

static bool is_subnet(const char *text)
{
	struct nvb_subnet subnet;
	char again[NVB_SUBNET_TEXT];

	return nvb_subnet_parse(text, &subnet, NULL) == 0 &&
	       nvb_streq(nvb_subnet_format(subnet, again), text);
}

static struct nvb_subnet subnet_of(const char *text)
{
	struct nvb_subnet subnet;

	assert_int_equal(nvb_subnet_parse(text, &subnet, NULL), 0);
	return subnet;
}

static void subnets(void **state)
{
	struct nvb_subnet small = subnet_of("10.7.0.4/30");

	(void)state;
	assert_true(is_subnet("10.7.0.0/24"));
	assert_true(is_subnet("10.0.0.0/8"));
	assert_false(is_subnet("10.7.0.1/24"));
	assert_false(is_subnet("10.7.0.0"));
	assert_false(is_subnet("10.7.0.0/31"));
	assert_false(is_subnet("10.0.0.0/7"));
	assert_false(is_subnet("10.7.0.0/x"));
	assert_false(is_subnet("fd00::/64"));
	assert_false(nvb_subnet_has_host(small, small.base));
	assert_true(nvb_subnet_has_host(small, small.base + 1));
	assert_true(nvb_subnet_has_host(small, small.base + 2));
	assert_false(nvb_subnet_has_host(small, small.base + 3));
	assert_true(nvb_subnets_overlap(subnet_of("10.0.0.0/8"), small));
	assert_true(nvb_subnets_overlap(small, subnet_of("10.0.0.0/8")));
	assert_false(nvb_subnets_overlap(small, subnet_of("10.7.0.8/30")));
}

/* A state of bolt's in a directory of its own. */
struct world {
	char directory[64];
	struct nvb_network_place place;
};

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	char path[128];

	if (!world)
		return -1;
	snprintf(world->directory, sizeof(world->directory), "/tmp/nvb-network.XXXXXX");
	if (!mkdtemp(world->directory))
		return -1;
	world->place = (struct nvb_network_place){.run = world->directory, .data = world->directory};
	snprintf(path, sizeof(path), "%s/capsules", world->directory);
	if (mkdir(path, 0700) < 0)
		return -1;
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	nvb_file_remove_tree(AT_FDCWD, world->directory, NULL);
	free(world);
	return 0;
}

static const char *capsule(struct world *world, char id[33], char c)
{
	static char path[128];

	memset(id, c, 32);
	id[32] = '\0';
	snprintf(path, sizeof(path), "%s/capsules/%s", world->directory, id);
	mkdir(path, 0700);
	return path;
}

static void definitions(void **state)
{
	struct world *world = *state;
	const struct nvb_network_options options = {
		.subnet = "10.213.7.0/24", .gateway = "10.213.7.9", .mtu = 1400, .internal = true};
	const struct nvb_network_options overlapping = {.subnet = "10.213.7.128/25"};
	_cleanup_network_ struct nvb_network_info made = {0}, read = {0}, other = {0};
	nvb_error *err = NULL;

	assert_int_equal(nvb_network_make(&world->place, "lab", &options, &made, NULL), 0);
	assert_int_equal(nvb_network_open(&world->place, "lab", &read, NULL), 0);
	assert_string_equal(made.id, read.id);
	assert_int_equal(read.gateway, made.gateway);
	assert_int_equal(read.mtu, 1400);
	assert_true(read.internal);
	assert_int_equal(nvb_network_make(&world->place, "lab", &options, &other, NULL), -NVB_ERR_CONFLICT);
	assert_int_equal(nvb_network_make(&world->place, "b", &overlapping, &other, &err), -NVB_ERR_CONFLICT);
	assert_non_null(strstr(nvb_error_message(err), "network 'lab' has 10.213.7.0/24"));
	nvb_error_free(err);
	assert_int_equal(nvb_network_open(&world->place, "lob", &other, NULL), -NVB_ERR_NOT_FOUND);
}

static void addresses(void **state)
{
	struct world *world = *state;
	const struct nvb_network_options options = {.subnet = "10.213.8.0/29"};
	char *names[] = {(char[]){"web"}, (char[]){"www"}, NULL};
	_cleanup_network_ struct nvb_network_info network = {0};
	struct nvb_member *members;
	uint32_t address = 0, first = 0;
	char id[33];
	size_t count;

	assert_int_equal(nvb_network_make(&world->place, "lab", &options, &network, NULL), 0);
	for (int i = 0; i < 5; i++) {
		capsule(world, id, (char)('a' + i));
		assert_int_equal(nvb_address_take(&world->place, &network, id, names, &address, NULL), 0);
		first = i == 0 ? address : first;
	}
	/* 6 hosts, of which one is the gateway. */
	capsule(world, id, 'f');
	assert_int_equal(nvb_address_take(&world->place, &network, id, names, &address, NULL), -NVB_ERR_BUSY);
	/* Given back by its owner alone. */
	nvb_address_release(&world->place, "lab", id, first);
	assert_int_equal(nvb_members_list(&world->place, "lab", &members, &count, NULL), 0);
	assert_int_equal(count, 5);
	assert_string_equal(members[0].names[1], "www");
	nvb_members_free(members, count);
	/* One whose capsule is gone is free. */
	rmdir(capsule(world, id, 'a'));
	capsule(world, id, 'f');
	assert_int_equal(nvb_address_take(&world->place, &network, id, names, &address, NULL), 0);
	assert_int_equal(address, first);
}

static char *hosts_of(const char *directory)
{
	char path[160], *text = NULL;

	snprintf(path, sizeof(path), "%s/hosts", directory);
	assert_int_equal(nvb_file_read(AT_FDCWD, path, 1 << 16, &text, NULL, NULL), 0);
	return text;
}

static void names(void **state)
{
	struct world *world = *state;
	const struct nvb_network_options options = {.subnet = "10.213.9.0/24"};
	char *web[] = {(char[]){"web"}, NULL}, *database[] = {(char[]){"database-with-a-long-name"}, NULL};
	_cleanup_network_ struct nvb_network_info network = {0};
	_cleanup_free_ char *with = NULL, *without = NULL, *path = NULL;
	char a[33], b[33];
	uint32_t address;

	assert_int_equal(nvb_network_make(&world->place, "lab", &options, &network, NULL), 0);
	path = strdup(capsule(world, a, 'a'));
	assert_int_equal(nvb_names_begin(path, "127.0.0.1\tlocalhost\n", NULL, NULL), 0);
	assert_int_equal(nvb_address_take(&world->place, &network, a, web, &address, NULL), 0);
	assert_int_equal(nvb_names_begin(capsule(world, b, 'b'), "127.0.0.1\tlocalhost\n", NULL, NULL), 0);
	assert_int_equal(nvb_address_take(&world->place, &network, b, database, &address, NULL), 0);
	assert_int_equal(nvb_names_refresh(&world->place, "lab", NULL), 0);
	with = hosts_of(path);
	assert_string_equal(
		with, "127.0.0.1\tlocalhost\n10.213.9.3\tdatabase-with-a-long-name bbbbbbbbbbbb\n");
	/* A shorter text leaves nothing of the longer one. */
	nvb_address_release(&world->place, "lab", b, address);
	assert_int_equal(nvb_names_refresh(&world->place, "lab", NULL), 0);
	without = hosts_of(path);
	assert_string_equal(without, "127.0.0.1\tlocalhost\n");
}

static void records(void **state)
{
	struct world *world = *state;
	const struct nvb_network_options options = {.subnet = "10.213.10.0/24"};
	struct nvb_port port = {.address = "127.0.0.1", .host = 80, .container = 8080, .udp = true};
	struct nvb_network_record record = {.backend = strdup("cni"),
		.program = strdup("/x/bridge"),
		.netns = strdup("/run/ns \"quoted\""),
		.translated = true,
		.count = 1,
		.port_count = 1};
	_cleanup_network_record_ struct nvb_network_record read = {0};
	char id[33], a[NVB_PORT_TEXT], b[NVB_PORT_TEXT];
	const char *path = capsule(world, id, 'a');

	record.endpoints = calloc(1, sizeof(*record.endpoints));
	record.ports = malloc(sizeof(port));
	assert_non_null(record.endpoints);
	assert_non_null(record.ports);
	record.ports[0] = port;
	assert_int_equal(
		nvb_network_make(&world->place, "lab", &options, &record.endpoints[0].network, NULL), 0);
	record.endpoints[0].address = 0x0a0a0a0a;
	memcpy(record.endpoints[0].interface, "eth0", 5);
	assert_int_equal(nvb_network_record_write(path, &record, NULL), 0);
	assert_int_equal(nvb_network_record_read(path, &read, NULL), 0);
	assert_string_equal(read.netns, record.netns);
	assert_string_equal(read.endpoints[0].network.name, "lab");
	assert_int_equal(read.endpoints[0].address, 0x0a0a0a0a);
	assert_string_equal(nvb_port_format(&read.ports[0], a), nvb_port_format(&port, b));
	assert_true(read.translated);
	nvb_network_record_release(&record);
}

/* Two of one port: the second is told who is in the way. */
static void listening(void **state)
{
	struct nvb_port port = {.address = "127.0.0.1", .container = 80}, same;
	nvb_error *err = NULL;
	int fd = nvb_port_listen(&port, NULL);

	(void)state;
	assert_true(fd >= 0);
	assert_true(port.host > 0);
	same = port;
	assert_int_equal(nvb_port_listen(&same, &err), -NVB_ERR_CONFLICT);
	assert_non_null(strstr(nvb_error_message(err), "somebody on the host has port"));
	nvb_error_free(err);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports),
		cmocka_unit_test(subnets),
		cmocka_unit_test_setup_teardown(definitions, setup, teardown),
		cmocka_unit_test_setup_teardown(addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(names, setup, teardown),
		cmocka_unit_test_setup_teardown(records, setup, teardown),
		cmocka_unit_test(listening),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
