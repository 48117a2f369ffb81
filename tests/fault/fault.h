/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of a program with faults know of each other: where one has been, and how they call
 * what they stand for.
 */
#pragma once

#include <dlfcn.h>
#include <stdbool.h>

#define REAL(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

/* Which test of a unit test's program runs */
extern int fault_test;

/* Whether it has happened: what is wanted has failed, here or in a process that was forked */
bool fault_failed(void);

/* The value of a variable of the environment, in hexadecimal */
unsigned long fault_number(const char *name, unsigned long fallback);
