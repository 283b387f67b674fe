/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/gpu_map.h"

#include <string.h>
#include <strings.h>

#include "base/str.h"

/* Under way: the GPU of this host for each of the snapshot's, NULL while it is open. */
struct mapping {
	const struct nvb_snapshot_manifest *manifest;
	const struct nvb_inventory *inventory;
	const struct nvb_gpu **targets;
};

void nvb_gpu_map_release(struct nvb_gpu_map *map)
{
	nvb_arena_release(&map->arena);
	*map = (struct nvb_gpu_map){0};
}

static bool same_uuid(const char *a, const char *b)
{
	return a && b && strcasecmp(a, b) == 0;
}

/* Its place among the snapshot's; count: none. */
static size_t find_old(const struct mapping *m, const char *word)
{
	size_t found = m->manifest->gpu_count, n = strlen(word);
	uint32_t place;

	if (nvb_parse_u32(word, &place))
		return place < m->manifest->gpu_count ? place : m->manifest->gpu_count;
	for (size_t i = 0; i < m->manifest->gpu_count; i++) {
		const struct nvb_snapshot_gpu *gpu = &m->manifest->gpus[i];

		if ((gpu->uuid && n >= 8 && strncasecmp(gpu->uuid, word, n) == 0) ||
			(gpu->pci && strcasecmp(gpu->pci, word) == 0))
			found = i;
	}
	return found;
}

static const struct nvb_gpu *find_new(const struct mapping *m, const char *word)
{
	uint32_t index;

	if (nvb_parse_u32(word, &index))
		return nvb_inventory_gpu_by_index(m->inventory, index);
	for (size_t i = 0; i < m->inventory->gpu_count; i++)
		if (strcasecmp(m->inventory->gpus[i].pci, word) == 0)
			return &m->inventory->gpus[i];
	return nvb_inventory_gpu_by_uuid(m->inventory, word);
}

static int read_word(struct mapping *m, const char *word, nvb_error **err)
{
	_cleanup_free_ char *old = strdup(word);
	char *new = old ? strchr(old, '=') : NULL;
	size_t place = 0;

	if (!old)
		return nvb_fail_oom(err);
	if (new)
		*new ++ = '\0';
	if (!*old || (new && !*new))
		return nvb_fail(err, NVB_ERR_INVALID, "--gpu %s: which GPU becomes which? (OLD=NEW)", word);
	if (!new && m->manifest->gpu_count > 1)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_INVALID, "--gpu %s: the snapshot has %zu GPUs; which of them?",
				word, m->manifest->gpu_count),
			"OLD=NEW says it; 'bolt snapshot inspect' lists them");
	if (new)
		place = find_old(m, old);
	if (place >= m->manifest->gpu_count)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_NOT_FOUND, "--gpu %s: the snapshot has no GPU %s", word, old),
			"its own are numbered from 0 to %zu; 'bolt snapshot inspect' lists them",
			m->manifest->gpu_count - 1);
	if (m->targets[place])
		return nvb_fail(err, NVB_ERR_CONFLICT, "--gpu %s: GPU %s is mapped twice", word, old);
	m->targets[place] = find_new(m, new ? new : old);
	if (!m->targets[place])
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_NOT_FOUND, "--gpu %s: this host has no GPU %s", word,
				new ? new : old),
			"'nvbind info' lists them");
	return 0;
}

/* What nobody spoke of stays itself. */
static int keep_rest(struct mapping *m, nvb_error **err)
{
	for (size_t i = 0; i < m->manifest->gpu_count; i++) {
		const char *uuid = m->manifest->gpus[i].uuid;

		if (m->targets[i])
			continue;
		m->targets[i] = uuid ? nvb_inventory_gpu_by_uuid(m->inventory, uuid) : NULL;
		if (!m->targets[i])
			return nvb_hint(err,
				nvb_fail(err, NVB_ERR_NOT_FOUND, "this host has no GPU %s",
					uuid ? uuid : "of the snapshot"),
				"--gpu OLD=NEW names another one of the same chip");
	}
	return 0;
}

/* Those that the definition means here: its own where they are among them, the others in order. */
static int follow_definition(
	struct mapping *m, const struct nvb_device *devices, size_t count, nvb_error **err)
{
	_cleanup_free_ bool *taken = calloc(count + 1, sizeof(*taken));

	if (!taken)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < m->manifest->gpu_count; i++)
		for (size_t d = 0; d < count; d++)
			if (devices[d].gpu && !devices[d].mig && !taken[d] &&
				same_uuid(devices[d].gpu->uuid, m->manifest->gpus[i].uuid)) {
				m->targets[i] = devices[d].gpu;
				taken[d] = true;
				break;
			}
	for (size_t i = 0; i < m->manifest->gpu_count; i++)
		for (size_t d = 0; d < count && !m->targets[i]; d++)
			if (devices[d].gpu && !devices[d].mig && !taken[d]) {
				m->targets[i] = devices[d].gpu;
				taken[d] = true;
			}
	for (size_t i = 0; i < m->manifest->gpu_count; i++)
		if (!m->targets[i])
			return nvb_hint(err,
				nvb_fail(err, NVB_ERR_NOT_FOUND,
					"the snapshot has %zu GPUs, and what the capsule asks for is %zu "
					"here",
					m->manifest->gpu_count, count),
				"--gpu OLD=NEW names the GPUs to go to");
	return 0;
}

static int check(const struct mapping *m, nvb_error **err)
{
	for (size_t i = 0; i < m->manifest->gpu_count; i++) {
		const struct nvb_snapshot_gpu *old = &m->manifest->gpus[i];
		const struct nvb_gpu *new = m->targets[i];

		if (!old->uuid || !new->uuid)
			return nvb_fail(err, NVB_ERR_UNSUPPORTED, "the UUID of GPU %s is not known",
				old->uuid  ? new->pci
				: old->pci ? old->pci
					   : "of the snapshot");
		if (old->chip && new->name && !nvb_streq(old->chip, new->name))
			return nvb_hint(err,
				nvb_fail(err, NVB_ERR_UNSUPPORTED,
					"GPU %s is another chip (%s) than that of the snapshot (%s)",
					new->uuid, new->name, old->chip),
				"the driver takes a state to a GPU of the same chip alone; --gpu OLD=NEW");
		for (size_t k = 0; k < i; k++)
			if (m->targets[k] == new)
				return nvb_fail(err, NVB_ERR_CONFLICT,
					"two GPUs of the snapshot would become %s", new->uuid);
	}
	return 0;
}

static int redefine(const struct mapping *m, struct nvb_capsule_definition *definition, nvb_error **err)
{
	nvb_strv_free(NVB_TAKE_PTR(definition->gpus));
	nvb_strv_free(NVB_TAKE_PTR(definition->docker_gpus));
	nvb_strv_free(NVB_TAKE_PTR(definition->cdi_devices));
	for (size_t i = 0; i < m->manifest->gpu_count; i++) {
		int rc = nvb_definition_add_gpu(definition, m->targets[i]->uuid, err);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static int fill(struct nvb_gpu_map *map, const struct mapping *m, nvb_error **err)
{
	size_t count = m->manifest->gpu_count;

	map->pairs = nvb_arena_alloc(&map->arena, (count + 1) * sizeof(*map->pairs));
	if (!map->pairs)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < count; i++) {
		map->pairs[i] = (struct nvb_gpu_pair){
			.from = nvb_arena_strdup(&map->arena, m->manifest->gpus[i].uuid),
			.to = nvb_arena_strdup(&map->arena, m->targets[i]->uuid)};
		if (!map->pairs[i].from || !map->pairs[i].to)
			return nvb_fail_oom(err);
		map->changes |= !same_uuid(map->pairs[i].from, map->pairs[i].to);
	}
	map->count = count;
	return 0;
}

static int by_definition(struct mapping *m, const struct nvb_run_host *host,
	const struct nvb_capsule_definition *definition, nvb_error **err)
{
	_cleanup_free_ struct nvb_device *devices = NULL;
	struct nvb_request *request = NULL;
	size_t count = 0;
	int rc = nvb_definition_request(definition, host->profiles, &request, err);

	if (rc == 0)
		rc = nvb_request_resolve(request, m->inventory, &devices, &count, err);
	if (rc == 0)
		rc = follow_definition(m, devices, count, err);
	nvb_request_free(request);
	return rc;
}

int nvb_gpu_map_make(struct nvb_gpu_map *map, const struct nvb_run_host *host,
	const struct nvb_snapshot_manifest *manifest, const struct nvb_inventory *inventory,
	char *const *words, struct nvb_capsule_definition *definition, nvb_error **err)
{
	_cleanup_free_ const struct nvb_gpu **targets = calloc(manifest->gpu_count + 1, sizeof(*targets));
	struct mapping m = {.manifest = manifest, .inventory = inventory, .targets = targets};
	bool said = words && *words;
	int rc = 0;

	if (!targets)
		return nvb_fail_oom(err);
	if (!manifest->gpu_count)
		return said ? nvb_fail(err, NVB_ERR_INVALID, "--gpu: the snapshot has no GPUs") : 0;
	nvb_strv_foreach (word, words) {
		rc = read_word(&m, *word, err);
		if (rc < 0)
			return rc;
	}
	rc = said ? keep_rest(&m, err) : by_definition(&m, host, definition, err);
	if (rc == 0)
		rc = check(&m, err);
	if (rc == 0 && said)
		rc = redefine(&m, definition, err);
	map->redefined = said;
	return rc < 0 ? rc : fill(map, &m, err);
}
