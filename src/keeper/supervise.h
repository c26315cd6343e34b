/* The inside of a keeper: one guest, one console, its clients, one event loop. */
#ifndef BERTH_KEEPER_SUPERVISE_H
#define BERTH_KEEPER_SUPERVISE_H

#include "base/text.h"
#include "keeper/keeper.h"
#include "keeper/protocol.h"
#include "keeper/ring.h"
#include "kern/dm.h"

#include <stdbool.h>
#include <time.h>

struct keeper;
struct event;

/* Something in the event loop. */
struct source {
	int fd; /* owned; -1: not there */
	void (*ready)(struct keeper *, struct source *);
};

/* What a client waits for decides what it is sent. */
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
	bool owner;   /* the machine is there for it alone, and is killed when it goes */
	bool blocked; /* its socket is full: waiting for room */
	bool gone;    /* the other end is closed, and what it typed is still there */
	char *typed;  /* owned; what the guest has not taken yet, or NULL */
	size_t typed_at, typed_end;
	uint64_t turn;  /* when it was typed */
	uint64_t place; /* in the ring: what it has been sent so far */
	struct client *next;
};

/* A limit that the guest may run into, as its group counts. */
enum hit_kind { HIT_MEMORY, HIT_PIDS, HIT_KINDS };

struct hit {
	struct source source; /* first, so that the loop's source is the hit */
	uint64_t count;       /* as it was told last */
	time_t told;          /* when, by the boot-time clock; 0: not yet */
};

/* The watch over the dnsmasq of the machine's network; see names.c. */
struct names {
	char network[96];      /* its folder below RUN, from the run folder; "" = none */
	struct source turn;    /* of a keeper that does not watch: hangs up when none does */
	int lock;              /* of the keeper that watches, as all that follows */
	struct source server;  /* dnsmasq */
	struct source changes; /* of the folder, and of what leads to the name servers */
	struct source helper;  /* `berth _serve` */
	struct source timer;   /* when to run it */
	int folder;            /* its descriptor among the changes */
	char *servers;         /* owned; the file that has them */
	int64_t seen;          /* since when dnsmasq is known */
	int pause;             /* the last one before a start, ms */
	bool failed;           /* the last start */
};

struct keeper {
	struct keeper_plan plan;
	int epoll;
	int run;    /* the run folder */
	int cgroup; /* the guest's */
	int log;    /* console.log */
	uint64_t log_bytes;
	struct hit hits[HIT_KINDS];
	struct source guest, console, notify, control, timer, signals, space;
	pid_t init; /* of the guest that runs */
	struct source
		ask; /* when to look again whether its init hears the halt signal; see halt.c */
	bool asked;  /* the signal was sent */
	unsigned looks;
	struct source answer; /* of the helper that makes the next guest; see respawn.c */
	pid_t helper;         /* 0: none is at work */
	int helper_pidfd;
	struct dm dm;   /* open if space.fd is, which is its descriptor */
	bool space_low; /* there is little room in the pool */
	struct names names;
	int64_t space_due; /* when to look again, in ms of the monotonic clock; 0: when told */
	struct ring ring;
	struct client *clients;
	bool deaf; /* so many clients that there is no descriptor for one more */
	uint64_t turns;
	bool booted;
	bool halting;       /* a stop was asked for: a reboot then ends the machine too */
	bool killed;        /* we did it */
	char tail[32];      /* last console bytes, to see a login prompt cut in two */
	int64_t reboots[5]; /* when the latest ones were without a boot between, ms, a ring */
	unsigned reboot_count;
	int64_t reboot_credit,
		credited;  /* what is left before a reboot has to wait, ms; and when */
	bool waiting;      /* for the next guest: there is none */
	const char *again; /* the event that tells of that one's start */
	unsigned restarts; /* tries in a row */
	time_t began;      /* when the guest that runs was started, by the boot-time clock */
	bool done;
	enum ended ended;
	char how[128];
};

/* supervise.c: the guest's life. Returns the exit status of the process. */
int keeper_run(struct keeper *keeper);
void keeper_watch(struct keeper *keeper, struct source *source, uint32_t events);
/* Not in the loop any more, and closed. */
void keeper_unwatch(struct keeper *keeper, struct source *source);
void keeper_set_booted(struct keeper *keeper);
/* A file of that name in the run folder, for those who only look: "booted", "halting", "waiting". */
void keeper_mark(struct keeper *keeper, const char *name);

/* Writes down what happened to the machine. */
void keeper_tell(struct keeper *keeper, struct event *event);
/* Tells of an end that is not the machine's, since it is started again. */
void keeper_tell_end(struct keeper *keeper, enum ended ended, const char *how);
/* The next guest is there. */
void keeper_adopt(struct keeper *keeper, const int fds[RESPAWN_FDS]);
/* There is no guest any more: the restart policy has its say, or it is the machine's end. */
void keeper_after(struct keeper *keeper, enum ended ended, const char *how);
void keeper_end(struct keeper *keeper, enum ended ended, const char *how);
/* No guest: nothing of the last one is watched or held open. */
void keeper_let_go(struct keeper *keeper);

/*
 * halt.c: keeper_halt asks the guest to halt and kills it when the time is over; keeper_kill does so at once.
 * Both may come at any time. halt_ask sends the signal, when its init will take it.
 */
void keeper_halt(struct keeper *keeper, unsigned seconds);
void keeper_kill(struct keeper *keeper);
void halt_ask(struct keeper *keeper);

/* restart.c: the restart policy. True when the guest's end is not the machine's: it waits for its next. */
bool restart_later(struct keeper *keeper, enum ended ended, const char *how);
void restart_now(struct keeper *keeper);
/* The guest has asked for a reboot. begin: once, for the brake. */
void restart_reboot(struct keeper *keeper);
void restart_begin(struct keeper *keeper);

/*
 * respawn.c: begin ends in keeper_adopt or keeper_after, unless it is killed before; late: it has had its
 * time.
 */
void respawn_begin(struct keeper *keeper);
void respawn_kill(struct keeper *keeper);
void respawn_late(struct keeper *keeper);
static inline bool respawn_runs(const struct keeper *keeper)
{
	return keeper->helper > 0;
}

/* finish.c: the clean-up after the last guest, and the end of all clients. */
void finish_run(struct keeper *keeper, const char *outcome);

/*
 * space.c: whether the pool has room. watch: from the start on, after an event of a device. check: each
 * time that the loop wakes up, which is to be after space_timeout() milliseconds, -1 (when something
 * happens) while the kernel will tell.
 */
void space_watch(struct keeper *keeper);
void space_check(struct keeper *keeper);
int space_timeout(const struct keeper *keeper);

/* names.c: the dnsmasq of its network. From the start on, and again for each guest. */
void names_watch(struct keeper *keeper);
/* Another keeper's turn. */
void names_close(struct keeper *keeper);

/* One of berth's own verbs for this machine, as argv. */
void keeper_verb(struct keeper *keeper, const char *verb, const char *word, const char *last,
		 const char *argv[8]);

/* output.c: from the console to the ring, the log, and whoever looks. */
int output_open(struct keeper *keeper);
void output_ready(struct keeper *keeper, struct source *source);
void output_drain(struct keeper *keeper);

/* hits.c: limits that the guest runs into. Opened anew for each guest. */
void hits_open(struct keeper *keeper);
void hits_look(struct keeper *keeper);
void hits_close(struct keeper *keeper);

/* peer.c: adds "process 12 of user 'ann' at pts/3", as far as that can be found out. */
void peer_words(int socket, struct text *words);

/* clients.c: the control socket. */
void clients_accept(struct keeper *keeper, struct source *source);
void clients_send_output(struct keeper *keeper);
/* What the guest has not taken of what was typed, as far as it does now; or never, since it has ended. */
void clients_type(struct keeper *keeper);
/* Anew, so that what is ready now is an edge: its output, and its room for whom it has kept waiting. */
void clients_watch_console(struct keeper *keeper);
void clients_untype(struct keeper *keeper);
void clients_tell(struct keeper *keeper, enum protocol_type type);
void clients_tell_halting(struct keeper *keeper, unsigned seconds);
/* The guest that some wait for is there, or it will not be. */
void clients_give_guest(struct keeper *keeper);
/* Takes those who came while its end was cleaned up after: their path is gone by now. */
void clients_take_late(struct keeper *keeper);
void clients_close(struct keeper *keeper);

#endif
