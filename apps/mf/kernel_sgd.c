/* kernel_sgd.c - plain loops. */
#include "kernel.h"

#include <math.h>

#define NAME2(a, b) a##b
#define NAME1(a, b) NAME2(a, b)
#define TEXT1(a) #a
#define TEXT(a) TEXT1(a)

static float score(const struct sgd_rule *r, const float *p, const float *q, const struct pace *a, const struct pace *b)
{
    float s[16] = { 0 }, sum = 0;
    for (int32_t k = 0; k < r->stride; k += 16)
        for (int32_t l = 0; l < 16; l++)
            s[l] += p[k + l] * q[k + l];
    for (int l = 0; l < 16; l++)
        sum += s[l];
    return r->biases ? sum + r->mean + a->bias + b->bias : sum;
}

static double visit(const struct sgd_rule *r, const struct tile *t, const struct side *rows, const struct side *cols)
{
    double squares = 0;
    const struct entry *e = t->entry;
    for (int64_t i = 0; i < t->runs; i++) {
        float *p = rows->row + (int64_t)t->run[i].row * r->stride;
        struct pace *a = &rows->pace[t->run[i].row];
        for (int32_t j = 0; j < t->run[i].count; j++, e++) {
            float *q = cols->row + (int64_t)e->col * r->stride;
            struct pace *b = &cols->pace[e->col];
            float d = e->value - score(r, p, q, a, b);
            squares += (double)d * (double)d;
            int32_t slow = 1, last = r->rank;
            for (int half = 0; half < 2; half++) {
                int32_t from = half ? slow : 0, to = half ? last : slow;
                if (from >= to)
                    continue;
                float *ga = half ? &a->fast : &a->slow, *gb = half ? &b->fast : &b->slow;
                float ea = r->rate / sqrtf(*ga), eb = r->rate / sqrtf(*gb), sa = 0, sb = 0;
                for (int32_t k = from; k < to; k++) {
                    float x = d * q[k] - r->lambda * p[k], y = d * p[k] - r->lambda * q[k];
                    sa += x * x;
                    sb += y * y;
                    p[k] += ea * x;
                    q[k] += eb * y;
                    if (r->nonnegative) {
                        p[k] = fmaxf(p[k], 0);
                        q[k] = fmaxf(q[k], 0);
                    }
                }
                *ga += sa / (float)(to - from);
                *gb += sb / (float)(to - from);
            }
            if (r->biases) {
                float x = d - r->lambda_bias * a->bias, y = d - r->lambda_bias * b->bias;
                a->bias += r->rate / sqrtf(a->bias_sum) * x;
                b->bias += r->rate / sqrtf(b->bias_sum) * y;
                a->bias_sum += x * x;
                b->bias_sum += y * y;
            }
        }
    }
    return squares;
}

static double squares(const struct sgd_rule *r, const struct tile *t, const struct side *rows, const struct side *cols)
{
    double sum = 0;
    const struct entry *e = t->entry;
    for (int64_t i = 0; i < t->runs; i++)
        for (int32_t j = 0; j < t->run[i].count; j++, e++) {
            float d = e->value
                      - score(r, rows->row + (int64_t)t->run[i].row * r->stride, cols->row + (int64_t)e->col * r->stride,
                              &rows->pace[t->run[i].row], &cols->pace[e->col]);
            sum += (double)d * (double)d;
        }
    return sum;
}

static double penalty(const struct sgd_rule *r, const struct side *side, const float *weight, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        float n = 0;
        for (int32_t k = 0; k < r->stride; k++)
            n += side->row[i * r->stride + k] * side->row[i * r->stride + k];
        sum += (double)weight[i] * ((double)r->lambda * (double)n + (double)r->lambda_bias * (double)side->pace[i].bias * (double)side->pace[i].bias);
    }
    return sum;
}

extern const struct sgd_kernel NAME1(sgd_kernel_, KERNEL_ISA);
const struct sgd_kernel NAME1(sgd_kernel_, KERNEL_ISA) = { "x86-64-" TEXT(KERNEL_ISA), visit, squares, penalty };
