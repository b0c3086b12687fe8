// Any JSON as a request or an answer of OpenAI's API: refused with a reason, or read into a call that we
// could send on and read back the same.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "llm/chunk_merger.h"
#include "llm/openai_wire.h"

namespace {

using namespace capstan;  // NOLINT(google-build-using-namespace)

void check_call(const Result<llm::OpenAiCall>& call, Result<llm::OpenAiCall> (*parse)(const Json&)) {
    if (!call) {
        CHECK(!call.error().message.empty(), "a refusal has a reason");
        return;
    }
    CHECK(
        call->request.completion_tokens_max >= (call->request.echoes_prompt ? 0 : 1),
        "an answer has room for a token, unless it is an echo"
    );
    const Json sent = llm::request_body(*call);
    const auto again = parse(sent);
    CHECK(again, "what we send is what we would take");
    CHECK(llm::request_body(*again) == sent, "and means the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto json = parse_json({reinterpret_cast<const char*>(data), size});
    if (!json) {
        return 0;
    }
    check_call(llm::parse_chat_call(*json), llm::parse_chat_call);
    check_call(llm::parse_completion_call(*json), llm::parse_completion_call);
    for (const auto kind : {llm::CallKind::kChat, llm::CallKind::kCompletion}) {
        llm::ChunkMerger merger(kind);
        const auto taken = merger.take(*json);
        CHECK(taken || !taken.error().message.empty(), "a refusal has a reason");
        CHECK(merger.answer({.kind = kind}, {}).is_object(), "there is always an answer");
    }
    const auto part = llm::parse_answer_part(*json);
    CHECK(part || !part.error().message.empty(), "a refusal has a reason");
    return 0;
}
