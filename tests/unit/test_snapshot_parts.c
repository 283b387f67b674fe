/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "snapshot/codec.h"
#include "snapshot/cut.h"
#include "snapshot/hash.h"
#include "snapshot/index.h"
#include "snapshot/keys.h"
#include "snapshot/known.h"
#include "snapshot/manifest.h"
#include "snapshot/pack.h"
#include "snapshot/reader.h"
#include "snapshot/tar.h"

/* What snapshots are made of, part by part. */

static void fill_random(uint8_t *data, size_t size, uint64_t seed)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15 + 1;

	for (size_t i = 0; i + 8 <= size; i += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(data + i, &x, 8);
	}
}

/* Published values: RFC 3720 B.4 (CRC-32C), FIPS 180 (SHA-256 of "abc"), RFC 4231 case 2 by its key padded.
 */
static void test_hashes(void **state)
{
	uint8_t zeros[32] = {0}, hash[NVB_HASH];
	char hex[2 * NVB_HASH + 1];

	(void)state;
	assert_int_equal(nvb_crc32c(0, zeros, sizeof(zeros)), 0x8a9136aa);
	assert_int_equal(nvb_crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(nvb_crc32c(nvb_crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
	nvb_sha256("abc", 3, hash);
	nvb_put_hex(hex, hash, NVB_HASH);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	memset(zeros, 0, sizeof(zeros));
	memcpy(zeros, "Jefe", 4);
	nvb_hmac(zeros, "what do ya want ", 16, "for nothing?", 12, hash);
	nvb_put_hex(hex, hash, NVB_HASH);
	assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

/* Each length of an end, pieces of one length and of others beside each other, and one that is left over. */
static void test_hashes_of_several(void **state)
{
	enum { MOST = 200, LARGE = 1 << 16 };
	static uint8_t data[LARGE], hashes[MOST][NVB_HASH], wanted[NVB_HASH];
	static struct nvb_piece pieces[MOST];
	const bool pairs = nvb_sha256_can_pair();

	(void)state;
	for (size_t i = 0; i < LARGE; i++)
		data[i] = (uint8_t)(i * 2654435761u >> 13);
	for (size_t count = 0; count <= MOST; count += count < 5 ? 1 : 39) {
		for (size_t i = 0; i < count; i++)
			pieces[i] = (struct nvb_piece){
				data + i % 7, i % 5 == 4 ? LARGE - 7 - 1000 * (i % 60) : i};
		nvb_sha256_several(pieces, count, pairs, hashes);
		for (size_t i = 0; i < count; i++) {
			nvb_sha256(pieces[i].data, pieces[i].size, wanted);
			assert_memory_equal(hashes[i], wanted, NVB_HASH);
		}
	}
	for (size_t size = 0; size < MOST; size++) {
		pieces[0] = (struct nvb_piece){data, size};
		pieces[1] = (struct nvb_piece){data + 1, MOST - size};
		pieces[2] = (struct nvb_piece){data + 2, 3 * size};
		nvb_sha256_several(pieces, 3, pairs, hashes);
		for (size_t i = 0; i < 3; i++) {
			nvb_sha256(pieces[i].data, pieces[i].size, wanted);
			assert_memory_equal(hashes[i], wanted, NVB_HASH);
		}
	}
}

/* Pieces follow each other, none is too large, and what moved by pages is cut at the same places. */
static void test_cuts(void **state)
{
	enum { SIZE = 4 << 20, MOVED = 5 * 4096 };
	uint8_t *data = malloc(SIZE + MOVED);
	static bool cuts[2][(SIZE + MOVED) / 4096 + 1];
	size_t same = 0, all = 0;

	(void)state;
	fill_random(data, SIZE + MOVED, 11);
	memset(data + MOVED + (1 << 20), 0, 1 << 20);
	for (int moved = 0; moved < 2; moved++) {
		const uint8_t *from = data + (moved ? 0 : MOVED);
		size_t size = moved ? SIZE + MOVED : SIZE;
		struct nvb_cut cut = {0};

		while (nvb_cut_next(from, size, cut.offset + cut.size, &cut)) {
			assert_true(cut.size > 0 && (cut.zero || cut.size <= NVB_CHUNK_MAX));
			if (cut.offset + cut.size < size)
				assert_int_equal(cut.size % NVB_PAGE, 0);
			cuts[moved][(cut.offset + (moved ? 0 : MOVED)) / 4096] = true;
		}
		assert_int_equal(cut.offset + cut.size, size);
	}
	for (size_t i = MOVED / 4096; i < NVB_ELEMENTS(cuts[0]); i++) {
		all += cuts[0][i];
		same += cuts[0][i] && cuts[1][i];
	}
	assert_true(all > 50 && all - same < 8);
	free(data);
}

static void test_zeros_and_ends(void **state)
{
	static uint8_t data[10 * 4096 + 100];
	struct nvb_cut cut;

	(void)state;
	assert_false(nvb_cut_next(data, 0, 0, &cut));
	assert_true(nvb_cut_next(data, sizeof(data), 0, &cut));
	assert_true(cut.zero && cut.size == sizeof(data));
	/* Three zero pages between others stay in the chunk. */
	data[0] = data[4 * 4096] = data[sizeof(data) - 1] = 1;
	assert_true(nvb_cut_next(data, sizeof(data), 0, &cut));
	assert_true(!cut.zero && cut.size >= 3 * 4096);
	data[10] = 1;
	assert_true(nvb_cut_next(data, 11, 10, &cut));
	assert_true(!cut.zero && cut.size == 1);
}

static void test_known(void **state)
{
	struct nvb_known known = {0};
	uint8_t hash[NVB_HASH] = {0};
	struct nvb_place place;

	(void)state;
	assert_false(nvb_known_find(&known, hash, &place));
	for (uint32_t i = 0; i < 5000; i++) {
		nvb_sha256(&i, sizeof(i), hash);
		assert_true(nvb_known_add(&known, hash, (struct nvb_place){i, i + 1}));
		assert_true(nvb_known_add(&known, hash, (struct nvb_place){0, 0}));
	}
	for (uint32_t i = 0; i < 5000; i++) {
		nvb_sha256(&i, sizeof(i), hash);
		assert_true(nvb_known_find(&known, hash, &place));
		assert_int_equal(place.pack, i);
		assert_int_equal(place.chunk, i + 1);
	}
	hash[0] ^= 1;
	assert_false(nvb_known_find(&known, hash, &place));
	nvb_known_release(&known);
}

/* Each kind of data gets the codec that is for it, and comes back. */
static void test_codecs(void **state)
{
	static uint8_t data[65536], back[65536];
	uint8_t *out = malloc(nvb_compressed_max());
	struct nvb_compressor c;
	struct nvb_decoder d;
	const struct {
		enum nvb_codec codec;
	} wanted[] = {{NVB_CODEC_RAW}, {NVB_CODEC_LZ4}, {NVB_CODEC_ZSTD}};

	(void)state;
	assert_int_equal(nvb_compressor_init(&c, NULL), 0);
	assert_int_equal(nvb_decoder_init(&d, NULL), 0);
	for (size_t kind = 0; kind < NVB_ELEMENTS(wanted); kind++) {
		enum nvb_codec codec;
		size_t n;

		fill_random(data, sizeof(data), 5);
		/* Repeated as a whole; letters of few kinds, in no order. */
		for (size_t i = 0; kind == 1 && i < sizeof(data); i++)
			data[i] = data[i % 8192];
		for (size_t i = 0; kind == 2 && i < sizeof(data); i++)
			data[i] &= 3;
		c.until_trial = 0;
		n = nvb_compress(&c, data, sizeof(data), out, &codec);
		assert_int_equal(codec, wanted[kind].codec);
		assert_true(nvb_decompress(d.zstd, codec, out, n, back, sizeof(back)));
		assert_memory_equal(data, back, sizeof(back));
		/* Neither more nor less than was promised. */
		assert_false(nvb_decompress(d.zstd, codec, out, n, back, sizeof(back) - 1));
	}
	nvb_compressor_release(&c);
	nvb_decoder_release(&d);
	free(out);
}

static void test_seals(void **state)
{
	struct nvb_keys keys = {.encrypted = true, .master = {1}};
	uint8_t id[NVB_PACK_ID] = {2}, data[100 + NVB_SEAL], copy[sizeof(data)];
	struct nvb_sealer sealer, other;
	size_t size;

	(void)state;
	nvb_sealer_init(&sealer, &keys, "pack", id);
	nvb_sealer_init(&other, &keys, "index", id);
	memset(data, 7, sizeof(data));
	assert_int_equal(nvb_seal(&sealer, 5, data, 100), 100 + NVB_SEAL);
	for (size_t bit = 0; bit < 8 * sizeof(data); bit += 7) {
		memcpy(copy, data, sizeof(data));
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		size = sizeof(copy);
		assert_false(nvb_unseal(&sealer, 5, copy, &size));
	}
	memcpy(copy, data, sizeof(data));
	size = sizeof(copy);
	assert_false(nvb_unseal(&sealer, 6, copy, &size));
	memcpy(copy, data, sizeof(data));
	size = sizeof(copy);
	assert_false(nvb_unseal(&other, 5, copy, &size));
	size = NVB_SEAL - 1;
	assert_false(nvb_unseal(&sealer, 5, copy, &size));
	size = sizeof(data);
	assert_true(nvb_unseal(&sealer, 5, data, &size));
	assert_int_equal(size, 100);
	assert_int_equal(data[99], 7);
}

/* What a table says of a chunk, its CRC among it, somebody else may have written: the content is held against
 * the hash by which later snapshots find it. */
static void test_content_is_held_against_its_hash(void **state)
{
	uint8_t key[NVB_HASH] = {7}, data[64], stored[sizeof(data)];
	struct nvb_pack_entry entry = {.stored = sizeof(data), .raw = sizeof(data), .codec = NVB_CODEC_RAW};
	struct nvb_pack_reader pack = {.fd = -1, .entries = &entry, .count = 1};
	struct nvb_keys keys = {0};
	struct nvb_decoder decoder;

	(void)state;
	memcpy(keys.hash, key, sizeof(key));
	assert_int_equal(nvb_decoder_init(&decoder, NULL), 0);
	fill_random(data, sizeof(data), 3);
	nvb_keys_hash(&keys, data, sizeof(data), entry.hash);
	memcpy(stored, data, sizeof(data));
	assert_null(nvb_chunk_decode(&pack, &keys, 0, stored, &decoder));
	assert_memory_equal(decoder.raw, data, sizeof(data));
	stored[40] ^= 1;
	entry.crc = nvb_crc32c(0, stored, sizeof(stored));
	assert_null(nvb_chunk_check(&pack, 0, stored));
	assert_string_equal(
		nvb_chunk_decode(&pack, &keys, 0, stored, &decoder), "its content does not match its hash");
	/* By the user's key where there is one: the bare hash is none then. */
	keys.encrypted = true;
	assert_string_equal(
		nvb_chunk_decode(&pack, &keys, 0, data, &decoder), "its content does not match its hash");
	nvb_decoder_release(&decoder);
}

static void test_tar(void **state)
{
	uint8_t header[NVB_TAR_BLOCK];
	char name[NVB_TAR_NAME];
	uint64_t size = 0;

	(void)state;
	nvb_tar_header(header, "0123456789abcdef/index", 8589934591);
	assert_true(nvb_tar_parse(header, name, &size));
	assert_string_equal(name, "0123456789abcdef/index");
	assert_true(size == 8589934591);
	/* No byte of it is open to interpretation. */
	for (size_t i = 0; i < sizeof(header); i++) {
		header[i] ^= 1;
		assert_false(
			nvb_tar_parse(header, name, &size) && strcmp(name, "0123456789abcdef/index") == 0);
		header[i] ^= 1;
	}
	assert_int_equal(nvb_tar_padding(0), 0);
	assert_int_equal(nvb_tar_padding(1), 511);
	assert_int_equal(nvb_tar_padding(512), 0);
}

/* An index that names what it may not. */
static void refuses(const uint8_t *body, size_t size, const char *why)
{
	struct nvb_index index = {0};
	nvb_error *err = NULL;

	assert_int_equal(nvb_index_parse(&index, body, size, UINT64_MAX, &err), -NVB_ERR_CORRUPT);
	assert_non_null(strstr(nvb_error_message(err), why));
	nvb_error_free(err);
	nvb_index_release(&index);
}

static void test_hostile_index(void **state)
{
#define ROOT	 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define FRONT(n) 0, 0, 1, 1, 't', n
	static const uint8_t nothing[] = {0},
			     dots[] = {FRONT(2), ROOT, 1, 0, 2, '.', '.', 0, 0, 0, 0, 0, 0, 0, 0},
			     slash[] = {FRONT(2), ROOT, 1, 0, 3, 'a', '/', 'b', 0, 0, 0, 0, 0, 0, 0, 0},
			     later[] = {FRONT(2), ROOT, 1, 1, 1, 'a', 0, 0, 0, 0, 0, 0, 0, 0},
			     link[] = {FRONT(2), ROOT, 4, 0, 1, 'a', 0},
			     self[] = {FRONT(2), ROOT, 4, 0, 1, 'a', 1},
			     in_file[] = {FRONT(3), ROOT, 7, 0, 1, 'a', 0, 0, 0, 0, 0, 0, 0, 0, 7, 1, 1, 'b',
				     0, 0, 0, 0, 0, 0, 0, 0},
			     pack[] = {FRONT(2), ROOT, 2, 0, 1, 'a', 0, 0, 0, 0, 0, 0, 0, 0, 9, 1, 1, 0, 9},
			     zeros[] = {FRONT(2), ROOT, 2, 0, 1, 'a', 0, 0, 0, 0, 0, 0, 0, 0, 9, 1, 0, 10},
			     many[] = {0, 0, 1, 1, 't', 0xff, 0xff, 0xff, 0xff, 1}, long_number[] = {0x80, 0},
			     behind[] = {0, 0, 0, 0},
			     file_root[] = {FRONT(1), 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

	(void)state;
	refuses(nothing, sizeof(nothing), "ends too early");
	refuses(dots, sizeof(dots), "a file name that is none");
	refuses(slash, sizeof(slash), "a file name that is none");
	refuses(later, sizeof(later), "a directory that comes later");
	refuses(link, sizeof(link), "a link to a directory");
	refuses(self, sizeof(self), "a link to what comes later");
	refuses(in_file, sizeof(in_file), "no directory");
	refuses(pack, sizeof(pack), "a pack that is not in the list");
	refuses(zeros, sizeof(zeros), "more zeros than the file has bytes");
	refuses(many, sizeof(many), "");
	refuses(long_number, sizeof(long_number), "zeros before it");
	refuses(behind, sizeof(behind), "behind its end");
	refuses(file_root, sizeof(file_root), "a file name that is none");
}

/* The whole body of an index of one tree: directories, each in the one before, whose names have so many
 * bytes. */
static struct nvb_strbuf nested(unsigned count, size_t name)
{
	struct nvb_strbuf body = {0};
	static const uint8_t root[] = {ROOT}, attributes[] = {0, 0, 0, 0, 0, 0, 0, 0};

	nvb_sb_addn(&body, "\0\0\1\1t", 5);
	nvb_sb_addc(&body, (char)(((count + 1) & 0x7f) | 0x80));
	nvb_sb_addc(&body, (char)((count + 1) >> 7));
	nvb_sb_addn(&body, root, sizeof(root));
	for (unsigned i = 0; i < count; i++) {
		nvb_sb_addc(&body, NVB_ENTRY_DIRECTORY);
		if (i >= 128)
			nvb_sb_addc(&body, (char)((i & 0x7f) | 0x80));
		nvb_sb_addc(&body, (char)(i >= 128 ? i >> 7 : i));
		nvb_sb_addc(&body, (char)name);
		for (size_t n = 0; n < name; n++)
			nvb_sb_addc(&body, 'd');
		nvb_sb_addn(&body, attributes, sizeof(attributes));
	}
	return body;
}

/* Paths are as long as a snapshot has them: each name costs some bytes, and each path all above it. */
/* Of each kind a few bytes, for which the host has less memory than they would take: links of five bytes,
 * attributes of two, extents of two. */
static void test_greedy_index(void **state)
{
	static const char front[] = {0, 0, 1, 1, 't'}, root[] = {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
			  file[] = {2, 0, 1, 'a', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, link[] = {4, 0, 1, 'b', 1};
	enum { LINKS = 2000, TAKES = 2 * (LINKS + 2) * (int)sizeof(struct nvb_tree_entry) };
	_cleanup_strbuf_ struct nvb_strbuf body = {0};
	struct nvb_index index = {0};
	nvb_error *err = NULL;

	(void)state;
	nvb_sb_addn(&body, front, sizeof(front));
	nvb_sb_addc(&body, (char)((LINKS + 2) % 128 + 128));
	nvb_sb_addc(&body, (char)((LINKS + 2) / 128));
	nvb_sb_addn(&body, root, sizeof(root));
	nvb_sb_addn(&body, file, sizeof(file));
	for (int i = 0; i < LINKS; i++)
		nvb_sb_addn(&body, link, sizeof(link));
	assert_int_equal(nvb_index_parse(&index, (const uint8_t *)body.s, body.len, TAKES - 1, &err),
		-NVB_ERR_CORRUPT);
	assert_non_null(strstr(nvb_error_message(err), "more memory than this host has"));
	nvb_error_free(err);
	nvb_index_release(&index);
	assert_int_equal(nvb_index_parse(&index, (const uint8_t *)body.s, body.len, 2 * TAKES, NULL), 0);
	assert_int_equal(index.trees[0].count, LINKS + 2);
	nvb_index_release(&index);
}

static void test_deep_index(void **state)
{
	_cleanup_strbuf_ struct nvb_strbuf deep = nested(NVB_DEPTH_MAX, 1),
					   deeper = nested(NVB_DEPTH_MAX + 1, 1),
					   longer = nested(NVB_DEPTH_MAX, 120);
	struct nvb_index index = {0};

	(void)state;
	assert_int_equal(nvb_index_parse(&index, (const uint8_t *)deep.s, deep.len, UINT64_MAX, NULL), 0);
	assert_int_equal(index.trees[0].count, NVB_DEPTH_MAX + 1);
	nvb_index_release(&index);
	refuses((const uint8_t *)deeper.s, deeper.len, "too deep");
	refuses((const uint8_t *)longer.s, longer.len, "a path that is too long");
}

/* One file of that size, made of one extent again and again, in a snapshot whose one pack has chunks of that
 * size. */
struct named {
	struct nvb_tree_entry entries[2];
	struct nvb_extent extents[64];
	struct nvb_pack pack;
	struct nvb_pack_reader reader;
	struct nvb_pack_entry chunks[4096];
	struct nvb_snapshot snapshot;
};

static struct named *name_chunks(uint64_t size, size_t extents, uint32_t chunk)
{
	struct named *n = calloc(1, sizeof(*n));

	assert_non_null(n);
	for (size_t i = 0; i < NVB_ELEMENTS(n->chunks); i++)
		n->chunks[i].raw = chunk;
	for (size_t i = 0; i < extents; i++)
		n->extents[i].count = NVB_ELEMENTS(n->chunks);
	n->entries[0] = (struct nvb_tree_entry){.type = NVB_ENTRY_DIRECTORY, .name = ""};
	n->entries[1] = (struct nvb_tree_entry){.type = NVB_ENTRY_FILE,
		.name = "file",
		.size = size,
		.extents = n->extents,
		.extent_count = extents};
	n->pack.count = NVB_ELEMENTS(n->chunks);
	n->reader.entries = n->chunks;
	n->snapshot.index.packs = &n->pack;
	n->snapshot.index.pack_count = 1;
	n->snapshot.index.trees[0] = (struct nvb_tree_index){.name = "t", .entries = n->entries, .count = 2};
	n->snapshot.index.tree_count = 1;
	return n;
}

static void test_placements(void **state)
{
	struct nvb_placements placements = {0}, one_each = {0};
	const uint64_t pages = UINT64_C(64) * 4096;
	struct named *n = name_chunks(pages * NVB_PAGE, 64, NVB_PAGE);
	nvb_error *err = NULL;

	(void)state;
	assert_int_equal(nvb_placements_add(&placements, &n->snapshot, &n->reader, 0, NULL), 0);
	assert_int_equal(placements.count, pages);
	/* Where one will do, not more than there are chunks. */
	assert_true(nvb_placements_name(&one_each, &n->snapshot));
	assert_int_equal(nvb_placements_add(&one_each, &n->snapshot, &n->reader, 0, NULL), 0);
	assert_int_equal(one_each.count, NVB_ELEMENTS(n->chunks));
	assert_int_equal(one_each.list[4095].offset, 4095 * NVB_PAGE);
	nvb_placements_release(&placements);
	nvb_placements_release(&one_each);
	free(n);
	/* Chunks of a byte: no file of that size was cut so. */
	n = name_chunks(pages, 64, 1);
	assert_int_equal(
		nvb_placements_add(&placements, &n->snapshot, &n->reader, 0, &err), -NVB_ERR_CORRUPT);
	assert_non_null(strstr(nvb_error_message(err), "t/file: more chunks than its size takes"));
	assert_true(placements.count < 256);
	nvb_error_free(err);
	err = NULL;
	nvb_placements_release(&placements);
	/* And not more than are read at all. */
	n->entries[1].size = pages * NVB_PAGE;
	for (size_t i = 0; i < NVB_ELEMENTS(n->chunks); i++)
		n->chunks[i].raw = NVB_PAGE;
	placements.followed = NVB_PLACEMENTS_MAX - 10;
	assert_int_equal(
		nvb_placements_add(&placements, &n->snapshot, &n->reader, 0, &err), -NVB_ERR_CORRUPT);
	assert_non_null(strstr(nvb_error_message(err), "more chunks than are read"));
	assert_int_equal(placements.count, 10);
	nvb_error_free(err);
	nvb_placements_release(&placements);
	free(n);
}

static void test_manifest(void **state)
{
	static const char *const bad[] = {"", "[]", "{\"version\": 2}", "{\"version\": -1}",
		"{\"unknown\": 1}", "{\"name\": 1}", "{\"gpus\": [{\"uuid\": 1}]}", "{\"gpus\": {}}",
		"{\"definition\": 1}", "{\"name\": \"a\", \"name\": \"b\"}", "{\"name\": \"\\u0000\"}"};
	struct nvb_snapshot_manifest m = {0};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(bad); i++) {
		nvb_error *err = NULL;

		assert_true(nvb_snapshot_manifest_read(&m, bad[i], strlen(bad[i]), &err) < 0);
		assert_non_null(err);
		nvb_error_free(err);
		nvb_snapshot_manifest_release(&m);
	}
	assert_int_equal(nvb_snapshot_manifest_read(&m, "{}", 2, NULL), 0);
	nvb_snapshot_manifest_release(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hashes),
		cmocka_unit_test(test_hashes_of_several),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_zeros_and_ends),
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_codecs),
		cmocka_unit_test(test_seals),
		cmocka_unit_test(test_content_is_held_against_its_hash),
		cmocka_unit_test(test_tar),
		cmocka_unit_test(test_hostile_index),
		cmocka_unit_test(test_greedy_index),
		cmocka_unit_test(test_deep_index),
		cmocka_unit_test(test_placements),
		cmocka_unit_test(test_manifest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
