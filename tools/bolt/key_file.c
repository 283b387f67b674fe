/* SPDX-License-Identifier: Apache-2.0 */
#include "key_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "snapshot/keys.h"

int key_file_find(const char *given, char **path, nvb_error **err)
{
	/* A line of a capsule's record. */
	enum { PATH_MOST = 1024 };
	_cleanup_free_ char *found = NULL;
	struct nvb_keys keys;
	int rc;

	*path = NULL;
	if (!given)
		return 0;
	found = realpath(given, NULL);
	if (!found)
		return nvb_fail(err, NVB_ERR_NOT_FOUND, "--key-file %s: %s", given, strerror(errno));
	if (strchr(found, '\n') || strlen(found) > PATH_MOST)
		return nvb_fail(err, NVB_ERR_INVALID,
			"--key-file: a path of one line, and of %d bytes at most", PATH_MOST);
	rc = nvb_keys_load(&keys, found, err);
	nvb_keys_release(&keys);
	if (rc == 0)
		*path = NVB_TAKE_PTR(found);
	return rc;
}
