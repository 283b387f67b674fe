/* SPDX-License-Identifier: Apache-2.0 */
#include "container/container.h"

#include <fcntl.h>
#include <limits.h>

#include "base/log.h"
#include "base/mem.h"
#include "container/cache_apply.h"
#include "container/links.h"
#include "container/musl.h"
#include "container/params.h"

static bool has_glibc(const struct nvb_root *root)
{
	static const char *const signs[] = {
		"etc/ld.so.cache",
		"lib64/ld-linux-x86-64.so.2",
		"lib/ld-linux-aarch64.so.1",
		"lib/ld-linux-armhf.so.3",
		"lib/ld-linux.so.2",
	};
	struct stat st;

	for (size_t i = 0; i < NVB_ELEMENTS(signs); i++)
		if (nvb_root_stat(root, signs[i], true, &st) == 0)
			return true;
	return false;
}

static void make_device_links(
	const struct nvb_place *place, const struct nvb_container_work *work, const struct nvb_log *log)
{
	for (size_t i = 0; i < work->device_link_count; i++) {
		const struct nvb_link *link = &work->device_links[i];
		char node[PATH_MAX];
		struct stat st;

		if (nvb_link_meaning(link, node, sizeof(node)) &&
			nvb_root_stat(place->content, node, false, &st) == 0)
			nvb_links_make(place, link, 1, log);
	}
}

/* Optional, as all here: a container whose driver could change nodes still has its own GPUs alone. */
static void mask_params(const struct nvb_root *root, const char *text, const struct nvb_log *log)
{
	_cleanup_error_ nvb_error *why = NULL;

	if (nvb_params_mask(root, text, log, &why) < 0)
		nvb_warning(log, "the driver's parameters stay as they are: %s", nvb_error_message(why));
}

static int apply(const struct nvb_place *place, const struct nvb_container_work *work,
	const struct nvb_log *log, nvb_error **err)
{
	_cleanup_close_ int fd = nvb_root_openat(place->content, "/", O_PATH | O_DIRECTORY, 0);

	if (fd < 0)
		return nvb_fail_errno(err, -fd, "container root %s", place->content->path);
	nvb_links_make(place, work->links, work->link_count, log);
	make_device_links(place, work, log);
	if (work->params && work->may_mount)
		mask_params(place->content, work->params, log);
	if (work->directory_count == 0)
		return 0;
	/* An image with neither (nothing but static programs) gets a cache all the same: a C library may come
	 * in by a mount. */
	if (nvb_musl_apply(place, work->directories, work->directory_count, log) &&
		!has_glibc(place->content))
		return 0;
	return nvb_cache_apply(place, work, log, err);
}

int nvb_container_apply(const struct nvb_root *root, const struct nvb_container_work *work,
	const struct nvb_log *log, nvb_error **err)
{
	return apply(&(struct nvb_place){.content = root, .top = root}, work, log, err);
}

int nvb_container_apply_layer(const struct nvb_root *lower, const struct nvb_root *top,
	const struct nvb_container_work *work, const struct nvb_log *log, nvb_error **err)
{
	return apply(&(struct nvb_place){.content = lower, .top = top}, work, log, err);
}
