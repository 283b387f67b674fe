/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/scenario.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "sim/paths.h"
#include "sim/scenario_gpu.h"

static const struct nvb_choice modules[] = {{"open", SIM_MODULE_OPEN},
	{"proprietary", SIM_MODULE_PROPRIETARY}, {"nouveau", SIM_MODULE_NOUVEAU}, {"none", SIM_MODULE_NONE},
	{NULL}};

static const char *const known_keys[] = {"summary", "layout", "driver", "module_version", "module", "kernel",
	"cuda", "graphics", "libraries32", "dri", "persistence", "vary", "latency", "cuda_compat",
	"nvswitches", "imex_channels", "infiniband", "gdrcopy", "gds", "gpu", "device"};
static const char *const known_device_keys[] = {
	"address", "vendor", "device", "subsystem", "class", "driver", "drm"};

uint32_t sim_branch(const char *version)
{
	uint32_t branch = 0;

	while (*version >= '0' && *version <= '9' && branch < 100000)
		branch = branch * 10 + (uint32_t)(*version++ - '0');
	return branch;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int sim_scenario_names(char ***names, nvb_error **err)
{
	_cleanup_strv_ char **found = NULL;
	_cleanup_free_ char *path = NULL;
	_cleanup_closedir_ DIR *directory = NULL;
	const struct dirent *entry;
	int rc = sim_scenario_directory(&path, err);

	if (rc < 0)
		return rc;
	directory = opendir(path);
	if (!directory)
		return nvb_fail_errno(err, errno, "scenarios in %s", path);
	while ((entry = readdir(directory))) {
		size_t length = strlen(entry->d_name);

		if (!nvb_ends_with(entry->d_name, ".toml"))
			continue;
		if (!nvb_strv_addf(&found, "%.*s", (int)(length - strlen(".toml")), entry->d_name))
			return nvb_fail_oom(err);
	}
	if (found)
		qsort(found, nvb_strv_length(found), sizeof(*found), compare_names);
	*names = NVB_TAKE_PTR(found);
	return 0;
}

static int no_such_scenario(const char *name, nvb_error **err)
{
	_cleanup_strv_ char **names = NULL;
	int rc = sim_scenario_names(&names, err);
	const char *nearest;

	if (rc < 0)
		return rc;
	nearest = nvb_nearest(name, (const char *const *)names, nvb_strv_length(names));
	rc = nvb_fail(err, NVB_ERR_NOT_FOUND, "there is no scenario '%s'", name);
	if (nearest)
		return nvb_hint(err, rc, "did you mean %s? 'nvbind-sim scenarios' lists them", nearest);
	return nvb_hint(err, rc, "'nvbind-sim scenarios' lists them");
}

static int open_document(const char *name, struct sim_scenario *out, nvb_error **err)
{
	_cleanup_free_ char *directory = NULL, *path = NULL;
	bool file = strchr(name, '/') || nvb_ends_with(name, ".toml");
	const char *slash = strrchr(name, '/');
	int rc;

	if (file) {
		const char *base = slash ? slash + 1 : name;

		out->name =
			strndup(base, strlen(base) - (nvb_ends_with(base, ".toml") ? strlen(".toml") : 0));
		return out->name ? nvb_toml_read(&out->document, AT_FDCWD, name, NVB_TOML_MAX, err)
				 : nvb_fail_oom(err);
	}
	rc = sim_scenario_directory(&directory, err);
	if (rc < 0)
		return rc;
	out->name = strdup(name);
	if (!out->name || asprintf(&path, "%s/%s.toml", directory, name) < 0) {
		path = NULL;
		return nvb_fail_oom(err);
	}
	if (access(path, F_OK) < 0)
		return no_such_scenario(name, err);
	return nvb_toml_read(&out->document, AT_FDCWD, path, NVB_TOML_MAX, err);
}

static int read_layout(struct sim_scenario *s, const char *chosen, nvb_error **err)
{
	const struct nvb_toml_value *root = &s->document.root;
	const char *name = sim_layouts[0].name;
	int rc = nvb_toml_get_string(&s->document, root, "layout", &name, err);

	if (rc < 0)
		return rc;
	if (chosen && (nvb_streq(chosen, "wsl2") != nvb_streq(name, "wsl2")))
		return nvb_fail(err, NVB_ERR_INVALID, "scenario %s cannot have layout %s", s->name, chosen);
	s->layout = sim_layout_find(chosen ? chosen : name);
	if (!s->layout)
		return nvb_fail(err, NVB_ERR_INVALID, "there is no layout '%s'", chosen ? chosen : name);
	s->wsl = nvb_streq(s->layout->name, "wsl2");
	return 0;
}

static int read_count(
	const struct sim_scenario *s, const char *key, uint32_t max, uint32_t *out, nvb_error **err)
{
	int64_t n = *out;
	int rc = nvb_toml_get_int(&s->document, &s->document.root, key, 0, max, &n, err);

	*out = (uint32_t)n;
	return rc;
}

static int read_switches(struct sim_scenario *s, nvb_error **err)
{
	const struct {
		const char *key;
		bool *to;
	} switches[] = {{"graphics", &s->graphics}, {"libraries32", &s->libraries32}, {"dri", &s->dri},
		{"persistence", &s->persistence}, {"vary", &s->vary}, {"latency", &s->latency},
		{"gdrcopy", &s->gdrcopy}, {"gds", &s->gds}};
	int rc = 0;

	s->graphics = s->vary = true;
	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(switches); i++)
		rc = nvb_toml_get_bool(&s->document, &s->document.root, switches[i].key, switches[i].to, err);
	return rc;
}

/* A version becomes part of file names. */
static int check_version(const struct sim_scenario *s, const char *key, const char *version, nvb_error **err)
{
	if (!version || (sim_branch(version) && strlen(version) < 32 &&
				strspn(version, "0123456789.") == strlen(version)))
		return 0;
	return nvb_toml_fail(&s->document, nvb_toml_get(&s->document.root, key), err,
		"a driver version looks like \"570.133.20\"");
}

static int read_versions(struct sim_scenario *s, nvb_error **err)
{
	const struct nvb_toml *doc = &s->document;
	const struct nvb_toml_value *root = &doc->root;
	const char *cuda = "0.0";
	unsigned major, minor;
	int module = SIM_MODULE_NONE;
	int rc;

	s->kernel = "6.8.0-57-generic";
	if ((rc = nvb_toml_get_string(doc, root, "summary", &s->summary, err)) < 0 ||
		(rc = nvb_toml_get_string(doc, root, "kernel", &s->kernel, err)) < 0 ||
		(rc = nvb_toml_get_string(doc, root, "driver", &s->driver, err)) < 0 ||
		(rc = check_version(s, "driver", s->driver, err)) < 0)
		return rc;
	s->module_version = s->driver;
	if ((rc = nvb_toml_get_string(doc, root, "module_version", &s->module_version, err)) < 0 ||
		(rc = check_version(s, "module_version", s->module_version, err)) < 0 ||
		(rc = nvb_toml_get_string(doc, root, "cuda_compat", &s->cuda_compat, err)) < 0 ||
		(rc = check_version(s, "cuda_compat", s->cuda_compat, err)) < 0 ||
		(rc = nvb_toml_get_string(doc, root, "cuda", &cuda, err)) < 0 ||
		(rc = nvb_toml_get_choice(doc, root, "module", modules, &module, err)) < 0)
		return rc;
	s->module = (enum sim_module)module;
	if (sscanf(cuda, "%u.%u", &major, &minor) != 2 || major > 99 || minor > 9)
		return nvb_toml_fail(
			doc, nvb_toml_get(root, "cuda"), err, "a CUDA version looks like \"12.8\"");
	s->machine.cuda_version = major * 1000 + minor * 10;
	return 0;
}

static int read_device(struct sim_scenario *s, const struct nvb_toml_value *table, nvb_error **err)
{
	const struct nvb_toml *doc = &s->document;
	int64_t vendor = 0, device = 0, subsystem = 0, class = 0x030000;
	struct sim_pci_device *to = &s->device[s->device_count];
	const char *address = "";
	int rc;

	if (s->device_count == NVB_ELEMENTS(s->device))
		return nvb_toml_fail(doc, table, err, "at most %zu devices", NVB_ELEMENTS(s->device));
	if ((rc = nvb_toml_check_keys(doc, table, "[[device]]", known_device_keys,
		     NVB_ELEMENTS(known_device_keys), err)) < 0 ||
		(rc = nvb_toml_get_string(doc, table, "address", &address, err)) < 0 ||
		(rc = nvb_toml_get_string(doc, table, "driver", &to->driver, err)) < 0 ||
		(rc = nvb_toml_get_int(doc, table, "vendor", 0, 0xffff, &vendor, err)) < 0 ||
		(rc = nvb_toml_get_int(doc, table, "device", 0, 0xffff, &device, err)) < 0 ||
		(rc = nvb_toml_get_int(doc, table, "subsystem", 0, 0xffffffff, &subsystem, err)) < 0 ||
		(rc = nvb_toml_get_int(doc, table, "class", 0, 0xffffff, &class, err)) < 0 ||
		(rc = nvb_toml_get_bool(doc, table, "drm", &to->drm, err)) < 0)
		return rc;
	if (!sim_parse_pci(address, &to->pci))
		return nvb_toml_fail(doc, table, err, "needs an address like \"0000:00:02.0\"");
	to->pci.device_id = (uint32_t)(device << 16 | vendor);
	to->pci.subsystem_id = (uint32_t)subsystem;
	to->class = (uint32_t) class;
	s->device_count++;
	return 0;
}

static int read_devices(struct sim_scenario *s, nvb_error **err)
{
	const struct nvb_toml_value *list;
	int rc = nvb_toml_get_array(&s->document, &s->document.root, "device", &list, err);

	nvb_toml_foreach(v, list)
	{
		if (rc == 0)
			rc = read_device(s, v, err);
	}
	return rc;
}

static size_t count_tables(const struct nvb_toml_value *list)
{
	size_t n = 0;

	nvb_toml_foreach(v, list)
	{
		n++;
	}
	return n;
}

/* The last table's count gives way to the number asked for. */
static int read_gpu_table(struct sim_scenario *s, const struct nvb_toml_value *table, size_t nth_table,
	const struct sim_scenario_choice *choice, nvb_error **err)
{
	int64_t count = 1;
	int rc = nvb_toml_get_int(&s->document, table, "count", 1, SIM_GPU_MAX, &count, err);

	if (rc < 0)
		return rc;
	if (choice->gpus && !table->next)
		count = (int64_t)choice->gpus - s->machine.gpu_count;
	if (count < 0 || s->machine.gpu_count + count > SIM_GPU_MAX)
		return nvb_fail(
			err, NVB_ERR_INVALID, "scenario %s: between 1 and %d GPUs", s->name, SIM_GPU_MAX);
	rc = nvb_toml_get_strv(&s->document, table, "mig", &s->mig_lists[nth_table], err);
	for (uint32_t i = 0; rc == 0 && i < count; i++) {
		uint32_t index = s->machine.gpu_count++;

		rc = sim_scenario_gpu(s, table, index, i, choice->seed, err);
		s->host[index].mig = s->mig_lists[nth_table];
	}
	return rc;
}

static int read_gpus(struct sim_scenario *s, const struct sim_scenario_choice *choice, nvb_error **err)
{
	const struct nvb_toml_value *list;
	size_t nth = 0;
	int rc = nvb_toml_get_array(&s->document, &s->document.root, "gpu", &list, err);

	if (rc < 0)
		return rc;
	if (!list && choice->gpus)
		return nvb_fail(err, NVB_ERR_INVALID, "scenario %s has no GPU to multiply", s->name);
	s->gpu = calloc(SIM_GPU_MAX, sizeof(*s->gpu));
	s->host = calloc(SIM_GPU_MAX, sizeof(*s->host));
	s->mig_lists = calloc(count_tables(list) + 1, sizeof(*s->mig_lists));
	if (!s->gpu || !s->host || !s->mig_lists)
		return nvb_fail_oom(err);
	nvb_toml_foreach(v, list)
	{
		if (rc == 0)
			rc = read_gpu_table(s, v, nth++, choice, err);
	}
	return rc;
}

static void describe_machine(struct sim_scenario *s, uint64_t seed)
{
	struct sim_machine *m = &s->machine;

	if (s->driver)
		snprintf(m->driver_version, sizeof(m->driver_version), "%s", s->driver);
	if (s->module_version && s->module <= SIM_MODULE_PROPRIETARY)
		snprintf(m->module_version, sizeof(m->module_version), "%s", s->module_version);
	m->flags = (s->module == SIM_MODULE_OPEN ? SIM_MACHINE_OPEN_MODULE : 0u) |
		   (s->vary ? SIM_MACHINE_VARY : 0u) | (s->latency ? SIM_MACHINE_LATENCY : 0u) |
		   (s->wsl ? SIM_MACHINE_WSL : 0u);
	m->seed = seed;
	/* Loading NVML or CUDA costs tens of milliseconds at best; in effect only with `latency`. */
	m->init_delay_us = 30000;
}

static int load(
	const char *name, const struct sim_scenario_choice *choice, struct sim_scenario *s, nvb_error **err)
{
	int rc = open_document(name, s, err);

	if (rc < 0 ||
		(rc = nvb_toml_check_keys(&s->document, &s->document.root, "a scenario", known_keys,
			 NVB_ELEMENTS(known_keys), err)) < 0 ||
		(rc = read_layout(s, choice->layout, err)) < 0 || (rc = read_versions(s, err)) < 0 ||
		(rc = read_switches(s, err)) < 0 ||
		(rc = read_count(s, "nvswitches", 16, &s->nvswitches, err)) < 0 ||
		(rc = read_count(s, "imex_channels", 2048, &s->imex_channels, err)) < 0 ||
		(rc = read_count(s, "infiniband", 16, &s->infiniband, err)) < 0 ||
		(rc = read_devices(s, err)) < 0 || (rc = read_gpus(s, choice, err)) < 0)
		return rc;
	describe_machine(s, choice->seed);
	return 0;
}

int sim_scenario_load(
	const char *name, const struct sim_scenario_choice *choice, struct sim_scenario *out, nvb_error **err)
{
	_cleanup_scenario_ struct sim_scenario s = SIM_SCENARIO_INIT;
	int rc = load(name, choice, &s, err);

	if (rc < 0)
		return rc;
	*out = s;
	s = (struct sim_scenario)SIM_SCENARIO_INIT;
	return 0;
}

void sim_scenario_release(struct sim_scenario *scenario)
{
	for (char ***list = scenario->mig_lists; list && *list; list++)
		nvb_strv_free(*list);
	free(scenario->mig_lists);
	free(scenario->gpu);
	free(scenario->host);
	free(scenario->name);
	nvb_toml_release(&scenario->document);
	*scenario = (struct sim_scenario)SIM_SCENARIO_INIT;
}
