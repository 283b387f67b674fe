/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "inventory/cache.h"
#include <config.h>

/*
 * The bytes of the cache file. One description serves writing and reading: every function below moves a field
 * in the direction the coder works, so the two cannot differ. Integers are the machine's own: the file never
 * leaves it.
 */
#define MAGIC "nvbind inventory\n"

enum {
	LAYOUT = 2, /* advance with every change below, and with the tables of libs.c and data.c */
	STRING_MAX = 4096,
};

struct head {
	char magic[sizeof(MAGIC) - 1];
	uint8_t pointer_size;
	uint16_t layout;
	uint32_t pad;
	uint64_t size, checksum; /* of what follows */
};

struct coder {
	bool reading;
	struct nvb_strbuf out;
	const char *in;
	size_t left;
	struct nvb_arena *arena;
	const char *damage; /* what was wrong, once something was */
	bool oom;
};

static bool failed(const struct coder *c)
{
	return c->damage || c->oom;
}

static void raw(struct coder *c, void *p, size_t size)
{
	if (failed(c))
		return;
	if (!c->reading) {
		nvb_sb_addn(&c->out, p, size);
		return;
	}
	if (size > c->left) {
		c->damage = "cut off";
		return;
	}
	memcpy(p, c->in, size);
	c->in += size;
	c->left -= size;
}

static void u32(struct coder *c, uint32_t *v)
{
	raw(c, v, sizeof(*v));
}

static void u64(struct coder *c, uint64_t *v)
{
	raw(c, v, sizeof(*v));
}

static void i32(struct coder *c, int *v)
{
	raw(c, v, sizeof(*v));
}

static void boolean(struct coder *c, bool *v)
{
	uint8_t byte = *v;

	raw(c, &byte, 1);
	if (byte > 1)
		c->damage = "a truth value is neither true nor false";
	*v = byte == 1;
}

/* An enumeration: a number up to `last`. */
static void choice(struct coder *c, unsigned *v, unsigned last)
{
	raw(c, v, sizeof(*v));
	if (c->reading && !failed(c) && *v > last)
		c->damage = "a number is out of its range";
}

static void string(struct coder *c, const char **s)
{
	uint32_t size = *s ? (uint32_t)strlen(*s) + 1 : 0;

	u32(c, &size);
	if (c->reading)
		*s = NULL;
	if (failed(c) || size == 0)
		return;
	if (!c->reading) {
		nvb_sb_addn(&c->out, *s, size);
		return;
	}
	if (size > STRING_MAX || size > c->left || memchr(c->in, '\0', size) != c->in + size - 1) {
		c->damage = "a string does not end";
		return;
	}
	*s = nvb_arena_memdup(c->arena, c->in, size);
	c->oom = !*s;
	c->in += size;
	c->left -= size;
}

static void text(struct coder *c, const char **s)
{
	string(c, s);
	if (c->reading && !failed(c) && !*s)
		c->damage = "a text is missing";
}

/* Absolute and without "..": it is joined with a root later. */
static void path(struct coder *c, const char **s)
{
	text(c, s);
	if (!c->reading || failed(c))
		return;
	if ((*s)[0] != '/' || strstr(*s, "/../") || nvb_ends_with(*s, "/.."))
		c->damage = "a path is not absolute";
}

/* The number of elements that follow, none smaller than `least` bytes; allocates them when reading. */
static void *elements(struct coder *c, void *list, size_t *count, size_t element_size, size_t least)
{
	uint64_t n = *count;

	u64(c, &n);
	if (failed(c))
		return NULL;
	if (!c->reading)
		return list;
	if (n > c->left / least) {
		c->damage = "a list is longer than the file";
		return NULL;
	}
	list = nvb_arena_alloc(c->arena, (size_t)n * element_size + 1);
	if (!list)
		c->oom = true;
	else
		*count = (size_t)n;
	return list;
}

static void node(struct coder *c, struct nvb_node *n)
{
	string(c, &n->path);
	string(c, &n->role);
	u32(c, &n->major);
	u32(c, &n->minor);
	boolean(c, &n->present);
	choice(c, &n->features, NVB_FEATURE_ALL);
	if (c->reading && !failed(c) && n->path && n->path[0] != '/')
		c->damage = "a node's path is not absolute";
}

static void nodes(struct coder *c, struct nvb_node **list, size_t *count)
{
	*list = elements(c, *list, count, sizeof(**list), 21);
	for (size_t i = 0; !failed(c) && i < *count; i++)
		node(c, &(*list)[i]);
}

static void mig(struct coder *c, struct nvb_mig_device *m)
{
	u32(c, &m->index);
	u32(c, &m->gi);
	u32(c, &m->ci);
	string(c, &m->uuid);
	string(c, &m->profile);
	u64(c, &m->memory);
	node(c, &m->gi_access);
	node(c, &m->ci_access);
}

static void gpu(struct coder *c, struct nvb_gpu *g)
{
	u32(c, &g->index);
	u32(c, &g->minor);
	string(c, &g->uuid);
	string(c, &g->name);
	text(c, &g->pci);
	u32(c, &g->vendor_id);
	u32(c, &g->device_id);
	u32(c, &g->subsystem_id);
	string(c, &g->firmware);
	string(c, &g->kernel_driver);
	i32(c, &g->numa_node);
	string(c, &g->cpus);
	u64(c, &g->memory);
	i32(c, &g->compute_major);
	i32(c, &g->compute_minor);
	boolean(c, &g->mig_enabled);
	node(c, &g->node);
	node(c, &g->card);
	node(c, &g->render);
	string(c, &g->card_by_path);
	string(c, &g->render_by_path);
	g->migs = elements(c, g->migs, &g->mig_count, sizeof(*g->migs), 70);
	for (size_t i = 0; !failed(c) && i < g->mig_count; i++)
		mig(c, &g->migs[i]);
}

static void file(struct coder *c, struct nvb_file *f)
{
	unsigned kind = f->kind;
	struct nvb_link *links;

	choice(c, &kind, NVB_FILE_DIRECTORY);
	f->kind = kind;
	choice(c, &f->capabilities, NVB_CAP_ALL);
	choice(c, &f->features, NVB_FEATURE_ALL);
	text(c, &f->rule);
	text(c, &f->reason);
	path(c, &f->path);
	string(c, &f->inside);
	if (c->reading && !failed(c) && f->inside && f->inside[0] != '/')
		c->damage = "a path is not absolute";
	string(c, &f->soname);
	choice(c, &f->elf_class, 64);
	links = elements(c, (void *)f->links, &f->link_count, sizeof(*links), 8);
	for (size_t i = 0; !failed(c) && i < f->link_count; i++) {
		path(c, &links[i].path);
		text(c, &links[i].target);
	}
	f->links = links;
}

static void watch(struct coder *c, struct nvb_watch *w)
{
	unsigned root = w->root, how = w->how;

	choice(c, &root, NVB_WATCH_SYS);
	choice(c, &how, NVB_WATCH_INODE);
	w->root = root;
	w->how = how;
	path(c, &w->path);
	i32(c, &w->error);
	u64(c, &w->device);
	u64(c, &w->inode);
	u64(c, &w->size);
	raw(c, &w->modified, sizeof(w->modified));
	raw(c, &w->changed, sizeof(w->changed));
}

static void fingerprint(struct coder *c, struct nvb_fingerprint *f)
{
	size_t count = f->count;
	struct nvb_watch *list = elements(c, f->watches, &count, sizeof(*list), 57);

	for (size_t i = 0; !failed(c) && i < count; i++)
		watch(c, &list[i]);
	u64(c, &f->digest);
	if (!c->reading || failed(c))
		return;
	f->watches = calloc(count + 1, sizeof(*f->watches));
	if (!f->watches) {
		c->oom = true;
		return;
	}
	memcpy(f->watches, list, count * sizeof(*list));
	f->count = count;
	f->capacity = count + 1;
}

/* What it was made with and where: another library or other roots make it another's. */
static void origin(struct coder *c, const struct nvb_inventory *inventory)
{
	const struct nvb_roots *roots = &inventory->roots;
	const char *expected[] = {
		NVB_VERSION, roots->driver.path, roots->dev.path, roots->proc.path, roots->sys.path};
	uint32_t count = (uint32_t)nvb_strv_length(roots->library_path), found = count;

	for (size_t i = 0; i < NVB_ELEMENTS(expected); i++) {
		const char *s = expected[i];

		text(c, &s);
		if (c->reading && !failed(c) && !nvb_streq(s, expected[i]))
			c->damage = "it was made for other roots or by another version";
	}
	u32(c, &found);
	if (!failed(c) && found != count)
		c->damage = "it was made for other library directories";
	for (uint32_t i = 0; !failed(c) && i < count; i++) {
		const char *s = roots->library_path[i];

		text(c, &s);
		if (!failed(c) && !nvb_streq(s, roots->library_path[i]))
			c->damage = "it was made for other library directories";
	}
}

static void library_directories(struct coder *c, struct nvb_inventory *inventory)
{
	const uint32_t max = NVB_ELEMENTS(inventory->library_directories) - 1;
	uint32_t count = 0;

	while (inventory->library_directories[count])
		count++;
	u32(c, &count);
	if (count > max)
		c->damage = "too many library directories";
	for (uint32_t i = 0; !failed(c) && i < count; i++)
		path(c, &inventory->library_directories[i]);
}

static void inventory_fields(struct coder *c, struct nvb_inventory *inventory)
{
	unsigned platform = inventory->platform, kind = inventory->driver.kind;
	uint64_t excluded = inventory->excluded_count;

	origin(c, inventory);
	fingerprint(c, &inventory->fingerprint);
	choice(c, &platform, NVB_PLATFORM_WSL2);
	choice(c, &kind, NVB_DRIVER_DXG);
	inventory->platform = platform;
	inventory->driver.kind = kind;
	string(c, &inventory->driver.version);
	string(c, &inventory->driver.module_version);
	boolean(c, &inventory->driver.mismatch);
	inventory->gpus = elements(c, inventory->gpus, &inventory->gpu_count, sizeof(*inventory->gpus), 112);
	for (size_t i = 0; !failed(c) && i < inventory->gpu_count; i++)
		gpu(c, &inventory->gpus[i]);
	u64(c, &excluded);
	inventory->excluded_count = (size_t)excluded;
	nodes(c, &inventory->control, &inventory->control_count);
	nodes(c, &inventory->special, &inventory->special_count);
	inventory->files =
		elements(c, inventory->files, &inventory->file_count, sizeof(*inventory->files), 44);
	for (size_t i = 0; !failed(c) && i < inventory->file_count; i++)
		file(c, &inventory->files[i]);
	library_directories(c, inventory);
	string(c, &inventory->compat_directory);
	boolean(c, &inventory->nvml_asked);
}

int nvb_cache_encode(const struct nvb_inventory *inventory, char **data, size_t *size, nvb_error **err)
{
	struct coder c = {0};
	struct nvb_inventory copy = *inventory; /* the coder's functions take what they may write to */
	struct head head = {.pointer_size = sizeof(void *), .layout = LAYOUT};

	memcpy(head.magic, MAGIC, sizeof(head.magic));
	nvb_sb_addn(&c.out, &head, sizeof(head));
	inventory_fields(&c, &copy);
	if (failed(&c) || c.out.failed) {
		nvb_sb_release(&c.out);
		return nvb_fail_oom(err);
	}
	*size = c.out.len;
	head.size = c.out.len - sizeof(head);
	head.checksum = nvb_hash(NVB_HASH_START, c.out.s + sizeof(head), (size_t)head.size);
	memcpy(c.out.s, &head, sizeof(head));
	*data = nvb_sb_finish(&c.out);
	return 0;
}

int nvb_cache_decode(struct nvb_inventory *inventory, const char *data, size_t size, nvb_error **err)
{
	struct nvb_inventory read = {.roots = inventory->roots, .arena = inventory->arena};
	struct coder c = {.reading = true, .arena = &read.arena};
	struct head head;

	if (size < sizeof(head))
		return nvb_fail(err, NVB_ERR_CORRUPT, "too short for an inventory cache");
	memcpy(&head, data, sizeof(head));
	if (memcmp(head.magic, MAGIC, sizeof(head.magic)) != 0)
		return nvb_fail(err, NVB_ERR_CORRUPT, "not an inventory cache");
	if (head.layout != LAYOUT || head.pointer_size != sizeof(void *) || head.pad)
		return nvb_fail(err, NVB_ERR_STALE, "of another version of nvbind");
	if (head.size != size - sizeof(head) ||
		head.checksum != nvb_hash(NVB_HASH_START, data + sizeof(head), size - sizeof(head)))
		return nvb_fail(err, NVB_ERR_CORRUPT, "damaged: its checksum is wrong");
	c.in = data + sizeof(head);
	c.left = size - sizeof(head);
	inventory_fields(&c, &read);
	if (!failed(&c) && c.left)
		c.damage = "something follows its end";
	if (failed(&c)) {
		inventory->arena = read.arena; /* what was read so far goes with the inventory */
		nvb_fingerprint_release(&read.fingerprint);
		return c.oom ? nvb_fail_oom(err) : nvb_fail(err, NVB_ERR_CORRUPT, "damaged: %s", c.damage);
	}
	read.cache_directory = inventory->cache_directory;
	*inventory = read;
	return 0;
}
