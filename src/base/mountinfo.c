/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mountinfo.h"

#include <string.h>

/* "\040" is how mountinfo writes a blank; in place. */
static void unescape(char *path)
{
	char *to = path;

	for (const char *p = path; *p; to++) {
		if (p[0] == '\\' && strspn(p + 1, "01234567") >= 3) {
			*to = (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + (p[3] - '0'));
			p += 4;
		} else {
			*to = *p++;
		}
	}
	*to = '\0';
}

/* Cuts the next field off a line; "" at its end. */
static char *field(char **line)
{
	char *start = *line, *end = start + strcspn(start, " ");

	*line = end + (*end != '\0');
	*end = '\0';
	return start;
}

/* Fields: mount id, parent's, major:minor, root, mount point, mount options, any number of optional ones,
 * "-", type, source, file system's options. */
static bool read_line(char *line, struct nvb_mountinfo *mount)
{
	char *word;

	mount->id = field(&line);
	field(&line);
	mount->device = field(&line);
	mount->root = field(&line);
	mount->point = field(&line);
	mount->shared = false;
	do {
		word = field(&line);
		mount->shared |= strncmp(word, "shared:", strlen("shared:")) == 0;
	} while (*word && strcmp(word, "-") != 0);
	mount->type = field(&line);
	field(&line);
	mount->options = field(&line);
	unescape(mount->root);
	unescape(mount->point);
	return *mount->point && *mount->type;
}

bool nvb_mountinfo_next(char **text, struct nvb_mountinfo *mount)
{
	while (**text) {
		char *line = *text, *end = line + strcspn(line, "\n");

		*text = end + (*end != '\0');
		*end = '\0';
		if (read_line(line, mount))
			return true;
	}
	return false;
}

bool nvb_mountinfo_has_option(const char *options, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = options; *p; p += strcspn(p, ","), p += *p == ',')
		if (strncmp(p, word, n) == 0 && (p[n] == ',' || p[n] == '\0'))
			return true;
	return false;
}
