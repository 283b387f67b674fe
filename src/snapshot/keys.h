/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SNAPSHOT_KEYS_H
#define NVB_SNAPSHOT_KEYS_H

#include <stdbool.h>

#include "base/error.h"
#include "base/mem.h"
#include "snapshot/hash.h"

/*
 * Keys. What encrypts comes from the user's key file; everything used is derived from it by HMAC-SHA256 with
 * a label, and every pack and index has a key of its own (its random id is in the derivation), so a nonce
 * that counts chunks never comes twice under one key. ChaCha20-Poly1305.
 */
struct nvb_keys {
	bool encrypted;
	uint8_t master[NVB_HASH];
	uint8_t hash[NVB_HASH];	    /* names of chunks: without it they tell nothing of what is in them */
	uint8_t manifest[NVB_HASH]; /* authenticates manifests */
	char id[17];		    /* tells two keys apart */
};

/* `path` NULL: not encrypted. The file: 32 to 4096 bytes, for its owner alone. */
int nvb_keys_load(struct nvb_keys *keys, const char *path, nvb_error **err);
void nvb_keys_release(struct nvb_keys *keys);
#define _cleanup_keys_ _cleanup_(nvb_keys_release)

#define NVB_ENCRYPTION "chacha20-poly1305"

/* The name of a chunk. */
void nvb_keys_hash(const struct nvb_keys *keys, const void *data, size_t size, uint8_t hash[static NVB_HASH]);
void nvb_keys_hash_several(const struct nvb_keys *keys, const struct nvb_piece *pieces, size_t count,
	bool pairs, uint8_t (*hashes)[NVB_HASH]);

/* What seals the pieces of one file ("pack", "index") with that random id. */
struct nvb_sealer {
	bool encrypted;
	uint8_t key[NVB_HASH];
};
void nvb_sealer_init(struct nvb_sealer *sealer, const struct nvb_keys *keys, const char *kind,
	const uint8_t id[static NVB_PACK_ID]);

/* Numbers of pieces that are no chunks. */
#define NVB_PIECE_TABLE UINT64_MAX
#define NVB_PIECE_BODY	(UINT64_MAX - 1)

/* In place: size bytes, behind them NVB_SEAL more where it is encrypted. Returns the size sealed. */
size_t nvb_seal(const struct nvb_sealer *sealer, uint64_t number, uint8_t *data, size_t size);
/* In place; false: not what was sealed. *size becomes the smaller one. */
bool nvb_unseal(const struct nvb_sealer *sealer, uint64_t number, uint8_t *data, size_t *size);

/*
 * What this host signs with: <store>/key, made at its first use. The signature of a manifest is the text of
 * the snapshot's file "signature".
 */
struct nvb_signer {
	uint8_t key[NVB_HASH];
	bool found;
};
enum { NVB_SIGNATURE_MAX = 256 };

/* `make`: else a store without one is no error, and nothing is signed by it. */
int nvb_signer_load(struct nvb_signer *signer, int store, bool make, nvb_error **err);
void nvb_signer_release(struct nvb_signer *signer);
#define _cleanup_signer_ _cleanup_(nvb_signer_release)
void nvb_sign(const struct nvb_signer *signer, const struct nvb_keys *keys, const void *manifest, size_t size,
	char text[static NVB_SIGNATURE_MAX]);

enum nvb_signed {
	NVB_SIGNED_HERE,    /* by this host, and by the key where there is one and it is known */
	NVB_SIGNED_NOT,	    /* by another, or not at all */
	NVB_SIGNED_WRONGLY, /* the key's half is not what the key makes of it */
};
enum nvb_signed nvb_check_signature(const struct nvb_signer *signer, const struct nvb_keys *keys,
	const void *manifest, size_t size, const char *text);

#endif
