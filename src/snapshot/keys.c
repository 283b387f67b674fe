/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/chacha-poly1305.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/file.h"
#include "snapshot/hash.h"

enum { KEY_FILE_MIN = 32, KEY_FILE_MAX = 4096 };

static void derive(
	const uint8_t master[static NVB_HASH], const char *label, const void *id, size_t size, uint8_t *out)
{
	nvb_hmac(master, label, strlen(label), id, size, out);
}

/* The file is opened once, and what was checked is what is read. */
static int read_key_file(const char *path, char **data, size_t *size, nvb_error **err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0)
		return nvb_fail_errno(err, errno, "key file %s", path);
	if (!S_ISREG(st.st_mode))
		return nvb_fail(err, NVB_ERR_INVALID, "key file %s: not a file", path);
	if (st.st_mode & 077)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_PERMISSION,
				"key file %s: others than its owner may use it (mode %04o)", path,
				st.st_mode & 07777),
			"chmod 600 %s", path);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return nvb_fail(err, NVB_ERR_PERMISSION, "key file %s belongs to somebody else (uid %u)",
			path, st.st_uid);
	if (st.st_size < KEY_FILE_MIN || st.st_size > KEY_FILE_MAX)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_INVALID, "key file %s: %lld bytes; %d to %d are wanted", path,
				(long long)st.st_size, KEY_FILE_MIN, KEY_FILE_MAX),
			"'(umask 077; head -c 32 /dev/urandom >%s)' makes one", path);
	rc = nvb_file_read_fd(fd, path, KEY_FILE_MAX, data, size, err);
	return rc < 0 ? nvb_wrap(err, rc, "key file") : 0;
}

int nvb_keys_load(struct nvb_keys *keys, const char *path, nvb_error **err)
{
	_cleanup_free_ char *data = NULL;
	uint8_t id[NVB_HASH];
	size_t size = 0;
	int rc;

	*keys = (struct nvb_keys){0};
	if (!path)
		return 0;
	rc = read_key_file(path, &data, &size, err);
	if (rc < 0)
		return rc;
	nvb_sha256(data, size, keys->master);
	explicit_bzero(data, size);
	derive(keys->master, "nvbind snapshot chunk", NULL, 0, keys->hash);
	derive(keys->master, "nvbind snapshot manifest", NULL, 0, keys->manifest);
	derive(keys->master, "nvbind snapshot key id", NULL, 0, id);
	nvb_put_hex(keys->id, id, 8);
	keys->encrypted = true;
	return 0;
}

void nvb_keys_release(struct nvb_keys *keys)
{
	explicit_bzero(keys, sizeof(*keys));
}

void nvb_keys_hash(const struct nvb_keys *keys, const void *data, size_t size, uint8_t hash[static NVB_HASH])
{
	if (keys->encrypted)
		nvb_hmac(keys->hash, data, size, NULL, 0, hash);
	else
		nvb_sha256(data, size, hash);
}

void nvb_keys_hash_several(const struct nvb_keys *keys, const struct nvb_piece *pieces, size_t count,
	bool pairs, uint8_t (*hashes)[NVB_HASH])
{
	if (!keys->encrypted)
		nvb_sha256_several(pieces, count, pairs, hashes);
	for (size_t i = 0; keys->encrypted && i < count; i++)
		nvb_keys_hash(keys, pieces[i].data, pieces[i].size, hashes[i]);
}

/* Sealing. */

void nvb_sealer_init(struct nvb_sealer *sealer, const struct nvb_keys *keys, const char *kind,
	const uint8_t id[static NVB_PACK_ID])
{
	*sealer = (struct nvb_sealer){.encrypted = keys->encrypted};
	if (keys->encrypted)
		derive(keys->master, kind, id, NVB_PACK_ID, sealer->key);
}

static void start(struct chacha_poly1305_ctx *ctx, const struct nvb_sealer *sealer, uint64_t number)
{
	uint8_t nonce[CHACHA_POLY1305_NONCE_SIZE] = {0};

	nvb_put_u64(nonce, number);
	chacha_poly1305_set_key(ctx, sealer->key);
	chacha_poly1305_set_nonce(ctx, nonce);
}

size_t nvb_seal(const struct nvb_sealer *sealer, uint64_t number, uint8_t *data, size_t size)
{
	struct chacha_poly1305_ctx ctx;

	if (!sealer->encrypted)
		return size;
	start(&ctx, sealer, number);
	chacha_poly1305_encrypt(&ctx, size, data, data);
	chacha_poly1305_digest(&ctx, NVB_SEAL, data + size);
	return size + NVB_SEAL;
}

bool nvb_unseal(const struct nvb_sealer *sealer, uint64_t number, uint8_t *data, size_t *size)
{
	struct chacha_poly1305_ctx ctx;
	uint8_t seal[NVB_SEAL];

	if (!sealer->encrypted)
		return true;
	if (*size < NVB_SEAL)
		return false;
	start(&ctx, sealer, number);
	chacha_poly1305_decrypt(&ctx, *size - NVB_SEAL, data, data);
	chacha_poly1305_digest(&ctx, NVB_SEAL, seal);
	*size -= NVB_SEAL;
	return nvb_equal_secret(seal, data + *size, NVB_SEAL);
}

/* Signing. */

static int read_signer(struct nvb_signer *signer, int store, nvb_error **err)
{
	static const char what[] = "'key', which snapshots are signed with";
	_cleanup_close_ int fd = openat(store, "key", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	_cleanup_free_ char *data = NULL;
	struct stat st;
	size_t size = 0;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0)
		return nvb_fail_errno(err, errno, "%s", what);
	/* Whoever reads it can sign what he likes. */
	if (!S_ISREG(st.st_mode) || (st.st_mode & 077))
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_PERMISSION, "%s: others may use it (mode %04o)", what,
				st.st_mode & 07777),
			"chmod 600 key, in the directory of the snapshots");
	rc = nvb_file_read_fd(fd, what, NVB_HASH, &data, &size, err);
	if (rc < 0)
		return rc;
	if (size != NVB_HASH)
		return nvb_hint(err, nvb_fail(err, NVB_ERR_CORRUPT, "%s: not %d bytes", what, NVB_HASH),
			"put it back from a copy, or remove it: another one is made then, and what it signed "
			"takes --trust");
	memcpy(signer->key, data, NVB_HASH);
	explicit_bzero(data, size);
	signer->found = true;
	return 0;
}

/* Two that make it at once: the first one's counts, as a link, unlike a rename, replaces nothing. */
static int make_key(int store, nvb_error **err)
{
	uint8_t key[NVB_HASH];
	uint64_t token;
	char name[32];
	int rc;

	if (getrandom(key, sizeof(key), 0) != sizeof(key) ||
		getrandom(&token, sizeof(token), 0) != sizeof(token))
		return nvb_fail_errno(err, errno, "random numbers");
	snprintf(name, sizeof(name), ".key-%016llx", (unsigned long long)token);
	rc = nvb_file_write(store, name, key, sizeof(key), 0600, err);
	explicit_bzero(key, sizeof(key));
	if (rc < 0)
		return rc;
	if (linkat(store, name, store, "key", 0) < 0 && errno != EEXIST)
		rc = nvb_fail_errno(err, errno, "the key that snapshots are signed with");
	unlinkat(store, name, 0);
	if (rc == 0 && fsync(store) < 0)
		rc = nvb_fail_errno(err, errno, "the snapshots' directory");
	return rc;
}

int nvb_signer_load(struct nvb_signer *signer, int store, bool make, nvb_error **err)
{
	_cleanup_error_ nvb_error *why = NULL;
	int rc;

	*signer = (struct nvb_signer){0};
	rc = read_signer(signer, store, &why);
	if (rc == -NVB_ERR_NOT_FOUND && make) {
		rc = make_key(store, err);
		return rc < 0 ? rc : read_signer(signer, store, err);
	}
	if (rc == -NVB_ERR_NOT_FOUND)
		return 0;
	if (rc < 0)
		nvb_error_move(err, NVB_TAKE_PTR(why));
	return rc;
}

void nvb_signer_release(struct nvb_signer *signer)
{
	explicit_bzero(signer, sizeof(*signer));
}

static void add_line(
	char *text, const char *who, const uint8_t key[static NVB_HASH], const void *manifest, size_t size)
{
	size_t n = strlen(text);
	uint8_t mac[NVB_HASH];

	nvb_hmac(key, "nvbind snapshot\n", 16, manifest, size, mac);
	n += (size_t)sprintf(text + n, "%s ", who);
	nvb_put_hex(text + n, mac, NVB_HASH);
	strcat(text, "\n");
}

void nvb_sign(const struct nvb_signer *signer, const struct nvb_keys *keys, const void *manifest, size_t size,
	char text[static NVB_SIGNATURE_MAX])
{
	*text = '\0';
	add_line(text, "host", signer->key, manifest, size);
	if (keys->encrypted)
		add_line(text, "key", keys->manifest, manifest, size);
}

enum nvb_signed nvb_check_signature(const struct nvb_signer *signer, const struct nvb_keys *keys,
	const void *manifest, size_t size, const char *text)
{
	char here[NVB_SIGNATURE_MAX], by_key[NVB_SIGNATURE_MAX] = "";
	const char *second = strchr(text, '\n');
	size_t first = second ? (size_t)(second + 1 - text) : strlen(text);

	nvb_sign(signer, &(struct nvb_keys){0}, manifest, size, here);
	if (keys->encrypted) {
		add_line(by_key, "key", keys->manifest, manifest, size);
		if (strlen(text) != first + strlen(by_key) ||
			!nvb_equal_secret(text + first, by_key, strlen(by_key)))
			return NVB_SIGNED_WRONGLY;
	}
	if (!signer->found || first != strlen(here) || !nvb_equal_secret(text, here, first))
		return NVB_SIGNED_NOT;
	return NVB_SIGNED_HERE;
}
