// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The header by which a client says what it would rather have. Whatever it holds, there is an
 * offer for it; one that is had by name alone was named; and what cannot be told apart by RFC 9110
 * (blanks, empty elements, weights of 0 for what is not offered) changes nothing.
 */
#include <strings.h>

#include "fuzz.h"
#include "http-accept.h"

#define BY_NAME "application/openmetrics-text"

static const struct http_offer offers[] = {
	{ BY_NAME, "1.0.0", true },
	{ BY_NAME, "0.0.1", true },
	{ "text/plain", "0.0.4", false },
};

static void check_same(const char *header, const char *format)
{
	char *other = NULL;

	require(asprintf(&other, format, header) >= 0);
	require(http_accept_type(header, offers, 3) == http_accept_type(other, offers, 3));
	require(http_accept_gzip(header) == http_accept_gzip(other));
	free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *header = fuzz_text(data, size);
	size_t offer = http_accept_type(header, offers, 3);

	require(offer < 3);
	if (offers[offer].by_name)
		require(strcasestr(header, BY_NAME) != NULL);
	require(http_accept_type(NULL, offers, 3) == 2);
	if (http_accept_gzip(header))
		require(strcasestr(header, "gzip") || strchr(header, '*'));
	check_same(header, ",%s");
	check_same(header, " \t%s");
	check_same(header, "image/none;q=0, %s");
	free(header);
	return 0;
}
