// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A header is a list of ranges, each with parameters, one of which is its weight "q". Quoted strings
 * may hold separators. What cannot be read counts as not being there.
 */
#include "http-accept.h"

#include <string.h>
#include <strings.h>

#define WEIGHT_MAX 1000

/* A piece of the header; not terminated */
struct piece {
	const char *at;
	size_t length;
};

static bool piece_is(struct piece piece, const char *text)
{
	return piece.length == strlen(text) && !strncasecmp(piece.at, text, piece.length);
}

static struct piece trim(struct piece piece)
{
	while (piece.length && strchr(" \t", piece.at[0]))
		piece.at++, piece.length--;
	while (piece.length && strchr(" \t", piece.at[piece.length - 1]))
		piece.length--;
	return piece;
}

/* Takes what is in front of @separator off @rest. False: there was nothing left. */
static bool cut(struct piece *rest, char separator, struct piece *ret)
{
	bool quoted = false;
	size_t i;

	if (!rest->at)
		return false;
	for (i = 0; i < rest->length; i++) {
		char c = rest->at[i];

		if (quoted && c == '\\' && i + 1 < rest->length)
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (c == separator && !quoted)
			break;
	}
	*ret = trim((struct piece){ rest->at, i });
	if (i < rest->length)
		*rest = (struct piece){ rest->at + i + 1, rest->length - i - 1 };
	else
		*rest = (struct piece){};
	return true;
}

/* "0.25" is 250. What is no weight is 0: the range is left out of account. */
static int read_weight(struct piece text)
{
	int weight, place = WEIGHT_MAX / 10;

	if (!text.length || (text.at[0] != '0' && text.at[0] != '1'))
		return 0;
	weight = (text.at[0] - '0') * WEIGHT_MAX;
	if (text.length > 1 && text.at[1] != '.')
		return 0;
	for (size_t i = 2; i < text.length; i++, place /= 10) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return 0;
		weight += (text.at[i] - '0') * place;
	}
	return weight > WEIGHT_MAX ? WEIGHT_MAX : weight;
}

/* One element of the list */
struct range {
	struct piece name; /* "text/plain", "gzip" */
	struct piece version; /* .at is NULL: none */
	int weight;
};

static bool next_range(struct piece *rest, struct range *ret)
{
	struct piece element, parameter, key;

	if (!cut(rest, ',', &element))
		return false;
	*ret = (struct range){ .weight = WEIGHT_MAX };
	cut(&element, ';', &ret->name);
	while (cut(&element, ';', &parameter)) {
		if (!cut(&parameter, '=', &key) || !parameter.at)
			continue;
		parameter = trim(parameter);
		if (parameter.length >= 2 && parameter.at[0] == '"')
			parameter = (struct piece){ parameter.at + 1, parameter.length - 2 };
		if (piece_is(key, "q"))
			ret->weight = read_weight(parameter);
		else if (piece_is(key, "version"))
			ret->version = parameter;
	}
	return true;
}

/* How closely @range describes @offer: 0 not at all, 4 to the version */
static int fit(const struct range *range, const struct http_offer *offer)
{
	size_t major = strcspn(offer->type, "/") + 1;

	if (piece_is(range->name, "*/*"))
		return offer->by_name ? 0 : 1;
	if (range->name.length == major + 1 && range->name.at[major] == '*' &&
	    !strncasecmp(range->name.at, offer->type, major))
		return offer->by_name ? 0 : 2;
	if (!piece_is(range->name, offer->type))
		return 0;
	if (!range->version.at)
		return 3;
	return offer->version && piece_is(range->version, offer->version) ? 4 : 0;
}

static int weigh(const char *accept, const struct http_offer *offer)
{
	struct piece rest = { accept, strlen(accept) };
	int closest = 0, weight = 0;
	struct range range;

	while (next_range(&rest, &range)) {
		int close = fit(&range, offer);

		if (close > closest) {
			closest = close;
			weight = range.weight;
		}
	}
	return weight;
}

size_t http_accept_type(const char *accept, const struct http_offer *offers, size_t n)
{
	size_t best = n;
	int most = 0;

	for (size_t i = 0; accept && i < n; i++) {
		int weight = weigh(accept, &offers[i]);

		if (weight > most) {
			most = weight;
			best = i;
		}
	}
	for (size_t i = 0; best == n && i < n; i++)
		if (!offers[i].by_name)
			best = i;
	return best < n ? best : 0;
}

bool http_accept_gzip(const char *accept_encoding)
{
	int gzip = -1, identity = -1, any = -1;
	struct piece rest = { accept_encoding, accept_encoding ? strlen(accept_encoding) : 0 };
	struct range range;

	while (next_range(&rest, &range)) {
		if (piece_is(range.name, "gzip") || piece_is(range.name, "x-gzip"))
			gzip = range.weight;
		else if (piece_is(range.name, "identity"))
			identity = range.weight;
		else if (piece_is(range.name, "*"))
			any = range.weight;
	}
	if (gzip < 0)
		gzip = any;
	return gzip > 0 && gzip >= identity;
}
