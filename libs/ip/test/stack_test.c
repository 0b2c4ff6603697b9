/* Interfaces, addresses, routes, neighbours: the calls of any thread, and every error of theirs. */
#include <string.h>

#include <criterion/criterion.h>

#include "fixture.h"

TestSuite(stack);

#define CASES(array) (sizeof(array) / sizeof((array)[0]))

static struct tpa_ip_stack *stack_with_interface(void)
{
    struct tpa_ip_stack *stack = tpa_ip_stack_create(NULL);
    struct tpa_ip_interface_config config = {.name = "eth0", .mac = {2}, .mtu = 1500};

    cr_assert_not_null(stack);
    cr_assert_eq(tpa_ip_interface_add(stack, &config), 0);
    return stack;
}

static int add(struct tpa_ip_stack *stack, const char *text, uint8_t prefix_length)
{
    struct tpa_base_address own = address(text);

    return tpa_ip_address_add(stack, 0, &own, prefix_length);
}

static int take(struct tpa_ip_stack *stack, const char *text)
{
    struct tpa_base_address own = address(text);

    return tpa_ip_address_remove(stack, &own);
}

static bool is_local(struct tpa_ip_stack *stack, const char *text)
{
    struct tpa_base_address any = address(text);

    return tpa_ip_is_local(stack, &any);
}

Test(stack, interfaces_that_are_refused)
{
    static const struct tpa_ip_interface_config configs[] = {
        {.name = NULL, .mac = {2}, .mtu = 1500},
        {.name = "", .mac = {2}, .mtu = 1500},
        {.name = "eth1", .mac = {3}, .mtu = 1500},
        {.name = "eth1", .mac = {0}, .mtu = 1500},
        {.name = "eth1", .mac = {2}, .mtu = 575},
        {.name = "eth1", .mac = {2}, .mtu = 1500, .vlan = 4095},
        {.name = "0123456789012345678901234567890123456789012345678901234567890123",
         .mac = {2},
         .mtu = 1500},
    };
    struct tpa_ip_stack *stack = stack_with_interface();
    struct tpa_ip_interface_config config = {.name = "eth0", .mac = {2}, .mtu = 1500};

    for (size_t i = 0; i < CASES(configs); i++)
        cr_assert_eq(tpa_ip_interface_add(stack, &configs[i]), TPA_EINVAL, "case %zu", i);
    cr_assert_eq(tpa_ip_interface_add(stack, &config), TPA_EEXIST);
    for (int i = 1; i < TPA_IP_INTERFACES_MAX; i++) {
        char name[16];

        snprintf(name, sizeof(name), "eth%d", i);
        config.name = name;
        cr_assert_eq(tpa_ip_interface_add(stack, &config), i);
    }
    config.name = "one too many";
    cr_assert_eq(tpa_ip_interface_add(stack, &config), TPA_ENOSPC);
    tpa_ip_stack_destroy(stack);
}

Test(stack, mtus)
{
    struct tpa_ip_stack *stack = stack_with_interface();

    cr_assert_eq(tpa_ip_interface_set_mtu(stack, 1, 1500), TPA_ENOENT);
    cr_assert_eq(tpa_ip_interface_set_mtu(stack, 0, 575), TPA_EINVAL);
    cr_assert_eq(tpa_ip_interface_set_mtu(stack, 0, 1279), 0);
    cr_assert_eq(add(stack, US6, 64), TPA_EINVAL, "IPv6 needs 1280");
    cr_assert_eq(add(stack, US, 24), 0);
    cr_assert_eq(tpa_ip_interface_set_mtu(stack, 0, 1280), 0);
    cr_assert_eq(add(stack, US6, 64), 0);
    cr_assert_eq(tpa_ip_interface_set_mtu(stack, 0, 1279), TPA_EINVAL);
    cr_assert_eq(tpa_ip_interface_set_up(stack, 1, true), TPA_ENOENT);
    cr_assert_eq(tpa_ip_interface_set_up(stack, 0, false), 0);
    tpa_ip_stack_destroy(stack);
}

Test(stack, addresses_that_are_refused)
{
    static const struct {
        const char *text;
        uint8_t prefix_length;
    } cases[] = {
        {"0.0.0.0", 24},    {"127.0.0.1", 8}, {"224.0.0.1", 24}, {"255.255.255.255", 32},
        {"10.0.0.255", 24}, {"10.0.0.0", 24}, {"10.0.0.1", 33},  {"240.0.0.1", 24},
        {"::", 64},         {"::1", 128},     {"ff02::1", 64},   {"2001:db8::1", 129},
    };
    struct tpa_ip_stack *stack = stack_with_interface();
    struct tpa_base_address own = address(US);

    for (size_t i = 0; i < CASES(cases); i++)
        cr_assert_eq(add(stack, cases[i].text, cases[i].prefix_length), TPA_EINVAL, "%s",
                     cases[i].text);
    cr_assert_eq(tpa_ip_address_add(stack, 1, &own, 24), TPA_ENOENT);
    cr_assert_eq(add(stack, US, 24), 0);
    cr_assert_eq(add(stack, US, 24), TPA_EEXIST);
    cr_assert_eq(add(stack, US, 16), TPA_EEXIST);
    cr_assert_eq(take(stack, PEER), TPA_ENOENT);
    cr_assert_eq(take(stack, US), 0);
    cr_assert_eq(take(stack, US), TPA_ENOENT);
    tpa_ip_stack_destroy(stack);
}

Test(stack, prefixes_without_a_broadcast_address)
{
    struct tpa_ip_stack *stack = stack_with_interface();

    cr_assert_eq(add(stack, "10.0.0.0", 31), 0, "RFC 3021");
    cr_assert_eq(add(stack, "10.0.0.1", 31), 0);
    cr_assert_eq(add(stack, "10.9.9.255", 32), 0);
    tpa_ip_stack_destroy(stack);
}

Test(stack, addresses_are_bounded)
{
    struct tpa_ip_stack *stack = stack_with_interface();

    for (int i = 0; i < TPA_IP_ADDRESSES_MAX; i++) {
        char text[32];

        snprintf(text, sizeof(text), "10.%d.%d.1", i / 200, i % 200);
        cr_assert_eq(add(stack, text, 24), 0);
        cr_assert(is_local(stack, text));
    }
    cr_assert_eq(add(stack, "10.100.0.1", 24), TPA_ENOSPC);
    cr_assert_not(is_local(stack, "10.100.0.1"));
    for (int i = 0; i < TPA_IP_ADDRESSES_MAX; i++) {
        char text[32];

        snprintf(text, sizeof(text), "10.%d.%d.1", i / 200, i % 200);
        cr_assert_eq(take(stack, text), 0);
        cr_assert_not(is_local(stack, text));
    }
    tpa_ip_stack_destroy(stack);
}

Test(stack, what_is_local)
{
    struct tpa_ip_stack *stack = stack_with_interface();

    cr_assert(is_local(stack, "127.0.0.1"));
    cr_assert(is_local(stack, "127.9.9.9"));
    cr_assert(is_local(stack, "::1"));
    cr_assert_not(is_local(stack, US));
    cr_assert_not(tpa_ip_has_family(stack, true));
    cr_assert_eq(add(stack, US, 24), 0);
    cr_assert(is_local(stack, US));
    cr_assert(tpa_ip_has_family(stack, true));
    cr_assert_not(tpa_ip_has_family(stack, false));
    tpa_ip_stack_destroy(stack);
}

static int route(struct tpa_ip_stack *stack, const char *destination, uint8_t prefix_length,
                 const char *gateway)
{
    struct tpa_base_address to = address(destination), by = {0};

    if (gateway != NULL)
        by = address(gateway);
    return tpa_ip_route_add(stack, &to, prefix_length, gateway != NULL ? &by : NULL, 0);
}

Test(stack, routes_that_are_refused)
{
    static const struct {
        const char *destination;
        uint8_t prefix_length;
        const char *gateway;
        int error;
    } cases[] = {
        {"0.0.0.0", 33, ROUTER, TPA_EINVAL},     {"::", 129, ROUTER6, TPA_EINVAL},
        {"0.0.0.0", 0, ROUTER6, TPA_EINVAL},     {"::", 0, ROUTER, TPA_EINVAL},
        {"0.0.0.0", 0, "224.0.0.1", TPA_EINVAL}, {"0.0.0.0", 0, "127.0.0.1", TPA_EINVAL},
        {"::", 0, "ff02::2", TPA_EINVAL},        {"0.0.0.0", 0, ROUTER, 0},
        {"0.0.0.0", 0, ROUTER, TPA_EEXIST},      {"10.9.0.0", 16, NULL, 0},
        {"10.9.1.1", 16, ROUTER, TPA_EEXIST},    {"::", 0, "fe80::1", 0},
        {"0.0.0.0", 0, "0.0.0.0", TPA_EEXIST},   {"10.8.0.0", 16, "0.0.0.0", 0},
    };
    struct tpa_ip_stack *stack = stack_with_interface();
    struct tpa_base_address to = address("10.9.0.0"), nowhere = address("10.7.0.0");

    for (size_t i = 0; i < CASES(cases); i++)
        cr_assert_eq(route(stack, cases[i].destination, cases[i].prefix_length, cases[i].gateway),
                     cases[i].error, "case %zu", i);
    cr_assert_eq(tpa_ip_route_add(stack, &nowhere, 16, NULL, 3), TPA_ENOENT);
    cr_assert_eq(tpa_ip_route_remove(stack, &to, 33), TPA_EINVAL);
    cr_assert_eq(tpa_ip_route_remove(stack, &nowhere, 16), TPA_ENOENT);
    cr_assert_eq(tpa_ip_route_remove(stack, &to, 15), TPA_ENOENT);
    cr_assert_eq(tpa_ip_route_remove(stack, &to, 16), 0);
    cr_assert_eq(tpa_ip_route_remove(stack, &to, 16), TPA_ENOENT);
    /* connected routes go with their address only */
    cr_assert_eq(add(stack, "10.7.0.1", 16), 0);
    cr_assert_eq(tpa_ip_route_remove(stack, &nowhere, 16), TPA_ENOENT);
    tpa_ip_stack_destroy(stack);
}

Test(stack, routes_are_bounded)
{
    struct tpa_ip_stack *stack = stack_with_interface();

    cr_assert_eq(add(stack, US, 24), 0);
    for (int i = 0; i < TPA_IP_ROUTES_MAX - 1; i++) {
        char text[32];

        snprintf(text, sizeof(text), "20.%d.%d.0", i / 200, i % 200);
        cr_assert_eq(route(stack, text, 24, ROUTER), 0);
    }
    cr_assert_eq(route(stack, "30.0.0.0", 24, ROUTER), TPA_ENOSPC);
    cr_assert_eq(add(stack, "10.0.1.1", 24), TPA_ENOSPC);
    tpa_ip_stack_destroy(stack);
}

Test(stack, limits_beyond_reason_are_cut)
{
    struct tpa_ip_limits limits = {.path_mtus = UINT32_MAX, .paths = UINT32_MAX};
    struct tpa_ip_stack *stack;

    limits.neighbours = UINT32_MAX;
    stack = tpa_ip_stack_create(&limits);
    /* whether or not this machine has the memory for it */
    if (stack != NULL)
        cr_assert_eq(add(stack, US, 24), TPA_ENOENT);
    tpa_ip_stack_destroy(stack);
}

Test(stack, neighbours)
{
    struct tpa_ip_limits limits = {.neighbours = 2};
    struct tpa_ip_stack *stack = tpa_ip_stack_create(&limits);
    struct tpa_ip_interface_config config = {.name = "eth0", .mac = {2}, .mtu = 1500};
    struct tpa_ip_neighbour neighbour = {.address = address(PEER), .mac = {2, 1}}, all[4];
    struct tpa_base_address peer = address(PEER);

    cr_assert_eq(tpa_ip_neighbour_set(stack, &neighbour, 1), TPA_ENOENT);
    cr_assert_eq(tpa_ip_interface_add(stack, &config), 0);
    cr_assert_eq(tpa_ip_neighbour_set(stack, &neighbour, 1), 0);
    cr_assert_eq(tpa_ip_neighbour_set(stack, &neighbour, 1), 0, "set again");
    neighbour.address = address(OTHER);
    cr_assert_eq(tpa_ip_neighbour_set(stack, &neighbour, 1), 0);
    neighbour.address = address(ROUTER);
    cr_assert_eq(tpa_ip_neighbour_set(stack, &neighbour, 1), TPA_ENOSPC);

    cr_assert_eq(tpa_ip_neighbours(stack, all, 1), 2, "how many there are");
    cr_assert_eq(tpa_ip_neighbours(stack, all, 4), 2);
    cr_assert_eq(all[0].state, TPA_IP_NEIGHBOUR_PERMANENT);
    cr_assert_eq(all[0].mac[1], 1);
    cr_assert_eq(tpa_ip_neighbour_remove(stack, 0, &peer), 0);
    cr_assert_eq(tpa_ip_neighbour_remove(stack, 0, &peer), TPA_ENOENT);
    cr_assert_eq(tpa_ip_neighbours(stack, all, 4), 1);

    neighbour.address = address("224.0.0.1");
    cr_assert_eq(tpa_ip_neighbour_set(stack, &neighbour, 1), TPA_EINVAL);
    neighbour.address = peer;
    neighbour.mac[0] = 1;
    cr_assert_eq(tpa_ip_neighbour_set(stack, &neighbour, 1), TPA_EINVAL);
    tpa_ip_stack_destroy(stack);
}
