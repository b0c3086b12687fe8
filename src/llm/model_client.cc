#include "llm/model_client.h"

#include <condition_variable>
#include <mutex>
#include <utility>

namespace capstan::llm {
namespace {

// A flag that one thread raises and another waits for.
class Bell {
public:
    void ring() {
        const std::scoped_lock lock(mutex_);
        is_rung_ = true;
        changed_.notify_one();
    }

    void wait() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return is_rung_; });
        is_rung_ = false;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_rung_ = false;
};

}  // namespace

Result<std::vector<std::unique_ptr<Answer>>> ModelClient::start_many(
    const GenerateRequest& request, std::size_t count, const OnChange& on_change
) {
    if (request.beams) {
        return Error{ErrorCode::kInvalid, "this model does not search with beams"};
    }
    std::vector<std::unique_ptr<Answer>> answers;
    GenerateRequest asked = request;
    for (std::size_t k = 0; k < count; ++k) {
        auto answer = start(asked, on_change);
        if (!answer) {
            return answer.error();
        }
        answers.push_back(std::move(*answer));
        if (asked.sampling.seed) {
            ++*asked.sampling.seed;
        }
    }
    return answers;
}

Result<GenerateResult> ModelClient::generate(const GenerateRequest& request, const OnText& on_text) {
    Bell bell;
    auto answer = start(request, [&bell] { bell.ring(); });
    if (!answer) {
        return answer.error();
    }
    std::string text;
    bool is_wanted = true;
    while (true) {
        const auto piece = (*answer)->take();
        if (piece && !piece->text.empty() && is_wanted) {
            text += piece->text;
            if (on_text && !on_text(piece->text)) {
                is_wanted = false;
                (*answer)->cancel();
            }
        } else if (!piece && (*answer)->has_ended()) {
            break;
        } else if (!piece) {
            bell.wait();
        }
    }
    auto result = (*answer)->result();
    if (result) {
        result->text = std::move(text);
    }
    return result;
}

}  // namespace capstan::llm
