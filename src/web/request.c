/* SPDX-License-Identifier: Apache-2.0 */
#include "web/request.h"

#include <string.h>
#include <strings.h>

static bool give(const char *s, size_t n, char *out, size_t size)
{
	if (n == 0 || n >= size)
		return false;
	memcpy(out, s, n);
	out[n] = '\0';
	return true;
}

bool nvb_request_cookie(const char *header, const char *name, char *out, size_t size)
{
	size_t length = strlen(name);

	while (header && *header) {
		const char *end = strchrnul(header, ';');

		header += strspn(header, " \t");
		if (strncmp(header, name, length) == 0 && header[length] == '=') {
			const char *value = header + length + 1;

			return give(value, (size_t)(end - value), out, size);
		}
		header = *end ? end + 1 : end;
	}
	return false;
}

bool nvb_request_bearer(const char *header, char *out, size_t size)
{
	static const char scheme[] = "Bearer ";

	if (!header || strncasecmp(header, scheme, sizeof(scheme) - 1) != 0)
		return false;
	header += sizeof(scheme) - 1;
	header += strspn(header, " ");
	return give(header, strcspn(header, " \t"), out, size);
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that an escape at s stands for, -1 where it is none. */
static int escaped(const char *s, size_t left)
{
	int high = left >= 3 ? digit(s[1]) : -1, low = left >= 3 ? digit(s[2]) : -1;

	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Into a buffer that is as large as its input; false for a broken escape or a NUL. */
static bool decode(const char *s, size_t n, char *out, size_t *used)
{
	*used = 0;
	for (size_t i = 0; i < n; i++) {
		int c = s[i] == '+' ? ' ' : (unsigned char)s[i];

		if (c == '%') {
			c = escaped(s + i, n - i);
			i += 2;
		}
		if (c <= 0)
			return false;
		out[(*used)++] = (char)c;
	}
	return true;
}

bool nvb_request_field(const char *body, size_t length, const char *name, char *out, size_t size)
{
	const char *end = body + length;
	size_t name_length = strlen(name);

	while (body < end) {
		const char *next = memchr(body, '&', (size_t)(end - body));
		size_t n = (size_t)((next ? next : end) - body);

		if (n > name_length && memcmp(body, name, name_length) == 0 && body[name_length] == '=') {
			char value[NVB_REQUEST_FIELD];
			size_t used;

			n -= name_length + 1;
			return n <= sizeof(value) && decode(body + name_length + 1, n, value, &used) &&
			       give(value, used, out, size);
		}
		if (!next)
			return false;
		body = next + 1;
	}
	return false;
}
