/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/record.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

/* The value's place and size, or NULL. */
static const char *find(const char *record, const char *key, size_t *size)
{
	size_t n = strlen(key);

	for (const char *line = record; line && *line;) {
		const char *end = strchrnul(line, '\n');

		if (strncmp(line, key, n) == 0 && line[n] == ' ') {
			*size = (size_t)(end - line) - n - 1;
			return line + n + 1;
		}
		line = *end ? end + 1 : NULL;
	}
	return NULL;
}

char *nvb_record_value(const char *record, const char *key)
{
	size_t size;
	const char *value = find(record, key, &size);

	return value ? strndup(value, size) : NULL;
}

bool nvb_record_flag(const char *record, const char *key)
{
	size_t size;
	const char *value = find(record, key, &size);

	return value && size == 1 && *value == '1';
}

long long nvb_record_number(const char *record, const char *key, long long absent)
{
	size_t size;
	const char *value = find(record, key, &size);
	char *end;
	long long number;

	if (!value || !size)
		return absent;
	number = strtoll(value, &end, 10);
	return end == value + size ? number : absent;
}

void nvb_record_line(struct nvb_strbuf *out, const char *key, const char *value)
{
	enum { LONGEST = 2048 }; /* of about twenty in a record */
	size_t size = value ? strcspn(value, "\n") : 0, kept = size;

	if (!value)
		return;
	if (size > LONGEST) {
		kept = LONGEST;
		/* Not within a character. */
		while (kept > LONGEST - 4 && ((unsigned char)value[kept] & 0xc0) == 0x80)
			kept--;
	}
	nvb_sb_addf(out, "%s ", key);
	nvb_sb_addn(out, value, kept);
	nvb_sb_add(out, kept < size ? "...\n" : "\n");
}

char *nvb_record_set(const char *record, const char *key, const char *value)
{
	struct nvb_strbuf out = {0};
	size_t n = strlen(key);

	nvb_sb_add(&out, "");
	for (const char *line = record; line && *line;) {
		const char *end = strchrnul(line, '\n');

		if (strncmp(line, key, n) != 0 || line[n] != ' ') {
			nvb_sb_addn(&out, line, (size_t)(end - line));
			nvb_sb_addc(&out, '\n');
		}
		line = *end ? end + 1 : NULL;
	}
	nvb_record_line(&out, key, value);
	return nvb_sb_finish(&out);
}

char *nvb_record_set_number(const char *record, const char *key, long long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", value);
	return nvb_record_set(record, key, text);
}

bool nvb_record_is_id(const char *name)
{
	return strlen(name) == NVB_CAPSULE_ID && strspn(name, "0123456789abcdef") == NVB_CAPSULE_ID;
}
