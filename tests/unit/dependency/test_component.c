#include "dependency/component.h"

#include <rondo/err.h>

#include <criterion/criterion.h>

Test(component, agrees_with_a_table_of_labels)
{
    enum { N = 60 };
    struct component component;
    int32_t label[N];
    cr_assert_eq(component_init(&component, N), RONDO_OK);
    for (int32_t i = 0; i < N; i++) {
        component_single(&component, i);
        label[i] = i;
    }
    uint32_t state = 5;
    for (int step = 0; step < 200; step++) {
        state = state * 1664525u + 1013904223u;
        int32_t a = (int32_t)((state >> 8) % N), b = (int32_t)((state >> 20) % N);
        if (step % 3 == 0) {
            component_join(&component, component_root(&component, a),
                           component_root(&component, b));
            int32_t from = label[b], into = label[a];
            for (int32_t i = 0; i < N; i++)
                label[i] = label[i] == from ? into : label[i];
        }
        cr_assert_eq(component_root(&component, a) == component_root(&component, b),
                     label[a] == label[b]);
        int32_t size = 0;
        for (int32_t i = 0; i < N; i++)
            size += label[i] == label[a];
        cr_assert_eq(component.size[component_root(&component, a)], size);
    }
    component_fini(&component);
}
