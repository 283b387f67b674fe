/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/choice.h"
#include "base/file.h"
#include "base/str.h"
#include "bolt-image.h"
#include "capsule/manifest.h"
#include "cli/progress.h"
#include "skopeo.h"

/*
 * bolt image pull: skopeo brings manifest, config and blobs into a workplace; layers that are not there yet
 * are unpacked in parallel; then layers, image and name become visible, in that order. Whatever goes wrong,
 * the workplace goes and nothing else has changed.
 *
 * For every layer that is unpacked the store keeps a placeholder: a file without content, of the size and
 * name of the blob it came in. Lent to the workplace, it makes skopeo see that the blob is there and not move
 * it again.
 */

enum { DOCUMENT_LARGEST = 8 * 1024 * 1024 };

static const char *authfile;
static const char *platform;
static int tls_verify = 1;
static bool quiet;

static const struct nvb_choice booleans[] = {{"true", 1}, {"false", 0}, {NULL}};

static const struct nvb_option options[] = {
	{"authfile", 0, NVB_OPTION_STRING("FILE", &authfile),
		"credentials to use instead of those of 'bolt login'"},
	{"platform", 0, NVB_OPTION_STRING("OS/ARCH", &platform), "another platform than this machine's"},
	{"tls-verify", 0, NVB_OPTION_CHOICE("BOOL", booleans, &tls_verify),
		"false talks to a registry without a valid certificate, or over plain HTTP"},
	{"quiet", 'q', NVB_OPTION_FLAG(&quiet), "print the image's id alone"},
	{NULL},
};
const struct nvb_option_group pull_groups[] = {{"Options", options}, {NULL}};

struct pull {
	struct nvb_store *store;
	struct nvb_workplace workplace;
	const char *reference; /* how the image will be called here */
	char *source;	       /* as skopeo names it */
	struct nvb_manifest manifest;
	char *manifest_text, *config_text;
	size_t manifest_size, config_size;
};

static void pull_release(struct pull *pull)
{
	nvb_workplace_remove(pull->store, &pull->workplace);
	nvb_manifest_release(&pull->manifest);
	free(pull->manifest_text);
	free(pull->config_text);
	free(pull->source);
}

static bool add_platform(char ***argv)
{
	_cleanup_strv_ char **parts = nvb_strv_split(platform, "/");

	if (!parts || !parts[0] || !parts[1])
		return false;
	return nvb_strv_addf(argv, "--override-os=%s", parts[0]) &&
	       nvb_strv_addf(argv, "--override-arch=%s", parts[1]) &&
	       (!parts[2] || nvb_strv_addf(argv, "--override-variant=%s", parts[2]));
}

static int move_blobs(struct pull *pull, nvb_error **err)
{
	_cleanup_strv_ char **argv = NULL;
	bool ok = nvb_strv_add(&argv, "skopeo");

	/* Without a policy file skopeo refuses to work; with one, the administrator's rules hold. */
	if (access("/etc/containers/policy.json", R_OK) < 0)
		ok = ok && nvb_strv_add(&argv, "--insecure-policy");
	if (platform && !add_platform(&argv))
		return nvb_fail(
			err, NVB_ERR_INVALID, "--platform '%s': not OS/ARCH such as linux/arm64", platform);
	ok = ok && nvb_strv_add(&argv, "copy") && nvb_strv_add(&argv, "--remove-signatures");
	if (authfile)
		ok = ok && nvb_strv_addf(&argv, "--authfile=%s", authfile);
	if (!tls_verify)
		ok = ok && nvb_strv_add(&argv, "--src-tls-verify=false");
	ok = ok &&
	     nvb_strv_addf(
		     &argv, "--dest-shared-blob-dir=%s/%s/blobs", pull->store->path, pull->workplace.name) &&
	     nvb_strv_add(&argv, pull->source) &&
	     nvb_strv_addf(&argv, "oci:%s/%s/layout:image", pull->store->path, pull->workplace.name);
	return ok ? skopeo_run(argv, err) : nvb_fail_oom(err);
}

static void blob_path(const struct pull *pull, const char *digest, char path[static 160])
{
	snprintf(path, 160, "%s/blobs/sha256/%s", pull->workplace.name, digest);
}

/* Links the store's placeholders into the workplace. */
static int lend_placeholders(const struct pull *pull, nvb_error **err)
{
	_cleanup_strv_ char **digests = NULL;
	char path[160];
	int rc;

	snprintf(path, sizeof(path), "%s/blobs/sha256", pull->workplace.name);
	rc = nvb_file_mkdirs(pull->store->fd, path, 0700, err);
	if (rc == 0)
		rc = nvb_store_digests(pull->store, "blobs/sha256", &digests, err);
	if (rc < 0)
		return rc;
	nvb_strv_foreach (digest, digests) {
		char from[96];

		snprintf(from, sizeof(from), "blobs/sha256/%s", *digest);
		blob_path(pull, *digest, path);
		if (linkat(pull->store->fd, from, pull->store->fd, path, 0) < 0 && errno != ENOENT)
			return nvb_fail_errno(err, errno, "image store %s/%s", pull->store->path, from);
	}
	return 0;
}

/* A document among the blobs, its bytes checked against its name. */
static int read_document(
	const struct pull *pull, const char *digest, char **text, size_t *size, nvb_error **err)
{
	_cleanup_free_ char *data = NULL;
	char path[160], actual[NVB_DIGEST_HEX + 1];
	int rc;

	blob_path(pull, digest, path);
	rc = nvb_file_read(pull->store->fd, path, DOCUMENT_LARGEST, &data, size, err);
	if (rc < 0)
		return rc;
	sha256_hex(data, *size, actual);
	if (!nvb_streq(actual, digest))
		return nvb_fail(err, NVB_ERR_CORRUPT, "blob %.12s has the digest %.12s", digest, actual);
	*text = NVB_TAKE_PTR(data);
	return 0;
}

static int read_documents(struct pull *pull, nvb_error **err)
{
	_cleanup_free_ char *index = NULL;
	char path[128], digest[NVB_DIGEST_HEX + 1];
	int rc;

	snprintf(path, sizeof(path), "%s/layout/index.json", pull->workplace.name);
	rc = nvb_file_read(pull->store->fd, path, DOCUMENT_LARGEST, &index, NULL, err);
	if (rc == 0)
		rc = nvb_manifest_of_index(index, digest, err);
	if (rc == 0)
		rc = read_document(pull, digest, &pull->manifest_text, &pull->manifest_size, err);
	if (rc == 0)
		rc = nvb_manifest_read(pull->manifest_text, &pull->manifest, err);
	if (rc == 0)
		rc = read_document(pull, pull->manifest.config, &pull->config_text, &pull->config_size, err);
	return rc < 0 ? rc : nvb_manifest_read_config(&pull->manifest, pull->config_text, err);
}

static bool listed(const struct layer_job *jobs, size_t count, const char *diff_id)
{
	for (size_t i = 0; i < count; i++)
		if (nvb_streq(jobs[i].source.diff_id, diff_id))
			return true;
	return false;
}

/*
 * The jobs for the layers that are missing. A blob without blocks stands for a layer that is unpacked; where
 * the layer has gone since, the blob goes too, *again is set, and skopeo must bring it once more.
 */
static int plan_jobs(struct pull *pull, struct layer_job *jobs, size_t *count, bool *again, nvb_error **err)
{
	for (size_t i = 0; i < pull->manifest.layer_count; i++) {
		const struct nvb_manifest_layer *layer = &pull->manifest.layers[i];
		struct layer_job *job = &jobs[*count];
		char path[160];
		struct stat st;

		if (have_layer(pull->store, layer->diff_id) || listed(jobs, *count, layer->diff_id))
			continue;
		blob_path(pull, layer->blob, path);
		*job = (struct layer_job){
			.source = {.fd = openat(pull->store->fd, path, O_RDONLY | O_CLOEXEC)}};
		if (job->source.fd < 0 || fstat(job->source.fd, &st) < 0)
			return nvb_fail_errno(err, errno, "layer %.12s", layer->diff_id);
		(*count)++;
		if (st.st_blocks == 0 && st.st_size > 0) {
			unlinkat(pull->store->fd, path, 0);
			unlinkat(pull->store->fd, strstr(path, "blobs/"), 0); /* the store's own */
			*again = true;
		}
		job->source.size = (uint64_t)st.st_size;
		job->source.diff_id = layer->diff_id;
		snprintf(job->directory, sizeof(job->directory), "%s/layer%zu", pull->workplace.name, i);
	}
	return 0;
}

static void release_jobs(struct layer_job *jobs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(jobs[i].source.fd);
}

static int unpack_layers(struct pull *pull, nvb_error **err)
{
	_cleanup_free_ struct layer_job *jobs = calloc(pull->manifest.layer_count + 1, sizeof(*jobs));
	bool again = false;
	size_t count = 0;
	int rc = jobs ? plan_jobs(pull, jobs, &count, &again, err) : nvb_fail_oom(err);

	if (rc == 0 && again) {
		release_jobs(jobs, count);
		count = 0;
		rc = move_blobs(pull, err);
		if (rc == 0)
			rc = plan_jobs(pull, jobs, &count, &again, err);
	}
	if (rc == 0)
		rc = layer_jobs_run(pull->store, jobs, count, "unpacking", err);
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = publish_layer(pull->store, jobs[i].directory, jobs[i].layer.diff_id, err);
	if (jobs)
		release_jobs(jobs, count);
	return rc;
}

/* Leaves a placeholder for every layer. Failing costs a transfer some day, nothing else. */
static void keep_placeholders(const struct pull *pull)
{
	for (size_t i = 0; i < pull->manifest.layer_count; i++) {
		_cleanup_close_ int fd = -1;
		char path[96];

		snprintf(path, sizeof(path), "blobs/sha256/%s", pull->manifest.layers[i].blob);
		fd = openat(
			pull->store->fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd >= 0 && ftruncate(fd, (off_t)pull->manifest.layers[i].size) < 0)
			unlinkat(pull->store->fd, path, 0);
	}
}

static int pull_into(struct pull *pull, char id[static NVB_DIGEST_HEX + 1], nvb_error **err)
{
	int rc = nvb_store_workplace(pull->store, &pull->workplace, err);

	if (rc == 0)
		rc = lend_placeholders(pull, err);
	if (rc == 0)
		rc = move_blobs(pull, err);
	if (rc == 0)
		rc = read_documents(pull, err);
	if (rc == 0)
		rc = unpack_layers(pull, err);
	if (rc == 0)
		rc = publish_image(pull->store, pull->config_text, pull->config_size, pull->manifest_text,
			pull->manifest_size, pull->reference, id, err);
	if (rc == 0)
		keep_placeholders(pull);
	return rc;
}

/* The places besides registries that skopeo reads images from; the name behind one of them is a path of its
 * kind. */
static bool has_transport(const char *name)
{
	static const char *const transports[] = {
		"docker-archive:", "oci-archive:", "oci:", "dir:", "containers-storage:", "docker-daemon:"};

	for (size_t i = 0; i < NVB_ELEMENTS(transports); i++)
		if (nvb_after(name, transports[i]))
			return true;
	return false;
}

static int name_source(const char *name, const char *as, struct pull *pull, char **reference, nvb_error **err)
{
	int rc;

	if (!has_transport(name)) {
		rc = nvb_image_normalise(nvb_after(name, "docker://") ?: name, reference, err);
		if (rc == 0 && asprintf(&pull->source, "docker://%s", *reference) < 0) {
			pull->source = NULL;
			rc = nvb_fail_oom(err);
		}
		if (rc == 0 && as) {
			free(*reference);
			*reference = NULL;
			rc = nvb_image_localise(as, reference, err);
		}
		return rc;
	}
	if (!as)
		return nvb_hint(err, nvb_fail(err, NVB_ERR_INVALID, "%s: no name for the image", name),
			"give one: bolt image pull %s NAME", name);
	pull->source = strdup(name);
	return pull->source ? nvb_image_localise(as, reference, err) : nvb_fail_oom(err);
}

int image_pull(int argc, char **argv, nvb_error **err)
{
	_cleanup_(nvb_store_close) struct nvb_store store = {.fd = -1};
	_cleanup_(pull_release) struct pull pull = {.store = &store, .workplace = {.fd = -1}};
	_cleanup_free_ char *reference = NULL;
	_cleanup_close_ int lock = -1;
	char id[NVB_DIGEST_HEX + 1];
	int rc = name_source(argv[0], argc > 1 ? argv[1] : NULL, &pull, &reference, err);

	if (rc == 0)
		rc = open_store(&store, err);
	if (rc == 0)
		owners_sweep(&store);
	if (rc == 0)
		rc = lock = nvb_store_begin(&store, err);
	if (rc < 0)
		return rc;
	stop_signals_install();
	pull.reference = reference;
	rc = pull_into(&pull, id, err);
	if (rc < 0)
		return nvb_wrap(err, rc, "pulling %s", argv[0]);
	printf(quiet ? "sha256:%s\n" : "%s sha256:%s\n", quiet ? id : reference, id);
	return 0;
}
