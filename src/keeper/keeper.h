/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A keeper: one process that owns one guest, its console, and the control socket of its machine, in one event loop.
 * This header is for the files of berth-keeper alone, in the order of their floors: a file calls those above it here.
 * What other layers need stands in keeper_plan.h, protocol.h, and event.h.
 */
#ifndef BERTH_KEEPER_KEEPER_H
#define BERTH_KEEPER_KEEPER_H

#include "base/text.h"
#include "keeper/keeper_plan.h"
#include "keeper/protocol.h"
#include "keeper/ring.h"
#include "kern/dm.h"

#include <stdbool.h>
#include <time.h>

struct keeper;
struct event;

/* A descriptor in the event loop, and its handler. */
struct source {
	int fd; /* owned; -1: not there */
	void (*ready)(struct keeper *, struct source *);
};

/* The end that a client waits for; it decides which messages the client is sent. */
enum client_role {
	CLIENT_NEW,
	CLIENT_WAITS_GUEST,
	CLIENT_ENTERS,
	CLIENT_WAITS_BOOT,
	CLIENT_WAITS_END,
	CLIENT_CONSOLE
};

struct client {
	struct source source; /* first, so that the loop's source is the client */
	enum client_role role;
	bool writer;
	bool owner;   /* the guest is killed when this client goes */
	bool blocked; /* its socket is full: waiting for room */
	bool gone;    /* the other end is closed, but the guest has not taken all that it typed */
	char *typed;  /* owned; what the guest has not taken yet, or NULL */
	size_t typed_at, typed_end;
	uint64_t turn;  /* the order in which clients came to the console */
	uint64_t place; /* in the ring: how much of the output it has been sent */
	struct client *next;
};

/* A limit of the guest's cgroup, whose hits the kernel counts. */
enum hit_kind { HIT_MEMORY, HIT_PIDS, HIT_KINDS };

struct hit {
	struct source source; /* first, so that the loop's source is the hit */
	uint64_t count;       /* when an event was last written */
	time_t told;          /* when that was, by the boot-time clock; 0: not yet */
};

/* The watch over the dnsmasq of the machine's network; see dnsmasq.c. */
struct dnsmasq {
	char network[96];     /* its folder below RUN, from the run folder; "": none */
	struct source turn;   /* while another keeper watches: hangs up when that one ends */
	int lock;             /* of the keeper that watches; the rest is also for that one alone */
	struct source server; /* the pidfd of dnsmasq */
	struct source
		changes; /* of the folder, and of the links that lead to the list of name servers */
	struct source helper; /* `berth _serve` */
	struct source timer;  /* when to run it */
	int folder;           /* the folder's descriptor among the changes */
	char *servers;        /* owned; the file with the list of name servers */
	int64_t seen;         /* since when dnsmasq is known */
	int pause;            /* the last one before a start, ms */
	bool failed;          /* the last start */
};

/* A thin pool that the machine writes to. */
struct watched_pool {
	char name[64];
	char device[128];
	char file[PATH_MAX]; /* the file that is the pool, sparse or not; "": no file */
	bool low;            /* there is little room in it */
	int64_t due;         /* when to look again, ms of the monotonic clock; 0: when told */
	struct watched_pool *next;
};

/* The use of the machine, in ms of the monotonic clock; see idle.c. */
struct idle {
	int64_t used;   /* the last one that was seen */
	int64_t looked; /* the last look */
	int64_t due;    /* the next look; 0: desktop.idle is never */
	uint64_t spent; /* at the last look, microseconds of processors */
};

struct keeper {
	struct keeper_plan plan;
	int epoll;
	int run;    /* the run folder */
	int cgroup; /* the guest's */
	struct source guest, console, notify, control, timer, signals;
	pid_t init; /* of the guest that runs */

	/* output.c */
	int log; /* console.log */
	uint64_t log_bytes;
	struct ring ring;
	char tail[32]; /* the last bytes of output, for a login prompt that two reads cut */

	/* clients.c */
	struct client *clients;
	bool deaf; /* no descriptor is free for one more client */
	uint64_t turns;

	/* halt.c */
	struct source ask; /* when to look again whether init hears the halt signal */
	bool asked;        /* the signal was sent */
	unsigned looks;

	/* respawn.c */
	struct source answer; /* of the helper that makes the next guest */
	pid_t helper;         /* 0: none is at work */
	int helper_pidfd;

	/* restart.c */
	unsigned restarts;  /* tries in a row */
	int64_t reboots[5]; /* when the latest ones were without a boot between, ms, a ring */
	unsigned reboot_count;
	int64_t reboot_credit,
		credited; /* what is left before a reboot has to wait, ms; and when */
	time_t began;     /* when the guest that runs was started, by the boot-time clock */

	/* pool_space.c */
	struct watched_pool *pools; /* owned */
	struct source space;
	struct dm dm; /* open if space.fd is, which is its descriptor */

	struct idle idle;
	struct hit hits[HIT_KINDS];
	struct dnsmasq dnsmasq;

	/* the guest's life */
	bool booted;
	bool halting;       /* a stop was asked for: a reboot then ends the machine too */
	bool killed;        /* by the keeper */
	bool waiting;       /* for the next guest: there is none */
	const char *again;  /* the event that the next guest's start is written as */
	unsigned followers; /* guests after the first one */
	bool done;
	enum ended ended;
	char how[128];
};

/* loop.c: the event loop. */
void event_loop_watch(struct keeper *keeper, struct source *source, uint32_t events);
/* Other events for a source that is watched. */
void event_loop_change(struct keeper *keeper, struct source *source, uint32_t events);
/* The source stays open. */
void event_loop_ignore(struct keeper *keeper, const struct source *source);
/* Takes the source out of the loop and closes it. Nothing, if it is not open. */
void event_loop_close(struct keeper *keeper, struct source *source);
/* Waits for one event, at most so many milliseconds (-1: for ever). The source that is ready, or NULL. */
struct source *event_loop_wait(struct keeper *keeper, int milliseconds);

/* record.c: what commands learn by looking: files in the run folder, and events. */
/* An empty file in the run folder: "booted", "halting", "waiting". */
void record_mark(struct keeper *keeper, const char *name);
/* A file with a number, which only grows: "restarts". */
void record_count(struct keeper *keeper, const char *name, unsigned count);
/* The file "finished": how the last guest ended, before the clean-up, which another command may have to do. */
void record_finished(struct keeper *keeper);
void record_event(struct keeper *keeper, struct event *event);
/* An event that has nothing but its name. */
void record_name(struct keeper *keeper, const char *name);
/* The end of a guest that is started again. */
void record_end(struct keeper *keeper, enum ended ended, const char *how);
const char *record_outcome(enum ended ended);

/*
 * verb.c: executes `berth VERB NAME [word [last]]` in the calling process, a child of the keeper's, with the signals as
 * a program expects them.
 */
__attribute__((noreturn)) void verb_exec(const struct keeper *keeper, const char *verb,
					 const char *word, const char *last);

/* peer.c: adds "process 12 of user 'ann' at pts/3", as far as that can be found out. */
void peer_words(int socket, struct text *words);

/* clients.c: the connected clients, and what they are sent. */
void client_drop(struct keeper *keeper, struct client *client);
/* A client that does not read its answers loses them. */
void client_say(struct client *client, enum protocol_type type, uint32_t value, const char *text);
/* Whether the guest has not taken all that it typed. */
static inline bool client_has_typed(const struct client *client)
{
	return client->typed_at < client->typed_end;
}
/* Whether the other end is closed. */
bool client_has_gone(struct client *client);
/* Asks the loop for the events that fit the client's state. */
void client_watch(struct keeper *keeper, struct client *client);
/* Sends what the client has not seen of the output, until its socket is full. */
void client_send_output(struct keeper *keeper, struct client *client);
void clients_send_output(struct keeper *keeper);
/* SAY_BOOTED or SAY_ENDED, to each client that waits for it. */
void clients_tell(struct keeper *keeper, enum protocol_type type);
void clients_tell_halting(struct keeper *keeper, unsigned seconds);
/* The client that may write to the console, or NULL. */
struct client *clients_writer(struct keeper *keeper);
/* Bounds the clients that have gone while the guest has not taken what they typed. */
void clients_forget_gone(struct keeper *keeper);
void clients_close(struct keeper *keeper);

/* input.c: what clients type, held until the guest takes it. */
void input_write(struct keeper *keeper, struct client *client, const char *data, size_t n);
/* The client whose held input is next, or NULL. */
struct client *input_next(struct keeper *keeper);
/* Gives the guest of what a client typed as much as it takes now. Whether that was all. */
bool input_give(struct keeper *keeper, struct client *client);
/* Watches the console anew, so that output and room that are there already make an edge. */
void input_watch_console(struct keeper *keeper);
/* The guest has ended: it takes nothing any more. */
void input_forget(struct keeper *keeper);

/* hits.c: limits that the guest runs into. Opened anew for each guest. */
void hits_open(struct keeper *keeper);
void hits_look(struct keeper *keeper);
void hits_close(struct keeper *keeper);

/* pools.c: reads anew which thin pools the machine writes to. */
void pools_read(struct keeper *keeper);

/* pool_space.c: whether these pools have room. */
/* Called for each guest, and when the machine's volumes have changed. Looks after each event of a device. */
void space_watch(struct keeper *keeper);
/* To be called each time that the loop wakes up. */
void space_check(struct keeper *keeper);
/* The time until the loop has to wake up for this, in milliseconds; -1: no time, because the kernel reports events. */
int space_timeout(const struct keeper *keeper);

/* idle.c: whether the machine is used. Called for each guest. */
void idle_watch(struct keeper *keeper);
/* To be called each time that the loop wakes up. */
void idle_check(struct keeper *keeper);
/* The time until the loop has to wake up for this, in milliseconds; -1: no time. */
int idle_timeout(const struct keeper *keeper);

/* dnsmasq.c: the watch over the network's dnsmasq. */
/* Called for each guest, because its machine may be on another network than before. */
void dnsmasq_watch(struct keeper *keeper);
/* Lets another keeper watch. */
void dnsmasq_leave(struct keeper *keeper);

/* halt.c: signals to the guest's init. */
void halt_send(struct keeper *keeper, int number);
/* Sends the halt signal as soon as init will take it. */
void halt_ask(struct keeper *keeper);

/* respawn.c: the helper that makes the next guest. */
static inline bool respawn_runs(const struct keeper *keeper)
{
	return keeper->helper > 0;
}
/* Starts the helper and sets the timer. The loop calls keeper->answer.ready when it has answered. */
int respawn_begin(struct keeper *keeper, struct err *err);
/* The helper's answer: the descriptors of the guest, which the caller owns, or its failure. */
int respawn_take(struct keeper *keeper, int fds[RESPAWN_FDS], struct err *err);
/* Kills the helper and what it has made. */
void respawn_kill(struct keeper *keeper);
/* The same, of a helper that was too slow. */
int respawn_late(struct keeper *keeper, struct err *err);

/* life.c: changes in the guest's life that come from outside or from the guest, at any time. */
void keeper_set_booted(struct keeper *keeper);
/* Asks the guest to halt, and kills it when the time is over. */
void keeper_halt(struct keeper *keeper, unsigned seconds);
void keeper_kill(struct keeper *keeper);
/* The machine's end: the loop ends. */
void keeper_end(struct keeper *keeper, enum ended ended, const char *how);
/* Closes the objects of the last guest, when there is no guest. */
void keeper_let_go(struct keeper *keeper);

/* requests.c: the control socket. */
void requests_accept(struct keeper *keeper, struct source *source);
/* Gives the guest what clients have typed; then reads on from each client whose input was taken. */
void requests_type(struct keeper *keeper);
/* The next guest is there, or will not be: answers the clients that wait for it. */
void requests_give_guest(struct keeper *keeper);
/* Accepts the clients that connected during the clean-up. */
void requests_take_late(struct keeper *keeper);

/* output.c: from the console to the ring, the log, and the clients. */
int output_open(struct keeper *keeper);
void output_ready(struct keeper *keeper, struct source *source);
void output_drain(struct keeper *keeper);

/* restart.c: the restart policy. Decides only. */
enum { RESTART_NEVER = -1 };
void restart_begin(struct keeper *keeper);
/* The guest has ended: the pause before the next one, ms, or RESTART_NEVER. */
int64_t restart_after(struct keeper *keeper, enum ended ended, const char *how);
/* The guest reboots: the pause before the next one, ms, or RESTART_NEVER for a guest that never comes up. */
int64_t restart_reboot(struct keeper *keeper);

/* finish.c: the clean-up after the last guest, and the end of all clients. */
void finish_run(struct keeper *keeper, const char *outcome);

/* supervise.c: the guest's life after its start. Returns the exit status of the process. */
int keeper_run(struct keeper *keeper);

#endif
