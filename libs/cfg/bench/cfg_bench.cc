// Options are looked up by tools and at the start only; here is what that takes.

#include <benchmark/benchmark.h>
#include <cstdio>
#include <cstring>
#include <vector>

#include <tpa/cfg/file.h>
#include <tpa/cfg/options.h>

namespace
{

struct Fixture {
    tpa_cfg_registry registry;
    tpa_cfg_options options;
    tpa_cfg_error error;

    Fixture()
    {
        tpa_cfg_options_init(&registry, &options);
    }
};

// The last option of the table, the slowest to find.
void OptionFind(benchmark::State &state)
{
    static Fixture fixture;
    const char *name = tpa_cfg_option_table[tpa_cfg_option_count - 1].name;

    for (auto _ : state)
        benchmark::DoNotOptimize(tpa_cfg_find(&fixture.registry, name, nullptr));
}
BENCHMARK(OptionFind);

void OptionSet(benchmark::State &state)
{
    static Fixture fixture;

    for (auto _ : state)
        benchmark::DoNotOptimize(
            tpa_cfg_set(&fixture.registry, "tcp.time_wait", "30s", &fixture.error));
}
BENCHMARK(OptionSet);

// A file with all options and their help.
void FileLoad(benchmark::State &state)
{
    static Fixture fixture;
    std::vector<char> text(TPA_CFG_FILE_MAX);
    FILE *stream = fmemopen(text.data(), text.size(), "w");

    tpa_cfg_set(&fixture.registry, "net.ip", "10.0.0.1/24", &fixture.error);
    tpa_cfg_dump(&fixture.registry, true, stream);
    fclose(stream);

    size_t length = std::strlen(text.data());

    for (auto _ : state)
        benchmark::DoNotOptimize(
            tpa_cfg_load_text(&fixture.registry, "bench", text.data(), length, &fixture.error));
    state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * length));
}
BENCHMARK(FileLoad);

void OptionsInit(benchmark::State &state)
{
    static Fixture fixture;

    for (auto _ : state)
        tpa_cfg_options_init(&fixture.registry, &fixture.options);
}
BENCHMARK(OptionsInit);

} // namespace
