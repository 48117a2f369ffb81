/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Varlink (varlink.org), as far as the two programs need it: a server on an sd-event loop and a
 * blocking client. Only this header is used outside the varlink files, and nothing in it shows how
 * a message travels, so that sd-varlink can take over once it is everywhere.
 *
 * All functions return 0 (or what they say) or a negative errno; ret_* are untouched on failure.
 * None of them logs.
 */
#ifndef CXLIRQD_VARLINK_H
#define CXLIRQD_VARLINK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>

#include "cxlirqd/cleanup.h"

/* Bounds, in bytes. Calls come from outside; what sd-varlink takes as a reply is 16 MiB, too. */
#define VARLINK_CALL_MAX (1U << 20)
#define VARLINK_REPLY_MAX (16U << 20)
/* A stream's reader with more than this unread is too slow, and dropped. */
#define VARLINK_QUEUE_MAX (16U << 20)
/* The memory for what waits for all readers; beyond it the connection with the most of it is closed. */
#define VARLINK_QUEUES_MAX (64U << 20)
#define VARLINK_CLIENTS_MAX 64U
/* Of those, only for the trusted: root, the server's own user, and a group (see below) */
#define VARLINK_CLIENTS_RESERVED 8U
/* Of the others, for each user */
#define VARLINK_CLIENTS_USER 16U

#define VARLINK_INVALID_PARAMETER "org.varlink.service.InvalidParameter"
#define VARLINK_INTERFACE_NOT_FOUND "org.varlink.service.InterfaceNotFound"
#define VARLINK_METHOD_NOT_FOUND "org.varlink.service.MethodNotFound"
#define VARLINK_METHOD_NOT_IMPLEMENTED "org.varlink.service.MethodNotImplemented"
#define VARLINK_EXPECTED_MORE "org.varlink.service.ExpectedMore"

/* ---- Server: what it serves ---- */

struct varlink_server;
struct varlink_call;

enum varlink_type {
	VARLINK_BOOL,
	VARLINK_INT,
	VARLINK_FLOAT, /* an integer will do */
	VARLINK_STRING,
	VARLINK_ARRAY,
	VARLINK_INTS, /* an array of integers */
	VARLINK_STRINGS,
	VARLINK_OBJECT,
};

struct varlink_parameter {
	const char *name;
	enum varlink_type type;
	bool nullable; /* may be null or absent ("?type") */
};

/*
 * Answers one call. @parameters is an object that fits the method's table, borrowed. Either the
 * call is answered with varlink_call_reply() or varlink_call_error() (then it is gone), or it is
 * kept and answered later (then return 0). A negative errno from a method that did not answer
 * becomes the error INTERFACE.Failed (reason: what the errno says).
 */
typedef int (*varlink_method_fn)(struct varlink_call *call, json_t *parameters, void *userdata);

struct varlink_method {
	const char *name; /* without the interface */
	varlink_method_fn callback; /* NULL: MethodNotImplemented */
	const struct varlink_parameter *parameters; /* ends with a NULL name; NULL: none */
	bool needs_more; /* a call without "more" gets ExpectedMore */
};

/* All of it is borrowed and outlives the server. */
struct varlink_service {
	const char *vendor;
	const char *product;
	const char *version;
	const char *url;
	const char *interface; /* its name, "io.cxlirqd" */
	const char *description; /* its text, the .varlink file */
	const struct varlink_method *methods; /* ends with a NULL name */
};

/* Everything since the start, but for @clients. */
struct varlink_counters {
	unsigned int clients; /* connected now */
	uint64_t accepted;
	uint64_t refused; /* closed at once: there were VARLINK_CLIENTS_MAX already, or ... */
	uint64_t refused_user; /* ... no more for this one; not among @refused */
	uint64_t calls;
	uint64_t dropped_slow; /* closed: VARLINK_QUEUE_MAX or VARLINK_QUEUES_MAX */
	uint64_t protocol_errors; /* closed: what it sent was no varlink */
};

/* ---- Server ---- */

/* @event is referenced; @userdata is handed to each method. */
int varlink_server_new(sd_event *event, const struct varlink_service *service, void *userdata,
		       struct varlink_server **ret);

/* Its members always find a place: see VARLINK_CLIENTS_RESERVED. */
void varlink_server_trust_group(struct varlink_server *server, gid_t gid);

/*
 * Listens on @path, mode 0666, and makes its directory (0755) if that is missing. A socket nobody
 * listens on is replaced; one that answers is left alone (-EADDRINUSE), and so is anything that is
 * no socket (-EEXIST). The path is removed when the server is freed. A server has one listener
 * (-EBUSY).
 */
int varlink_server_listen(struct varlink_server *server, const char *path);

/* Listens on @fd, a listening socket that systemd passed. Takes @fd over, also on failure. */
int varlink_server_listen_fd(struct varlink_server *server, int fd);

/* Valid as long as the server. */
const struct varlink_counters *varlink_server_counters(const struct varlink_server *server);

/* Closes all connections; each unanswered call's gone callback runs. Returns NULL. */
struct varlink_server *varlink_server_free(struct varlink_server *server);
DEFINE_CLEANUP(struct varlink_server *, varlink_server_free);

/* ---- Server: one call ---- */

/* The client takes more than one reply. */
bool varlink_call_wants_more(const struct varlink_call *call);

/* Who calls, as of connect(). */
int varlink_call_peer(const struct varlink_call *call, struct ucred *ret);

/* 1: the caller's group or one of its supplementary groups is @gid, 0: no. */
int varlink_call_peer_in_group(const struct varlink_call *call, gid_t gid);

/* The caller is root, of the server's own user, or of the group that it trusts. */
bool varlink_call_is_trusted(const struct varlink_call *call);

/*
 * Asks to be told when the client goes away, or the server is freed, before the call was answered.
 * The callback always comes from the event loop (or varlink_server_free()), never from inside one
 * of the functions below, so a list of calls can be walked while notifying. The call is gone when
 * it returns.
 */
void varlink_call_on_gone(struct varlink_call *call,
			  void (*gone)(struct varlink_call *call, void *userdata), void *userdata);

/*
 * Sends one reply of several. @parameters, an object, is borrowed; NULL is what a failed
 * json_pack() left: -ENOMEM. Errors leave the call as it is. -EINVAL: the client did not ask for
 * more. -EMSGSIZE: longer than VARLINK_REPLY_MAX, not sent. -ENOBUFS: the reader was too slow;
 * -EPIPE: it is gone; in both cases the gone callback follows.
 */
int varlink_call_notify(struct varlink_call *call, json_t *parameters);

/* The same with an object of one member @name, whose value is the JSON text @value. */
int varlink_call_notify_text(struct varlink_call *call, const char *name, const char *value);

/*
 * Sends the last or only reply, and the call is gone. @parameters as above. On -EMSGSIZE and
 * -ENOMEM nothing was sent and the call is still there; a method just returns that.
 */
int varlink_call_reply(struct varlink_call *call, json_t *parameters);

/* The same with an error's full name: "io.cxlirqd.NoSuchDevice". @parameters NULL: it has none. */
int varlink_call_error(struct varlink_call *call, const char *error, json_t *parameters);

/* InvalidParameter, for what the method's table cannot tell: out of range, say. */
int varlink_call_invalid_parameter(struct varlink_call *call, const char *parameter);

/*
 * What becomes of a call whose method returns @error, for one that was kept: INTERFACE.Failed, or the
 * connection is closed. The call is gone, or will be.
 */
void varlink_call_fail(struct varlink_call *call, int error);

/* ---- Client ---- */

struct varlink_client;

struct varlink_reply {
	char *error; /* the error's full name; NULL: none */
	json_t *parameters; /* always an object */
	bool continues; /* more replies follow */
};
#define VARLINK_REPLY_NULL ((struct varlink_reply){})

/*
 * @timeout_us bounds the connect and then each wait for a reply; 0: no bound.
 * -ENOENT: no such socket. -ECONNREFUSED: nobody listens there. -EACCES. -ETIMEDOUT.
 * -ENAMETOOLONG: @path is longer than a socket address can be.
 */
int varlink_client_connect(const char *path, uint64_t timeout_us, struct varlink_client **ret);

void varlink_client_set_timeout(struct varlink_client *client, uint64_t timeout_us);

/* Once @fd is readable (a signalfd, say), waiting ends with -EINTR. Borrowed; -EBADF: none. */
void varlink_client_set_interrupt(struct varlink_client *client, int fd);

/* Sends a call. @parameters is borrowed; NULL: none. @more: any number of replies may come. */
int varlink_client_send(struct varlink_client *client, const char *method, json_t *parameters,
			bool more);

/*
 * Waits for the next reply; an error reply is one too. The caller frees it with
 * varlink_reply_done(). -ECONNRESET: the daemon closed the connection. -ETIMEDOUT. -EINTR.
 * -EBADMSG: what came is no varlink reply. -EMSGSIZE: it is longer than VARLINK_REPLY_MAX.
 */
int varlink_client_receive(struct varlink_client *client, struct varlink_reply *ret);

/* Both, for a method with one reply. */
int varlink_client_call(struct varlink_client *client, const char *method, json_t *parameters,
			struct varlink_reply *ret);

struct varlink_client *varlink_client_free(struct varlink_client *client);
DEFINE_CLEANUP(struct varlink_client *, varlink_client_free);

/* Leaves VARLINK_REPLY_NULL. */
void varlink_reply_done(struct varlink_reply *reply);

#endif
