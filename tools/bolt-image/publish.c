/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/str.h"
#include "bolt-image.h"

/*
 * How something becomes visible in the store: whole, by rename, what is pointed to before what points to it.
 * A crash between two steps leaves layers or images that nothing names, which the next prune collects.
 */

bool have_layer(const struct nvb_store *store, const char *diff_id)
{
	char path[96];
	struct stat st;

	snprintf(path, sizeof(path), "layers/%s/fs", diff_id);
	return fstatat(store->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

int publish_layer(const struct nvb_store *store, const char *from, const char *diff_id, nvb_error **err)
{
	char path[96];

	snprintf(path, sizeof(path), "layers/%s", diff_id);
	if (renameat(store->fd, from, store->fd, path) == 0)
		return 0;
	if ((errno == EEXIST || errno == ENOTEMPTY) && have_layer(store, diff_id))
		return 0; /* the same bytes by digest; ours goes with the workplace */
	return nvb_fail_errno(err, errno, "image store %s/%s", store->path, path);
}

int publish_image(const struct nvb_store *store, const char *config, size_t config_size, const char *manifest,
	size_t manifest_size, const char *reference, char id[static NVB_DIGEST_HEX + 1], nvb_error **err)
{
	char path[128];
	int rc;

	sha256_hex(config, config_size, id);
	snprintf(path, sizeof(path), "images/%s", id);
	if (mkdirat(store->fd, path, 0755) < 0 && errno != EEXIST)
		return nvb_fail_errno(err, errno, "image store %s/%s", store->path, path);
	if (manifest) {
		snprintf(path, sizeof(path), "images/%s/manifest.json", id);
		rc = nvb_file_write(store->fd, path, manifest, manifest_size, 0644, err);
		if (rc < 0)
			return nvb_wrap(err, rc, "image store %s", store->path);
	}
	snprintf(path, sizeof(path), "images/%s/config.json", id);
	rc = nvb_file_write(store->fd, path, config, config_size, 0644, err);
	/* The layers' files must be on disk before a name leads to them. */
	if (rc == 0 && syncfs(store->fd) < 0)
		rc = nvb_fail_errno(err, errno, "flushing to disk");
	if (rc == 0 && reference)
		rc = nvb_store_write_ref(store, reference, id, err);
	return rc < 0 ? nvb_wrap(err, rc, "image store %s", store->path) : 0;
}
