/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "runtime.h"

/* Whose life a lease of the shim's has: it is written down by a process that becomes the runtime, which ends
 * when the container is created. The runtime's own state of the container then tells who its first process
 * is. */

/* Where runc and crun keep their state when no --root is given. */
static const char *state_root(const struct container *container)
{
	const char *slash = strrchr(container->runtime, '/');

	if (container->arguments->root)
		return container->arguments->root;
	return strstr(slash ? slash + 1 : container->runtime, "crun") ? "/run/crun" : "/run/runc";
}

/* Absolute, since the record is read by others: joined to the working directory where it is not. False when
 * it does not fit: then it is left out. */
static bool absolute(char path[static PATH_MAX], const char *name)
{
	char here[PATH_MAX];

	if (*name == '/')
		return (size_t)snprintf(path, PATH_MAX, "%s", name) < PATH_MAX;
	return getcwd(here, sizeof(here)) && (size_t)snprintf(path, PATH_MAX, "%s/%s", here, name) < PATH_MAX;
}

int take_lease(const struct container *container, const struct nvb_asked *asked,
	const struct nvb_inventory *inventory, const struct nvb_plan *plan, struct nvb_lease **lease,
	nvb_error **err)
{
	const struct shim_arguments *arguments = container->arguments;
	struct nvb_lease_holder holder = {.engine = "nvbind-runtime", .container = arguments->id};
	const char *isolation = nvb_asked_isolation(asked, &container->rules);
	char root[PATH_MAX], state[PATH_MAX], pid_file[PATH_MAX];
	enum nvb_lease_mode mode = NVB_LEASE_SHARED;
	int rc = isolation ? nvb_lease_parse_mode(isolation, &mode, err) : 0;

	if (rc < 0)
		return nvb_wrap(err, rc, NVB_ISOLATION_VARIABLE);
	if (arguments->id && absolute(root, state_root(container)) &&
		(size_t)snprintf(state, sizeof(state), "%s/%s", root, arguments->id) < sizeof(state))
		holder.runtime_state = state;
	if (arguments->pid_file && absolute(pid_file, arguments->pid_file))
		holder.pid_file = pid_file;
	rc = nvb_lease_take_plan(inventory, plan, mode, &holder, lease, err);
	/* Who may not write records holds a GPU by an open file: as long as the runtime runs. */
	return rc < 0 ? rc : nvb_lease_keep_over_exec(*lease, err);
}
