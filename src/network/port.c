/* SPDX-License-Identifier: Apache-2.0 */
#include "network/port.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

enum { PORT_MAX = 65535 };

static int refuse(nvb_error **err, const char *text, const char *why)
{
	return nvb_hint(err, nvb_fail(err, NVB_ERR_INVALID, "port '%s': %s", text, why),
		"[ADDRESS:]HOST:CONTAINER[/udp], such as 8080:80");
}

/* "80" or "8000-8010". */
static bool parse_span(const char *text, uint16_t *first, unsigned *count)
{
	_cleanup_free_ char *low = strdup(text);
	char *high = low ? strchr(low, '-') : NULL;
	uint32_t from, to;

	if (!low)
		return false;
	if (high)
		*high++ = '\0';
	if (!nvb_parse_u32(low, &from) || !nvb_parse_u32(high ? high : low, &to) || from < 1 || to < from ||
		to > PORT_MAX)
		return false;
	*first = (uint16_t)from;
	*count = to - from + 1;
	return true;
}

/* Cuts "/tcp" or "/udp" off. */
static int take_protocol(char *text, const char *whole, bool *udp, nvb_error **err)
{
	char *slash = strrchr(text, '/');

	*udp = false;
	if (!slash)
		return 0;
	*udp = nvb_streq(slash + 1, "udp");
	if (!*udp && !nvb_streq(slash + 1, "tcp"))
		return refuse(err, whole, "the protocol is tcp or udp");
	*slash = '\0';
	return 0;
}

/* Cuts the address off; *rest is what is behind it. */
static int take_address(char *text, const char *whole, struct nvb_port *port, char **rest, nvb_error **err)
{
	unsigned char binary[sizeof(struct in6_addr)];
	char *end, *colon = strrchr(text, ':');
	bool bracket = *text == '[';

	if (bracket) {
		end = strchr(++text, ']');
		if (!end || end[1] != ':')
			return refuse(err, whole, "a port is missing behind the address");
		*end = '\0';
		*rest = end + 2;
	} else {
		/* The last but one colon ends the address. */
		end = colon ? memrchr(text, ':', (size_t)(colon - text)) : NULL;
		if (!end)
			return 0;
		*end = '\0';
		*rest = end + 1;
	}
	if (inet_pton(bracket ? AF_INET6 : AF_INET, text, binary) != 1)
		return refuse(
			err, whole, "the address is neither an IPv4 address nor an IPv6 one in brackets");
	snprintf(port->address, sizeof(port->address), "%s", text);
	return 0;
}

int nvb_port_parse(const char *text, struct nvb_port_range *out, nvb_error **err)
{
	_cleanup_free_ char *copy = strdup(text);
	struct nvb_port_range range = {.count = 1};
	unsigned inside;
	char *rest = copy, *colon;
	int rc;

	if (!copy)
		return nvb_fail_oom(err);
	rc = take_protocol(copy, text, &range.first.udp, err);
	if (rc == 0)
		rc = take_address(copy, text, &range.first, &rest, err);
	if (rc < 0)
		return rc;
	colon = strchr(rest, ':');
	if (colon)
		*colon++ = '\0';
	if (!parse_span(colon ? colon : rest, &range.first.container, &inside))
		return refuse(err, text, "the container's port is a number from 1 to 65535, or FIRST-LAST");
	range.count = inside;
	if (colon && *rest && !parse_span(rest, &range.first.host, &range.count))
		return refuse(err, text, "the host's port is a number from 1 to 65535, or FIRST-LAST");
	if (range.count != inside)
		return refuse(err, text, "as many ports of the host as of the container are needed");
	*out = range;
	return 0;
}

char *nvb_port_format(const struct nvb_port *port, char out[static NVB_PORT_TEXT])
{
	bool bracket = strchr(port->address, ':') != NULL;

	snprintf(out, NVB_PORT_TEXT, "%s%s%s%s%u->%u/%s", bracket ? "[" : "", port->address,
		bracket ? "]" : "", *port->address ? ":" : "", port->host, port->container,
		port->udp ? "udp" : "tcp");
	return out;
}
