/* spec.c - job specs for embedding programs: core/job with the apps of this process. */
#include <rondo/rondo.h>

#include "apps/registry.h"

int rondo_job_load(const char *path, const char *const *overrides, int32_t count,
                   struct rondo_job **job, struct rondo_error *err)
{
    return job_load(path, overrides, count, &registry_apps, job, err);
}

int rondo_job_parse(const char *text, size_t size, const char *origin, const char *base,
                    const char *const *overrides, int32_t count, struct rondo_job **job,
                    struct rondo_error *err)
{
    return job_parse(text, size, origin, base, overrides, count, &registry_apps, job, err);
}

void rondo_job_free(struct rondo_job *job)
{
    job_free(job);
}
