#include <rondo/err.h>

#include <stdarg.h>
#include <stdio.h>

int rondo_error_set(struct rondo_error *err, int code, const char *where, const char *hint,
                    const char *what, ...)
{
    if (!err || err->code)
        return code;
    va_list args;
    va_start(args, what);
    err->code = code;
    snprintf(err->where, sizeof err->where, "%s", where ? where : "");
    vsnprintf(err->what, sizeof err->what, what, args);
    snprintf(err->hint, sizeof err->hint, "%s", hint ? hint : "");
    va_end(args);
    return code;
}

const char *rondo_strerror(int code)
{
    switch (code) {
    case RONDO_OK: return "no error";
    case RONDO_ENOMEM: return "out of memory";
    case RONDO_EINPUT: return "bad input";
    case RONDO_EIO: return "input or output failed";
    case RONDO_EAPP: return "the app failed";
    case RONDO_ESTATE: return "the saved state does not fit";
    case RONDO_ECANCELED: return "cancelled";
    case RONDO_EWORKERS: return "no worker is left";
    case RONDO_EREFUSED: return "no coordinator, or it refused";
    default: return "unknown error";
    }
}
