/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor/doctor.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "doctor/host.h"

const char *nvb_doctor_status_name(enum nvb_doctor_status status)
{
	static const char *const names[] = {
		[NVB_DOCTOR_FINE] = "fine",
		[NVB_DOCTOR_NOTE] = "note",
		[NVB_DOCTOR_WARNING] = "warning",
		[NVB_DOCTOR_FAILURE] = "failure",
		[NVB_DOCTOR_BLIND] = "not looked at",
		[NVB_DOCTOR_ABSENT] = "does not apply",
		[NVB_DOCTOR_HIDDEN] = "follows",
	};

	return names[status];
}

bool nvb_doctor_applies(const struct nvb_doctor_check *check, const struct nvb_doctor_options *options)
{
	if (!options->container != !(check->flags & NVB_DOCTOR_OF_CONTAINER))
		return false;
	if (options->gpus_only && check->flags & NVB_DOCTOR_OF_CAPSULES)
		return false;
	return !(options->no_probe && check->flags & NVB_DOCTOR_PROBES);
}

static bool was_reported(const struct nvb_doctor_finding *f)
{
	return f->status == NVB_DOCTOR_WARNING || f->status == NVB_DOCTOR_FAILURE;
}

/* The id of what has been reported and explains this one, or NULL. */
static const char *cause_of(const struct nvb_doctor *d, const struct nvb_doctor_check *check)
{
	_cleanup_strv_ char **after = check->after ? nvb_strv_split(check->after, " ") : NULL;

	nvb_strv_foreach (id, after)
		for (size_t i = 0; i < d->count; i++) {
			const struct nvb_doctor_finding *f = &d->findings[i];
			bool group = nvb_ends_with(*id, ".");

			if (was_reported(f) &&
				(group ? nvb_after(f->check->id, *id) != NULL : nvb_streq(f->check->id, *id)))
				return f->check->id;
		}
	return NULL;
}

/* A capsule is started where nothing says that it must fail. */
static const char *failed_before(const struct nvb_doctor *d)
{
	for (size_t i = 0; i < d->count; i++)
		if (d->findings[i].status == NVB_DOCTOR_FAILURE)
			return d->findings[i].check->id;
	return NULL;
}

static void look(struct nvb_doctor *d, const struct nvb_doctor_check *check)
{
	struct nvb_doctor_finding f = {.check = check, .looked_at = check->looks_at};

	f.because = cause_of(d, check);
	if (!f.because && check->flags & NVB_DOCTOR_PROBES && !d->options.force_probe)
		f.because = failed_before(d);
	if (f.because)
		f.status = NVB_DOCTOR_HIDDEN;
	else
		check->look(d, check, &f);
	d->findings[d->count++] = f;
}

static int prepare(struct nvb_doctor *d, nvb_error **err)
{
	_cleanup_free_ char *fabric_manager = NULL;
	const char *root = d->options.inventory->driver_root ? d->options.inventory->driver_root
							     : d->options.inventory->root;
	bool one = true;
	int rc = nvb_inventory_load(d->options.inventory, &d->inventory, err);

	if (rc < 0)
		return nvb_hint(
			err, rc, "check --root and its relatives, NVBIND_ROOT and the configuration file");
	/* A driver that lies elsewhere (in a container of its own) has not this host's /etc. */
	one = nvb_streq(d->inventory->roots.driver.path, d->inventory->roots.proc.path);
	rc = nvb_root_open(&d->host, one && root ? root : "/", err);
	if (rc < 0)
		return rc;
	d->host_open = true;
	if (d->options.container) {
		rc = nvb_inside_find(&d->inside, d->options.container, d->options.bolt, err);
		return rc < 0 ? rc : nvb_inside_look(&d->inside, d->inventory, err);
	}
	if (nvb_doctor_exists(&d->inventory->roots.driver, "/usr/bin/nv-fabricmanager"))
		fabric_manager = nvb_root_host_path(&d->inventory->roots.driver, "/usr/bin/nv-fabricmanager");
	nvb_doctor_versions_start(&d->versions, fabric_manager, d->options.criu, !d->options.gpus_only);
	return 0;
}

int nvb_doctor_run(const struct nvb_doctor_options *options, struct nvb_doctor **doctor, nvb_error **err)
{
	_cleanup_doctor_ struct nvb_doctor *d = calloc(1, sizeof(*d));
	int rc;

	if (!d)
		return nvb_fail_oom(err);
	d->options = *options;
	d->kmsg_error = -1;
	d->host = (struct nvb_root)NVB_ROOT_INIT;
	d->findings = calloc(nvb_doctor_check_count, sizeof(*d->findings));
	if (!d->findings)
		return nvb_fail_oom(err);
	rc = prepare(d, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < nvb_doctor_check_count; i++)
		if (nvb_doctor_applies(&nvb_doctor_checks[i], options))
			look(d, &nvb_doctor_checks[i]);
	if (d->no_memory)
		return nvb_fail_oom(err);
	*doctor = NVB_TAKE_PTR(d);
	return 0;
}

const struct nvb_doctor_finding *nvb_doctor_findings(const struct nvb_doctor *doctor, size_t *count)
{
	*count = doctor->count;
	return doctor->findings;
}

void nvb_doctor_free(struct nvb_doctor *d)
{
	if (!d)
		return;
	nvb_doctor_versions_stop(&d->versions);
	nvb_health_release(&d->health);
	nvb_inside_release(&d->inside);
	nvb_error_free(d->specs_error);
	nvb_ldcache_release(&d->cache);
	if (d->host_open)
		nvb_root_close(&d->host);
	nvb_inventory_free(d->inventory);
	free(d->specs);
	free(d->findings);
	nvb_arena_release(&d->arena);
	free(d);
}
