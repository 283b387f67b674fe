/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CLI_SIBLING_H
#define NVB_CLI_SIBLING_H

/*
 * Absolute path of another program of ours: beside the one that runs, as in a build tree and in most
 * installations; in libexec beside the one that runs, as in a tree that was installed below another prefix
 * than it was built for; else where it was to be installed. malloc'd; NULL without memory.
 */
char *nvb_sibling_program(const char *name, const char *installed_directory);

/*
 * The same for a directory of data: beside the program in a build tree, below ../share/nvbind in a tree that
 * was installed below another prefix, else where it was to be installed.
 */
char *nvb_sibling_data(const char *name, const char *installed_directory);

#endif
