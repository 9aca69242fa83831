/* roster_i.h - the roster's parts, seen by its own files alone.
 *
 * Place:   service, floor 4, private: roster.c, deal.c, crew.c.
 * Threads: all of it is guarded by roster.mutex.
 * Memory:  a member lives as long as its connection, a crew as long as its job.
 */
#ifndef ROSTER_I_H
#define ROSTER_I_H

#include "core/net/remote.h"
#include "core/wire/session.h"
#include "service/roster.h"
#include "service/supply.h"

#include <pthread.h>

enum { CREWS_MOST = 256 }; /* service_options.jobs is no more */

enum member_state { MEMBER_IDLE, MEMBER_OPENING, MEMBER_READY, MEMBER_WORKING, MEMBER_CLOSING };

/* A worker process. */
struct member {
    struct roster *roster;
    struct conn *conn;
    struct frame_who who;
    int64_t number;       /* 1, 2, ... in the order of arrival */
    double since;         /* seconds since 1970: in this state */
    enum member_state state;
    bool leaving;         /* it asked to go */
    bool recalled;        /* its job was asked to let it go */
    bool fetches;         /* it was told not to look for this job's files itself */
    uint32_t session;     /* 0: none */
    struct crew *crew;    /* NULL: none, or CLOSING */
    uint64_t fingerprint; /* READY */
    int32_t seats, released;
    /* Jobs that have a crew and that it cannot serve: -ID; or whose files it has to fetch: ID. */
    int64_t note[CREWS_MOST];
    int32_t notes;
    struct member *next;
};

struct crew {
    struct roster *roster;
    struct crew_options options;
    char *key[SESSION_FILES], *path[SESSION_FILES], *spec;
    struct session_open open;  /* points into those */
    struct remote_hub *remote; /* the job's thread's own */
    struct remote_hub *hub;    /* the same while rounds go on, else NULL */
    uint64_t fingerprint;     /* once there is a hub */
    bool over;                /* the job's rounds are over: it is dealt no more workers */
    int32_t failed;           /* code of ... */
    char trouble[256];        /* ... why the last worker could not serve; "" */
    struct crew *next;        /* by priority, then arrival */
};

struct roster {
    struct roster_options options;
    struct gate *gate;
    struct supply *supply;
    pthread_mutex_t mutex;
    pthread_cond_t moved; /* a member changed its state */
    struct member *members;
    struct crew *crews;
    int64_t arrivals;
    uint32_t sessions;
    int64_t lost; /* workers that were cut off while they worked */
    _Atomic int64_t rounds; /* committed by all jobs; relaxed, a counter */
};

void roster_move(struct member *member, enum member_state state);
bool roster_noted(const struct member *member, int64_t note);
void roster_note(struct member *member, int64_t note);   /* instead of what there is of that job */
void roster_forget(struct member *member, int64_t job);
/* Is anybody here who can serve it, as far as is known? */
bool roster_fits(const struct roster *roster, const struct crew *crew);

/* ---- deal.c: after every change, with the lock */
void deal(struct roster *roster);

/* ---- crew.c, with the lock */
int crew_open(struct crew *crew, struct member *member);       /* IDLE -> OPENING */
void crew_ready(struct member *member);                        /* READY said: seat it, or send it off */
void crew_dismiss(struct member *member);                      /* any with a crew -> CLOSING */
void crew_recall(struct member *member);                       /* WORKING: when it costs nothing */
void crew_lost(struct member *member);                         /* the connection has closed */
void crew_unfit(struct member *member, int code, const char *why);

#endif
