/* SPDX-License-Identifier: Apache-2.0 */
#include "base/userns.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

#include "base/file.h"
#include "base/mem.h"

bool nvb_in_user_namespace(void)
{
	_cleanup_free_ char *map = NULL;
	unsigned inside, outside, count;

	if (nvb_file_read(AT_FDCWD, "/proc/self/uid_map", 4096, &map, NULL, NULL) < 0)
		return true;
	return sscanf(map, "%u %u %u", &inside, &outside, &count) != 3 || inside || outside ||
	       count != UINT_MAX;
}
