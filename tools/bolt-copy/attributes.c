/* SPDX-License-Identifier: Apache-2.0 */
#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "bolt-copy.h"

/* Extended attributes that go along: those of programs and users. Overlayfs obeys its own, SELinux and ACLs
 * are about the users and rules of the place they come from. */

static bool is_kept(const char *name, bool capabilities)
{
	if (nvb_after(name, "user.overlay."))
		return false;
	return nvb_after(name, "user.") || (capabilities && nvb_streq(name, "security.capability"));
}

struct attribute {
	char *name;
	void *value;
	size_t size;
};

static void release(struct attribute *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(list[i].name);
		free(list[i].value);
	}
	free(list);
}

bool copy_filter_attributes(struct archive_entry *entry, bool capabilities)
{
	int there = archive_entry_xattr_reset(entry);
	struct attribute *list;
	size_t count = 0;
	const char *name;
	const void *value;
	size_t size;
	bool ok = true;

	if (there <= 0)
		return true;
	list = calloc((size_t)there, sizeof(*list));
	while (list && ok && archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
		struct attribute *kept = &list[count];

		if (!name || !is_kept(name, capabilities))
			continue;
		*kept = (struct attribute){
			.name = strdup(name), .value = malloc(size ? size : 1), .size = size};
		count++;
		ok = kept->name && kept->value;
		if (ok && size)
			memcpy(kept->value, value, size);
	}
	archive_entry_xattr_clear(entry);
	for (size_t i = 0; ok && i < count; i++)
		archive_entry_xattr_add_entry(entry, list[i].name, list[i].value, list[i].size);
	ok = ok && list;
	release(list, list ? count : 0);
	return ok;
}
