/* SPDX-License-Identifier: Apache-2.0 */
#include "network/subnet.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

enum { PREFIX_MIN = 8, PREFIX_MAX = 30 };

uint32_t nvb_subnet_mask(struct nvb_subnet subnet)
{
	return subnet.prefix ? ~UINT32_C(0) << (32 - subnet.prefix) : 0;
}

bool nvb_address_parse(const char *text, uint32_t *address)
{
	struct in_addr parsed;

	if (inet_pton(AF_INET, text, &parsed) != 1)
		return false;
	*address = ntohl(parsed.s_addr);
	return true;
}

int nvb_subnet_parse(const char *text, struct nvb_subnet *out, nvb_error **err)
{
	_cleanup_free_ char *address = strndup(text, strcspn(text, "/"));
	const char *slash = strchr(text, '/');
	struct nvb_subnet subnet;
	uint32_t prefix;

	if (!address)
		return nvb_fail_oom(err);
	if (!slash || !nvb_address_parse(address, &subnet.base) || !nvb_parse_u32(slash + 1, &prefix))
		return nvb_hint(err, nvb_fail(err, NVB_ERR_INVALID, "subnet '%s': not ADDRESS/PREFIX", text),
			"IPv4, such as 10.90.7.0/24");
	if (prefix < PREFIX_MIN || prefix > PREFIX_MAX)
		return nvb_fail(err, NVB_ERR_INVALID, "subnet '%s': the prefix is from %d to %d", text,
			PREFIX_MIN, PREFIX_MAX);
	subnet.prefix = prefix;
	if (subnet.base & ~nvb_subnet_mask(subnet)) {
		char right[NVB_SUBNET_TEXT];

		subnet.base &= nvb_subnet_mask(subnet);
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_INVALID, "subnet '%s': an address within the subnet", text),
			"the subnet is %s", nvb_subnet_format(subnet, right));
	}
	*out = subnet;
	return 0;
}

char *nvb_address_format(uint32_t address, char out[static INET_ADDRSTRLEN])
{
	snprintf(out, INET_ADDRSTRLEN, "%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255,
		address & 255);
	return out;
}

char *nvb_subnet_format(struct nvb_subnet subnet, char out[static NVB_SUBNET_TEXT])
{
	char address[INET_ADDRSTRLEN];

	snprintf(out, NVB_SUBNET_TEXT, "%s/%u", nvb_address_format(subnet.base, address), subnet.prefix & 63);
	return out;
}

bool nvb_subnet_has_host(struct nvb_subnet subnet, uint32_t address)
{
	uint32_t mask = nvb_subnet_mask(subnet);

	return (address & mask) == subnet.base && (address & ~mask) != 0 && (address & ~mask) != ~mask;
}

bool nvb_subnets_overlap(struct nvb_subnet a, struct nvb_subnet b)
{
	uint32_t mask = nvb_subnet_mask(a.prefix < b.prefix ? a : b);

	return (a.base & mask) == (b.base & mask);
}

bool nvb_subnet_is_routed(struct nvb_subnet subnet, const char *own)
{
	enum { LARGEST_TABLE = 4 << 20 };
	_cleanup_free_ char *text = NULL;

	if (nvb_file_read(AT_FDCWD, "/proc/net/route", LARGEST_TABLE, &text, NULL, NULL) < 0)
		return false;
	for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save)) {
		struct nvb_subnet route = {0};
		char interface[32];
		unsigned to, mask;

		/* Numbers stand there as they are in memory, that is in network order. */
		if (sscanf(line, "%31s %x %*x %*x %*d %*d %*d %x", interface, &to, &mask) != 3 || !mask)
			continue;
		route.base = ntohl(to);
		route.prefix = (unsigned)__builtin_popcount(mask);
		if (nvb_subnets_overlap(subnet, route) && !(own && nvb_streq(interface, own)))
			return true;
	}
	return false;
}
