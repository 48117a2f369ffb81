/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Another process that writes /proc/irq/N/smp_affinity_list for the daemon, which may not: the files
 * are root's. It is root's, too, has no capability, knows only this, and ends when its socket does.
 * Either systemd starts it on demand (cxlirqd-affinity.socket), or the daemon has forked it while it
 * was root.
 *
 * Answers come by the event loop. None of the functions logs.
 */
#ifndef CXLIRQD_AFFINITY_WRITER_H
#define CXLIRQD_AFFINITY_WRITER_H

#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include <cxlirqd/cleanup.h>

#define AFFINITY_CPUS_MAX 1024 /* of a list of CPUs, with its end */
#define AFFINITY_PENDING_MAX 4096 /* requests that are not answered yet */
/* Where systemd listens for it (cxlirqd-affinity.socket), which passes that socket by this name */
#define AFFINITY_SOCKET "/run/cxlirqd/affinity"
#define AFFINITY_SOCKET_NAME "affinity"

struct affinity_writer;

/*
 * @error: 0, or a negative errno: what the write gave (-EPERM, -EIO: a managed interrupt; -EINVAL: none
 * of the CPUs is online), -ENOENT: no such interrupt, -EPIPE: the process has ended, -ETIMEDOUT: no
 * answer within 5 s, or 30 s if it had to be started (it may still be written), -EACCES: who answers there is not root's, -EPROTO: or
 * not the process of this daemon's version.
 */
typedef void (*affinity_written_fn)(uint32_t irq, const char *cpus, int error, void *userdata);

/*
 * @path: where systemd listens for it; NULL: forked from this process, which must be root and should
 * have filled no memory and opened no files yet (-EPERM: it is not root). With a path nothing is
 * connected to before the first request, and nothing is when there was nothing to ask for 10 s. @event
 * is referenced. @written is called for each request that was taken, in their order, from the loop; it
 * may ask for more, and must not free the writer.
 */
int affinity_writer_new(sd_event *event, const char *path, affinity_written_fn written,
			void *userdata, struct affinity_writer **ret);
/* Requests that are not answered are forgotten. Takes NULL, returns NULL. */
struct affinity_writer *affinity_writer_free(struct affinity_writer *writer);
DEFINE_CLEANUP(struct affinity_writer *, affinity_writer_free);

/*
 * The process that writes, as the kernel tells it (SO_PASSCRED), so that the guard lets it pass: it is
 * known before anything is written. Called when that changes, and right now if it is known; 0: there is
 * none.
 */
typedef void (*affinity_process_fn)(pid_t pid, void *userdata);
void affinity_writer_on_process(struct affinity_writer *writer, affinity_process_fn process,
				void *userdata);

/*
 * Asks for it; @cpus: a list as the kernel reads it ("0-3,8"). 0: @written will be called. -ENOBUFS:
 * AFFINITY_PENDING_MAX wait already. -E2BIG: the list is too long. -EINVAL: it is none. -ENOENT,
 * -ECONNREFUSED and so on: there is nobody to ask; -EPIPE: the forked one has ended.
 */
int affinity_writer_set(struct affinity_writer *writer, uint32_t irq, const char *cpus);

/*
 * The process's own side: serves requests that come over the listening socket @fd (from systemd), each
 * connection of user @uid or root; ends when nobody has been connected for 30 s. Negative errno.
 */
int affinity_writer_serve(int fd, uid_t uid);
/* Whom the file of the listening socket @fd belongs to: who may connect. Negative errno. */
int affinity_writer_owner(int fd, uid_t *ret);

#endif
