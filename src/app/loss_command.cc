#include "app/loss_command.h"

#include <map>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "engine/client/sample_text.h"

namespace capstan::app {
namespace {

using engine::KvType;
using engine::kernels::PackAs;

struct LossCommand {
    engine::LossOptions options;
    std::string text_file;
    std::string kv_type = "f16";
    std::string quantize = "none";
};

Result<void> measure(LossCommand command, bool prints_json) {
    const std::map<std::string, KvType> kv_types = {
        {"f32", KvType::kF32}, {"f16", KvType::kF16}, {"i8", KvType::kI8}, {"i4", KvType::kI4}
    };
    const std::map<std::string, PackAs> packings = {
        {"none", PackAs::kStored}, {"int8", PackAs::kInt8}, {"int4", PackAs::kInt4}
    };
    auto text = engine::read_sample_text(command.text_file);
    if (!text) {
        return text.error();
    }
    command.options.text = std::move(*text);
    command.options.kv_type = kv_types.at(command.kv_type);
    command.options.pack_as = packings.at(command.quantize);
    if (command.options.made.empty()) {
        command.options.made = command.options.source;
    }
    const auto loss = engine::measure_loss(command.options);
    if (!loss) {
        return loss.error();
    }
    if (prints_json) {
        fmt::print("{}", json_of(*loss).dump_pretty());
    } else {
        print_loss(*loss);
    }
    return {};
}

}  // namespace

Json json_of(const engine::ModelLoss& loss) {
    return Json::object(
        {{"tokens", loss.tokens},
         {"source_perplexity", loss.source_perplexity},
         {"perplexity", loss.perplexity},
         {"mean_kl_divergence", loss.mean_divergence},
         {"kl_divergence_max", loss.divergence_max},
         {"same_top_token", loss.same_top}}
    );
}

void print_loss(const engine::ModelLoss& loss) {
    fmt::print(
        "on {} tokens: perplexity {:.4f}, the source's {:.4f}; KL divergence {:.6f} on average, {:.4f} "
        "at "
        "most; the same token first in {:.2f} %\n",
        loss.tokens,
        loss.perplexity,
        loss.source_perplexity,
        loss.mean_divergence,
        loss.divergence_max,
        100 * loss.same_top
    );
}

void add_loss_command(CLI::App& model, CommonOptions& options) {
    auto command = std::make_shared<LossCommand>();  // Shared by the parser and the callback.
    CLI::App* verb = model.add_subcommand(
        "loss", "What a model loses in fewer bits: perplexity and KL divergence beside its source"
    );
    verb->add_option("source", command->options.source, "GGUF file, or folder in Hugging Face's layout")
        ->required();
    verb->add_option("made", command->options.made, "What was made from it; the source itself when left out");
    verb->add_option("--text", command->text_file, "Text, or .jsonl of {\"text\"}, that neither was made for")
        ->required();
    verb->add_option("--kv-type", command->kv_type, "How the made one's keys and values are kept")
        ->check(CLI::IsMember({"f32", "f16", "i8", "i4"}))
        ->capture_default_str();
    verb->add_option("--quantize", command->quantize, "What its weights are rounded to when it is loaded")
        ->check(CLI::IsMember({"none", "int8", "int4"}))
        ->capture_default_str();
    verb->add_option("--tokens-max", command->options.tokens_max, "Of the text")
        ->check(CLI::Range(2, 1 << 24))
        ->capture_default_str();
    verb->add_option("--threads", command->options.threads, "Threads")
        ->check(CLI::Range(1, 256))
        ->capture_default_str();
    verb->group("Verbs")->callback([&options, command] {
        options.chosen = [&options, command] { return measure(*command, options.json); };
    });
}

}  // namespace capstan::app
