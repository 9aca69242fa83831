#include "service/fault.h"

static const struct {
    unsigned status;
    const char *code;
} faults[FAULTS] = {
    [FAULT_NONE] = { 200, "" },
    [FAULT_BAD_PATH] = { 400, "bad_path" },
    [FAULT_BAD_QUERY] = { 400, "bad_query" },
    [FAULT_BAD_JSON] = { 400, "bad_json" },
    [FAULT_BAD_SPEC] = { 400, "bad_spec" },
    [FAULT_RELATIVE_PATH] = { 400, "relative_path" },
    [FAULT_NO_DATA] = { 400, "no_data" },
    [FAULT_UNAUTHORIZED] = { 401, "unauthorized" },
    [FAULT_OUTSIDE] = { 403, "outside_roots" },
    [FAULT_FOREIGN_HOST] = { 403, "foreign_host" },
    [FAULT_FOREIGN_ORIGIN] = { 403, "foreign_origin" },
    [FAULT_NOT_FOUND] = { 404, "not_found" },
    [FAULT_VERSION] = { 404, "other_version" },
    [FAULT_NO_TRACE] = { 404, "no_trace" },
    [FAULT_METHOD] = { 405, "method_not_allowed" },
    [FAULT_ENDED] = { 409, "already_ended" },
    [FAULT_RUNNING] = { 409, "not_ended" },
    [FAULT_LENGTH] = { 411, "length_required" },
    [FAULT_TOO_LARGE] = { 413, "too_large" },
    [FAULT_URI] = { 414, "uri_too_long" },
    [FAULT_INTERNAL] = { 500, "internal" },
    [FAULT_JOBS] = { 503, "too_many_jobs" },
    [FAULT_FOLLOWERS] = { 503, "too_many_followers" },
    [FAULT_DISK] = { 507, "disk" },
};

unsigned fault_status(enum fault fault)
{
    return faults[fault].status;
}

const char *fault_code(enum fault fault)
{
    return faults[fault].code;
}
