#include <string.h>

#include <criterion/criterion.h>

#include <tpa/base/random.h>

static struct tpa_base_random seeded(uint64_t seed)
{
    struct tpa_base_random random;

    tpa_base_random_seed(&random, seed);
    return random;
}

Test(random, reference_vector_of_xoshiro256)
{
    struct tpa_base_random random = {.state = {1, 2, 3, 4}};

    cr_assert_eq(tpa_base_random_u64(&random), 11520);
    cr_assert_eq(tpa_base_random_u64(&random), 0);
    cr_assert_eq(tpa_base_random_u64(&random), 1509978240);
    cr_assert_eq(tpa_base_random_u64(&random), 1215971899390074240);
}

Test(random, seeds_by_the_reference_vector_of_splitmix64)
{
    struct tpa_base_random random = seeded(1234567);

    cr_assert_eq(random.state[0], 6457827717110365317u);
    cr_assert_eq(random.state[1], 3203168211198807973u);
    cr_assert_eq(random.state[2], 9817491932198370423u);
    cr_assert_eq(random.state[3], 4593380528125082431u);
}

Test(random, one_seed_one_sequence)
{
    struct tpa_base_random a = seeded(0), b = seeded(0), c = seeded(1);
    int same = 0;

    for (int i = 0; i < 100; i++) {
        uint64_t value = tpa_base_random_u64(&a);

        cr_assert_eq(tpa_base_random_u64(&b), value);
        same += tpa_base_random_u64(&c) == value;
    }
    cr_assert_eq(same, 0);
}

Test(random, below_stays_below_and_reaches_everything)
{
    struct tpa_base_random random = seeded(1);
    unsigned seen[7] = {0};

    for (int i = 0; i < 70000; i++)
        seen[tpa_base_random_below(&random, 7)]++;
    for (int i = 0; i < 7; i++)
        cr_assert(seen[i] > 9500 && seen[i] < 10500, "%d: %u", i, seen[i]);
    cr_assert_eq(tpa_base_random_below(&random, 0), 0);
    cr_assert_eq(tpa_base_random_below(&random, 1), 0);
}

/* Of 3 * 2^62 values a multiplication without rejection reaches every third twice as often. */
Test(random, below_has_no_bias_for_huge_bounds)
{
    struct tpa_base_random random = seeded(2);
    uint64_t bound = UINT64_C(3) << 62;
    unsigned thirds[3] = {0};

    for (int i = 0; i < 30000; i++) {
        uint64_t value = tpa_base_random_below(&random, bound);

        cr_assert_lt(value, bound);
        thirds[value % 3]++;
    }
    for (int i = 0; i < 3; i++)
        cr_assert(thirds[i] > 9500 && thirds[i] < 10500, "%d: %u", i, thirds[i]);
    for (int i = 0; i < 1000; i++)
        cr_assert_lt(tpa_base_random_below(&random, UINT64_MAX), UINT64_MAX);
}

Test(random, unit_is_a_fraction)
{
    struct tpa_base_random random = seeded(3);
    double sum = 0;

    for (int i = 0; i < 10000; i++) {
        double value = tpa_base_random_unit(&random);

        cr_assert(value >= 0 && value < 1);
        sum += value;
    }
    cr_assert(sum > 4800 && sum < 5200);
}

Test(random, fills_exactly_the_bytes_that_were_asked_for)
{
    for (size_t length = 0; length < 40; length++) {
        struct tpa_base_random random = seeded(length);
        uint8_t bytes[42], zeros[42] = {0};

        memset(bytes, 0, sizeof(bytes));
        tpa_base_random_bytes(&random, bytes + 1, length);
        cr_assert_eq(bytes[0], 0);
        cr_assert_eq(bytes[length + 1], 0);
        cr_assert(length < 8 || memcmp(bytes + 1, zeros, length) != 0);
    }
}

Test(random, the_high_and_the_low_half_are_balanced)
{
    struct tpa_base_random random = seeded(4);
    unsigned high = 0, low = 0;

    for (int i = 0; i < 10000; i++) {
        uint32_t value = tpa_base_random_u32(&random);

        high += value >> 31;
        low += value & 1;
    }
    cr_assert(high > 4700 && high < 5300);
    cr_assert(low > 4700 && low < 5300);
}

Test(entropy, two_seeds_differ)
{
    struct tpa_base_random a, b;
    uint8_t bytes[600] = {0};
    int zeros = 0;

    cr_assert_eq(tpa_base_random_seed_entropy(&a), 0);
    cr_assert_eq(tpa_base_random_seed_entropy(&b), 0);
    cr_assert(memcmp(&a, &b, sizeof(a)) != 0);
    /* Longer than what the kernel gives in one piece for sure (256 bytes). */
    cr_assert_eq(tpa_base_entropy_get(bytes, sizeof(bytes)), 0);
    for (size_t i = 0; i < sizeof(bytes); i++)
        zeros += bytes[i] == 0;
    cr_assert_lt(zeros, 30);
    cr_assert_eq(tpa_base_entropy_get(NULL, 0), 0);
}
