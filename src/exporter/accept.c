/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <strings.h>

#include "exporter/text.h"

/*
 * Which dialect an Accept header asks for (RFC 9110, 12.5.1): ranges separated by commas, each with
 * parameters behind semicolons, of which the weight `q` and `version` mean something here.
 */

struct range {
	const char *type; /* not NUL-terminated */
	size_t type_length;
	unsigned weight; /* thousandths */
	bool version_fits;
};

static const char *skip_space(const char *s, const char *end)
{
	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	return s;
}

static size_t trimmed(const char *s, const char *end)
{
	while (end > s && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return (size_t)(end - s);
}

/* "0.75" as thousandths; what is none is 0: not wanted. */
static unsigned weight(const char *s, size_t length)
{
	unsigned value = 0, place = 100;

	if (length == 0 || length > 5 || (s[0] != '0' && s[0] != '1'))
		return 0;
	value = s[0] == '1' ? 1000 : 0;
	if (length > 1 && s[1] != '.')
		return 0;
	for (size_t i = 2; i < length; i++, place /= 10) {
		if (!isdigit((unsigned char)s[i]))
			return 0;
		value += place * (unsigned)(s[i] - '0');
	}
	return value <= 1000 ? value : 0;
}

static bool equals(const char *s, size_t length, const char *word)
{
	return length == strlen(word) && strncasecmp(s, word, length) == 0;
}

static void parameter(struct range *r, const char *s, const char *end)
{
	const char *eq = memchr(s, '=', (size_t)(end - s)), *value;
	size_t name, length;

	s = skip_space(s, end);
	if (!eq || eq < s)
		return;
	name = trimmed(s, eq);
	value = skip_space(eq + 1, end);
	length = trimmed(value, end);
	if (length >= 2 && value[0] == '"' && value[length - 1] == '"') {
		value++;
		length -= 2;
	}
	if (equals(s, name, "q"))
		r->weight = weight(value, length);
	else if (equals(s, name, "version"))
		r->version_fits = equals(value, length, "1.0.0") || equals(value, length, "0.0.4");
}

static struct range read_range(const char *s, const char *end)
{
	const char *semicolon = memchr(s, ';', (size_t)(end - s));
	struct range r = {.weight = 1000, .version_fits = true};

	r.type = skip_space(s, end);
	if (semicolon && semicolon < r.type)
		semicolon = r.type;
	r.type_length = trimmed(r.type, semicolon ? semicolon : end);
	while (semicolon && semicolon < end) {
		const char *next = memchr(semicolon + 1, ';', (size_t)(end - semicolon - 1));

		parameter(&r, semicolon + 1, next ? next : end);
		semicolon = next;
	}
	return r;
}

enum nvb_dialect nvb_dialect_for(const char *accept)
{
	unsigned openmetrics = 0, older = 0;

	while (accept && *accept) {
		const char *comma = strchrnul(accept, ',');
		struct range r = read_range(accept, comma);

		if (r.version_fits && equals(r.type, r.type_length, "application/openmetrics-text") &&
			r.weight > openmetrics)
			openmetrics = r.weight;
		if (r.version_fits && equals(r.type, r.type_length, "text/plain") && r.weight > older)
			older = r.weight;
		accept = *comma ? comma + 1 : comma;
	}
	return openmetrics && openmetrics >= older ? NVB_DIALECT_OPENMETRICS : NVB_DIALECT_PROMETHEUS;
}
