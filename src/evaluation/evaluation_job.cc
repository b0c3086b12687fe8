#include "evaluation/evaluation_job.h"

#include <memory>
#include <vector>

#include "base/log.h"
#include "engine/client/local_model.h"
#include "evaluation/evaluation_spec.h"
#include "evaluation/examples.h"
#include "evaluation/measure.h"
#include "evaluation/verdict.h"

namespace capstan::evaluation {
namespace {

constexpr std::size_t kSamplesShownMax = 20;
constexpr std::int64_t kReportEverySteps = 10;

// Counts steps over all targets.
class Progress {
public:
    Progress(const JobDirectory& directory, std::int64_t steps_total)
        : directory_(directory), total_(steps_total) {}

    void say(std::string message) {
        message_ = std::move(message);
        report();
    }

    void step() {
        step_ += 1;
        if (step_ % kReportEverySteps == 0) {
            report();
        }
    }

private:
    void report() const {
        if (auto done = directory_.report({.step = step_, .steps_total = total_, .message = message_});
            !done) {
            log_warning("progress not reported", {{"reason", done.error().message}});
        }
    }

    const JobDirectory& directory_;
    std::int64_t total_;
    std::int64_t step_ = 0;
    std::string message_;
};

struct Examples {
    std::vector<std::string> texts;
    std::vector<Question> questions;
};

Result<Examples> draw(const EvaluationSpec& spec) {
    auto texts = draw_texts(spec.heldout, spec.documents_max, spec.seed);
    auto questions = draw_questions(spec.pairs, spec.questions_max, spec.seed);
    if (!texts || !questions) {
        return texts ? questions.error() : texts.error();
    }
    if (texts->empty() && questions->empty()) {
        return Error{ErrorCode::kInvalid, "the files hold neither texts nor questions: nothing to evaluate"};
    }
    return Examples{std::move(*texts), std::move(*questions)};
}

Result<TargetScores> measure(
    const TargetSpec& target, const Examples& examples, const EvaluationSpec& spec, Progress& progress
) {
    const std::string adapter = target.adapter_dir.empty() ? "" : target.label;
    engine::ModelOptions options{.directory = target.model_dir};
    options.engine.threads = spec.threads;
    if (!adapter.empty()) {
        options.adapters[adapter] = target.adapter_dir;
    }
    auto model = engine::LocalModel::open(options);
    if (!model) {
        return with_context(target.label, model.error());
    }
    progress.say(target.label + ": reading held-out texts");
    auto texts = score_texts(**model, adapter, examples.texts, spec);
    if (!texts) {
        return with_context(target.label, texts.error());
    }
    progress.say(target.label + ": answering questions");
    auto answers = score_answers(**model, adapter, examples.questions, spec, [&] { progress.step(); });
    if (!answers) {
        return with_context(target.label, answers.error());
    }
    return TargetScores{target.label, std::move(*texts), std::move(*answers)};
}

Json samples_json(const std::vector<Question>& questions, const std::vector<TargetScores>& targets) {
    Json samples = Json::array();
    for (std::size_t i = 0; i < std::min(kSamplesShownMax, questions.size()); ++i) {
        Json answers = Json::object();
        for (const TargetScores& target : targets) {
            answers.set(target.label, target.answers.answers[i]);
        }
        samples.push(Json::object(
            {{"question", questions[i].question},
             {"reference", questions[i].answer},
             {"answers", std::move(answers)}}
        ));
    }
    return samples;
}

}  // namespace

Result<Json> run_evaluation_job(const JobDirectory& directory) {
    const auto json = directory.read_spec();
    const auto spec = json ? evaluation_spec_from(*json) : Result<EvaluationSpec>(json.error());
    const auto examples = spec ? draw(*spec) : Result<Examples>(spec.error());
    if (!examples) {
        return examples.error();
    }
    Progress progress(directory, std::ssize(examples->questions) * std::ssize(spec->targets));
    std::vector<TargetScores> scores;
    for (const TargetSpec& target : spec->targets) {
        auto measured = measure(target, *examples, *spec, progress);
        if (!measured) {
            return measured.error();
        }
        scores.push_back(std::move(*measured));
    }
    auto result = verdict_of(scores, *spec);
    if (result) {
        result->set("samples", samples_json(examples->questions, scores));
        result->set("documents", examples->texts.size());
        result->set("questions", examples->questions.size());
    }
    return result;
}

}  // namespace capstan::evaluation
