/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_BOLT_ENGINE_H
#define TESTS_BOLT_ENGINE_H

#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "nvbind/bolt.h"

/* An engine that writes down what it is told. */
struct engine {
	char told[1024];
	const char *fails; /* the function that does */
};

static int note(
	struct engine *engine, const char *function, const char *capsule, const char *what, nvb_error **err)
{
	size_t n = strlen(engine->told);

	snprintf(engine->told + n, sizeof(engine->told) - n, "%s %s %s\n", function, capsule,
		what ? what : "-");
	if (engine->fails && strcmp(engine->fails, function) == 0)
		return nvb_error_set(err, NVB_ERR_CONFLICT, "the engine does not want to", "ask it again");
	return engine->fails && strcmp(engine->fails, "silently") == 0 ? -NVB_ERR_BUSY : 0;
}

static int isolation(void *e, const char *c, const struct nvb_bolt_isolation *i, nvb_error **err)
{
	return note(e, "isolation", c, i->mode, err);
}

static int gaming(void *e, const char *c, const struct nvb_bolt_gaming_gpu_config *g, nvb_error **err)
{
	return note(e, "gaming", c, g->performance_profile, err);
}

static int aiml(void *e, const char *c, const struct nvb_bolt_aiml_config *a, nvb_error **err)
{
	return note(e, "aiml", c, a->profile, err);
}

static int devices(void *e, const char *c, const char *const *names, nvb_error **err)
{
	return note(e, "devices", c, names[0], err);
}

static int give(void *e, const char *c, const struct nvb_bolt_capsule_config *config, nvb_error **err)
{
	return note(e, "gpus", c, config->gpus ? config->gpus[0] : NULL, err);
}

static int snapshot(void *e, const char *c, const struct nvb_bolt_capsule_config *config, nvb_error **err)
{
	return note(e, "snapshot", c, config->snapshot_gpu_state ? "yes" : "no", err);
}

static const struct nvb_bolt_runtime_ops ops = {.size = sizeof(ops),
	.name = "test",
	.configure_gpu_isolation = isolation,
	.setup_gaming_optimization = gaming,
	.setup_aiml_optimization = aiml,
	.apply_cdi_devices = devices,
	.setup_gpu_for_capsule = give,
	.enable_gpu_snapshot = snapshot};

#endif
