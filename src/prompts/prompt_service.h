#pragma once

// What may be done with prompts.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/result.h"
#include "platform/sql/database.h"
#include "prompts/prompt.h"

namespace capstan::prompts {

struct NewVersion {
    std::string project_id;
    std::string name;  // 1 to 200 bytes; made when it is new.
    Json content;      // A text or a list of messages, at most 256 KiB.
    std::string message;
};

// Thread-safe. Blocking.
class PromptService {
public:
    struct Inputs {
        sql::Database& database;  // Outlives the service; its migrations have run.
        IdSource next_id;
        ClockMs now_ms;
    };

    explicit PromptService(Inputs inputs) : inputs_(std::move(inputs)) {}

    Result<Prompt> add_version(const NewVersion& asked);  // The prompt as it is afterwards.
    Result<Prompt> get(std::string_view project_id, std::string_view name);
    Result<std::vector<Prompt>> list(std::string_view project_id, std::string_view cursor, int rows_max);

    // kInvalid for "latest", which moves by itself; kNotFound when there is no such version.
    struct LabelAsk {
        std::string name;
        std::string label;
        std::int64_t number = 0;
    };

    Result<Prompt> set_label(std::string_view project_id, const LabelAsk& ask);

private:
    Inputs inputs_;
};

}  // namespace capstan::prompts
