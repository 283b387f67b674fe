/* SPDX-License-Identifier: Apache-2.0 */
#include <locale.h>
#include <stdlib.h>

#include "base/str.h"
#include "bolt-image.h"
#include "cli/common.h"
#include "cli/complete.h"
#include "cli/man.h"
#include "cli/output.h"

static const char *store_path;

static const struct nvb_option store_options[] = {
	{"store", 0, NVB_OPTION_STRING("DIR", &store_path),
		"image store (/var/lib/bolt/store, or $XDG_DATA_HOME/bolt/store without root)"},
	{NULL},
};

static const struct nvb_option_group common[] = {
	{"Store", store_options},
	{"Configuration and messages", nvb_common_general_options},
	{NULL, NULL},
};

int open_store(struct nvb_store *store, nvb_error **err)
{
	_cleanup_free_ char *path = store_path ? strdup(store_path) : nvb_store_default_path();

	return path ? nvb_store_open(store, path, err) : nvb_fail_oom(err);
}

static const struct nvb_verb verbs[] = {
	{
		.name = "pull",
		.synopsis = "NAME|TRANSPORT:PATH [NEW-NAME]",
		.summary = "get an image from a registry, an archive or another engine",
		.description =
			"NAME is completed as docker does it: debian is docker.io/library/debian:latest. "
			"Transports are those of skopeo: docker-archive:, oci-archive:, oci:, dir:, "
			"containers-storage: and docker-daemon:; images from there need NEW-NAME.",
		.examples = "  bolt image pull debian:12\n"
			    "  bolt image pull docker-archive:/tmp/app.tar app:1.0\n",
		.groups = pull_groups,
		.run = image_pull,
		.min_args = 1,
		.max_args = 2,
	},
	{
		.name = "import",
		.synopsis = "DIRECTORY|TARBALL|- [NAME]",
		.summary = "make an image of one layer from a directory or a tar archive",
		.examples = "  bolt image import rootfs/ my/base\n"
			    "  docker export C | bolt image import - my/base -c 'CMD [\"bash\"]'\n",
		.groups = import_groups,
		.run = image_import,
		.min_args = 1,
		.max_args = 2,
	},
	{
		.name = "ls",
		.summary = "list the images that are here",
		.groups = ls_groups,
		.run = image_ls,
	},
	{
		.name = "rm",
		.synopsis = "IMAGE...",
		.summary = "remove names, and images that have none left",
		.run = image_rm,
		.min_args = 1,
		.max_args = NVB_ARGS_ANY,
	},
	{
		.name = "inspect",
		.synopsis = "IMAGE...",
		.summary = "print images as JSON",
		.run = image_inspect,
		.min_args = 1,
		.max_args = NVB_ARGS_ANY,
	},
	{
		.name = "prune",
		.summary = "remove images without a name, layers that no image and driver trees that no "
			   "capsule uses",
		.groups = prune_groups,
		.run = image_prune,
	},
	{NULL},
};

/* `bolt login` and `bolt logout` stand beside `bolt image`. */
static const struct nvb_verb registry_verbs[] = {
	{
		.name = "login",
		.synopsis = "REGISTRY",
		.summary = "keep credentials for a registry",
		.description = "Credentials are those of podman and skopeo: who has logged in with one of "
			       "them has logged in here.",
		.examples = "  bolt login registry.example.com\n"
			    "  pass registry | bolt login -u me --password-stdin registry.example.com\n",
		.groups = login_groups,
		.run = image_login,
		.min_args = 1,
		.max_args = 1,
	},
	{
		.name = "logout",
		.synopsis = "[REGISTRY]",
		.summary = "forget credentials for a registry",
		.groups = logout_groups,
		.run = image_logout,
		.max_args = 1,
	},
	{NULL},
};

static bool is_about_registries(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (argc > 3 && (nvb_streq(verb, NVB_COMPLETE_VERB) || nvb_streq(verb, NVB_DESCRIBE_VERB)))
		verb = argv[2];
	return nvb_streq(verb, "login") || nvb_streq(verb, "logout");
}

int main(int argc, char **argv)
{
	static const struct nvb_program program = {
		.name = "bolt image",
		.summary = "keep the images that capsules run from",
		.verbs = verbs,
		.common = common,
		.prepare = nvb_common_prepare,
	};
	static const struct nvb_program registries = {
		.name = "bolt",
		.summary = "keep credentials for registries",
		.verbs = registry_verbs,
		.common = common + 1, /* no store */
		.prepare = nvb_common_prepare,
		.verbs_alone = true,
	};

	/* Archives name their files in UTF-8; without such a locale libarchive gives no name at all. */
	setlocale(LC_CTYPE, "C.UTF-8");
	/* Their manual pages are written beside those of `image`. */
	if (argc == 3 && nvb_streq(argv[1], NVB_MAN_VERB) && nvb_program_main(&registries, argc, argv) != 0)
		return 1;
	return nvb_program_main(is_about_registries(argc, argv) ? &registries : &program, argc, argv);
}
