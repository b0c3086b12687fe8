// How fast text becomes tokens and back, against copying the same bytes; training; rendering a conversation.
// Each at two sizes: costs grow with the size and no faster.

#include <array>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/check.h"
#include "text/bpe_trainer.h"
#include "text/chat_template.h"
#include "text/gguf_tokenizer.h"
#include "text/tokenizer.h"
#include "text/tokenizer_writer.h"
#include "text/word_lexer.h"

namespace capstan::text {
namespace {

// Words of a made-up language, by Zipf's law, with punctuation and lines: repeatable, and repetitive as text
// is.
std::string make_text(std::size_t bytes, unsigned seed) {
    constexpr std::size_t kWords = 20'000;
    std::mt19937 random(seed);
    std::vector<std::string> words;
    std::vector<double> weights;
    for (std::size_t i = 0; i < kWords; ++i) {
        std::string word;
        for (std::size_t length = 2 + random() % 9; word.size() < length;) {
            word += "etaoinshrdlucmfwypvbgkjqxz"[std::min<std::size_t>(random() % 26, random() % 26)];
        }
        words.push_back(std::move(word));
        weights.push_back(1.0 / static_cast<double>(i + 1));
    }
    std::discrete_distribution<std::size_t> pick(weights.begin(), weights.end());
    std::string text;
    while (text.size() < bytes) {
        text += words[pick(random)];
        const auto chance = random() % 100;
        text += chance < 4 ? ".\n" : chance < 12 ? ", " : chance < 14 ? " 1984 " : " ";
    }
    text.resize(bytes);
    return text;
}

const Tokenizer& tokenizer() {
    static const Tokenizer made = [] {
        BpeTrainer trainer({.vocabulary_size = 8192, .min_frequency = 0, .special_tokens = {"<|endoftext|>"}}
        );
        trainer.add(make_text(std::size_t{2} << 20, 1));
        const auto vocabulary = trainer.train();
        CHECK(vocabulary.has_value(), "the settings are in range");
        auto parsed = Tokenizer::parse(tokenizer_json(*vocabulary).dump());
        CHECK(parsed.has_value(), "our own file is valid");
        return std::move(*parsed);
    }();
    return made;
}

// The same tokens for each of the other models, as a GGUF file would have them.
Tokenizer make_model(std::string model) {
    constexpr std::string_view kSpaceLetter = "\u0120";  // Stands for a space in tokens of bytes.
    GgufTokenizer metadata{.model = std::move(model), .unknown_id = 0, .separator_id = 2, .cls_id = 1};
    metadata.tokens = {"[UNK]", "[CLS]", "[SEP]", "\u2581", "\u2581.", "\u2581,"};
    metadata.types.assign(metadata.tokens.size(), 3);
    metadata.types[3] = metadata.types[4] = metadata.types[5] = 1;
    for (std::int32_t id = 0; static_cast<std::size_t>(id) < tokenizer().vocabulary_size(); ++id) {
        const std::string_view token = tokenizer().token_of(id);
        const bool starts_word = token.starts_with(kSpaceLetter);
        const std::string_view text = token.substr(starts_word ? kSpaceLetter.size() : 0);
        if (!text.empty() && !text.contains(kSpaceLetter)) {
            metadata.tokens.push_back((starts_word ? "\u2581" : "") + std::string(text));
            metadata.types.push_back(1);
        }
    }
    for (std::size_t i = 0; i < metadata.tokens.size(); ++i) {
        metadata.scores.push_back(-1.0F - 1e-3F * static_cast<float>(i));
    }
    auto made = tokenizer_from_gguf(std::move(metadata));
    CHECK(made.has_value(), "the metadata fit together");
    return std::move(*made);
}

const Tokenizer& model(int number) {
    static const std::array models = {make_model("llama"), make_model("t5"), make_model("bert")};
    return models[static_cast<std::size_t>(number)];
}

void set_bytes(benchmark::State& state, std::size_t bytes) {
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(bytes));
}

void bm_memcpy(benchmark::State& state) {
    const std::string text = make_text(static_cast<std::size_t>(state.range(0)), 2);
    std::string copy(text.size(), ' ');
    for ([[maybe_unused]] auto _ : state) {
        std::memcpy(copy.data(), text.data(), text.size());
        benchmark::DoNotOptimize(copy.data());
        benchmark::ClobberMemory();
    }
    set_bytes(state, text.size());
}

void bm_cut_words(benchmark::State& state) {
    const std::string text = make_text(static_cast<std::size_t>(state.range(0)), 2);
    for ([[maybe_unused]] auto _ : state) {
        std::size_t words = 0;
        for (std::string_view rest = text; !rest.empty(); words += 1) {
            rest.remove_prefix(first_word_bytes(WordPattern::kLlama3, rest));
        }
        benchmark::DoNotOptimize(words);
    }
    set_bytes(state, text.size());
}

void bm_encode(benchmark::State& state) {
    const std::string text = make_text(static_cast<std::size_t>(state.range(0)), 2);
    for ([[maybe_unused]] auto _ : state) {
        benchmark::DoNotOptimize(tokenizer().encode(text));
    }
    set_bytes(state, text.size());
}

// SentencePiece's BPE, Unigram, WordPiece.
template <int kModel>
void bm_encode_model(benchmark::State& state) {
    const std::string text = make_text(static_cast<std::size_t>(state.range(0)), 2);
    for ([[maybe_unused]] auto _ : state) {
        benchmark::DoNotOptimize(model(kModel).encode(text));
    }
    set_bytes(state, text.size());
}

// One word without end: the worst case of merging.
void bm_encode_one_word(benchmark::State& state) {
    std::string text = make_text(static_cast<std::size_t>(state.range(0)), 2);
    std::erase_if(text, [](char c) { return c < 'a' || c > 'z'; });
    for ([[maybe_unused]] auto _ : state) {
        benchmark::DoNotOptimize(tokenizer().encode(text));
    }
    set_bytes(state, text.size());
}

void bm_decode(benchmark::State& state) {
    const std::string text = make_text(static_cast<std::size_t>(state.range(0)), 2);
    const auto ids = tokenizer().encode(text);
    for ([[maybe_unused]] auto _ : state) {
        benchmark::DoNotOptimize(tokenizer().decode(ids));
    }
    set_bytes(state, text.size());
}

void bm_train(benchmark::State& state) {
    const std::string text = make_text(static_cast<std::size_t>(state.range(0)), 3);
    for ([[maybe_unused]] auto _ : state) {
        BpeTrainer trainer({.vocabulary_size = 4096, .min_frequency = 0, .special_tokens = {}});
        trainer.add(text);
        benchmark::DoNotOptimize(trainer.train());
    }
    set_bytes(state, text.size());
}

void bm_render(benchmark::State& state) {
    const auto chat = ChatTemplate::parse(default_chat_template(), {.bos = "<s>", .eos = "</s>"});
    Json::Array messages;
    for (std::int64_t i = 0; i < state.range(0); ++i) {
        messages.push_back(Json::object(
            {{"role", i % 2 == 0 ? "user" : "assistant"}, {"content", "What does this option do?"}}
        ));
    }
    const Json conversation(std::move(messages));
    for ([[maybe_unused]] auto _ : state) {
        benchmark::DoNotOptimize(chat->render(conversation));
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
}

BENCHMARK(bm_memcpy)->Arg(64 << 10)->Arg(4 << 20);
BENCHMARK(bm_cut_words)->Arg(64 << 10)->Arg(4 << 20);
BENCHMARK(bm_encode)->Arg(64 << 10)->Arg(4 << 20);
BENCHMARK(bm_encode_model<0>)->Name("bm_encode_llama")->Arg(64 << 10)->Arg(4 << 20);
BENCHMARK(bm_encode_model<1>)->Name("bm_encode_unigram")->Arg(64 << 10)->Arg(4 << 20);
BENCHMARK(bm_encode_model<2>)->Name("bm_encode_bert")->Arg(64 << 10)->Arg(4 << 20);
BENCHMARK(bm_encode_one_word)->Arg(64 << 10)->Arg(1 << 20);
BENCHMARK(bm_decode)->Arg(64 << 10)->Arg(4 << 20);
BENCHMARK(bm_train)->Arg(2 << 20)->Arg(8 << 20)->Unit(benchmark::kMillisecond);
BENCHMARK(bm_render)->Arg(10)->Arg(1000);

}  // namespace
}  // namespace capstan::text
