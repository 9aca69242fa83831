#include "service/share.h"

void share_out(struct share *jobs, int32_t count, int32_t workers)
{
    bool any = true;
    for (int32_t i = 0; i < count; i++)
        jobs[i].part = 0;
    while (any && workers > 0) {
        any = false;
        for (int32_t i = 0; i < count && workers > 0; i++)
            if (jobs[i].part < jobs[i].most) {
                jobs[i].part++;
                workers--;
                any = true;
            }
    }
}
