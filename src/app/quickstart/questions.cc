#include "app/quickstart/questions.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "base/file.h"
#include "llm/openai_wire.h"
#include "metrics/rouge.h"

namespace capstan::app {
namespace {

constexpr std::int64_t kSamplesPerPage = 200;
constexpr auto kShowEvery = std::chrono::milliseconds(200);

struct Question {
    std::string id;
    std::string question;
    std::string answer;
};

struct Answer {
    std::string response_id;
    std::string text;
    std::string target;
};

// What is known so far, also on the disk.
class State {
public:
    explicit State(std::filesystem::path file) : file_(std::move(file)) {
        const auto text = read_file(file_);
        const auto json = text ? parse_json(*text) : Result<Json>(text.error());
        const auto* asked = json ? (*json)["asked"].as_array() : nullptr;
        for (std::size_t i = 0; asked != nullptr && i < asked->size(); ++i) {
            if (const auto* id = (*asked)[i].as_string()) {
                asked_.insert(*id);
            }
        }
        if (json) {
            best_ = json->double_or("best", -1);
            outcome_.example_response = json->string_or("example_response", "");
        }
    }

    bool has(const std::string& id) const { return asked_.contains(id); }

    // The best answer of a target other than the first is the example; any answer is better than none.
    Result<void> add(const std::string& id, const Answer& answer, double score) {
        asked_.insert(id);
        const double worth = score + (answer.target == "base" ? 0 : 1);
        if (worth > best_) {
            best_ = worth;
            outcome_.example_response = answer.response_id;
        }
        const Json json = Json::object(
            {{"asked", Json::array_of(asked_)},
             {"best", best_},
             {"example_response", outcome_.example_response}}
        );
        return replace_file(file_, json.dump());
    }

    QuestionOutcome outcome() const {
        QuestionOutcome outcome = outcome_;
        outcome.asked = std::ssize(asked_);
        return outcome;
    }

private:
    std::filesystem::path file_;
    std::set<std::string> asked_;
    double best_ = -1;
    QuestionOutcome outcome_;
};

Result<std::vector<Question>> read_questions(ApiClient& api, const QuestionRun& run) {
    std::vector<Question> questions;
    while (std::ssize(questions) < run.questions) {
        const auto page = api.get(fmt::format(
            "/api/v1/dataset-commits/{}/samples?split=heldout&limit={}&offset={}",
            run.pairs_commit_id,
            kSamplesPerPage,
            questions.size()
        ));
        if (!page) {
            return page.error();
        }
        const auto* items = (*page)["items"].as_array();
        if (items == nullptr || items->empty()) {
            break;
        }
        for (const Json& item : *items) {
            questions.push_back(
                {item.string_or("id", ""), item.string_or("question", ""), item.string_or("answer", "")}
            );
        }
    }
    questions.resize(std::min(questions.size(), static_cast<std::size_t>(run.questions)));
    return questions;
}

Result<Answer> ask(ApiClient& api, const QuestionRun& run, const Question& question) {
    llm::OpenAiCall call{.kind = llm::CallKind::kChat, .model = run.deployment};
    call.request.prompt = std::vector<llm::Message>{{.role = llm::Role::kUser, .content = question.question}};
    call.request.sampling.temperature = 0;
    call.request.completion_tokens_max = run.answer_tokens_max;
    call.stream = true;
    call.include_usage = true;
    call.user = "reader of " + question.id;
    http::ClientRequest request;
    request.method = "POST";
    request.url = api.url() + "/v1/chat/completions";
    request.headers.add("Content-Type", "application/json");
    request.body = llm::request_body(call).dump();
    Answer answer;
    const auto response = api.http().events(request, [&](const http::SseEvent& event) -> Result<void> {
        if (event.data == "[DONE]") {
            return {};
        }
        const auto json = parse_json(event.data);
        const auto part = json ? llm::parse_answer_part(*json) : Result<llm::AnswerPart>(json.error());
        if (!part) {
            return part.error();
        }
        answer.response_id = part->id.empty() ? answer.response_id : part->id;
        answer.text += part->text;
        return {};
    });
    if (!response) {
        return response.error();
    }
    if (!response->is_ok()) {
        return Error{
            ErrorCode::kUnavailable,
            fmt::format("the gateway answered {}: {}", response->status, response->body)
        };
    }
    answer.target = std::string(response->headers.get("x-capstan-target"));
    return answer;
}

Result<double> score(ApiClient& api, const QuestionRun& run, const Question& question, const Answer& answer) {
    const double rouge_l = metrics::rouge_l(answer.text, question.answer).f1;
    const auto given = api.call(
        "POST",
        "/api/v1/feedback",
        Json::object(
            {{"response_id", answer.response_id},
             {"name", "rouge_l"},
             {"value", rouge_l},
             {"comment", "against the manual page"},
             {"idempotency_key", run.key + "/" + question.id + "/" + answer.response_id}}
        )
    );
    return given ? Result<double>(rouge_l) : given.error();
}

}  // namespace

Result<QuestionOutcome> ask_questions(
    ApiClient& api, const QuestionRun& run, const std::function<void(const std::string&)>& on_progress
) {
    const auto questions = read_questions(api, run);
    if (!questions) {
        return questions.error();
    }
    if (questions->empty()) {
        return Error{ErrorCode::kInvalid, "there are no held-out questions to ask"};
    }
    State state(run.state_file);
    std::mutex mutex;  // Guards `state` and `failure`.
    std::optional<Error> failure;
    std::atomic<std::size_t> next{0};
    std::atomic<std::size_t> done{0};
    std::atomic<bool> has_failed{false};
    const auto work = [&] {
        for (std::size_t i = next++; i < questions->size() && !has_failed; i = next++, ++done) {
            const Question& question = (*questions)[i];
            {
                const std::scoped_lock lock(mutex);
                if (state.has(question.id)) {
                    continue;
                }
            }
            const auto answer = ask(api, run, question);
            const auto scored = answer ? score(api, run, question, *answer) : Result<double>(answer.error());
            const std::scoped_lock lock(mutex);
            const auto kept =
                scored ? state.add(question.id, *answer, *scored) : Result<void>(scored.error());
            if (!kept) {
                failure = kept.error();
                has_failed = true;
            }
        }
    };
    std::vector<std::jthread> threads;
    for (int i = 0; i < run.at_a_time; ++i) {
        threads.emplace_back(work);
    }
    while (done < questions->size() && !has_failed) {
        on_progress(fmt::format("{} of {} questions", done.load(), questions->size()));
        std::this_thread::sleep_for(kShowEvery);
    }
    threads.clear();
    if (failure) {
        return *failure;
    }
    return state.outcome();
}

}  // namespace capstan::app
