#include "core/net/watch.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { AT_ONCE = 16 };

static struct {
    pthread_mutex_t lock;
    bool begun;            /* guarded by lock, as is ... */
    int epoll, alarm;      /* written once, before the thread begins */
    struct watch *retired; /* ... this: epoll knows of them no more */
} the = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Behind a turn: what was retired before the turn's end is in no later one. */
static void let_go(void)
{
    pthread_mutex_lock(&the.lock);
    struct watch *watch = the.retired;
    the.retired = NULL;
    pthread_mutex_unlock(&the.lock);
    while (watch) {
        struct watch *next = watch->next;
        watch->gone(watch);
        watch = next;
    }
}

static void *watch_on(void *context RONDO_UNUSED)
{
    struct epoll_event event[AT_ONCE];
    for (;;) {
        int count = epoll_wait(the.epoll, event, AT_ONCE, -1);
        for (int i = 0; i < count; i++) {
            struct watch *watch = event[i].data.ptr;
            uint64_t rings;
            if (watch)
                watch->ready(watch, event[i].events);
            else if (read(the.alarm, &rings, sizeof rings) < 0)
                continue; /* it was read before */
        }
        let_go();
    }
    return NULL;
}

bool watch_thread(void *(*run)(void *context), void *context)
{
    sigset_t all, old;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    bool failed = pthread_create(&thread, NULL, run, context) != 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!failed)
        pthread_detach(thread);
    return !failed;
}

/* Under the lock. */
static bool begin(void)
{
    struct epoll_event event = { .events = EPOLLIN };
    the.epoll = epoll_create1(EPOLL_CLOEXEC);
    the.alarm = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    the.begun = the.epoll >= 0 && the.alarm >= 0
                && epoll_ctl(the.epoll, EPOLL_CTL_ADD, the.alarm, &event) == 0 && watch_thread(watch_on, NULL);
    if (!the.begun && the.epoll >= 0)
        close(the.epoll);
    if (!the.begun && the.alarm >= 0)
        close(the.alarm);
    return the.begun;
}

int watch_open(struct watch *watch)
{
    struct epoll_event event = { .events = EPOLLONESHOT, .data.ptr = watch };
    pthread_mutex_lock(&the.lock);
    bool begun = the.begun || begin();
    pthread_mutex_unlock(&the.lock);
    return begun && epoll_ctl(the.epoll, EPOLL_CTL_ADD, watch->fd, &event) == 0 ? RONDO_OK
                                                                               : RONDO_ENOMEM;
}

void watch_arm(struct watch *watch, uint32_t events)
{
    struct epoll_event event = { .events = events | EPOLLONESHOT, .data.ptr = watch };
    epoll_ctl(the.epoll, EPOLL_CTL_MOD, watch->fd, &event);
}

void watch_retire(struct watch *watch)
{
    uint64_t ring = 1;
    epoll_ctl(the.epoll, EPOLL_CTL_DEL, watch->fd, NULL);
    pthread_mutex_lock(&the.lock);
    watch->next = the.retired;
    the.retired = watch;
    pthread_mutex_unlock(&the.lock);
    while (write(the.alarm, &ring, sizeof ring) < 0) /* it was rung 2^64 times, or a signal came */
        ;
}
