/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CONFIG_CONFIG_H
#define NVB_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/choice.h"
#include "base/error.h"
#include "base/mem.h"
#include "isolation/rules.h"
#include "nvbind/log.h"
#include "nvbind/plan.h"

/*
 * nvbind.toml: the settings of a host or of a user. Every key is optional; a key that is not known is an
 * error with its line and the nearest known name. The first of these that exists counts, alone: the file
 * named by
 * --config, $XDG_CONFIG_HOME/nvbind/config.toml (~/.config without it), /etc/nvbind/config.toml. Never the
 * working directory, where root would run what a stranger wrote.
 */
enum nvb_log_format { NVB_LOG_TEXT, NVB_LOG_JSON };

/* error, warning, info, debug; text, json. */
extern const struct nvb_choice nvb_log_level_choices[];
extern const struct nvb_choice nvb_log_format_choices[];
/* files, tree; the names of NVIDIA_DRIVER_CAPABILITIES, "all" last. */
extern const struct nvb_choice nvb_config_layout_choices[];
extern const struct nvb_choice nvb_config_capability_choices[];

struct nvb_config {
	/* Absolute directories that contain what their names say: dev + "/dev/nvidia0", proc +
	 * "/proc/driver/nvidia", sys + "/sys/bus/pci", driver + "/usr/lib". Never NULL; "/" is this host. */
	struct {
		char *driver, *dev, *proc, *sys;
		char **library_path; /* directories below the driver root that are searched first; NULL: none
				      */
	} roots;
	struct {
		enum nvb_log_level level;
		enum nvb_log_format format;
	} log;
	struct {
		char *path; /* of nvbind-hook on the host, as generated specs name it; NULL: where it was
			       installed */
	} hook;
	struct {
		bool cuda_compat; /* an image's newer CUDA may take the place of the driver's */
		bool mask_params; /* containers see ModifyDeviceFiles: 0 */
	} driver;
	struct {
		char **runtimes; /* OCI runtimes to try, in this order: names or absolute paths; NULL: not
				    configured, what then is tried is the program's choice */
		/* The rest is for containers that ask by themselves: nvbind-runtime and the prestart hook. */
		bool accept_environment; /* from containers without CAP_SYS_ADMIN, too */
		bool accept_mounts;	 /* of /dev/null below /var/run/nvidia-container-devices */
		bool accept_imex;
		bool check_requirements;    /* NVIDIA_REQUIRE_* */
		char **annotation_prefixes; /* of annotations that name CDI devices; NULL: "cdi.k8s.io/" */
		char **swarm_resources;	    /* variables to read instead of NVIDIA_VISIBLE_DEVICES; NULL: none
					     */
		unsigned capabilities;	    /* what may be asked for, enum nvb_capability bits */
		enum nvb_layout layout;	    /* NVB_LAYOUT_FILES or NVB_LAYOUT_TREE */
	} runtime;
	struct {
		char **directories; /* of CDI specs; a later one wins over an earlier one; NULL: the
				       standard's */
	} cdi;
	struct {
		bool mig_create; /* virtual isolation may make MIG devices */
		bool mig_mode;	 /* and switch MIG on for it on a GPU that nobody uses */
		bool mps;	 /* MPS daemons may be started to keep limits */
		bool dmem;	 /* the control group controller dmem may keep them */
	} isolation;
	struct {
		char *directory; /* of the inventory between runs; NULL: /run/nvbind for this host's own
				    roots, none for others */
	} cache;
	struct {
		char *criu; /* the program; NULL: the one that is found in PATH */
	} snapshots;
	struct {
		char *directory;      /* of plugins; NULL: the one that was installed */
		bool required;	      /* a plugin that fails fails what it was asked for */
		char **mount_sources; /* directories that plugins may mount from; NULL: the built-in ones */
	} plugins;
	char *file; /* the file that was read; NULL when there is none */
};

/* The built-in values; release what a failure leaves, too. */
int nvb_config_init(struct nvb_config *config, nvb_error **err);
void nvb_config_release(struct nvb_config *config);
#define _cleanup_config_ _cleanup_(nvb_config_release)

/*
 * Lays the values of a file that somebody named over *config. As root it is refused with NVB_ERR_PERMISSION
 * when others than its owner and root can write it or the directory that holds it: they could make root run
 * what they like. Errors: NVB_ERR_INVALID with line and column, NVB_ERR_NOT_FOUND. Untouched on failure.
 */
int nvb_config_read_file(struct nvb_config *config, const char *path, nvb_error **err);

/* The same from memory; `file` is for messages. */
int nvb_config_parse(
	struct nvb_config *config, const char *data, size_t size, const char *file, nvb_error **err);

/*
 * Finds and reads the file. `explicit` is --config's and must exist; NULL looks in the standard places, where
 * none is fine; as root a file found there must belong to root or to this process's user. `user` false skips
 * the user's own file: for shims and hooks, which engines start as root with an environment of their making.
 */
int nvb_config_load(struct nvb_config *config, const char *explicit, bool user, nvb_error **err);

/* NVBIND_ROOT: replaces all four roots of the file. `root` NULL or "" changes nothing. A relative path is
 * taken from the working directory. */
int nvb_config_set_root(struct nvb_config *config, const char *root, nvb_error **err);

/* One root, &config->roots.dev for instance, in the same way. */
int nvb_config_set_directory(char **where, const char *path, nvb_error **err);

/* Who may ask for what: [runtime] for nvb_asked_request. Points into the configuration. */
struct nvb_asked_rules;
void nvb_config_asked_rules(const struct nvb_config *config, struct nvb_asked_rules *rules);

/* What virtual isolation and limits may do: [isolation]. */
struct nvb_isolation_rules nvb_config_isolation_rules(const struct nvb_config *config);

/* What the keys are, for documentation and `nvbind config`: calls `each` for every key in the table's order.
 */
struct nvb_config_key_info {
	const char *section, *name, *type, *help;
};
void nvb_config_keys(void (*each)(const struct nvb_config_key_info *key, void *data), void *data);

#endif
