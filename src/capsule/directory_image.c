/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/directory_image.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"

bool nvb_image_is_directory(const char *reference)
{
	return *reference == '/' || nvb_streq(reference, ".") || nvb_streq(reference, "..") ||
	       nvb_after(reference, "./") || nvb_after(reference, "../");
}

int nvb_image_open_directory(const char *path, struct nvb_image *image, nvb_error **err)
{
	_cleanup_free_ char *real = realpath(path, NULL);
	struct nvb_image opened = {.lock = -1, .layer_count = 1};
	const char **layers;
	struct stat st;

	if (!real || stat(real, &st) < 0)
		return nvb_fail_errno(err, errno, "root directory %s", path);
	if (!S_ISDIR(st.st_mode))
		return nvb_hint(err, nvb_fail(err, NVB_ERR_INVALID, "%s: not a directory", path),
			"an archive becomes an image with 'bolt image import'");
	if (nvb_streq(real, "/"))
		return nvb_fail(err, NVB_ERR_INVALID, "%s: the host's own root cannot be an image", path);
	layers = nvb_arena_alloc(&opened.arena, 2 * sizeof(*layers));
	opened.reference = nvb_arena_strdup(&opened.arena, path);
	if (layers)
		layers[0] = nvb_arena_strdup(&opened.arena, real);
	if (!opened.reference || !layers || !layers[0]) {
		nvb_arena_release(&opened.arena);
		return nvb_fail_oom(err);
	}
	opened.layers = layers;
	*image = opened;
	return 0;
}
