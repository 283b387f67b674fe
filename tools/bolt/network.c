/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "capsule/network.h"
#include "cli/logging.h"
#include "cli/output.h"
#include "network/address.h"
#include "network/backend.h"
#include "network/record.h"
#include "verbs.h"

/* bolt network: the networks that capsules can be on. */

static struct {
	const char *subnet, *gateway;
	char **labels;
	bool internal, quiet;
	uint32_t mtu;
	int format;
} opt = {.format = NVB_FORMAT_TABLE};

static const struct nvb_option create_options[] = {
	{"subnet", 0, NVB_OPTION_STRING("SUBNET", &opt.subnet),
		"its addresses, as 10.7.0.0/24; without it a free one of 10.90.0.0/16"},
	{"gateway", 0, NVB_OPTION_STRING("ADDRESS", &opt.gateway),
		"the host's own address on it (the subnet's first)"},
	{"internal", 0, NVB_OPTION_FLAG(&opt.internal), "no way out of the host"},
	{"mtu", 0, NVB_OPTION_U32("BYTES", &opt.mtu), "largest packet (the kernel's choice)"},
	{"label", 0, NVB_OPTION_LIST("NAME=VALUE", &opt.labels), "note something with it (repeatable)"},
	{NULL},
};
const struct nvb_option_group network_create_groups[] = {{"Options", create_options}, {NULL}};

static const struct nvb_option ls_options[] = {
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvb_format_choices, &opt.format), "table or json"},
	{"quiet", 'q', NVB_OPTION_FLAG(&opt.quiet), "names alone"},
	{NULL},
};
const struct nvb_option_group network_ls_groups[] = {{"Options", ls_options}, {NULL}};

/* Opens state and place, and takes the lock. */
static int enter(struct nvb_state *state, struct nvb_network_place *place, int *lock, nvb_error **err)
{
	int rc = nvb_state_open(state, err);

	if (rc < 0)
		return rc;
	if (state->rootless)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_UNSUPPORTED, "networks that capsules share are root's"),
			"--network bridge gives each capsule of yours a network of its own");
	*place = nvb_capsule_network_place(state, nvb_logging());
	*lock = nvb_networks_lock(place, err);
	return *lock < 0 ? *lock : 0;
}

static int check_name(const char *name, nvb_error **err)
{
	static const char *const taken[] = {"none", "host", "default", NULL};

	for (const char *const *t = taken; *t; t++)
		if (nvb_streq(name, *t))
			return nvb_fail(
				err, NVB_ERR_INVALID, "network '%s': the name means something else", name);
	if (nvb_is_network_name(name))
		return 0;
	return nvb_fail(err, NVB_ERR_INVALID,
		"network '%s': 1 to %d letters, digits and _.- that start with a letter or digit", name,
		NVB_NETWORK_NAME);
}

int network_create(int argc, char **argv, nvb_error **err)
{
	enum { MTU_MIN = 68, MTU_MAX = 65535 }; /* RFC 791; the field's size */
	const struct nvb_network_options options = {
		.subnet = opt.subnet,
		.gateway = opt.gateway,
		.mtu = opt.mtu,
		.internal = opt.internal,
		.labels = opt.labels,
	};
	_cleanup_network_ struct nvb_network_info network = {0};
	_cleanup_free_ char *program = NULL;
	_cleanup_state_ struct nvb_state state = {0};
	const struct nvb_backend *backend;
	struct nvb_network_place place;
	_cleanup_close_ int lock = -1;
	int rc = check_name(argv[0], err);

	(void)argc;
	if (rc == 0 && opt.mtu && (opt.mtu < MTU_MIN || opt.mtu > MTU_MAX))
		rc = nvb_fail(err, NVB_ERR_INVALID, "--mtu: from %d to %d", MTU_MIN, MTU_MAX);
	nvb_strv_foreach (label, opt.labels)
		if (rc == 0 && (**label == '=' || !strchr(*label, '=')))
			rc = nvb_fail(err, NVB_ERR_INVALID, "label '%s': not NAME=VALUE", *label);
	if (rc == 0)
		rc = enter(&state, &place, &lock, err);
	/* One that no capsule could be on is refused now. */
	if (rc == 0)
		rc = nvb_backend_choose(&backend, &program, err);
	if (rc == 0)
		rc = nvb_network_make(&place, argv[0], &options, &network, err);
	if (rc < 0)
		return rc;
	puts(network.name);
	return nvb_stdout_flush(err);
}

int network_rm(int argc, char **argv, nvb_error **err)
{
	_cleanup_state_ struct nvb_state state = {0};
	struct nvb_network_place place;
	_cleanup_close_ int lock = -1;
	int rc = enter(&state, &place, &lock, err);

	for (int i = 0; rc == 0 && i < argc; i++) {
		rc = check_name(argv[i], err);
		if (rc == 0)
			rc = nvb_network_remove(&place, argv[i], err);
		if (rc == 0)
			puts(argv[i]);
	}
	return rc < 0 ? rc : nvb_stdout_flush(err);
}

/* Every network, the one that is made at its first use included. */
static int list_all(
	const struct nvb_network_place *place, struct nvb_network_info **list, size_t *count, nvb_error **err)
{
	_cleanup_network_ struct nvb_network_info made = {0};
	int rc = nvb_network_open(place, NVB_NETWORK_DEFAULT, &made, err);

	return rc < 0 ? rc : nvb_networks_list(place, list, count, err);
}

static int print_table(const struct nvb_network_place *place, const struct nvb_network_info *list,
	size_t count, nvb_error **err)
{
	static const struct nvb_column columns[] = {
		{"NAME"}, {"DRIVER"}, {"SUBNET"}, {"INTERFACE"}, {"CAPSULES", true}, {NULL}};
	static const char *const others[] = {"host", "none"};
	_cleanup_table_ struct nvb_table table = {.columns = columns};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < count; i++) {
		struct nvb_member *members = NULL;
		char subnet[NVB_SUBNET_TEXT];
		size_t used = 0;

		rc = nvb_members_list(place, list[i].name, &members, &used, err);
		nvb_members_free(members, used);
		nvb_table_cell(&table, list[i].name);
		nvb_table_cell(&table, list[i].internal ? "bridge, internal" : "bridge");
		nvb_table_cell(&table, nvb_subnet_format(list[i].subnet, subnet));
		nvb_table_cell(&table, list[i].interface);
		nvb_table_cellf(&table, "%zu", used);
	}
	for (size_t i = 0; i < NVB_ELEMENTS(others); i++) {
		nvb_table_cell(&table, others[i]);
		nvb_table_cell(&table, others[i]);
		for (int n = 0; n < 3; n++)
			nvb_table_cell(&table, NULL);
	}
	return rc < 0 ? rc : nvb_table_print(&table, stdout, err);
}

/* Who is on it, with address, names and published ports. */
static int write_members(const struct nvb_network_place *place, const struct nvb_network_info *network,
	struct nvb_strbuf *out, nvb_error **err)
{
	struct nvb_member *members = NULL;
	char text[NVB_PORT_TEXT];
	size_t count = 0;
	int rc = nvb_members_list(place, network->name, &members, &count, err);

	for (size_t i = 0; rc == 0 && i < count; i++) {
		_cleanup_network_record_ struct nvb_network_record record = {0};
		_cleanup_free_ char *directory = NULL;

		nvb_sb_addf(out, "%s{\"id\":\"%s\",\"address\":\"%s\",\"names\":[", i ? "," : "",
			members[i].id, nvb_address_format(members[i].address, text));
		nvb_strv_foreach (name, members[i].names) {
			nvb_sb_add(out, name == members[i].names ? "" : ",");
			nvb_sb_add_json(out, *name);
		}
		nvb_sb_add(out, "],\"ports\":[");
		if (asprintf(&directory, "%s/capsules/%s", place->run, members[i].id) >= 0)
			nvb_network_record_read(directory, &record, NULL);
		for (size_t p = 0; p < record.port_count; p++)
			nvb_sb_addf(out, "%s\"%s\"", p ? "," : "", nvb_port_format(&record.ports[p], text));
		nvb_sb_add(out, "]}");
	}
	nvb_members_free(members, count);
	return rc;
}

static int write_network(const struct nvb_network_place *place, const struct nvb_network_info *network,
	struct nvb_strbuf *out, nvb_error **err)
{
	int rc;

	nvb_network_write(network, out);
	if (out->failed)
		return nvb_fail_oom(err);
	/* The object goes on. */
	out->len--;
	nvb_sb_add(out, ",\"capsules\":[");
	rc = write_members(place, network, out, err);
	nvb_sb_add(out, "]}");
	return rc;
}

static int print_json(const struct nvb_strbuf *out, nvb_error **err)
{
	if (out->failed)
		return nvb_fail_oom(err);
	puts(out->s);
	return nvb_stdout_flush(err);
}

int network_ls(int argc, char **argv, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf out = {0};
	_cleanup_state_ struct nvb_state state = {0};
	struct nvb_network_info *list = NULL;
	struct nvb_network_place place;
	_cleanup_close_ int lock = -1;
	size_t count = 0;
	int rc = enter(&state, &place, &lock, err);

	(void)argc;
	(void)argv;
	if (rc == 0)
		rc = list_all(&place, &list, &count, err);
	if (rc < 0)
		return rc;
	if (opt.quiet) {
		for (size_t i = 0; i < count; i++)
			puts(list[i].name);
	} else if (opt.format == NVB_FORMAT_JSON) {
		nvb_sb_addc(&out, '[');
		for (size_t i = 0; rc == 0 && i < count; i++) {
			nvb_sb_add(&out, i ? ",\n " : "");
			rc = write_network(&place, &list[i], &out, err);
		}
		nvb_sb_addc(&out, ']');
		rc = rc < 0 ? rc : print_json(&out, err);
	} else {
		rc = print_table(&place, list, count, err);
	}
	nvb_networks_free(list, count);
	return rc < 0 ? rc : nvb_stdout_flush(err);
}

int network_inspect(int argc, char **argv, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf out = {0};
	_cleanup_state_ struct nvb_state state = {0};
	struct nvb_network_place place;
	_cleanup_close_ int lock = -1;
	int rc = enter(&state, &place, &lock, err);

	nvb_sb_addc(&out, '[');
	for (int i = 0; rc == 0 && i < argc; i++) {
		_cleanup_network_ struct nvb_network_info network = {0};

		rc = check_name(argv[i], err);
		if (rc == 0)
			rc = nvb_network_open(&place, argv[i], &network, err);
		nvb_sb_add(&out, i ? ",\n " : "");
		if (rc == 0)
			rc = write_network(&place, &network, &out, err);
	}
	nvb_sb_addc(&out, ']');
	return rc < 0 ? rc : print_json(&out, err);
}
