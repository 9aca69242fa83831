/* fault.h - what the service refuses, by name.
 *
 * Place:   service, floor 4, inside; docs/formats/http.md lists them with their statuses.
 * Threads: safe, a constant table.
 * Memory:  none.
 */
#ifndef FAULT_H
#define FAULT_H

enum fault {
    FAULT_NONE,
    FAULT_BAD_PATH,
    FAULT_BAD_QUERY,
    FAULT_BAD_JSON,
    FAULT_BAD_SPEC,
    FAULT_RELATIVE_PATH,
    FAULT_NO_DATA,
    FAULT_UNAUTHORIZED,
    FAULT_OUTSIDE,
    FAULT_FOREIGN_HOST,
    FAULT_FOREIGN_ORIGIN,
    FAULT_NOT_FOUND,
    FAULT_VERSION,
    FAULT_NO_TRACE,
    FAULT_METHOD,
    FAULT_ENDED,
    FAULT_RUNNING,
    FAULT_LENGTH,
    FAULT_TOO_LARGE,
    FAULT_URI,
    FAULT_INTERNAL,
    FAULT_JOBS,
    FAULT_FOLLOWERS,
    FAULT_DISK,
    FAULTS,
};

/* The HTTP status, and the word that stands in the reply. */
unsigned fault_status(enum fault fault);
const char *fault_code(enum fault fault);

#endif
