/* kernel.c - compiled once for each x86-64 level (cmake/kernels.cmake).
 *
 * Dense loops run over 8-lane vectors, two accumulators a column: lane l sums the rows
 * i = l (mod 16), the tail is summed last, one by one.
 */
#include "kernel.h"

#include "lanes.h"

#include <string.h>

typedef double quad __attribute__((vector_size(32), aligned(8), may_alias));

static double dot(const double *x, const double *y, int64_t n)
{
    lanes a = { 0 }, b = { 0 };
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        a += load(x + i) * load(y + i);
        b += load(x + i + 8) * load(y + i + 8);
    }
    double tail = 0;
    for (; i < n; i++)
        tail = multiply_add(x[i], y[i], tail);
    return fold(a + b) + tail;
}

/* Four columns share each load of y. */
static void dots4(const double *const x[4], const double *y, int64_t n, double *out)
{
    lanes a[4] = { 0 }, b[4] = { 0 };
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        lanes ya = load(y + i), yb = load(y + i + 8);
        for (int c = 0; c < 4; c++) {
            a[c] += load(x[c] + i) * ya;
            b[c] += load(x[c] + i + 8) * yb;
        }
    }
    double tail[4] = { 0 };
    for (; i < n; i++)
        for (int c = 0; c < 4; c++)
            tail[c] = multiply_add(x[c][i], y[i], tail[c]);
    for (int c = 0; c < 4; c++)
        out[c] = fold(a[c] + b[c]) + tail[c];
}

static void dots(const double *x, int64_t ld, const int32_t *list, int64_t columns, const double *y,
                 int64_t n, double *out)
{
    int64_t j = 0;
    for (; j + 4 <= columns; j += 4) {
        const double *at[4];
        for (int c = 0; c < 4; c++)
            at[c] = x + (list ? list[j + c] : j + c) * ld;
        dots4(at, y, n, out + j);
    }
    for (; j < columns; j++)
        out[j] = dot(x + (list ? list[j] : j) * ld, y, n);
}

static void axpy(double a, const double *x, double *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] += a * x[i];
}

static double gather(const double *value, const int32_t *index, int64_t count, const double *y)
{
    double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    int64_t i = 0;
    for (; i + 4 <= count; i += 4) {
        s0 += value[i] * y[index[i]];
        s1 += value[i + 1] * y[index[i + 1]];
        s2 += value[i + 2] * y[index[i + 2]];
        s3 += value[i + 3] * y[index[i + 3]];
    }
    for (; i < count; i++)
        s0 += value[i] * y[index[i]];
    return (s0 + s1) + (s2 + s3);
}

static void gathers(const int64_t *ptr, const double *value, const int32_t *index,
                    const int32_t *list, int64_t columns, const double *y, double *out)
{
    enum { AHEAD = 8 }; /* listed columns stand anywhere in memory */
    for (int64_t i = 0; i < columns; i++) {
        int64_t j = list ? list[i] : i;
        if (list && i + AHEAD < columns) {
            __builtin_prefetch(value + ptr[list[i + AHEAD]]);
            __builtin_prefetch(index + ptr[list[i + AHEAD]]);
        }
        out[i] = gather(value + ptr[j], index + ptr[j], ptr[j + 1] - ptr[j], y);
    }
}

typedef int64_t choice __attribute__((vector_size(32)));

/* a where it is chosen, else b */
static quad either(choice chosen, quad a, quad b)
{
    return (quad)((chosen & (choice)a) | (~chosen & (choice)b));
}

static double fold_quad(quad a)
{
    return (a[0] + a[1]) + (a[2] + a[3]);
}

static struct entries survey(const double *value, const int32_t *index, int64_t count, const double *y)
{
    struct entries out = { .least = value[0], .most = value[0] };
    quad dot = { 0 }, sum = { 0 }, square = { 0 }, low = dot + value[0], high = low;
    int64_t i = 0;
    for (; i + 4 <= count; i += 4) {
        quad v = *(const quad *)(value + i);
        dot += v * (quad){ y[index[i]], y[index[i + 1]], y[index[i + 2]], y[index[i + 3]] };
        sum += v;
        square += v * v;
        low = either(v < low, v, low);
        high = either(v > high, v, high);
    }
    for (; i < count; i++) {
        dot[0] = multiply_add(value[i], y[index[i]], dot[0]);
        sum[0] += value[i];
        square[0] = multiply_add(value[i], value[i], square[0]);
        low[0] = value[i] < low[0] ? value[i] : low[0];
        high[0] = value[i] > high[0] ? value[i] : high[0];
    }
    for (int k = 0; k < 4; k++) {
        out.least = low[k] < out.least ? low[k] : out.least;
        out.most = high[k] > out.most ? high[k] : out.most;
    }
    out.dot = fold_quad(dot);
    out.sum = fold_quad(sum);
    out.squares = fold_quad(square);
    return out;
}

static double squares(const double *value, int64_t count, double mean)
{
    quad sum = { 0 };
    int64_t i = 0;
    for (; i + 4 <= count; i += 4) {
        quad d = *(const quad *)(value + i) - mean;
        sum += d * d;
    }
    for (; i < count; i++) {
        double d = value[i] - mean;
        sum[0] = multiply_add(d, d, sum[0]);
    }
    return fold_quad(sum);
}

static void scatter(double a, const double *value, const int32_t *index, int64_t count, double *y)
{
    for (int64_t i = 0; i < count; i++)
        y[index[i]] += a * value[i];
}

static double descend(struct descent *at, const int32_t *list, int64_t many)
{
    enum { AHEAD = 6 };
    double worst = 0;
    for (int64_t k = 0; k < many; k++) {
        if (k + AHEAD < many) {
            int64_t next = at->ptr[at->column[list ? list[k + AHEAD] : k + AHEAD]];
            __builtin_prefetch(at->value + next);
            __builtin_prefetch(at->index + next);
        }
        int64_t i = list ? list[k] : k, begin = at->ptr[at->column[i]];
        int64_t count = at->ptr[at->column[i] + 1] - begin;
        double dot = gather(at->value + begin, at->index + begin, count, at->r);
        double q = -(dot - at->mean[i] * at->sum) * (at->unit[i] / at->n);
        double w = at->w[i], l1 = at->l1[i], g = q + at->l2[i] * w, a = w - q;
        double over = (g < 0 || at->nonnegative ? -g : g) - l1, off = w > 0 ? g + l1 : g - l1;
        double violation = w == 0 ? over : off < 0 ? -off : off;
        worst = violation > worst ? violation : worst;
        double to = (a > l1 ? a - l1 : a < -l1 && !at->nonnegative ? a + l1 : 0) / (1 + at->l2[i]);
        if (to == w)
            continue;
        double change = (to - w) * at->unit[i];
        at->w[i] = to;
        scatter(-change, at->weighed ? at->weighed + at->start[i] : at->value + begin,
                at->index + begin, count, at->r);
        at->sum -= change * at->mean[i] * at->gain;
        at->steps++;
    }
    return worst;
}

static double merge(const double *x, const int32_t *xi, int64_t nx, const double *y,
                    const int32_t *yi, int64_t ny)
{
    double sum = 0;
    for (int64_t i = 0, k = 0; i < nx && k < ny;) {
        int32_t a = xi[i], b = yi[k];
        if (a == b)
            sum = multiply_add(x[i], y[k], sum);
        i += a <= b;
        k += b <= a;
    }
    return sum;
}

static double seek(const double *x, const int32_t *xi, int64_t nx, const double *y,
                   const int32_t *yi, int64_t ny)
{
    double sum = 0;
    int64_t at = 0;
    for (int64_t e = 0; e < nx; e++) {
        int32_t row = xi[e];
        const int32_t *base = yi + at;
        for (int64_t left = ny - at; left > 1;) {
            int64_t half = left / 2;
            base += base[half - 1] < row ? half : 0;
            left -= half;
        }
        at = base - yi;
        at += at < ny && *base < row;
        if (at == ny)
            break;
        if (yi[at] == row)
            sum = multiply_add(x[e], y[at], sum);
    }
    return sum;
}

static double follow(const double *value, const int32_t *index, int64_t count, const double *y)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum = multiply_add(value[i], y[index[i]], sum);
    return sum;
}

static void follow2(const double *const value[2], const int32_t *const index[2],
                    const int64_t count[2], const double *y, double out[2])
{
    int64_t both = count[0] < count[1] ? count[0] : count[1];
    double a = 0, b = 0;
    for (int64_t i = 0; i < both; i++) {
        a = multiply_add(value[0][i], y[index[0][i]], a);
        b = multiply_add(value[1][i], y[index[1][i]], b);
    }
    for (int64_t i = both; i < count[0]; i++)
        a = multiply_add(value[0][i], y[index[0][i]], a);
    for (int64_t i = both; i < count[1]; i++)
        b = multiply_add(value[1][i], y[index[1][i]], b);
    out[0] = a;
    out[1] = b;
}

static void meet(const double *value, const int32_t *index, int64_t count, const int32_t *first,
                 const int32_t *last, const int32_t *column, const double *held, double *to)
{
    enum { AHEAD = 4 }; /* rows lie anywhere in what is held */
    for (int64_t i = 0; i < count; i++) {
        if (i + AHEAD < count) {
            int32_t next = first[index[i + AHEAD]];
            __builtin_prefetch(column + next);
            __builtin_prefetch(held + next);
            __builtin_prefetch(held + next + 8);
        }
        double v = value[i];
        for (int32_t e = first[index[i]], end = last[index[i]]; e < end; e++)
            to[column[e]] = multiply_add(held[e], v, to[column[e]]);
    }
}

static void weigh(const double *value, const int32_t *index, int64_t count, const double *h,
                  const double *r, double *weighed, double sums[3])
{
    double xh = 0, xhx = 0, xr = 0;
    for (int64_t i = 0; i < count; i++) {
        double hx = h[index[i]] * value[i];
        weighed[i] = hx;
        xh += hx;
        xhx = multiply_add(hx, value[i], xhx);
        xr = multiply_add(value[i], r[index[i]], xr);
    }
    sums[0] = xh;
    sums[1] = xhx;
    sums[2] = xr;
}

static void weigh_dense(const double *x, double mean, const double *h, const double *r, int64_t n,
                        double sums[3])
{
    lanes xh = { 0 }, xhx = { 0 }, xr = { 0 };
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        lanes c = load(x + i) - mean, hx = load(h + i) * c;
        xh += hx;
        xhx += hx * c;
        xr += c * load(r + i);
    }
    double tail[3] = { 0 };
    for (; i < n; i++) {
        double c = x[i] - mean, hx = h[i] * c;
        tail[0] += hx;
        tail[1] += hx * c;
        tail[2] += c * r[i];
    }
    sums[0] = fold(xh) + tail[0];
    sums[1] = fold(xhx) + tail[1];
    sums[2] = fold(xr) + tail[2];
}

static void axpy_weighed(double a, const double *x, double mean, const double *h, double *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] += a * h[i] * (x[i] - mean);
}

static void step(double a, const double *x, double *y, const double *z, int64_t n, double sums[3])
{
    lanes sum = { 0 }, yy = { 0 }, yz = { 0 };
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        lanes v = load(y + i) - a * load(x + i);
        memcpy(y + i, &v, sizeof v);
        sum += v;
        yy += v * v;
        yz += v * load(z + i);
    }
    double tail = 0, tail_yy = 0, tail_yz = 0;
    for (; i < n; i++) {
        y[i] -= a * x[i];
        tail += y[i];
        tail_yy += y[i] * y[i];
        tail_yz += y[i] * z[i];
    }
    sums[0] = fold(sum) + tail;
    sums[1] = fold(yy) + tail_yy;
    sums[2] = fold(yz) + tail_yz;
}

static void shift(double by, double *x, const double *y, int64_t n, double sums[2])
{
    lanes xx = { 0 }, xy = { 0 };
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        lanes v = load(x + i) - by;
        memcpy(x + i, &v, sizeof v);
        xx += v * v;
        xy += v * load(y + i);
    }
    double tail_xx = 0, tail_xy = 0;
    for (; i < n; i++) {
        x[i] -= by;
        tail_xx += x[i] * x[i];
        tail_xy += x[i] * y[i];
    }
    sums[0] = fold(xx) + tail_xx;
    sums[1] = fold(xy) + tail_xy;
}

const struct kernel PASTE(lasso_kernel_, KERNEL_ISA) = {
    .isa = "x86-64-" TEXT(KERNEL_ISA),
    .descend = descend,
    .dot = dot,
    .dots = dots,
    .axpy = axpy,
    .gather = gather,
    .gathers = gathers,
    .survey = survey,
    .squares = squares,
    .scatter = scatter,
    .merge = merge,
    .seek = seek,
    .follow = follow,
    .follow2 = follow2,
    .meet = meet,
    .weigh = weigh,
    .weigh_dense = weigh_dense,
    .axpy_weighed = axpy_weighed,
    .step = step,
    .shift = shift,
};
