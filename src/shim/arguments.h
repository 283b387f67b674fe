/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SHIM_ARGUMENTS_H
#define NVB_SHIM_ARGUMENTS_H

#include <stdbool.h>

/*
 * The command line of an OCI runtime, read as far as a shim in front of it needs: runc's (Go flags: one dash
 * or two, values behind "=" or as the next word) and crun's (GNU argp: "-bDIR", "--bundle=DIR"). What the
 * shim does not know it leaves to the runtime, who gets the words as they came; a mistake in them is the
 * runtime's to report. Strings are the command line's own.
 */
struct shim_arguments {
	bool creates;	    /* create or run, and not just asking for help: there is a config.json to edit */
	bool own_version;   /* --nvbind-version: the shim's own, which no runtime has */
	const char *bundle; /* NULL: the working directory */
	const char *config; /* crun's --config, a file in place of the bundle's config.json; or NULL */
	const char *id;	    /* the container's; NULL when none was given */
	const char *root;   /* where the runtime keeps its state; NULL: its default */
	const char *pid_file;
	const char *log; /* where engines look for the error; NULL: nowhere but on stderr */
	bool log_json;
};

void shim_arguments_parse(struct shim_arguments *arguments, int argc, char *const *argv);

#endif
