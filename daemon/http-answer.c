// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One request: may it be asked, what is the answer, in which form does it leave.
 *
 * A web page from elsewhere can make a browser on this machine ask us, by a name of its own that it
 * lets point here (DNS rebinding), and could then read the answer. So what came by an address that
 * only this machine reaches must have asked for this machine. Where the administrator opened the
 * port to others, it is reached by any name.
 */
#include "http-private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "http-accept.h"

/* What is smaller fits into one packet, compressed or not. */
#define GZIP_SIZE_MIN 1024
/* The window of deflate, and the mark for gzip's header (zlib.h) */
#define GZIP_WINDOW (MAX_WBITS + 16)
#define GZIP_MEMORY 8
/* How many times longer than it took to make an answer the next one has to wait */
#define PAUSE 4

static const char *const fixed_headers[][2] = {
	{ "X-Content-Type-Options", "nosniff" },
	{ "Referrer-Policy", "no-referrer" },
	{ "Cross-Origin-Resource-Policy", "same-origin" },
};

/* A page has its script and style from here, and nothing from elsewhere. */
#define POLICY                                                                                     \
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "                \
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
/* An image brings its own style, and gets nothing else. */
#define POLICY_IMAGE "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

const char *http_argument(const struct http_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

/* ---- the request ----------------------------------------------------------------------------- */

static bool is_address(const char *host)
{
	unsigned char address[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), wanted = strlen(end);

	return length > wanted && !strcasecmp(text + length - wanted, end);
}

/* Whether "host", "host:port" or "[address]:port" is this machine, asked for on itself. */
static bool is_this_host(const struct http *http, const char *value)
{
	char host[HTTP_HOST_MAX];
	size_t length;

	if (*value == '[') {
		value++;
		length = strcspn(value, "]");
	} else {
		length = strcspn(value, ":");
	}
	if (length >= sizeof(host))
		return false;
	memcpy(host, value, length);
	host[length] = '\0';
	/* as browsers have it, what ends in "localhost" never leaves the machine */
	return is_address(host) || !strcasecmp(host, "localhost") ||
	       ends_with(host, ".localhost") || (*host && !strcasecmp(host, http->host));
}

struct joined {
	const char *name;
	char text[2048];
};

static enum MHD_Result join_value(void *userdata, enum MHD_ValueKind kind, const char *key,
				  const char *value)
{
	struct joined *joined = userdata;
	size_t length = strlen(joined->text);

	(void)kind;
	if (!strcasecmp(key, joined->name) && value)
		snprintf(joined->text + length, sizeof(joined->text) - length, "%s%s",
			 length ? "," : "", value);
	return MHD_YES;
}

/* All values of a header in one; NULL = there is none. What is longer is cut. */
static const char *join_header(struct MHD_Connection *connection, const char *name,
			       struct joined *joined)
{
	*joined = (struct joined){ .name = name };
	MHD_get_connection_values(connection, MHD_HEADER_KIND, join_value, joined);
	return joined->text[0] ? joined->text : NULL;
}

/* ---- the answer ------------------------------------------------------------------------------ */

/* An answer's bytes, as long as the library needs them */
struct held {
	struct http *http;
	size_t size;
	char *text;
};

static void held_free(void *userdata)
{
	struct held *held = userdata;

	held->http->held -= held->size;
	free(held->text);
	free(held);
}

static void answer_done(struct http_answer *answer)
{
	free(answer->text);
}

/* Puts the compressed text in the answer's place, if it is smaller. */
static bool compress_answer(struct http_answer *answer)
{
	_cleanup_free_ char *packed = NULL;
	z_stream stream = {};
	uLong bound;

	if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return false;
	bound = deflateBound(&stream, answer->size);
	packed = malloc(bound);
	stream.next_in = (Bytef *)(answer->text ?: answer->fixed);
	stream.avail_in = (uInt)answer->size;
	stream.next_out = (Bytef *)packed;
	stream.avail_out = (uInt)bound;
	if (!packed || deflate(&stream, Z_FINISH) != Z_STREAM_END ||
	    stream.total_out >= answer->size) {
		deflateEnd(&stream);
		return false;
	}
	deflateEnd(&stream);
	free(answer->text);
	answer->text = TAKE_PTR(packed);
	answer->fixed = NULL;
	answer->size = stream.total_out;
	return true;
}

/* Takes answer->text over. NULL: no room or no memory. */
static struct MHD_Response *make_response(struct http *http, struct http_answer *answer)
{
	struct MHD_Response *response;
	struct held *held;

	if (!answer->text)
		return MHD_create_response_from_buffer(answer->size, (void *)answer->fixed,
						       MHD_RESPMEM_PERSISTENT);
	if (http->held + answer->size > http->limits.held_size)
		return NULL;
	held = malloc(sizeof(*held));
	if (!held)
		return NULL;
	*held = (struct held){ .http = http, .size = answer->size, .text = answer->text };
	response = MHD_create_response_from_buffer_with_free_callback_cls(answer->size, held->text,
									  held_free, held);
	if (!response) {
		free(held);
		return NULL;
	}
	http->held += answer->size;
	answer->text = NULL;
	return response;
}

static bool add_header(struct MHD_Response *response, const char *name, const char *value)
{
	return MHD_add_response_header(response, name, value) == MHD_YES;
}

/* False: no memory, and without one of them it says something else, or is not confined. */
static bool add_headers(struct MHD_Response *response, const struct http_answer *answer,
			bool packed, bool kept)
{
	const char *policy = strncmp(answer->type, "image/", 6) ? POLICY : POLICY_IMAGE;
	const char *vary = answer->varies ? "Accept, Accept-Encoding" : "Accept-Encoding";
	bool added = true;

	for (size_t i = 0; i < sizeof(fixed_headers) / sizeof(*fixed_headers); i++)
		added &= add_header(response, fixed_headers[i][0], fixed_headers[i][1]);
	added &= add_header(response, "Content-Security-Policy", policy);
	added &= add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type);
	added &= add_header(response, MHD_HTTP_HEADER_VARY, vary);
	added &=
		add_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, kept ? "no-cache" : "no-store");
	if (packed)
		added &= add_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
	if (answer->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		added &= add_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	return added;
}

static struct http_answer make_plain(unsigned int status, const char *text)
{
	return (struct http_answer){ .status = status,
				     .type = "text/plain; charset=utf-8",
				     .fixed = text,
				     .size = strlen(text) };
}

static enum MHD_Result send_answer(struct http *http, struct MHD_Connection *connection,
				   struct http_answer *answer)
{
	bool packed = false, kept = answer->fixed && answer->status == MHD_HTTP_OK;
	struct MHD_Response *response;
	enum MHD_Result result = MHD_NO;
	struct joined encoding;

	if (answer->size >= GZIP_SIZE_MIN &&
	    http_accept_gzip(join_header(connection, MHD_HTTP_HEADER_ACCEPT_ENCODING, &encoding)))
		packed = compress_answer(answer);
	response = make_response(http, answer);
	if (!response) {
		http->counters.failed++;
		answer_done(answer);
		*answer = make_plain(MHD_HTTP_SERVICE_UNAVAILABLE,
				     "too many answers wait to be read\n");
		packed = kept = false;
		response = make_response(http, answer);
	}
	if (!response)
		return MHD_NO;
	if (add_headers(response, answer, packed, kept))
		result = MHD_queue_response(connection, answer->status, response);
	else
		http->counters.failed++;
	MHD_destroy_response(response);
	http->counters.requests++;
	return result;
}

static enum MHD_Result send_status(struct http *http, struct MHD_Connection *connection,
				   unsigned int status, const char *text)
{
	struct http_answer answer = make_plain(status, text);

	return send_answer(http, connection, &answer);
}

/* Asks the owner. What it gave must be within the bounds. */
static int make_answer(struct http *http, const struct http_request *request,
		       struct http_answer *ret)
{
	int r = http->answer(request, ret, http->userdata);

	if (r < 0)
		return r;
	if (!ret->status)
		ret->status = MHD_HTTP_OK;
	return ret->size > http->limits.answer_size ? -EFBIG : 0;
}

static enum MHD_Result answer_request(struct http *http, struct MHD_Connection *connection,
				      const char *path)
{
	_cleanup_(answer_done) struct http_answer answer = {};
	struct joined accept;
	struct http_request request = { .path = path,
					.accept = join_header(connection, MHD_HTTP_HEADER_ACCEPT,
							      &accept),
					.connection = connection };
	uint64_t start = http_now_usec();
	enum MHD_Result result;
	int r;

	r = make_answer(http, &request, &answer);
	if (r == -ENOENT) {
		result = send_status(http, connection, MHD_HTTP_NOT_FOUND, "not found\n");
	} else if (r < 0) {
		http->counters.failed++;
		result = send_status(http, connection, MHD_HTTP_SERVICE_UNAVAILABLE,
				     r == -EFBIG ? "the answer would be too large\n" :
						   "the answer cannot be made\n");
	} else {
		result = send_answer(http, connection, &answer);
	}
	http->free_usec = http_now_usec();
	http->free_usec += PAUSE * (http->free_usec - start);
	return result;
}

static bool has_body(struct MHD_Connection *connection)
{
	const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
							 MHD_HTTP_HEADER_CONTENT_LENGTH);

	return (length && strcmp(length, "0") != 0) ||
	       MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
					   MHD_HTTP_HEADER_TRANSFER_ENCODING);
}

/* What may not be asked gets its answer at once, and @ret is what became of that. */
static bool refuse(struct http *http, const struct http_connection *c,
		   struct MHD_Connection *connection, const char *method, enum MHD_Result *ret)
{
	const char *host =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);

	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
		*ret = send_status(http, connection, MHD_HTTP_METHOD_NOT_ALLOWED,
				   "only GET and HEAD\n");
	} else if (c->local && host && !is_this_host(http, host)) {
		http->counters.refused_host++;
		*ret = send_status(http, connection, MHD_HTTP_MISDIRECTED_REQUEST,
				   "this is another host; ask for localhost\n");
	} else {
		return false;
	}
	return true;
}

/* Proxies are asked for "http://host/path", and so may servers be. */
static const char *path_of(const char *url)
{
	if (strncasecmp(url, "http://", 7) != 0)
		return url;
	return strchr(url + 7, '/') ?: "/";
}

/*
 * The library calls this when it has the header, and again when it has all of the request. What is
 * answered the first time ends the connection, for then there may be a body that nobody reads: right
 * for what is refused, and for a GET that has one.
 */
enum MHD_Result http_on_request(void *userdata, struct MHD_Connection *connection, const char *url,
				const char *method, const char *version, const char *upload,
				size_t *upload_size, void **request)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct http_connection *c = info ? info->socket_context : NULL;
	struct http *http = userdata;
	enum MHD_Result result;

	(void)version;
	(void)upload;
	(void)upload_size;
	if (!c)
		return MHD_NO;
	*request = c;
	if (!c->asked) {
		c->asked = true;
		c->idle = c->waited = false;
		c->deadline_usec = http_now_usec() + http->limits.answer_usec;
		if (refuse(http, c, connection, method, &result))
			return result;
		if (!has_body(connection))
			return MHD_YES;
	}
	if (http_now_usec() >= http->free_usec)
		return answer_request(http, connection, path_of(url));
	http->counters.waited += !c->waited;
	c->waited = true;
	c->waiting = connection;
	MHD_suspend_connection(connection);
	return MHD_YES;
}
