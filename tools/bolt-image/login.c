/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "base/str.h"
#include "bolt-image.h"
#include "skopeo.h"

/*
 * bolt login, bolt logout: skopeo's, with its files, so that whoever has logged in with podman, skopeo or
 * docker has logged in here, and the other way round. Options go through as they stand: they are skopeo's
 * own.
 */

static int become(const char *verb, int argc, char **argv, nvb_error **err)
{
	_cleanup_strv_ char **command = NULL;
	bool ok = nvb_strv_add(&command, "skopeo") && nvb_strv_add(&command, verb);

	for (int i = 0; i < argc; i++)
		ok = ok && nvb_strv_add(&command, argv[i]);
	return ok ? skopeo_become(command, err) : nvb_fail_oom(err);
}

int image_login(int argc, char **argv, nvb_error **err)
{
	return become("login", argc, argv, err);
}

int image_logout(int argc, char **argv, nvb_error **err)
{
	return become("logout", argc, argv, err);
}
