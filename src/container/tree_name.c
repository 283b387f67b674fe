/* SPDX-License-Identifier: Apache-2.0 */
#include "container/tree_name.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "container/tree.h"

enum {
	DIGEST_DIGITS = 32,
	VERSION_MAX = 64,
};

static void add_bytes(struct nvb_tree_digest *digest, const void *data, size_t size)
{
	const unsigned __int128 prime = ((unsigned __int128)1 << 88) | 0x13b;
	const unsigned char *p = data;

	for (size_t i = 0; i < size; i++)
		digest->value = (digest->value ^ p[i]) * prime;
}

static void add_string(struct nvb_tree_digest *digest, const char *s)
{
	add_bytes(digest, s, strlen(s) + 1);
}

static void add_number(struct nvb_tree_digest *digest, uint64_t n)
{
	add_bytes(digest, &n, sizeof(n));
}

void nvb_tree_digest_file(struct nvb_tree_digest *digest, const struct nvb_file *file, const struct stat *st)
{
	add_string(digest, file->path);
	add_number(digest, st->st_dev);
	add_number(digest, st->st_ino);
	add_number(digest, (uint64_t)st->st_size);
	add_number(digest, (uint64_t)st->st_mtim.tv_sec);
	add_number(digest, (uint64_t)st->st_mtim.tv_nsec);
	for (size_t i = 0; i < file->link_count; i++) {
		add_string(digest, file->links[i].path);
		add_string(digest, file->links[i].target);
	}
}

void nvb_tree_name(const struct nvb_tree_digest *digest, const char *version, char name[NVB_TREE_NAME_MAX])
{
	char safe[VERSION_MAX];
	size_t n = 0;

	for (const char *p = version ? version : "unknown"; *p && n < sizeof(safe) - 1; p++, n++)
		safe[n] = (char)(isalnum((unsigned char)*p) || (n && *p == '.') ? *p : '_');
	safe[n] = '\0';
	snprintf(name, NVB_TREE_NAME_MAX, "%s-%016llx%016llx", safe,
		(unsigned long long)(digest->value >> 64), (unsigned long long)digest->value);
}

bool nvb_tree_is_name(const char *name)
{
	const char *dash = strrchr(name, '-');

	return dash && dash != name && *name != '.' &&
	       strspn(dash + 1, "0123456789abcdef") == DIGEST_DIGITS && dash[1 + DIGEST_DIGITS] == '\0';
}

char *nvb_tree_default_base(void)
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	char *path;
	int n;

	if (geteuid() == 0)
		return strdup("/var/lib/nvbind/driver");
	if (data && *data == '/')
		n = asprintf(&path, "%s/nvbind/driver", data);
	else
		n = asprintf(&path, "%s/.local/share/nvbind/driver", home ? home : "");
	return n < 0 ? NULL : path;
}
