#pragma once

// For *_test.cc only: a model that says what a test wants it to.

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "llm/model_client.h"

namespace capstan::serving {

class ScriptedModel final : public llm::ModelClient {
public:
    // Set before the first call.
    std::vector<std::string> pieces = {"Hel", "lo"};
    bool is_endless = false;       // The pieces again and again.
    std::optional<Error> failure;  // After the pieces.
    llm::FinishReason finish_reason = llm::FinishReason::kStop;

    std::atomic<std::int64_t> pieces_made = 0;
    std::atomic<int> cancelled = 0;

    Result<llm::GenerateResult> generate(const llm::GenerateRequest&, const llm::OnText& on_text) override {
        llm::GenerateResult result;
        for (std::size_t i = 0; is_endless || i < pieces.size(); ++i) {
            const std::string& piece = pieces[i % pieces.size()];
            ++pieces_made;
            if (!on_text(piece)) {
                ++cancelled;
                result.finish_reason = llm::FinishReason::kCancelled;
                return result;
            }
            result.text += is_endless ? "" : piece;
        }
        if (failure) {
            return *failure;
        }
        result.finish_reason = finish_reason;
        result.usage = {.prompt_tokens = 3, .completion_tokens = 2, .cached_prompt_tokens = 1};
        return result;
    }
};

}  // namespace capstan::serving
