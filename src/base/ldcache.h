/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BASE_LDCACHE_H
#define NVB_BASE_LDCACHE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"

/*
 * Reader of glibc's ld.so.cache: the "glibc-ld.so.cache1.1" format, alone or behind the old one
 * (`ldconfig -c compat`). Source: glibc's sysdeps/generic/dl-cache.h and elf/cache.c. The file may come out
 * of a container, so every number in it is hostile. An entry that points outside of the file is left out and
 * counted, as ld.so itself skips it.
 */
#define NVB_LDCACHE_OLD_MAGIC "ld.so-1.7.0"
#define NVB_LDCACHE_NEW_MAGIC "glibc-ld.so.cache1.1"

enum {
	NVB_LDCACHE_MAX = 64 * 1024 * 1024, /* bytes: a large desktop has 300 KiB */
	NVB_LDCACHE_HEADER_SIZE = 48,	    /* of the new format */
	NVB_LDCACHE_ENTRY_SIZE = 24,
};

/* Entry flags. */
enum {
	NVB_LDCACHE_TYPE_MASK = 0x00ff,
	NVB_LDCACHE_TYPE_LIBC6 = 0x0003,
	NVB_LDCACHE_ABI_MASK = 0xff00,
	NVB_LDCACHE_ABI_I386 = 0x0000, /* also every other ABI that is its platform's only one */
	NVB_LDCACHE_ABI_X86_64 = 0x0300,
	NVB_LDCACHE_ABI_X32 = 0x0800,
	NVB_LDCACHE_ABI_ARMHF = 0x0900,
	NVB_LDCACHE_ABI_AARCH64 = 0x0a00,
};

/* Extensions (glibc >= 2.33): the header's extension offset leads to this magic. */
#define NVB_LDCACHE_EXTENSION_MAGIC UINT32_C(0xeaa42174)
enum { NVB_LDCACHE_TAG_GENERATOR, NVB_LDCACHE_TAG_GLIBC_HWCAPS };

/* An entry's hwcap word is an index into the table of glibc-hwcaps names when these bits say so. */
#define NVB_LDCACHE_HWCAP_EXTENSION	 (UINT64_C(1) << 62)
#define NVB_LDCACHE_HWCAP_ISA_LEVEL_MASK (UINT64_C(0x3ff) << 32)

struct nvb_ldcache_entry {
	const char *soname; /* the key: what is looked up */
	const char *path;   /* absolute as a rule; nothing guarantees it */
	int32_t flags;
	uint32_t osversion;
	uint64_t hwcap;		/* as in the file */
	const char *hwcap_name; /* "x86-64-v3" when hwcap is an index into the extension's table, else NULL */
};

/* Strings point into the file's bytes, which the cache owns. */
struct nvb_ldcache {
	char *data;
	size_t size;
	struct nvb_ldcache_entry *entries; /* in the file's order, which is what ld.so searches by */
	size_t count;
	size_t skipped;		  /* entries that pointed outside of the file */
	const char **hwcap_names; /* the extension's table, by index */
	size_t hwcap_count;
};

/*
 * Parses size bytes. Takes over `data` (malloc'd) when it succeeds and only then; *cache must be zeroed.
 * NVB_ERR_CORRUPT for what is no cache at all, NVB_ERR_UNSUPPORTED for the old format alone or foreign byte
 * order.
 */
int nvb_ldcache_parse(struct nvb_ldcache *cache, char *data, size_t size, nvb_error **err);

void nvb_ldcache_release(struct nvb_ldcache *cache);
#define _cleanup_ldcache_ _cleanup_(nvb_ldcache_release)

#endif
