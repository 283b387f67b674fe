/* SPDX-License-Identifier: Apache-2.0 */
#include "network/nat.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "network/call.h"

static const char *const no_environment[] = {NULL};

/* Runs iptables or iptables-restore; NVB_ERR_UNSUPPORTED with what it said when it fails. */
static int call_tool(const char *tool, const char *const *arguments, const char *input, nvb_error **err)
{
	_cleanup_free_ char *path = nvb_call_find(nvb_call_system_directories, tool);
	const char *argv[24] = {path};
	_cleanup_call_ struct nvb_call call = {.argv = argv, .environment = no_environment, .input = input};
	int rc;

	if (!path)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED, "the host has no %s", tool);
	for (size_t i = 0; arguments[i] && i + 2 < NVB_ELEMENTS(argv); i++)
		argv[i + 1] = arguments[i];
	rc = nvb_call(&call, err);
	if (rc == 0 && call.status != 0)
		rc = nvb_fail(err, NVB_ERR_UNSUPPORTED, "%s: %.*s", tool, (int)strcspn(call.errors, "\n"),
			call.errors);
	return rc;
}

#define IPTABLES(err, ...) call_tool("iptables", (const char *const[]){"-w", __VA_ARGS__, NULL}, NULL, err)

int nvb_nat_check(nvb_error **err)
{
	return IPTABLES(err, "-t", "nat", "-S", "POSTROUTING");
}

static int restore(const struct nvb_strbuf *rules, nvb_error **err)
{
	static const char *const arguments[] = {"-w", "--noflush", NULL};

	if (rules->failed)
		return nvb_fail_oom(err);
	return call_tool("iptables-restore", arguments, rules->s, err);
}

/* What may pass between this bridge and the others: nothing of its own accord, answers and published ports.
 */
static void add_filter(const struct nvb_network_info *network, struct nvb_strbuf *out)
{
	const char *bridge = network->interface;

	/* Naming the chain empties it, so that this can be done again. */
	nvb_sb_addf(out, "*filter\n:BOLT-%s - [0:0]\n", bridge);
	nvb_sb_addf(out, "-A BOLT-%s -o %s -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT\n",
		bridge, bridge);
	nvb_sb_addf(out, "-A BOLT-%s -i %s -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n", bridge,
		bridge);
	nvb_sb_addf(out, "-A BOLT-%s -i %s -o %s -j ACCEPT\n", bridge, bridge, bridge);
	if (network->internal)
		nvb_sb_addf(out, "-A BOLT-%s -i %s -j DROP\n-A BOLT-%s -o %s -j DROP\n", bridge, bridge,
			bridge, bridge);
	else
		nvb_sb_addf(out,
			"-A BOLT-%s -i %s -m conntrack --ctstate DNAT -j ACCEPT\n"
			"-A BOLT-%s -i %s -o bolt+ -j DROP\n-A BOLT-%s -i %s -j ACCEPT\n",
			bridge, bridge, bridge, bridge, bridge, bridge);
	nvb_sb_addf(out, "-I FORWARD -j BOLT-%s\nCOMMIT\n", bridge);
}

int nvb_nat_ensure(const struct nvb_network_info *network, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf rules = {0};
	_cleanup_free_ char *chain = NULL;
	char subnet[NVB_SUBNET_TEXT];

	if (asprintf(&chain, "BOLT-%s", network->interface) < 0)
		return nvb_fail_oom(err);
	/* The jump is made last, with all that it leads to. */
	if (IPTABLES(NULL, "-C", "FORWARD", "-j", chain) == 0)
		return 0;
	if (!network->internal)
		nvb_sb_addf(&rules, "*nat\n-A POSTROUTING -s %s ! -o %s -j MASQUERADE\nCOMMIT\n",
			nvb_subnet_format(network->subnet, subnet), network->interface);
	add_filter(network, &rules);
	return restore(&rules, err);
}

void nvb_nat_forget(const struct nvb_network_info *network)
{
	_cleanup_free_ char *chain = NULL;
	char subnet[NVB_SUBNET_TEXT];

	if (asprintf(&chain, "BOLT-%s", network->interface) < 0)
		return;
	IPTABLES(NULL, "-D", "FORWARD", "-j", chain);
	IPTABLES(NULL, "-F", chain);
	IPTABLES(NULL, "-X", chain);
	IPTABLES(NULL, "-t", "nat", "-D", "POSTROUTING", "-s", nvb_subnet_format(network->subnet, subnet),
		"!", "-o", network->interface, "-j", "MASQUERADE");
}

static bool is_translated(const struct nvb_port *port)
{
	return !strchr(port->address, ':') && !nvb_after(port->address, "127.");
}

static void add_port_rule(const char *verb, const struct nvb_network_info *network, const char *id,
	uint32_t address, const struct nvb_port *port, struct nvb_strbuf *out)
{
	char text[INET_ADDRSTRLEN];
	bool any = !*port->address || nvb_streq(port->address, "0.0.0.0");

	/* From the bridge itself the answer would not come back this way: the proxy takes it. */
	nvb_sb_addf(out, "%s BOLT-PORTS %s%s ! -i %s -p %s --dport %u -m comment --comment bolt:%s ", verb,
		any ? "" : "-d ", any ? "" : port->address, network->interface, port->udp ? "udp" : "tcp",
		port->host, id);
	nvb_sb_addf(
		out, "-j DNAT --to-destination %s:%u\n", nvb_address_format(address, text), port->container);
}

static int ensure_ports_chain(nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf rules = {0};

	if (IPTABLES(NULL, "-t", "nat", "-C", "PREROUTING", "-m", "addrtype", "--dst-type", "LOCAL", "-j",
		    "BOLT-PORTS") == 0)
		return 0;
	nvb_sb_add(&rules, "*nat\n:BOLT-PORTS - [0:0]\n"
			   "-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j BOLT-PORTS\n"
			   "-A PREROUTING -m addrtype --dst-type LOCAL -j BOLT-PORTS\nCOMMIT\n");
	return restore(&rules, err);
}

static bool any_translated(const struct nvb_port *ports, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_translated(&ports[i]))
			return true;
	return false;
}

int nvb_nat_add_ports(const struct nvb_network_info *network, const char *id, uint32_t address,
	const struct nvb_port *ports, size_t count, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf rules = {0};
	int rc;

	if (!any_translated(ports, count))
		return 0;
	rc = ensure_ports_chain(err);
	if (rc < 0)
		return rc;
	nvb_sb_add(&rules, "*nat\n");
	for (size_t i = 0; i < count; i++)
		if (is_translated(&ports[i]))
			add_port_rule("-A", network, id, address, &ports[i], &rules);
	nvb_sb_add(&rules, "COMMIT\n");
	return restore(&rules, err);
}

void nvb_nat_remove_ports(const struct nvb_network_info *network, const char *id, uint32_t address,
	const struct nvb_port *ports, size_t count)
{
	/* One at a time: iptables-restore does all or nothing, and some may be gone. */
	for (size_t i = 0; i < count; i++) {
		_cleanup_strbuf_ struct nvb_strbuf rules = {0};

		if (!is_translated(&ports[i]))
			continue;
		nvb_sb_add(&rules, "*nat\n");
		add_port_rule("-D", network, id, address, &ports[i], &rules);
		nvb_sb_add(&rules, "COMMIT\n");
		restore(&rules, NULL);
	}
}
