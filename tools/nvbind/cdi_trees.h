/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_TOOL_CDI_TREES_H
#define NVBIND_TOOL_CDI_TREES_H

#include "cdi_examine.h"

/*
 * Removes driver trees that nothing can need any more: trees of another driver version than this host has,
 * that no spec names and no mount uses. Trees of the present version stay, since a bundle or a spec elsewhere
 * may name them; they cost no space, being hard links. Does nothing while a spec cannot be read: it may name
 * any tree. Failures are warnings.
 */
void cdi_prune_trees(const struct cdi_examination *x);

/* Removes from spec directories what a program that was killed more than an hour ago was writing. */
void cdi_remove_leftovers(const char *const *directories);

#endif
