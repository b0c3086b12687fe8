#include "evaluation/measure.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <numeric>
#include <optional>
#include <thread>

#include "base/job_directory.h"
#include "metrics/rouge.h"

namespace capstan::evaluation {
namespace {

constexpr std::size_t kQuestionsAtATime = 8;

llm::GenerateRequest request_of(
    const Question& question, const std::string& adapter, const EvaluationSpec& spec
) {
    llm::GenerateRequest request;
    request.prompt = std::vector<llm::Message>{{.role = llm::Role::kUser, .content = question.question}};
    request.sampling.temperature = 0;
    request.completion_tokens_max = spec.answer_tokens_max;
    request.adapter = adapter;
    return request;
}

}  // namespace

Result<TextScores> score_texts(
    engine::LocalModel& model,
    const std::string& adapter,
    const std::vector<std::string>& texts,
    const EvaluationSpec& spec
) {
    const auto tokens_max =
        std::min(spec.document_tokens_max, static_cast<std::size_t>(model.context_tokens()));
    std::vector<std::vector<llm::TokenId>> documents;
    TextScores scores;
    for (const std::string& text : texts) {
        // Only the front is scored; a token is at least a byte, mostly four or so.
        auto ids = model.tokenizer().encode(
            std::string_view(text).substr(0, tokens_max * 32), {.parse_special_tokens = false}
        );
        ids.resize(std::min(ids.size(), tokens_max));
        if (ids.size() < 2) {
            continue;
        }
        scores.tokens.push_back(static_cast<double>(ids.size() - 1));
        scores.bytes.push_back(static_cast<double>(model.tokenizer().decode(std::span(ids).subspan(1)).size())
        );
        documents.push_back(std::move(ids));
    }
    const auto log_probabilities = model.token_log_probabilities_of(documents, adapter);
    if (!log_probabilities) {
        return log_probabilities.error();
    }
    for (const std::vector<double>& document : *log_probabilities) {
        scores.negative_log_likelihoods.push_back(-std::accumulate(document.begin(), document.end(), 0.0));
    }
    return scores;
}

Result<AnswerScores> score_answers(
    engine::LocalModel& model,
    const std::string& adapter,
    const std::vector<Question>& questions,
    const EvaluationSpec& spec,
    const OnStep& on_step
) {
    AnswerScores scores{std::vector<std::string>(questions.size()), std::vector<double>(questions.size())};
    std::atomic<std::size_t> next{0};
    std::mutex mutex;  // Guards `failure` and the calls of on_step.
    std::optional<Error> failure;
    const auto work = [&] {
        for (std::size_t i = next++; i < questions.size() && !stop_requested(); i = next++) {
            const auto answer = model.generate(request_of(questions[i], adapter, spec), [](std::string_view) {
                return !stop_requested();
            });
            const std::scoped_lock lock(mutex);
            if (!answer) {
                failure = with_context("question " + questions[i].id, answer.error());
                next = questions.size();  // The other threads stop, too.
                return;
            }
            scores.answers[i] = answer->text;
            scores.rouge_l[i] = metrics::rouge_l(answer->text, questions[i].answer).f1;
            on_step();
        }
    };
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < std::min(kQuestionsAtATime, questions.size()); ++i) {
            threads.emplace_back(work);
        }
    }
    if (failure) {
        return *failure;
    }
    if (stop_requested()) {
        return Error{ErrorCode::kCancelled, "stopped"};
    }
    return scores;
}

}  // namespace capstan::evaluation
