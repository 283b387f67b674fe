/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/items.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/str.h"
#include "config.h"
#include "container/container.h"

/* One edit becomes at most a device, a mount in its stead, and a rule. */
enum { ITEMS_PER_EDIT = 3 };

static uint32_t hash_name(enum oci_place place, const char *name, size_t size)
{
	struct nvb_json string = {NVB_JSON_STRING, name, size, false};

	return nvb_json_hash(&string) ^ ((uint32_t)place * 0x9e3779b1u);
}

static uint32_t hash_numbers(char type, uint32_t major, uint32_t minor)
{
	uint32_t hash = (major * 0x9e3779b1u) ^ (minor * 0x85ebca6bu) ^ (unsigned char)type;

	return hash ^ hash >> 15;
}

char oci_item_device_type(const struct oci_item *item)
{
	const char *type = item->edit->device.type;

	return !type || *type == 'u' || !*type ? 'c' : *type;
}

struct oci_item *oci_items_find(
	const struct oci_items *items, enum oci_place place, const char *name, size_t size)
{
	uint32_t hash = hash_name(place, name, size);

	for (uint32_t slot = hash & items->mask; items->slots[slot]; slot = (slot + 1) & items->mask) {
		struct oci_item *item = &items->items[items->slots[slot] - 1];

		if (item->hash == hash && item->place == place && item->name_size == size &&
			memcmp(item->name, name, size) == 0)
			return item;
	}
	return NULL;
}

struct oci_item *oci_items_find_rule(const struct oci_items *items, char type, uint32_t major, uint32_t minor)
{
	uint32_t hash = hash_numbers(type, major, minor);

	for (uint32_t slot = hash & items->mask; items->slots[slot]; slot = (slot + 1) & items->mask) {
		struct oci_item *item = &items->items[items->slots[slot] - 1];

		if (item->hash == hash && item->place == OCI_RULES && item->major == major &&
			item->minor == minor && oci_item_device_type(item) == type)
			return item;
	}
	return NULL;
}

static struct oci_item *add_item(struct oci_items *items, enum oci_place place, const struct nvb_edit *edit)
{
	struct oci_item *item = &items->items[items->count++];

	*item = (struct oci_item){.place = place, .edit = edit};
	return item;
}

static void enter_in_table(struct oci_items *items, const struct oci_item *item)
{
	uint32_t slot = item->hash & items->mask;

	while (items->slots[slot])
		slot = (slot + 1) & items->mask;
	items->slots[slot] = (uint32_t)(item - items->items) + 1;
}

/* Adds an item, or gives the one that has that place and name already; NULL without memory. */
static struct oci_item *add_named(struct oci_items *items, enum oci_place place, const struct nvb_edit *edit,
	const char *name, bool *was_there)
{
	size_t size = strlen(name);
	struct oci_item *item;

	if (place != OCI_ENV && place != OCI_RLIMITS &&
		!oci_clean_path(&items->arena, name, size, &name, &size))
		return NULL;
	item = oci_items_find(items, place, name, size);
	*was_there = item != NULL;
	if (item)
		return item;
	item = add_item(items, place, edit);
	item->name = name;
	item->name_size = size;
	item->hash = hash_name(place, name, size);
	enter_in_table(items, item);
	return item;
}

static unsigned access_bits(const char *access)
{
	unsigned bits = 0;

	for (; *access; access++)
		bits |= *access == 'r'	 ? OCI_READ
			: *access == 'w' ? OCI_WRITE
			: *access == 'm' ? OCI_MKNOD
					 : 0;
	return bits ? bits : OCI_READ | OCI_WRITE | OCI_MKNOD;
}

/* Specs leave the numbers out on purpose: the node itself has them. */
static int read_numbers(struct oci_item *item, nvb_error **err)
{
	const struct nvb_edit *edit = item->edit;
	struct stat st;

	item->major = edit->device.major;
	item->minor = edit->device.minor;
	if (edit->device.known_numbers || oci_item_device_type(item) == 'p')
		return 0;
	if (stat(edit->device.host, &st) < 0)
		return nvb_fail_errno(err, errno, "device node %s", edit->device.host);
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return nvb_fail(err, NVB_ERR_INVALID, "%s is no device node", edit->device.host);
	item->major = major(st.st_rdev);
	item->minor = minor(st.st_rdev);
	return 0;
}

static void add_rule(struct oci_items *items, const struct oci_item *device)
{
	char type = oci_item_device_type(device);
	struct oci_item *rule;

	if (type == 'p')
		return;
	rule = oci_items_find_rule(items, type, device->major, device->minor);
	if (!rule) {
		rule = add_item(items, OCI_RULES, device->edit);
		rule->major = device->major;
		rule->minor = device->minor;
		rule->hash = hash_numbers(type, device->major, device->minor);
		enter_in_table(items, rule);
	}
	rule->access |= access_bits(device->edit->device.access);
}

static int add_device(struct oci_items *items, const struct nvb_edit *edit, nvb_error **err)
{
	struct oci_item probe = {.edit = edit}, *device, *mount;
	_cleanup_error_ nvb_error *error = NULL;
	int rc = read_numbers(&probe, &error);
	bool was_there;

	/* What is optional and has gone since the plan was made is left out. */
	if (rc == -NVB_ERR_NOT_FOUND && !edit->required)
		return 0;
	if (rc < 0) {
		nvb_error_move(err, NVB_TAKE_PTR(error));
		return rc;
	}
	device = add_named(items, OCI_DEVICES, edit, edit->device.container, &was_there);
	if (!device)
		return nvb_fail_oom(err);
	if (!was_there) {
		device->major = probe.major;
		device->minor = probe.minor;
		device->when = OCI_WITHOUT_USERNS;
	}
	add_rule(items, device);
	mount = add_named(items, OCI_MOUNTS, edit, edit->device.container, &was_there);
	if (!mount)
		return nvb_fail_oom(err);
	if (!was_there)
		mount->when = OCI_WITH_USERNS;
	return 0;
}

static int add_foreign_hook(struct oci_items *items, const struct nvb_edit *edit, nvb_error **err)
{
	enum oci_place stage = oci_hook_stage(edit->hook.when);

	if (stage == OCI_PLACE_COUNT)
		return nvb_fail(err, NVB_ERR_INVALID, "%s: the hook stage '%s' does not exist", edit->rule,
			edit->hook.when);
	add_item(items, stage, edit)->name = edit->hook.path;
	return 0;
}

/* "memlock" is RLIMIT_MEMLOCK there. */
static int add_rlimit(struct oci_items *items, const struct nvb_edit *edit, nvb_error **err)
{
	char *name = nvb_arena_printf(&items->arena, "RLIMIT_%s", edit->rlimit.name);
	bool was_there;

	for (char *p = name; p && *p; p++)
		*p = (char)toupper((unsigned char)*p);
	return name && add_named(items, OCI_RLIMITS, edit, name, &was_there) ? 0 : nvb_fail_oom(err);
}

static int add_edit(struct oci_items *items, const struct nvb_edit *edit, nvb_error **err)
{
	struct oci_item *item;
	bool was_there;

	switch (edit->kind) {
	case NVB_EDIT_DEVICE:
		return add_device(items, edit, err);
	case NVB_EDIT_MOUNT:
		if (edit->mount.via == NVB_VIA_LAYER)
			return 0;
		return add_named(items, OCI_MOUNTS, edit, edit->mount.container, &was_there)
			       ? 0
			       : nvb_fail_oom(err);
	case NVB_EDIT_ENV:
		item = add_named(items, OCI_ENV, edit, edit->env.name, &was_there);
		if (!item)
			return nvb_fail_oom(err);
		item->edit = edit; /* of a variable set twice the last counts */
		return 0;
	case NVB_EDIT_GID:
		add_item(items, OCI_GIDS, edit)->major = edit->gid;
		return 0;
	case NVB_EDIT_HOOK:
		return add_foreign_hook(items, edit, err);
	case NVB_EDIT_LINK:
	case NVB_EDIT_LDCACHE:
	case NVB_EDIT_COMPAT:
	case NVB_EDIT_PARAMS:
		return 0; /* our own hook's */
	case NVB_EDIT_LIMIT:
		return 0; /* kept outside the container */
	case NVB_EDIT_RLIMIT:
		return add_rlimit(items, edit, err);
	case NVB_EDIT_SHM:
		return add_named(items, OCI_MOUNTS, edit, "/dev/shm", &was_there) ? 0 : nvb_fail_oom(err);
	case NVB_EDIT_CPUS:
	case NVB_EDIT_NICE:
	case NVB_EDIT_SCHEDULER:
	case NVB_EDIT_KNOB:
		return 0; /* for whoever starts the container; nvbind/oci.h says so */
	}
	return 0;
}

static int add_own_hook(struct oci_items *items, const struct nvb_plan *plan,
	const struct nvb_oci_options *options, nvb_error **err)
{
	struct oci_item *hook;
	int rc;

	if (options->no_hook)
		return 0;
	rc = nvb_hook_arguments(plan, false, &items->hook_args, err);
	if (rc < 0 || !items->hook_args)
		return rc;
	if (options->container_root && !nvb_hook_add_root(&items->hook_args, options->container_root))
		return nvb_fail_oom(err);
	items->hook_path = options->hook_path ? options->hook_path : NVB_BINDIR "/nvbind-hook";
	hook = add_item(items, OCI_CREATE_CONTAINER, NULL);
	hook->name = items->hook_path;
	return 0;
}

static int reserve(struct oci_items *items, const struct nvb_plan *plan, nvb_error **err)
{
	size_t most = plan->edit_count * ITEMS_PER_EDIT + 1, slots = 64;
	char *memory;

	while (slots < most * 2)
		slots *= 2;
	if (slots > UINT32_MAX / 2)
		return nvb_fail(err, NVB_ERR_INVALID, "a plan of %zu edits is too large", plan->edit_count);
	memory = malloc(most * sizeof(*items->items) + slots * sizeof(*items->slots));
	if (!memory)
		return nvb_fail_oom(err);
	items->items = (struct oci_item *)memory;
	items->slots = (uint32_t *)(memory + most * sizeof(*items->items));
	memset(items->slots, 0, slots * sizeof(*items->slots));
	items->mask = (uint32_t)slots - 1;
	return 0;
}

int oci_items_make(struct oci_items *items, const struct nvb_plan *plan,
	const struct nvb_oci_options *options, nvb_error **err)
{
	int rc = reserve(items, plan, err);

	for (size_t i = 0; rc == 0 && i < plan->edit_count; i++)
		rc = add_edit(items, &plan->edits[i], err);
	return rc < 0 ? rc : add_own_hook(items, plan, options, err);
}

void oci_items_release(struct oci_items *items)
{
	free(items->items);
	nvb_strv_free(items->hook_args);
	nvb_arena_release(&items->arena);
	*items = (struct oci_items){0};
}

static bool is_clean(const char *path, size_t size)
{
	const char *end = path + size;

	if (!size || path[0] != '/' || (size > 1 && end[-1] == '/'))
		return false;
	for (const char *p = path; (p = memchr(p, '/', (size_t)(end - p))); p++)
		if (p + 1 < end && (p[1] == '/' || p[1] == '.'))
			return false;
	return true;
}

bool oci_clean_path(
	struct nvb_arena *arena, const char *path, size_t size, const char **clean, size_t *clean_size)
{
	char *copy;
	size_t length = 0;

	if (is_clean(path, size)) {
		*clean = path;
		*clean_size = size;
		return true;
	}
	copy = nvb_arena_alloc(arena, size + 2);
	if (!copy)
		return false;
	for (size_t at = 0; at < size;) {
		const char *part = path + at;
		const char *slash = memchr(part, '/', size - at);
		size_t n = slash ? (size_t)(slash - part) : size - at;

		at += n + 1;
		if (n == 0 || (n == 1 && part[0] == '.'))
			continue;
		if (n == 2 && part[0] == '.' && part[1] == '.') {
			while (length && copy[--length] != '/')
				;
			continue;
		}
		copy[length++] = '/';
		memcpy(copy + length, part, n);
		length += n;
	}
	if (!length)
		copy[length++] = '/';
	*clean = copy;
	*clean_size = length;
	return true;
}
