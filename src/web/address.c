/* SPDX-License-Identifier: Apache-2.0 */
#include "web/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <strings.h>

#include "base/str.h"

/* Above it the kernel cuts anyway; what waits here has not been accepted, and costs us nothing. */
#define BACKLOG 64

static int refuse(const char *text, nvb_error **err)
{
	int rc = nvb_fail(err, NVB_ERR_INVALID, "%s is not an address to listen on", text);

	return nvb_hint(err, rc,
		"write ADDRESS:PORT: 127.0.0.1:9400 for this host alone, 0.0.0.0:9400 or "
		"[::]:9400 for everybody");
}

/* The part before the port, without brackets. */
static bool split(const char *text, char host[static INET6_ADDRSTRLEN], uint16_t *port, bool *brackets)
{
	const char *colon = strrchr(text, ':'), *start = text;
	uint32_t number;
	size_t n;

	if (!colon || !nvb_parse_u32(colon + 1, &number) || number > UINT16_MAX)
		return false;
	n = (size_t)(colon - text);
	*brackets = n >= 2 && text[0] == '[' && colon[-1] == ']';
	if (*brackets) {
		start++;
		n -= 2;
	}
	if (n >= INET6_ADDRSTRLEN)
		return false;
	memcpy(host, start, n);
	host[n] = '\0';
	*port = (uint16_t)number;
	return true;
}

int nvb_web_address_parse(const char *text, struct nvb_web_address *out, nvb_error **err)
{
	char host[INET6_ADDRSTRLEN];
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	struct nvb_web_address made = {0};
	uint16_t port;
	bool brackets;

	if (!split(text, host, &port, &brackets))
		return refuse(text, err);
	v4.sin_port = v6.sin6_port = htons(port);
	if (!brackets &&
		inet_pton(AF_INET, nvb_streq(host, "localhost") ? "127.0.0.1" : host, &v4.sin_addr) == 1) {
		memcpy(&made.address, &v4, sizeof(v4));
		made.length = sizeof(v4);
	} else if (brackets && inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
		memcpy(&made.address, &v6, sizeof(v6));
		made.length = sizeof(v6);
	} else {
		return refuse(text, err);
	}
	*out = made;
	return 0;
}

static const struct sockaddr_in *as_v4(const struct nvb_web_address *a)
{
	return a->address.ss_family == AF_INET ? (const struct sockaddr_in *)&a->address : NULL;
}

static const struct sockaddr_in6 *as_v6(const struct nvb_web_address *a)
{
	return a->address.ss_family == AF_INET6 ? (const struct sockaddr_in6 *)&a->address : NULL;
}

bool nvb_web_address_is_loopback(const struct nvb_web_address *address)
{
	const struct sockaddr_in *v4 = as_v4(address);
	const struct sockaddr_in6 *v6 = as_v6(address);

	return (v4 && ntohl(v4->sin_addr.s_addr) >> 24 == 127) ||
	       (v6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr)) || address->address.ss_family == AF_UNIX;
}

bool nvb_web_address_is_any(const struct nvb_web_address *address)
{
	const struct sockaddr_in *v4 = as_v4(address);
	const struct sockaddr_in6 *v6 = as_v6(address);

	return (v4 && v4->sin_addr.s_addr == htonl(INADDR_ANY)) ||
	       (v6 && IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr));
}

const char *nvb_web_address_text(const struct nvb_web_address *address, char *buffer)
{
	const struct sockaddr_in *v4 = as_v4(address);
	const struct sockaddr_in6 *v6 = as_v6(address);
	char host[INET6_ADDRSTRLEN] = "";

	if (v4) {
		inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
		snprintf(buffer, NVB_WEB_ADDRESS_TEXT, "%s:%u", host, ntohs(v4->sin_port));
	} else if (v6) {
		inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
		snprintf(buffer, NVB_WEB_ADDRESS_TEXT, "[%s]:%u", host, ntohs(v6->sin6_port));
	} else {
		snprintf(buffer, NVB_WEB_ADDRESS_TEXT, "a local socket");
	}
	return buffer;
}

int nvb_web_address_listen(const struct nvb_web_address *address, int *fd, nvb_error **err)
{
	_cleanup_close_ int made =
		socket(address->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char text[NVB_WEB_ADDRESS_TEXT];
	int on = 1, off = 0, rc;

	if (made < 0)
		return nvb_fail_errno(err, errno, "making a socket");
	setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* [::] is every address, those of IPv4 too, whatever the host's default. */
	if (address->address.ss_family == AF_INET6)
		setsockopt(made, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(made, (const struct sockaddr *)&address->address, address->length) < 0 ||
		listen(made, BACKLOG) < 0) {
		rc = nvb_fail_errno(err, errno, "listening on %s", nvb_web_address_text(address, text));
		return errno == EADDRINUSE
			       ? nvb_hint(err, rc, "another program listens there: choose another port")
			       : rc;
	}
	*fd = NVB_TAKE_FD(made);
	return 0;
}

/* A port, or nothing. */
static bool is_port(const char *s)
{
	uint32_t port;

	return *s == '\0' || (*s == ':' && nvb_parse_u32(s + 1, &port) && port <= UINT16_MAX);
}

static bool is_literal(const char *host, size_t n)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr v6;
	struct in_addr v4;

	if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
		host++;
		n -= 2;
		if (n >= sizeof(text))
			return false;
		memcpy(text, host, n);
		text[n] = '\0';
		return inet_pton(AF_INET6, text, &v6) == 1;
	}
	if (n >= sizeof(text))
		return false;
	memcpy(text, host, n);
	text[n] = '\0';
	return inet_pton(AF_INET, text, &v4) == 1;
}

static bool is_name(const char *host, size_t n, const char *name)
{
	return n == strlen(name) && strncasecmp(host, name, n) == 0;
}

bool nvb_host_allowed(const char *host, char *const *names)
{
	size_t n;

	if (!host)
		return false;
	n = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
	if (n > strlen(host) || !is_port(host + n))
		return false;
	if (is_literal(host, n) || is_name(host, n, "localhost"))
		return true;
	nvb_strv_foreach (name, names)
		if (is_name(host, n, *name))
			return true;
	return false;
}
