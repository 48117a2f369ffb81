/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a client would rather have: RFC 9110, section 12. Pure. */
#ifndef CXLIRQD_HTTP_ACCEPT_H
#define CXLIRQD_HTTP_ACCEPT_H

#include <stdbool.h>
#include <stddef.h>

/* A form in which an answer can be had */
struct http_offer {
	const char *type; /* "text/plain" */
	const char *version; /* its parameter of that name; NULL: it has none */
	/* Only whoever names this type gets it; "*" and "text/" with "*" do not mean it. */
	bool by_name;
};

/*
 * The index of the offer that @accept likes best; of equals the first. @accept: the value of an
 * Accept header, several joined by commas; NULL = there was none. What no offer fits gets the first
 * one that need not be named: an answer is better than an error for whoever can read it after all.
 */
size_t http_accept_type(const char *accept, const struct http_offer *offers, size_t n);

/* Whether gzip may be used, by the value(s) of Accept-Encoding; NULL = there was none: no. */
bool http_accept_gzip(const char *accept_encoding);

#endif
