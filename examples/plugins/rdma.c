/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <nvbind/plugin.h>

/*
 * rdma: the verbs devices of the RDMA cards that are near a container's GPUs. Near is behind the same PCIe
 * root port or, where no card is, on the same NUMA node: data from another one would cross the processors.
 * /sys/class/infiniband_verbs has a directory for each device, with a link to the card.
 */

/* The card of a verbs device and the complex it hangs on, "pci0000:3a", from its resolved place in
 * /sys/devices. */
static int describe(
	const struct nvb_plugin_host *host, const char *verbs, char *complex, size_t size, int *numa)
{
	char path[PATH_MAX], real[PATH_MAX];
	const char *start, *slash;
	FILE *file;

	snprintf(path, sizeof(path), "%s/sys/class/infiniband_verbs/%s/device", host->sys_root, verbs);
	if (!realpath(path, real))
		return -1;
	start = strstr(real, "/pci");
	if (!start)
		return -1;
	start++;
	slash = strchr(start, '/');
	/* The complex and the root port below it. */
	slash = slash ? strchr(slash + 1, '/') : NULL;
	snprintf(complex, size, "%.*s", slash ? (int)(slash - start) : (int)strlen(start), start);
	*numa = -1;
	snprintf(path, sizeof(path), "%.4000s/numa_node", real);
	file = fopen(path, "re");
	if (file) {
		if (fscanf(file, "%d", numa) != 1)
			*numa = -1;
		fclose(file);
	}
	return 0;
}

/* The same of a GPU. */
static int port_of_gpu(const struct nvb_plugin_host *host, const char *pci, char *complex, size_t size)
{
	char path[PATH_MAX], real[PATH_MAX];
	const char *start, *slash;

	snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s", host->sys_root, pci);
	if (!realpath(path, real))
		return -1;
	start = strstr(real, "/pci");
	if (!start)
		return -1;
	slash = strchr(++start, '/');
	slash = slash ? strchr(slash + 1, '/') : NULL;
	snprintf(complex, size, "%.*s", slash ? (int)(slash - start) : (int)strlen(start), start);
	return 0;
}

enum { CARDS = 64, PORT = 128 };

struct card {
	char verbs[64], port[PORT];
	int numa;
	int taken;
};

static size_t list_cards(const struct nvb_plugin_host *host, struct card *cards)
{
	char path[PATH_MAX];
	const struct dirent *entry;
	size_t count = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/sys/class/infiniband_verbs", host->sys_root);
	dir = opendir(path);
	while (dir && count < CARDS && (entry = readdir(dir))) {
		struct card *card = &cards[count];

		if (strncmp(entry->d_name, "uverbs", 6) != 0 || strlen(entry->d_name) >= sizeof(card->verbs))
			continue;
		memcpy(card->verbs, entry->d_name, strlen(entry->d_name) + 1);
		count += describe(host, card->verbs, card->port, sizeof(card->port), &card->numa) == 0;
	}
	if (dir)
		closedir(dir);
	return count;
}

static int give(const struct nvb_plugin_host *host, struct card *card, const char *why)
{
	char path[96], reason[256];

	if (card->taken)
		return 0;
	card->taken = 1;
	snprintf(path, sizeof(path), "/dev/infiniband/%.63s", card->verbs);
	snprintf(reason, sizeof(reason), "RDMA card %s", why);
	return host->add_device(host, NVB_PLUGIN_ALL, path, "rw", reason);
}

static int give_near(const struct nvb_plugin_host *host, const struct nvb_plugin_gpu *gpu, struct card *cards,
	size_t count)
{
	char port[PORT] = "", why[128];
	int found = 0, rc = 0;

	if (gpu->pci && port_of_gpu(host, gpu->pci, port, sizeof(port)) == 0)
		for (size_t i = 0; rc == 0 && i < count; i++)
			if (strcmp(cards[i].port, port) == 0) {
				snprintf(why, sizeof(why), "behind the PCIe root port of GPU %s", gpu->name);
				rc = give(host, &cards[i], why);
				found = 1;
			}
	for (size_t i = 0; rc == 0 && !found && gpu->numa_node >= 0 && i < count; i++)
		if (cards[i].numa == gpu->numa_node) {
			snprintf(why, sizeof(why), "on the NUMA node of GPU %s", gpu->name);
			rc = give(host, &cards[i], why);
		}
	return rc;
}

static int edit(const struct nvb_plugin_host *host)
{
	static struct card cards[CARDS];
	size_t count = list_cards(host, cards);
	char path[PATH_MAX];
	int rc = 0, any = 0;

	for (size_t i = 0; rc == 0 && i < host->gpu_count; i++) {
		struct nvb_plugin_gpu gpu = {.size = sizeof(gpu)};

		rc = host->gpu(host, i, &gpu);
		if (rc == 0)
			rc = give_near(host, &gpu, cards, count);
	}
	for (size_t i = 0; i < count; i++)
		any |= cards[i].taken;
	snprintf(path, sizeof(path), "%s/dev/infiniband/rdma_cm", host->dev_root);
	if (rc == 0 && any && access(path, F_OK) == 0)
		rc = host->add_device(host, NVB_PLUGIN_ALL, "/dev/infiniband/rdma_cm", "rw",
			"connection manager of RDMA cards");
	return rc;
}

NVB_PLUGIN("rdma", "1.0", "RDMA cards that are near the GPUs", edit);
