/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ownership that the compiler keeps. A variable declared with a cleanup attribute gives back what
 * it holds on every way out of its scope; TAKE_PTR() and TAKE_FD() hand the thing on instead. With
 * them one can see that a function leaks nothing without reading the functions it calls.
 *
 * jansson brings its own: json_auto_t.
 */
#ifndef CXLIRQD_CLEANUP_H
#define CXLIRQD_CLEANUP_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))
#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)
#define _cleanup_fclose_ _cleanup_(fclosep)

/* The value of @variable, which holds @nothing afterwards. */
#define TAKE(variable, nothing)                                                                    \
	({                                                                                         \
		__typeof__(variable) *_var = &(variable);                                          \
		__typeof__(variable) _taken = *_var;                                               \
		*_var = (nothing);                                                                 \
		_taken;                                                                            \
	})
#define TAKE_PTR(pointer) TAKE(pointer, NULL)
#define TAKE_FD(fd) TAKE(fd, -EBADF)

/* Makes NAME_freep() for _cleanup_() out of a destructor that takes NULL. */
#define DEFINE_CLEANUP(type, destructor)                                                           \
	static inline void destructor##p(type *pointer)                                            \
	{                                                                                          \
		destructor(*pointer);                                                              \
	}                                                                                          \
	struct cleanup_needs_semicolon

static inline void freep(void *pointer)
{
	free(*(void **)pointer);
}

/* errno survives: what went wrong before matters more than what close() thinks of it. */
static inline void closep(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

static inline void fclosep(FILE **file)
{
	int saved = errno;

	if (*file)
		fclose(*file);
	errno = saved;
}

#endif
