#include "engine/client/submissions.h"

#include <utility>

namespace capstan::engine {
namespace {

struct UnderWay {
    UnderWay(std::shared_ptr<TokenChannel> its, const std::stop_token& stop)
        : channel(std::move(its)), on_stop(stop, [to = channel] { to->cancel(); }) {}

    std::shared_ptr<TokenChannel> channel;
    std::stop_callback<std::function<void()>> on_stop;
};

}  // namespace

Result<void> submit_all(
    const Submissions& submissions,
    const std::function<Result<std::shared_ptr<TokenChannel>>(std::size_t index)>& submit,
    const std::function<Result<void>(TokenChannel& channel)>& take
) {
    std::deque<UnderWay> under_way;
    const auto fail = [&under_way](const Error& error) {
        for (const UnderWay& each : under_way) {
            each.channel->cancel();
        }
        return error;
    };
    std::size_t next = 0;
    for (std::size_t taken = 0; taken < submissions.count; ++taken) {
        while (next < submissions.count && under_way.size() < submissions.at_once_max) {
            auto channel = submit(next);
            if (!channel) {
                if (under_way.empty() || channel.error().code != ErrorCode::kExhausted) {
                    return fail(channel.error());
                }
                break;
            }
            under_way.emplace_back(std::move(*channel), submissions.stop);
            ++next;
        }
        TokenChannel& first = *under_way.front().channel;
        while (first.next()) {
        }
        if (auto good = take(first); !good) {
            return fail(good.error());
        }
        under_way.pop_front();
    }
    return {};
}

}  // namespace capstan::engine
